"""What is said at the end of a run."""

import pytest
from attrs import evolve

from airmeet_async import BulkReport, FailureGroup, RowStatus, StopReason
from airmeet_async.cli.output.summary import RunOutcome, Wording, since_done, summary


def report(stop_reason=None, stop_message="", **facts):
    counts = dict.fromkeys(RowStatus, 0) | facts.pop("counts", {})
    return BulkReport("job", sum(counts.values()), counts, stop_reason=stop_reason, stop_message=stop_message, **facts)


def outcome(found, **facts):
    return RunOutcome(report=found, results="people-results.csv", **facts)


def test_the_counts_that_are_shown_sum_to_the_rows_read():
    found = report(counts={RowStatus.SUCCEEDED: 1900, RowStatus.INVALID: 60, RowStatus.UNKNOWN: 40})

    lines = summary(outcome(found))

    assert "  succeeded    1,900" in lines
    assert "  invalid         60  not sent: the row is not valid" in lines
    assert "  unknown         40  sent without a clear answer" in lines
    assert "  rows read    2,000" in lines
    assert not any("rejected" in line for line in lines)


def test_a_run_that_was_cut_off_says_how_much_it_never_read():
    found = report(StopReason.INTERRUPTED, "the run was stopped by Ctrl-C", counts={RowStatus.SUCCEEDED: 7})

    lines = summary(outcome(found, total=10))

    assert lines[1] == "the run was stopped by Ctrl-C"
    assert "  rows read    7  of 10 in the file" in lines


def test_a_stop_says_why_and_how_to_go_on():
    found = report(StopReason.UNREACHABLE, "cannot reach x: refused", counts={RowStatus.UNPROCESSED: 7}, resumable=True)

    text = "\n".join(summary(outcome(found)))

    assert "stopped early: cannot reach x: refused" in text
    assert "nothing was sent" in text
    assert "next: run the same command again" in text


def test_a_file_of_what_is_left_is_how_to_go_on():
    found = report(counts={RowStatus.SUCCEEDED: 1, RowStatus.REJECTED: 1}, resumable=True)

    text = "\n".join(summary(outcome(found, failed="left.csv")))

    assert "not done: left.csv" in text
    assert "run the same command" not in text


@pytest.mark.parametrize(
    ("stop", "counts", "words", "said"),
    [
        (StopReason.INTERRUPTED, {RowStatus.UNPROCESSED: 7}, Wording(), "to continue: airmeet resume 3f2a"),
        (StopReason.SETTINGS, {RowStatus.UNPROCESSED: 7}, Wording(), "once that is fixed: airmeet resume 3f2a"),
        (None, {RowStatus.FAILED: 7}, Wording(), "to resend the 7 rows that failed: airmeet retry 3f2a"),
        (None, {RowStatus.UNKNOWN: 7}, Wording(), "7 rows without a clear answer: airmeet retry 3f2a"),
        (None, {RowStatus.UNKNOWN: 1}, Wording(repeats=False), "then airmeet retry 3f2a --unknown"),
    ],
)
def test_a_run_with_a_journal_says_which_command_goes_on(stop, counts, words, said):
    lines = summary(outcome(report(stop, "why", counts=counts, resumable=True), job="3f2a"), words)

    assert said in " ".join(line.strip() for line in lines)


def test_rows_of_an_earlier_run_are_counted_with_their_status():
    earlier = {RowStatus.SUCCEEDED: 3, RowStatus.REJECTED: 2}
    lines = summary(outcome(report(counts={RowStatus.SUCCEEDED: 5, RowStatus.REJECTED: 2}, earlier_counts=earlier)))

    assert "  succeeded    5  3 of them in an earlier run" in lines
    assert "  rejected     2  refused by Airmeet, in an earlier run" in lines


