"""``airmeet whoami``: which settings are in force, and who says so."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airmeet_async.bulk.prose import duration
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.look import columns
from airmeet_async.cli.origins import PROFILE, Origins, prefer
from airmeet_async.cli.profiles import profiles_path, read_profiles
from airmeet_async.cli.regions import region_of
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.voice import print_data, print_json
from airmeet_async.client.stores import FileTokenStore
from airmeet_async.errors import ConfigError

_UNNAMED = "the default"


def whoami(typed: str | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the settings.

    Raises:
        ConfigError: There are no keys, or a setting cannot be used.
    """
    found = who(typed, environ)
    if as_json:
        print_json(found)
    else:
        print_data("\n".join(columns(_lines(found))))
    return Exit.OK


def who(typed: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the documented JSON shape.

    Raises:
        ConfigError: There are no keys, or a setting cannot be used.
    """
    said = environ.get(PROFILE, "").strip()
    environ = dict(environ)
    if typed is not None:
        prefer(typed, environ)
    origins, settings = Origins.of(environ), Settings.of(environ)
    address, saved = origins.address(), saved_at(settings)
    named = "--profile" if typed is not None else PROFILE if said else _UNNAMED
    return {
        "profile": origins.profile.name if origins.profile else None,
        "profile_from": named if origins.profile else None,
        "profiles": sorted(_kept()),
        "access_key": settings.keys.masked,
        "keys_from": settings.keys.origin,
        "address": str(settings.base),
        "region": region_of(str(settings.base)),
        "address_from": address.origin,
        "rate": settings.rate or "auto",
        "rate_from": "AIRMEET_RATE" if settings.rate else "the default",
        "token_saved_at": None if saved is None else datetime.fromtimestamp(saved, UTC).isoformat(timespec="seconds"),
        "token_age_s": None if saved is None else max(0, round(time.time() - saved)),
        "notices": list(settings.notices),
    }


def saved_at(settings: Settings) -> float | None:
    """Return when the token was kept that would be used, or None where there is none."""
    return settings.store.saved_at(settings.account) if isinstance(settings.store, FileTokenStore) else None


def _kept() -> list[str]:
    try:
        return list(read_profiles(profiles_path()))
    except ConfigError:
        return []


def _lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    region = f" (region {found['region']})" if found["region"] else ""
    profile = f"{found['profile']} ({found['profile_from']})" if found["profile"] else "none"
    if found["profile_from"] == _UNNAMED:
        profile = found["profile"]
    others = [name for name in found["profiles"] if name != found["profile"]]
    age = found["token_age_s"]
    lines = [
        ("profile", profile),
        ("access key", f"{found['access_key']} ({found['keys_from']})"),
        ("address", f"{found['address']}{region} ({found['address_from']})"),
        ("rate", f"{found['rate']} ({found['rate_from']})"),
        ("token", "none kept" if age is None else f"kept, {age_of(age)} old"),
        ("other profiles", ", ".join(others)),
    ]
    notes = [("note", text) for text in found["notices"] if text != f"keys of {found['keys_from']}"]
    return [line for line in lines if line[1]] + notes


def age_of(seconds: float) -> str:
    """Return how old something is: days where there are some."""
    days = int(seconds // 86400)
    return duration(seconds) if not days else f"{days} day{'s' if days > 1 else ''}"
