"""From a row to bytes and from bytes to a typed answer, against bare JSON."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from airmeet_async import Attendee, Reply, calls
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.protocol.call import encode
from airmeet_async.protocol.classify_reply import judge
from benchmarks.lab import Entry, Figures, Lab
from benchmarks.peers import EVENT, body_of, people
from benchmarks.table import Section

_ROW = next(people(1))
_ANSWER = json.dumps(
    {"email": _ROW["email"], "entryLink": f"https://www.airmeet.com/event/x?code={'5d60d4e2' * 4}"}
).encode()
_PRESENT = {
    "id": 1, "email": _ROW["email"], "name": "Ada Lovelace", "user_id": "u1",
    "time_stamp": "2026-03-01T10:00:00.000Z", "time_spent": "20000",
}  # fmt: skip
_PAGE = json.dumps(
    {"data": [_PRESENT | {"id": n} for n in range(50)], "cursors": {"before": None, "after": 50, "pageCount": 9}}
).encode()
_HEADERS = {"content-type": "application/json"}


def _orjson() -> Any:
    import orjson

    return orjson


def _dumped_by_orjson() -> Callable[[], object]:
    dumps = _orjson().dumps
    return lambda: dumps(body_of(_ROW))


def _loaded_by_orjson(body: bytes) -> Callable[[], object]:
    loads = _orjson().loads
    return lambda: loads(body)


def _ours_out() -> Callable[[], object]:
    person, base = Attendee(_ROW["email"], _ROW["first_name"], _ROW["last_name"]), parse_base("https://a.example/prod")
    return lambda: encode(calls.add_attendee(EVENT, person, send_email_invite=False), base, ())


def _ours_in(call: Any, body: bytes) -> Callable[[], object]:
    reply = Reply(200, _HEADERS, body)
    if judge(call, reply).value is None:
        raise AssertionError("the answer was not understood")
    return lambda: judge(call, reply)


def _add() -> Any:
    return calls.add_attendee(
        EVENT, Attendee(_ROW["email"], _ROW["first_name"], _ROW["last_name"]), send_email_invite=False
    )


MAKERS: dict[str, Callable[[], Callable[[], object]]] = {
    "add, out: dict and json": lambda: lambda: json.dumps(body_of(_ROW)).encode(),
    "add, out: dict and orjson": _dumped_by_orjson,
    "add, out: airmeet-async, checked": _ours_out,
    "answer, in: json": lambda: lambda: json.loads(_ANSWER),
    "answer, in: orjson": partial(_loaded_by_orjson, _ANSWER),
    "answer, in: airmeet-async, typed and checked": lambda: _ours_in(_add(), _ANSWER),
    "page of 50, in: json": lambda: lambda: json.loads(_PAGE),
    "page of 50, in: orjson": partial(_loaded_by_orjson, _PAGE),
    "page of 50, in: airmeet-async, typed": lambda: _ours_in(calls.list_event_attendance(EVENT), _PAGE),
}


def trial(seconds: float) -> Figures:
    """Measure each for so long."""
    return {name: _microseconds(make(), seconds) for name, make in MAKERS.items()}


def _microseconds(work: Callable[[], object], seconds: float) -> float:
    for _ in range(200):
        work()
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(200):
            work()
        done += 200
    return spent / done * 1e6


def bench(lab: Lab) -> Section:
    """Measure all."""
    seconds = 0.05 if lab.settings.quick else 0.5
    found = lab.compare("codec", [Entry("codec", {"seconds": seconds})]).get("codec", {})
    figures = {name: {"cpu_us": cost} for name, cost in found.items()}
    rows = [(name, f"{cost:.1f}") for name, cost in found.items()]
    return Section("codec", "Serialisation alone", ("", "CPU µs"), rows, figures)
