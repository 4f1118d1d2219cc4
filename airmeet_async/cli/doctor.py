"""``airmeet doctor``: everything that must be right before a run, one line each. Safe to paste: no secret is in it."""

from collections.abc import Mapping
from typing import Any

import anyio

from airmeet_async.bulk.prose import wrapped
from airmeet_async.cli.asking import terminable
from airmeet_async.cli.diagnosis import Bench, Finding, Level
from airmeet_async.cli.doctor_local import local_checks
from airmeet_async.cli.doctor_network import network_checks
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.voice import Voice, print_data, print_json

_NAME_WIDTH = 12


def doctor(bench: Bench, voice: Voice, *, as_json: bool) -> int:
    """Look at everything, print the findings, and return the exit code."""
    findings = [*local_checks(bench)]
    if bench.settings is not None and not code_of(findings):
        voice.say(f"asking {bench.settings.base} about the keys")
        with terminable():
            findings += anyio.run(network_checks, bench)
    code = code_of(findings)
    if as_json:
        print_json(shape(findings, code))
    else:
        print_data("\n".join(line for finding in findings for line in lines_of(finding)))
        print_data(verdict(findings, code))
    return code


def code_of(findings: list[Finding]) -> int:
    """Return the exit code: that of the first thing that must be mended."""
    return next((int(finding.code) for finding in findings if finding.level is Level.FAIL), int(Exit.OK))


def lines_of(finding: Finding) -> list[str]:
    """Return a finding as lines that fit a terminal of 80 columns."""
    indent = " " * (6 + _NAME_WIDTH)
    lines = wrapped(finding.text, f"{finding.level:<6}{finding.name:<{_NAME_WIDTH}}", indent)
    return lines + (wrapped(finding.fix, f"{indent}-> ", f"{indent}   ") if finding.fix else [])


def verdict(findings: list[Finding], code: int) -> str:
    """Say what it comes to."""
    warned = sum(finding.level is Level.WARN for finding in findings)
    if code:
        return "not usable yet: mend what is marked FAIL, from the top"
    return "usable" + (f", with {warned} warning{'s' if warned > 1 else ''}" if warned else "")


def shape(findings: list[Finding], code: int) -> Mapping[str, Any]:
    """Return the documented JSON shape."""
    return {
        "usable": not code,
        "checks": [
            {"name": one.name, "level": one.level.value.lower(), "text": one.text, "fix": one.fix or None, **one.facts}
            for one in findings
        ],
        "exit_code": code,
    }
