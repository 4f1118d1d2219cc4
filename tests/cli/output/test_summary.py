"""What is said at the end of a run."""

import pytest
from attrs import evolve

from airmeet_async import BulkReport, FailureGroup, RowStatus, StopReason
from airmeet_async.cli.output.summary import RunOutcome, Wording, headline, since_done, summary


def report(stop_reason=None, stop_message="", **facts):
    counts = dict.fromkeys(RowStatus, 0) | facts.pop("counts", {})
    return BulkReport("job", sum(counts.values()), counts, stop_reason=stop_reason, stop_message=stop_message, **facts)


def outcome(found, **facts):
    return RunOutcome(**{"report": found, "results": "people-results.csv", "source": "people.csv"} | facts)


REGISTERED = Wording(done="registered")


def said(found, words=REGISTERED, **facts):
    """Return the summary as one line."""
    return " ".join(line.strip() for line in summary(outcome(found, **facts), words))


def test_the_counts_that_are_shown_sum_to_the_rows_read():
    counts = {
        RowStatus.SUCCEEDED: 1900, RowStatus.REJECTED: 8, RowStatus.FAILED: 3, RowStatus.INVALID: 60,
        RowStatus.DUPLICATE: 40, RowStatus.UNPROCESSED: 6, RowStatus.UNKNOWN: 2,
    }  # fmt: skip

    line = headline(outcome(report(counts=counts, unverified=25, attempts=1), mails=True), Wording(done="registered"))

    assert line == (
        "1,875 of 1,919 registered and mailed · 25 registered, perhaps not mailed · 8 refused · 3 failed · "
        "2 without a clear answer · 6 not yet · 100 left out"
    )
    assert 1875 + 25 + 8 + 3 + 2 + 6 == 1919


def test_a_run_that_was_cut_off_counts_what_it_never_read():
    found = report(StopReason.INTERRUPTED, "stopped by Ctrl-C", counts={RowStatus.SUCCEEDED: 7}, attempts=7)

    lines = summary(outcome(found, total=10), Wording(done="registered"))

    assert lines[1:3] == ["stopped by Ctrl-C", "7 of 10 registered · 3 not yet"]


def test_where_nothing_was_left_to_send_that_is_said():
    found = report(counts={RowStatus.SUCCEEDED: 5}, earlier_counts={RowStatus.SUCCEEDED: 5})

    assert "all 5 are registered and mailed; there was nothing to send" in said(found, mails=True)


INTERRUPTED, SETTINGS = StopReason.INTERRUPTED, StopReason.SETTINGS
AGAIN = "run the same command again; it goes on from here"
STEPS = [
    (INTERRUPTED, {RowStatus.UNPROCESSED: 7}, {}, AGAIN),
    (INTERRUPTED, {RowStatus.UNPROCESSED: 7, RowStatus.INVALID: 7}, {"failed": "left.csv", "mails": True}, AGAIN),
    (SETTINGS, {RowStatus.UNPROCESSED: 7}, {}, f"once that is fixed, {AGAIN}"),
    (StopReason.FAILURES, {RowStatus.REJECTED: 20, RowStatus.UNPROCESSED: 7}, {}, f"once that is fixed, {AGAIN}"),
    (
        StopReason.FAILURES,
        {RowStatus.REJECTED: 20},
        {},
        "once that is fixed, correct 20 lines in people.csv and run the",
    ),
    (StopReason.DEADLINE, {RowStatus.UNPROCESSED: 7}, {"job": ""}, AGAIN),
    (None, {RowStatus.FAILED: 7}, {}, "airmeet retry 3f2a   sends just the 7 rows that are missing"),
    (None, {RowStatus.UNKNOWN: 1}, {}, "airmeet retry 3f2a   sends just the 1 row that is missing"),
    (None, {RowStatus.UNKNOWN: 7}, {"job": ""}, "run the same command again"),
    (None, {RowStatus.UNKNOWN: 7}, {"held": 7}, "airmeet resume 3f2a --accept-stale"),
    (None, {RowStatus.REJECTED: 1, RowStatus.UNPROCESSED: 7}, {"goes_on": True}, "airmeet resume 3f2a   sends the 7"),
    (INTERRUPTED, {RowStatus.FAILED: 1, RowStatus.UNPROCESSED: 7}, {"goes_on": True}, "airmeet resume 3f2a"),
    (None, {RowStatus.SUCCEEDED: 9, RowStatus.INVALID: 2}, {}, "correct 2 lines in people.csv and run the same"),
    (
        None,
        {RowStatus.SUCCEEDED: 9, RowStatus.REJECTED: 1},
        {"goes_on": True},
        "correct 1 line in people.csv and run the original command again",
    ),
]


