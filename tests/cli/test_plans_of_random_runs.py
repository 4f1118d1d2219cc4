"""Random lists and commands, one after the other: plan, summary and report have the numbers of what was sent."""

import json
import random
import re
import signal
import time
from collections import Counter
from typing import Any
from unittest.mock import patch

import pytest

from airmeet_async import Request
from airmeet_async.sandbox import Faults, community
from tests.support.command import Airmeet, Ended, Sandbox

TROUBLE = (
    "", "", "422:30%:on=attendees.add", "500-after:100%:on=attendees.add:body=p3@",
    "500:100%:on=attendees.add:body=p4@", "drop-after:100%:on=attendees.add:body=p2@",
)  # fmt: skip
_SENT = re.compile(r"^ +([\d,]+)  (.*\bwill be\b.*)$", re.MULTILINE)
_CHECK = re.compile(r"^ +([\d,]+)  sent, but to check: (.*)$", re.MULTILINE)
_HEADLINE = re.compile(r"^([\d,]+) of ([\d,]+) (?:un)?(?:added|registered|blocked)(?: and mailed)?", re.MULTILINE)
_WARNINGS = {"may_not_come", "broken_text"}
_NOT_SENT = ("invalid", "blocked", "refused_before", "held", "other_names")


def _plain(text: str) -> str:
    """Return a screen without its line breaks and without what is retried: a dry run has no run to name."""
    return re.sub(r"airmeet retry \S+", "airmeet retry …", " ".join(text.split()))


class Watched(Sandbox):
    """A sandbox that keeps who was sent since `clear`, with the first request of each, and who is registered."""

    def __init__(self, *, is_hybrid: bool) -> None:
        super().__init__(replay_mails=True)
        self.is_hybrid = is_hybrid
        self.first: dict[str, dict[str, Any]] = {}
        self.registered = set[str]()

    def go_wrong(self, faults: str, seed: int) -> None:
        self._faults = Faults.parse(faults, seed=seed)

    async def exchange(self, request: Request) -> Any:
        body = json.loads(request.body) if request.body else {}
        email = str(body.get("email") or body.get("attendeeEmail") or "")
        if email:
            self.first.setdefault(email, body)
        reply = await super().exchange(request)
        if reply.status == 200 and (body.get("registerAttendee") or (self.is_hybrid and "sendEmailInvite" in body)):
            self.registered.add(str(email).casefold())
        return reply


