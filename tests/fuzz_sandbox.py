"""Fuzz the served sandbox against its own OpenAPI document: ``python -m tests.fuzz_sandbox [--seed N] [--seconds N]``.

It starts a sandbox of its own, which ends with this process, and exits with the result of schemathesis.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airmeet_async.sandbox import community

ROOT = Path(__file__).parents[1]

# `ignored_auth` wants 401 or 403 for missing credentials; Airmeet answers 400 (A). tests/sandbox/test_contract.py
# checks the same with Airmeet's statuses.
SETTINGS = """
[dictionaries.airmeet]
values = {events}
[dictionaries.session]
values = {sessions}
[dictionaries.booth]
values = {booths}
[dictionaries.series]
values = {series}
[dictionaries.email]
values = {emails}

[parameters]
"path.airmeetId" = {{ dictionary = "airmeet", probability = 0.9 }}
"path.sessionId" = {{ dictionary = "session", probability = 0.9 }}
"path.boothId" = {{ dictionary = "booth", probability = 0.9 }}
"path.eventSeriesId" = {{ dictionary = "series", probability = 0.9 }}
"path.email" = {{ dictionary = "email", probability = 0.9 }}

[checks]
ignored_auth.enabled = false

[[operations]]
include-operation-id = {refusing}
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404"]
"""

# These refuse well-formed requests with a 400 for a reason that no schema can tell.
REFUSING = {
    "airmeets.create": "the host is not of the team, or the end comes before the start",
    "airmeets.set_status": "there is no such way from the present status",
    "attendees.add": "a custom field is unknown, or a hybrid event wants an attendance type",
    "attendees.block": "nobody has added that person",
    "attendees.unblock": "nobody has added that person",
    "attendees.remove": "nobody has added that person",
    "sessions.create": "a host, a cohost, a speaker, a track or a booth is unknown",
    "webhooks.register": "the trigger concerns one event, which is not named",
}


def settings() -> str:
    """Return schemathesis' settings: ids that exist, so that most requests get past the 404."""
    return SETTINGS.format(
        events=json.dumps([community.FINISHED, community.WITH_FIELDS, community.LIVE, community.HYBRID]),
        sessions=json.dumps([*community.SESSIONS, community.LIVE_SESSION]),
        booths=json.dumps(list(community.BOOTHS)),
        refusing=json.dumps(list(REFUSING)),
        series=json.dumps([community.SERIES]),
        emails=json.dumps([f"guest{number:03}@example.com" for number in range(20)]),
    )


def start() -> tuple[subprocess.Popen[str], str]:
    """Start a sandbox; return it with its base URL."""
    command = [sys.executable, "-m", "airmeet_async.sandbox", "--until-stdin-closes"]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().split("=", 1)[1].strip()


def ask(base: str, method: str, path: str, **headers: str) -> Any:
    """Send one request and return the JSON of the answer."""
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        return json.load(connection.getresponse())
    finally:
        connection.close()


def fuzz(base: str, folder: Path, seed: int, seconds: int) -> int:
    """Run schemathesis and return its exit code."""
    config = folder / "schemathesis.toml"
    config.write_text(settings(), encoding="utf-8")
    keys = {"X-Airmeet-Access-Key": community.ACCESS_KEY, "X-Airmeet-Secret-Key": community.SECRET_KEY}
    headers = keys | {
        "X-Airmeet-Access-Token": ask(base, "POST", "/prod/auth", **keys)["token"],
        "x-access-key": community.ACCESS_KEY,
        "x-secret-key": community.SECRET_KEY,
    }
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{base}/openapi.json", "--url", base, "--seed", str(seed), "--max-time", str(seconds)]
    command += ["--generation-database", "none", "--no-color", "--warnings", "off"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    result = subprocess.run(command, cwd=folder, check=False, timeout=seconds + 120).returncode
    print("Answers by status:", ask(base, "GET", "/_sandbox/statistics")["answers"])
    return result


def main() -> int:
    """Read the command line and fuzz."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    child, base = start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            return fuzz(base, Path(folder), options.seed, options.seconds)
    finally:
        child.communicate(timeout=20)  # closes its standard input, which ends it


if __name__ == "__main__":
    sys.exit(main())