@pytest.mark.parametrize(("stop", "counts", "facts", "step"), STEPS)
def test_there_is_one_next_step(stop, counts, facts, step):
    text = said(report(stop, "why", counts=counts, resumable=True), **{"job": "3f2a"} | facts)

    assert f"Next: {step}" in text
    assert text.count("Next:") == 1
    assert text.count("airmeet r") <= 1


def test_an_invitation_in_doubt_comes_before_lines_to_be_corrected():
    found = report(counts={RowStatus.SUCCEEDED: 9, RowStatus.INVALID: 1}, unverified=2)
    text = said(found, job="3f2a", mails=True)

    assert "7 of 9 registered and mailed · 2 registered, perhaps not mailed · 1 left out" in text
    assert text.endswith("Next: airmeet retry 3f2a --invites   mails those Airmeet has not mailed")


def test_what_may_be_there_twice_is_looked_for_first():
    found = report(counts={RowStatus.UNKNOWN: 1})
    text = said(found, Wording(repeats=False, look="on the event's page"), job="3f2a")

    assert "look first on the event's page, then airmeet retry 3f2a --unknown" in text


def test_where_all_is_done_there_is_no_next_step():
    assert "Next" not in said(report(counts={RowStatus.SUCCEEDED: 9, RowStatus.DUPLICATE: 1}), job="3f2a")


def test_of_a_part_of_a_second_no_speed_is_said():
    quick, slow = (said(report(attempts=3, elapsed_s=time, rate_mean=3.0)) for time in (0.4, 1.0))

    assert ("3 requests in 0 s" in quick, "/s" in quick) == (True, False)
    assert "3 requests in 1 s, 3.0/s" in slow


def test_that_it_was_stopped_is_said_once():
    asked = said(report(StopReason.STOPPED, "stopped from another terminal", counts={RowStatus.UNPROCESSED: 7}))

    assert "stopped early" not in asked


def test_the_demo_has_no_next_step():
    """Its files do not last."""
    whole = outcome(report(counts={RowStatus.SUCCEEDED: 9, RowStatus.INVALID: 1}))
    stopped = outcome(report(INTERRUPTED, "stopped by Ctrl-C", counts={RowStatus.UNPROCESSED: 7}))

    assert not any("Next" in line for one in (whole, stopped) for line in summary(one, REGISTERED, brief=True))


def test_a_stopped_repeat_says_what_was_repeated():
    counts = {RowStatus.SUCCEEDED: 25, RowStatus.UNPROCESSED: 45}
    begun = outcome(report(INTERRUPTED, "why", counts=counts, attempts=20), again=60, to_repeat=40)
    retried = outcome(report(counts=counts, attempts=1), to_repeat=40)

    assert headline(begun, REGISTERED) == "65 of 70 registered, 20 of 60 sent once more · 5 not yet"
    assert headline(retried, REGISTERED) == "65 of 70 registered, 40 of them not yet sent once more · 5 not yet"


def test_rows_of_an_earlier_run_are_counted():
    earlier = {RowStatus.SUCCEEDED: 3, RowStatus.REJECTED: 2}
    counts = {RowStatus.SUCCEEDED: 5, RowStatus.REJECTED: 2}

    assert "5 of 7 registered (3 of them in earlier runs) · 2 refused" in said(
        report(counts=counts, earlier_counts=earlier, attempts=2)
    )


