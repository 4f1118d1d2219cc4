"""`Endpoint`: what one operation of the API is. `Call`: one use of it, as a value. `Retry`: how often it is sent."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode

from attrs import evolve, field, fields_dict, frozen

from airmeet_async.errors import ConfigError, InvalidInputError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import READ_LIMIT, WRITE_LIMIT, Headers, Request
from airmeet_async.protocol.redact import Secret

T_co = TypeVar("T_co", covariant=True)


class Auth(Enum):
    """Which credentials a request carries."""

    # ``X-Airmeet-Access-Token`` (A).
    TOKEN = "token"  # noqa: S105 - the name of a kind, not a token
    # ``X-Airmeet-Access-Key`` and ``X-Airmeet-Secret-Key``: only ``POST /auth`` (A).
    KEYS = "keys"
    # ``x-access-key`` and ``x-secret-key``: the webhook operations (A).
    RAW_KEYS = "raw_keys"


class Paging(Enum):
    """How a list is cut into pages."""

    NONE = "none"
    # ``after``, ``before`` and ``size``, answered with ``cursors``.
    CURSOR = "cursor"
    # ``pageNumber`` from 1 and ``resultSize``, answered with a total.
    NUMBER = "number"


@frozen
class Retry:
    """How often and how long a call is retried.

    Attributes:
        attempts: Maximum number of sends with an unclear outcome (no reply, 5xx, 408).
        free: Maximum number of sends that were certainly not applied (no connection, 429), or refused with 503; None
            for no limit.
        renewals: Maximum number of new tokens for one call.
        base: Seconds. The first wait is random between 0 and this; the range doubles for each further wait.
        throttle_base: The same in seconds, after a 429 without Retry-After.
        cap: Upper limit of a random wait in seconds. A longer Retry-After is obeyed anyway.
        longest_pause: Seconds. The call fails instead of waiting for a longer Retry-After.
        ready_within: Seconds to keep asking for a report that Airmeet is preparing; 0 asks once.

    Raises:
        ConfigError: One of them cannot be used.
    """

    attempts: int = 5
    free: int | None = 8
    renewals: int = 2
    base: float = 0.5
    throttle_base: float = 1.0
    cap: float = 30.0
    longest_pause: float = 300.0
    ready_within: float = 900.0
    _is_number: bool = field(default=False, init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name, least in (("attempts", 1), ("free", 1), ("renewals", 0)):
            n = getattr(self, name)
            is_count = isinstance(n, int) and not isinstance(n, bool) and n >= least
            if not is_count and not (name == "free" and n is None):
                raise ConfigError(f"Retry: {name} must be a whole number from {least}, not {n!r:.40}")
        for name in ("base", "throttle_base", "cap", "longest_pause", "ready_within"):
            seconds = getattr(self, name)
            if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds >= 0:
                raise ConfigError(f"Retry: {name} must be a number of seconds from 0, not {seconds!r:.40}")

    def over(self, other: "Retry") -> "Retry":
        """Return *other* with whatever this one has changed from the defaults: a run and a sign-in have their own."""
        plain = Retry()
        names = (name for name, one in fields_dict(Retry).items() if one.init)
        mine = {name: own for name in names if (own := getattr(self, name)) != getattr(plain, name)}
        if self._is_number:
            mine["attempts"] = self.attempts
        return evolve(other, **mine)


def check_retry(given: "Retry | int | None") -> Retry | None:
    """Return retry rules; a number is that of the attempts.

    Raises:
        ConfigError: It is neither.
    """
    if given is None or isinstance(given, Retry):
        return given
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        rules = Retry(attempts=given)
        object.__setattr__(rules, "_is_number", True)  # it holds, though it may be that of the defaults
        return rules
    raise ConfigError(f"retry must be a Retry(...) or a number of attempts from 1, not {given!r:.40}")


def check_timeout(given: float | None) -> float | None:
    """Return a number of seconds; ``math.inf`` is no limit.

    Raises:
        ConfigError: It is none.
    """
    if given is None or (isinstance(given, (int, float)) and not isinstance(given, bool) and given > 0):
        return given
    raise ConfigError(f"timeout must be a number of seconds above 0, not {given!r:.40}")


@frozen
class Endpoint(Generic[T_co]):
    """One row of the table: the facts about an operation that its verb and path cannot tell.

    Attributes:
        name: Namespace and member, such as ``attendees.add``.
        method: The verb.
        path: Path template below the base address.
        returns: The model of the answer; of one element where `paging` says there are many, and the answer is a
            `Page` of them.
        source: Where the facts are from, with the grade: A = Airmeet's help, B = Airmeet's own connector,
            C = ran in production elsewhere, D = derived by third parties.
        auth: Which credentials it wants.
        repeatable: It may be sent again after a doubtful outcome. Not a matter of the verb: adding an attendee
            is a POST and is repeatable (A), creating an event is a POST and makes a second one.
        paging: How its list is cut.
        max_size: The largest page, for paged ones; 0 where it is not known.
        prepares: It may answer 202 "not ready".
        acknowledges: Its answer holds nothing but the success, so that any 2xx that does not deny it will do.
        names_part: It names a person, a session or the like besides the event, so that a 404 may be about that.
        unwrap: Takes the typed part out of the answer's document.
        reply_limit: The largest answer to accept, in bytes.
        verify: Looks at body and typed answer and returns what does not fit together, or None.
    """

    name: str
    method: str
    path: str
    returns: type[Any]
    source: str
    auth: Auth = Auth.TOKEN
    repeatable: bool = True
    paging: Paging = Paging.NONE
    max_size: int = 0
    prepares: bool = False
    acknowledges: bool = False
    names_part: bool = field()
    unwrap: Callable[[Any], Any] = field(default=lambda document: document, repr=False)
    verify: Callable[[Any, Any], str | None] = field(default=lambda _body, _value: None, repr=False)
    reply_limit: int = field(init=False, repr=False)

    @names_part.default
    def _names_more_than_the_event(self) -> bool:
        return "{" in self.path.replace("{airmeet_id}", "")

    @reply_limit.default
    def _limit_of_verb(self) -> int:
        return READ_LIMIT if self.method == "GET" else WRITE_LIMIT


@lru_cache(maxsize=256)
def _filled(template: str, values: tuple[tuple[str, str], ...]) -> str:
    """Fill in a path; thousands of calls of a job have the same one."""
    for name, text in values:
        if text in {"", ".", ".."}:  # quoting leaves dots, which lead to another operation
            raise InvalidInputError(f"{name} {text!r} cannot stand in a path", field=name, code="invalid_id")
        template = template.replace("{" + name + "}", quote(text, safe=""))
    return template


@frozen
class Call(Generic[T_co]):
    """One use of an operation: frozen, comparable, printable; nothing happens until a client sends it.

    Attributes:
        endpoint: The operation.
        path: The template's arguments by name, already checked.
        query: Query arguments by name; those that are None are left out by the builders.
        body: What is sent as JSON, or None. Not shown in the repr, since it is about a person.
        ready_within: Seconds to go on asking for a report that is still being prepared; None for the client's own.
        retry: The retry rules of this call; None for the client's. A bulk run has its own.
        timeout: Seconds for it with its retries and waits; None for the client's. A bulk run has its own.
    """

    endpoint: Endpoint[T_co]
    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    body: Any = field(default=None, repr=False)
    ready_within: float | None = None
    retry: Retry | None = None
    timeout: float | None = None
    _payload: bytes | None = field(default=None, init=False, eq=False, repr=False)

    @property
    def payload(self) -> bytes:
        """The body as JSON, encoded once: when a row is checked, and not again when it is sent.

        Raises:
            ValueError: JSON has no way to say it.
            TypeError: The same.
        """
        if self._payload is None:
            object.__setattr__(self, "_payload", b"" if self.body is None else json_codec.encode(self.body))
        return self._payload or b""

    def with_limits(self, retry: Retry | int | None, timeout: float | None) -> "Call[T_co]":
        """Return the same call with its own retry rules and timeout, where they are given.

        Raises:
            ConfigError: One of them cannot be used.
        """
        if retry is None and timeout is None:
            return self
        return evolve(self, retry=check_retry(retry), timeout=check_timeout(timeout))

    def encoded(self, payload: bytes) -> "Call[T_co]":
        """Take *payload* for the body's JSON, and return the call itself."""
        object.__setattr__(self, "_payload", payload)
        return self

    @property
    def target(self) -> str:
        """Path and query below the base address, as sent."""
        path = _filled(self.endpoint.path, tuple(self.path.items()))
        return f"{path}?{urlencode(self.query, quote_via=quote)}" if self.query else path

    def __str__(self) -> str:
        return f"{self.endpoint.method} {self.endpoint.path}"