class Commands:
    """Commands on one event, drawn at random and checked."""

    def __init__(self, airmeet: Airmeet, seed: int) -> None:
        self.draw = random.Random(seed)
        is_hybrid = self.draw.random() < 0.4
        self.event = community.HYBRID if is_hybrid else community.SUMMIT
        self.sandbox = Watched(is_hybrid=is_hybrid)
        self.airmeet = airmeet.at(self.sandbox)
        self.offset = 0.0

    def write(self) -> str:
        draw, lines = self.draw, []
        for n in draw.sample(range(10), draw.randint(2, 7)):
            name = draw.choice(("Ay", "Ay", "Ay", "Bee", "MÃ¼ller"))
            kind = draw.choice(("VIRTUAL", "VIRTUAL", "VIRTUAL", "IN-PERSON", ""))
            lines.append(f"p{n}@example.com,Ada,{name},{draw.choice(('ok', 'ok', 'ok', 'cancelled'))},{kind}")
        lines += [draw.choice(lines)] * (draw.random() < 0.3)
        lines += [f"P{draw.randrange(10)}@example.com,Eve,Other,ok,VIRTUAL"] * (draw.random() < 0.3)
        lines += ["broken,Eve,Ee,ok,VIRTUAL"] * (draw.random() < 0.3)
        head = "email,first_name,last_name,status,attendance_type"
        return self.airmeet.file(draw.choice(("a.csv", "a.csv", "b.csv")), head, *lines)

    def step(self) -> None:
        draw, sandbox = self.draw, self.sandbox
        self.offset += draw.choice((1, 1, 1, 30 * 3600))
        sandbox.go_wrong(draw.choice(TROUBLE), draw.randrange(1000))
        sandbox.first.clear()
        stale = ("--accept-stale",) * (draw.random() < 0.3)
        match draw.choice(("register",) * 5 + ("resume", "retry", "retry", "block", "unblock")):
            case "register":
                words: tuple[str, ...] = ("register", self.event, self.write(), "--json")
                words += (draw.choice(("--invite", "--no-invite")),)
                words += ("--register",) * (draw.random() < 0.3) + ("--again",) * (draw.random() < 0.2) + stale
                self.check_register(words)
            case "resume":
                self.check_going_on(("resume", *stale))
            case "retry":
                kind = draw.choice(("--failed", "--rejected", "--invites"))
                self.check_going_on(("retry", kind, *stale))
            case act if draw.random() < 0.5:
                self.run(act, self.event, *(f"p{draw.randrange(10)}@example.com" for _ in range(2)))
            case act:
                ended = self.run(act, self.event, self.write(), "--json", *(("--yes",) if act == "block" else ()))
                self.check_screen(ended, ended.json)

    def run(self, *words: str) -> Ended:
        real = time.time
        with patch("time.time", lambda: real() + self.offset):
            return self.airmeet(*words)

    def check_register(self, words: tuple[str, ...]) -> None:
        sandbox, registered = self.sandbox, set(self.sandbox.registered)
        dry = self.run(*words, "--dry-run")
        assert not sandbox.first
        if self.draw.random() < 0.2:
            sandbox.signal(signal.SIGINT, after=sandbox.adds + 1)
        done = self.run(*words, "--yes", "--max-failures", "100%")
        sandbox.signal(after=0)
        plan, report, first = dry.json, done.json, sandbox.first
        counts, earlier = report["counts"], report["earlier_counts"]
        uses = {email.casefold() for email, body in first.items() if body.get("registerAttendee") or sandbox.is_hybrid}

        assert _plain(done.err).startswith(_plain(dry.err.removesuffix("dry run: nothing was sent\n")))
        assert plan["rows"] == report["rows_read"]
        assert plan["duplicates"] == counts["duplicate"]
        assert plan["invalid"] + plan["blocked"] == counts["invalid"]
        assert plan["done_before"] == earlier["succeeded"]
        assert plan["refused_before"] == earlier["rejected"]
        assert plan["held"] == earlier["unknown"]
        assert plan["changed"] <= report["changed"]
        assert plan["exit_code"] == dry.code
        if report["stop_reason"] is None:
            assert plan["ready"] == len(first)
            assert plan["invitations"] == sum(body["sendEmailInvite"] for body in first.values())
            assert plan["registrations"] == len(uses - registered)
            if any(plan[name] for name in _NOT_SENT):
                assert (dry.code, done.code) == (3, 3)
            found = sorted((one["code"], one["n"], one["lines"]) for one in plan["causes"] if one["code"] in _WARNINGS)
            assert found == sorted((one["code"], one["n"], one["sample_rows"]) for one in report["warnings"])
            left = report["rows_read"] - counts["succeeded"] - counts["duplicate"]
            in_doubt = report["unverified"] > report["unverified_earlier"]
            assert done.code == (3 if left or plan["other_names"] or in_doubt else 0)
        self.check_screen(done, report)

    def check_going_on(self, words: tuple[str, ...]) -> None:
        done = self.run(*words, "--json", "--yes", "--max-failures", "100%")
        if "counts" in done.json:
            self.check_screen(done, done.json)

    def check_screen(self, done: Ended, report: dict[str, Any]) -> None:
        """Hold what people read before and after a run against its report and against what was sent."""
        screen, _, summary = done.err.partition(" rows in ")
        counts = Counter(report["counts"])
        sent = sum(int(n) for n, _ in _SENT.findall(screen))
        assert sum(counts.values()) == report["rows_read"]
        if report["stop_reason"] is None:
            assert sent == len(self.sandbox.first)
            assert sum(int(n) for n, _ in _CHECK.findall(screen)) == sum(one["n"] for one in report["warnings"])
        if (found := _HEADLINE.search(summary)) is not None:
            assert int(found[2]) == report["rows_read"] - counts["invalid"] - counts["duplicate"]
            assert int(found[1]) in {counts["succeeded"], counts["succeeded"] - report["unverified"]}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_the_numbers_of_plan_run_and_summary_are_those_of_what_was_sent(airmeet, seed):
    commands = Commands(airmeet, seed)
    for _ in range(8):
        commands.step()
