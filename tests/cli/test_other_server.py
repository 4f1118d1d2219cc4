"""The command against a server that is not our sandbox: forty lines that speak the documented API, and misbehave."""

import asyncio
import csv
import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.fault_server import FaultServer, Peer, fault_server

pytestmark = pytest.mark.real_time

EVENT = "0a1b2c3d-0000-11ee-8888-0242ac120002"


class Other:
    """Adds people, ends tokens, throttles, fails and hangs up, each at certain requests."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.token = 0
        self.people: dict[str, int] = {}

    async def __call__(self, peer: Peer) -> None:
        request = self.server.requests[-1]
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"POST /prod/auth "):
            self.token += 1
            return await self.say(peer, 200, {"token": f"t{self.token}"})
        if head.startswith(b"GET "):
            return await self.say(peer, 200, {"customFields": []})
        number = next(self.numbers)
        if number == 60:
            self.token += 1  # whatever was issued has ended; the next /auth counts on from here
        if f"x-airmeet-access-token: t{self.token}\r" not in f"{head.decode().lower()}\r":
            return await self.say(peer, 412, {"message": "expired"})
        if number in {20, 21}:
            return await self.say(peer, 429, {"message": "slow"}, b"Retry-After: 1\r\n")
        if number % 17 == 0:
            return await self.say(peer, 500, {"error": {"message": "oops"}})
        if number % 23 == 0:
            return peer.reset()
        person = json.loads(body)["email"]
        self.people[person] = self.people.get(person, 0) + 1
        if number % 29 == 0:
            return peer.reset()
        link = f"https://www.airmeet.com/e/{EVENT}?code=c{len(self.people)}"
        return await self.say(peer, 200, {"email": person, "entryLink": link})

    server: FaultServer

    async def say(self, peer: Peer, status: int, body: Any, more: bytes = b"") -> None:
        data = json.dumps(body).encode()
        await peer.send(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(data), more, data))


async def airmeet(port: int, folder: Path, *words: str) -> tuple[int, bytes, bytes]:
    """Run the command in *folder*."""
    environ = os.environ | {
        "AIRMEET_URI": f"http://127.0.0.1:{port}/prod",
        "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
        "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
        "AIRMEET_TOKEN_CACHE": "off",
        "HOME": str(folder),  # nothing of the test gets among the runs of whoever runs it
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "airmeet_async", *words, cwd=folder, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out, err


async def test_every_row_is_accounted_for_whoever_answers(tmp_path: Path) -> None:
    """A token that ends, 429, 500 and resets before and after the add: all are in, each with a link and a result."""
    rows = [f"person-{n}@example.com,Ada,Number {n}" for n in range(150)]
    (tmp_path / "people.csv").write_text("email,first name,last name\n" + "\n".join(rows) + "\n")
    other = Other()
    async with fault_server(other) as server:
        other.server = server
        code, out, err = await airmeet(
            server.port, tmp_path, "register", EVENT, "people.csv", "--no-invite", "--rate", "400", "--json",
            "--results", "out.csv",
        )  # fmt: skip

    report = json.loads(out)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8-sig") as file:
        results = list(csv.DictReader(file))
    assert code == 0, err.decode()
    assert report["counts"]["succeeded"] == sum(report["counts"].values()) == report["rows_read"] == 150
    assert [row["email"] for row in results] == [row.partition(",")[0] for row in rows]
    assert {row["airmeet_status"] for row in results} == {"succeeded"}
    assert len({row["airmeet_entry_link"] for row in results}) > 140
    assert set(other.people) == {row["email"] for row in results}
    assert report["token_refreshes"] == 1  # the first one came with the plan
    assert b"code=" not in out + err