def test_what_is_held_for_a_day_is_not_sent_by_a_retry():
    found = report(counts={RowStatus.UNKNOWN: 7}, resumable=True)
    held = summary(outcome(found, job="3f2a", held=7))
    some = summary(outcome(found, job="3f2a", held=2))

    assert ("airmeet resume 3f2a --accept-stale" in " ".join(held), "retry" in " ".join(held)) == (True, False)
    assert "to resend the 5 rows without a clear answer: airmeet retry 3f2a" in some


def test_a_wrong_id_of_an_event_is_not_resumed():
    found = report(StopReason.NOT_FOUND, "no such event", counts={RowStatus.UNPROCESSED: 7}, resumable=True)
    wrong = "\n".join(summary(outcome(found, job="3f2a")))
    found = report(StopReason.NOT_FOUND, "no such event", counts={RowStatus.SUCCEEDED: 7}, resumable=True)
    gone = "\n".join(summary(outcome(found, job="3f2a")))

    assert ("with the right event id" in wrong, "airmeet resume" in wrong) == (True, False)
    assert "airmeet resume 3f2a" in gone


def test_one_row_is_it():
    assert since_done(1).startswith("1 row has changed since it was done;")
    assert since_done(2).startswith("2 rows have changed since they were done;")


def test_invitations_of_which_nobody_knows_are_told():
    lines = summary(outcome(report(counts={RowStatus.SUCCEEDED: 9}, unverified=2), job="3f2a"))

    assert "2 invitations may not have been mailed" in " ".join(lines)
    assert "airmeet retry 3f2a --invites" in " ".join(line.strip() for line in lines)


def test_rows_that_have_changed_are_not_taken_for_cut_ones():
    found = report(counts={RowStatus.SUCCEEDED: 9}, warned_rows=9, changed=9)

    text = "\n".join(summary(outcome(found, job="3f2a")))

    assert "9 rows have changed since they were done" in text
    assert "too long" not in text


def test_each_cause_is_one_entry():
    groups = (
        FailureGroup("invalid_email", "'a' is not", 32, (3, 5, 9, 11, 12)),
        FailureGroup("http_422", "refused by Airmeet", 1, (4,)),
    )
    found = report(counts={RowStatus.INVALID: 32, RowStatus.REJECTED: 1}, failures=groups)

    lines = summary(outcome(found))

    assert "  32 x invalid_email, lines 3, 5, 9, 11, 12 and 27 more: 'a' is not" in lines
    assert "  1 x http_422, line 4: refused by Airmeet" in lines


def test_what_airmeet_cuts_is_listed():
    groups = (FailureGroup("will_be_cut", "Airmeet will shorten city", 9, (2, 3)),)
    found = report(counts={RowStatus.SUCCEEDED: 9}, warned_rows=9, warnings=groups)

    lines = summary(outcome(found))

    where = "lines 2, 3 and 7 more"
    assert lines[lines.index("worth a look:") + 1] == f"  9 x will_be_cut, {where}: Airmeet will shorten city"


def test_the_effort_is_told():
    latency = {"p50": 80.4, "p90": 90, "p99": 120, "max": 301}
    found = report(
        counts={RowStatus.SUCCEEDED: 9},
        attempts=12,
        retries=3,
        throttled=2,
        token_refreshes=1,
        elapsed_s=61,
        rate_mean=24.96,
        rate_peak=26.0,
        latency_ms=latency,
    )

    text = "\n".join(summary(outcome(found)))

    assert "12 requests in 1:01: 25.0/s on average, 26/s peak" in text
    assert "3 retries, 2 rate-limited (429), 1 token fetched" in text
    assert "response time 80 ms (median), 120 ms (99 %), 301 ms (max)" in text
    assert summary(outcome(evolve(found, token_refreshes=0)))[-4].endswith("2 rate-limited (429)")


def test_lines_fit_a_terminal():
    groups = (FailureGroup("http_500", "a long story " * 12, 99, (1, 2, 3, 4, 5)),)
    found = report(StopReason.TEMPORARY, "a long reason " * 12, counts={RowStatus.FAILED: 99}, failures=groups)

    assert max(map(len, summary(outcome(found)))) < 80