def test_a_wrong_id_of_an_event_is_not_gone_on_with():
    found = report(StopReason.NOT_FOUND, "no such event", counts={RowStatus.UNPROCESSED: 7}, resumable=True)
    wrong = said(found, job="3f2a")
    counts = {RowStatus.SUCCEEDED: 7, RowStatus.UNPROCESSED: 1}
    found = report(StopReason.NOT_FOUND, "no such event", counts=counts, resumable=True)
    gone = said(found, job="3f2a")

    assert "Next: run the command again with the right event id" in wrong
    assert AGAIN in gone


def test_one_row_is_it():
    assert since_done(1).startswith("1 row has changed since it was done;")
    assert since_done(2).startswith("2 rows have changed since they were done;")


def test_files_that_found_another_place_are_told():
    text = said(report(counts={RowStatus.SUCCEEDED: 9}), results="people-results-2.csv", kept=["people-results.csv"])

    assert "people-results-2.csv who has what" in " ".join(text.split())
    assert "people-results.csv was there before, of another event or list, or edited since: it is left alone" in text


def test_rows_that_have_changed_are_not_taken_for_cut_ones():
    text = said(report(counts={RowStatus.SUCCEEDED: 9}, warned_rows=9, changed=9), job="3f2a")

    assert "9 rows have changed since they were done" in text
    assert "too long" not in text


def test_each_cause_is_one_entry_with_words_that_are_right_for_all():
    groups = (
        FailureGroup("invalid_email", "'a' is not", 32, (3, 5, 9, 11, 12)),
        FailureGroup("http_422", "refused by Airmeet", 1, (4,)),
    )
    found = report(counts={RowStatus.INVALID: 32, RowStatus.REJECTED: 1}, failures=groups)

    lines = summary(outcome(found))

    assert "  32  no valid e-mail address   lines 3, 5, 9, 11, 12 and 27 more" in lines
    assert "   1  refused by Airmeet   line 4" in lines


def test_what_airmeet_cuts_is_listed():
    groups = (FailureGroup("will_be_cut", "Airmeet will shorten city", 9, (2, 3)),)
    found = report(counts={RowStatus.SUCCEEDED: 9}, warned_rows=9, warnings=groups)

    lines = summary(outcome(found))

    assert lines[lines.index("to check:") + 1] == "  9  text that Airmeet will shorten   lines 2, 3 and 7 more"


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

    assert "12 requests in 1:01, 25.0/s; 3 sent again, 2 slowed down by Airmeet (429)" in summary(outcome(found))
    assert "12 requests in 1:01, 25.0/s" in summary(outcome(evolve(found, retries=0, throttled=0)))


def test_lines_fit_a_terminal():
    groups = (FailureGroup("http_500", "a long story " * 12, 99, (1, 2, 3, 4, 5)),)
    found = report(StopReason.TEMPORARY, "a long reason " * 12, counts={RowStatus.FAILED: 99}, failures=groups)

    assert max(map(len, summary(outcome(found)))) < 80


def test_the_original_command_stands_in_a_line_of_its_own_where_it_is_known():
    original = f"airmeet register {'EVENT' * 9} people.csv --map 'email=Mail 2' --invite"
    facts = {"goes_on": True, "job": "3f2a", "original": original}
    refused = report(counts={RowStatus.SUCCEEDED: 9, RowStatus.REJECTED: 1})

    assert summary(outcome(refused, **facts), REGISTERED)[-1] == f"      {original}"
    assert original not in said(report(counts={RowStatus.UNPROCESSED: 1}), **facts)


def test_rows_that_repeat_another_one_are_named_among_those_left_out():
    text = said(report(counts={RowStatus.SUCCEEDED: 9, RowStatus.DUPLICATE: 2}))

    assert "· 2 left out 2 twice in the list: only the first of them is sent" in " ".join(text.split())


def test_a_quota_that_has_stopped_a_run_is_what_is_to_be_raised():
    full = FailureGroup("http_400", "Airmeet refused this request (400): No registrations left", 20, (5,))
    counts = {RowStatus.SUCCEEDED: 3, RowStatus.REJECTED: 20, RowStatus.UNPROCESSED: 17}
    text = said(report(StopReason.FAILURES, "why", counts=counts, failures=(full,)), job="3f2a")

    assert "Next: raise your plan's quota by 37 registrations, then run the same command" in text
