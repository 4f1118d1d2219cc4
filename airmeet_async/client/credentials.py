"""What proves who asks: the header blocks of the key pair and of a token, and the masks that hide both."""

from airmeet_async.api.call import Auth
from airmeet_async.api.encode import common_headers, key_headers, token_headers
from airmeet_async.api.wire import Headers
from airmeet_async.client.options import Options
from airmeet_async.client.session import Lease
from airmeet_async.client.version import version


class Credentials:
    """Makes header blocks, each once."""

    def __init__(self, options: Options) -> None:
        self._keys = options.access_key, options.secret_key
        self._common = common_headers(version())
        # The mutable state: the block of the last token that was used.
        self._generation = 0
        self._block: Headers = ()

    def of_keys(self, auth: Auth) -> Headers:
        """Return the header block with the key pair under the names that *auth* wants."""
        return self._common + key_headers(auth, *self._keys)

    def of_token(self, lease: Lease) -> Headers:
        """Return the header block with a token."""
        if self._generation != lease.generation:
            self._generation, self._block = lease.generation, self._common + token_headers(lease.token)
        return self._block

    def secrets(self, lease: Lease | None) -> Headers:
        """Return the headers whose values no text may show."""
        own = token_headers(lease.token) if lease else ()
        return key_headers(Auth.KEYS, *self._keys) + own