_ACCEPT: Headers = (
    (b"Accept", b"application/json"),
    # An answer that need not be unpacked cannot be a bomb: 200 kB of gzip can hold 400 MB.
    (b"Accept-Encoding", b"identity"),
    # "All APIs expect" it, reads included (help article, A).
    (b"Content-Type", b"application/json"),
)


def common_headers(version: str) -> Headers:
    """Return what every request of a client carries, credentials aside."""
    return (*_ACCEPT, (b"User-Agent", f"airmeet-async/{version}".encode()))


def token_headers(token: Secret) -> Headers:
    """Return the header of every operation but auth and webhooks (help article, A)."""
    return ((b"X-Airmeet-Access-Token", token.reveal().encode("ascii")),)


def key_headers(auth: Auth, access_key: Secret, secret_key: Secret) -> Headers:
    """Return the key pair under the names that `auth` wants (help articles, A)."""
    names = (
        (b"X-Airmeet-Access-Key", b"X-Airmeet-Secret-Key") if auth is Auth.KEYS else (b"x-access-key", b"x-secret-key")
    )
    return ((names[0], access_key.reveal().encode("ascii")), (names[1], secret_key.reveal().encode("ascii")))


def encode(call: Call[object], base: Base, headers: Headers) -> Request:
    """Return the request that carries *call*."""
    endpoint = call.endpoint
    return Request(endpoint.method, base.prefix + call.target, headers, call.payload, endpoint.reply_limit)
