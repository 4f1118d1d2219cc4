"""Made-up secrets that no log, error, repr or output may ever show.

Tests use these wherever a key, a token or an entry link is needed; the hook in
`conftest.py` fails each test whose output contains one.
"""

SENTINEL_ACCESS_KEY = "SENTINEL-access-key-5d0f2c"
SENTINEL_SECRET_KEY = "SENTINEL-secret-key-91b7ae"
SENTINEL_TOKEN = "SENTINEL-token-c3e8d4"
SENTINEL_LINK = "https://events.example/e/launch?code=SENTINEL-link-7a1f"

_SECRETS = {
    "the access key": SENTINEL_ACCESS_KEY,
    "the secret key": SENTINEL_SECRET_KEY,
    "the token": SENTINEL_TOKEN,
}
_LINK_CODES = ("code=SENTINEL", "code%3DSENTINEL")


def leaks(text: str, *, links_allowed: bool = False) -> list[str]:
    """Name the secrets that appear in *text*."""
    found = [name for name, secret in _SECRETS.items() if secret in text]
    if not links_allowed and any(code in text for code in _LINK_CODES):
        found.append("an entry link")
    return found
