"""The demonstration's verdict can be bad."""

import csv
from pathlib import Path

import pytest

from airmeet_async import BulkReport, RowStatus
from airmeet_async.cli.commands.demo import audit, faults_for, sandbox, table
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.sandbox import Faults, Staged
from airmeet_async.sandbox.faults import NAMED_KINDS
from airmeet_async.testing import Sandbox

PLAN = Staged(rows=4, valid=2, duplicates=1, invalid=1)
FAULTS = {"429@2+4:retry=1": 4, "expire@3": 1, "500:2%": 3, "drop:0.5%": 1, "drop-after:0.5%": 1}
STATISTICS = {"world": {"mails": 0}, "faults": FAULTS}
PEOPLE = [{"email": f"{name}@example.com", "entry_link": f"link-{name}"} for name in "ab"]


def run(tmp_path, *, links=("link-a", "link-b"), people=PEOPLE, statistics=STATISTICS, **facts):
    counts = dict.fromkeys(RowStatus, 0)
    counts |= {RowStatus.SUCCEEDED: 2, RowStatus.DUPLICATE: 1, RowStatus.INVALID: 1} | facts.pop("counts", {})
    report = BulkReport("job", sum(counts.values()), counts, **{"throttled": 4, "token_refreshes": 1} | facts)
    with (tmp_path / "r.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "airmeet_status", "airmeet_entry_link"])
        writer.writerows([f"{name}@example.com", "succeeded", link] for name, link in zip("abc", links, strict=False))
    return [check.what for check in audit(PLAN, report, statistics, people, tmp_path / "r.csv") if not check.is_right]


def test_all_as_staged(tmp_path):
    assert run(tmp_path) == []


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"links": ("link-a", "link-x")}, "right entry links"),
        ({"links": ("link-a", "link-b", "link-c")}, "right entry links"),
        ({"people": PEOPLE[:1]}, "people in the event"),
        ({"statistics": STATISTICS | {"world": {"mails": 1}}}, "invitations mailed"),
        ({"throttled": 3}, "rate-limited (429)"),
        ({"token_refreshes": 2}, "tokens renewed"),
        ({"counts": {RowStatus.FAILED: 1}}, "rows lost to errors and drops"),
        ({"counts": {RowStatus.UNKNOWN: 1}}, "rows lost to errors and drops"),
        ({"counts": {RowStatus.INVALID: 0}}, "invalid rows not sent"),
    ],
)
def test_what_differs_is_named(tmp_path, facts, what):
    assert what in run(tmp_path, **facts)


def test_the_table_marks_what_differs_and_fits_a_terminal(tmp_path):
    counts = dict.fromkeys(RowStatus, 0)
    (tmp_path / "r.csv").write_text("email,airmeet_status,airmeet_entry_link\n")
    lines = table(audit(PLAN, BulkReport("job", 0, counts), STATISTICS, PEOPLE, tmp_path / "r.csv"))

    assert lines[1].startswith("! rows read")
    assert all(len(line.replace(str(tmp_path), "")) < 80 for line in lines)


@pytest.mark.parametrize("people", [1, 10, 2000, 1_000_000])
def test_the_staged_faults_can_be_read(people):
    assert Faults.parse(faults_for(people)).rules


def test_a_sandbox_for_the_whole_network_warns(capsys):
    """On standard error, before it listens; here it never does, since the port is none."""
    for host, warned in [("0.0.0.0", True), ("127.0.0.1", False)]:  # noqa: S104
        with pytest.raises(UsageError, match="a port is from 0"):
            sandbox(host=host, port=70_000)
        out, err = capsys.readouterr()
        assert (out, f"warning: with --host {host}" in err) == ("", warned)


def test_every_fault_is_documented():
    """Kinds and options, in the help of the command and in the manual."""
    manual = Path(__file__).parents[3] / "docs" / "sandbox.md"
    words = [*NAMED_KINDS, "500-after", "502html", "200html", ":5%", "@500", "@100+5", "/1000", ":retry=2", ":0.5s"]
    words += [":on=attendees.add", "on=all", ":body=TEXT"]

    assert [word for word in words if word not in manual.read_text(encoding="utf-8")] == []
    help_text = (sandbox.__doc__ or "").replace(":on=OPERATION   only attendees.add", ":on=attendees.add")
    assert [word for word in words if word not in help_text] == []


def test_the_manual_names_the_keys_and_the_events():
    manual = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    known = Sandbox()

    assert f"| `{known.access_key}` | `{known.secret_key}` |" in manual
    assert [name for name, uid in known.event_ids.items() if f"| {name} | `{uid}` |" not in manual] == []
