"""Which row goes next: the decision as a table of cases, without a loop, a clock or a client."""

import math
from collections.abc import Callable

import pytest

from airmeet_async.bulk.execution.abort_policy import RunStop
from airmeet_async.bulk.execution.scheduler import RunState, Sleep, Step, next_step
from airmeet_async.bulk.journal import MemoryJournal
from airmeet_async.bulk.options import JobOptions, engine_options
from airmeet_async.bulk.report import RowError, RowResult, RowStatus, StopReason
from airmeet_async.bulk.row import CallTemplate, Row, Wish
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.endpoints import ATTENDEES_ADD
from airmeet_async.protocol.retry_policy import Tries
from tests.cases import case

NOW = 100.0
BROKEN = Verdict(Kind.AMBIGUOUS, 500)
SILENT = Verdict(Kind.AMBIGUOUS)
OK = RowResult(0, None, "", RowStatus.SUCCEEDED)
REFUSED = RowResult(0, None, "", RowStatus.REJECTED, error=RowError("http_422", "no"))


def state(width: int = 4, *, outside: Callable[[], bool] = lambda: True) -> RunState:
    """A run that has shown that it works, without a row."""
    journal = MemoryJournal()
    journal.begin(lambda results, *, plain=False: None, lambda n: None, lambda error: None, lambda: 64)
    run = RunState(engine_options(JobOptions(max_in_flight=width), width), 1000, journal, outside)
    run.record_result(row(), OK)
    run.weigh()
    return run


def row(index: int = 0, begun: int = 0, *, template: CallTemplate | None = None, unclear: int = 0) -> Row:
    made = Row(index, None, {}, str(index))
    made.begun, made.tries, made.template, made.unclear = begun, Tries(), template, unclear
    return made


MAILING = CallTemplate(ATTENDEES_ADD, {"airmeet_id": "e"}, flags={"sendEmailInvite": True})


def with_rows(run: RunState, ready: int = 0, queue: int = 0, arriving: int = 0, *, begun: int = 0) -> RunState:
    run.journal.ready.extend(row(begun=begun) for _ in range(ready))
    run.journal.queue.extend(row(begun=begun) for _ in range(queue))
    run.journal.arriving = arriving
    return run


def stopped(run: RunState) -> RunState:
    run.stopped = RunStop(StopReason.STOPPED, "stopped")
    return run


def held(run: RunState) -> RunState:
    run.held = True
    return run


def away(run: RunState, *, trial: bool = False) -> RunState:
    run.breaker.trip(NOW)
    if trial:
        assert run.breaker.claim_send(NOW + 6)
    return run


def waiting(run: RunState, *due: float) -> RunState:
    for when in due:
        run.put_retry(row(begun=1), when)
    return run


def ended(run: RunState) -> RunState:
    run.source_ended = True
    return run


def untrusted(run: RunState, begun: int) -> RunState:
    fresh = RunState(engine_options({}, 64), 1000, run.journal, lambda: True)
    fresh.begun = begun
    return fresh


CASES: dict[str, tuple[RunState, int, Step | Sleep]] = {
    "a row is ready": (with_rows(state(), 1), 0, Step.SEND),
    "a row has to be recorded": (with_rows(state(), queue=1), 0, Step.SEND),
    "a row is being recorded": (with_rows(state(), arriving=1), 0, Step.SEND),
    "the only row is somebody's": (with_rows(state(), 1), 1, Sleep(math.inf)),
    "one of two rows is somebody's": (with_rows(state(), 1, 1), 1, Step.SEND),
    "no row yet": (state(), 0, Sleep(math.inf)),
    "no row any more": (ended(state()), 0, Step.DONE),
    "the last row is somebody's": (with_rows(ended(state()), 1), 1, Sleep(math.inf)),
    "the last row waits for its next attempt": (waiting(ended(state()), NOW + 7), 0, Sleep(7.0)),
    "the next attempt is due": (waiting(ended(state()), NOW - 1), 0, Sleep(0.0)),
    "the earliest of several attempts counts": (waiting(state(), NOW + 9, NOW + 2, NOW + 5), 0, Sleep(2.0)),
    "a new row does not wait for retries": (with_rows(waiting(state(), NOW + 9), 1), 0, Step.SEND),
    "too many wait, so no new row": (with_rows(waiting(state(1), *[NOW + 3] * 104), 1), 0, Sleep(3.0)),
    "one less than too many": (with_rows(waiting(state(1), *[NOW + 3] * 103), 1), 0, Step.SEND),
    "a repeat goes although too many wait": (with_rows(waiting(state(1), *[NOW + 3] * 104), 1, begun=1), 0, Step.SEND),
    "a repeat to be recorded goes, too": (
        with_rows(waiting(state(1), *[NOW + 3] * 104), queue=1, begun=1), 0, Step.SEND,
    ),
    "one being recorded is not a repeat": (with_rows(waiting(state(1), *[NOW + 3] * 104), arriving=1), 0, Sleep(3.0)),
    "stopped": (stopped(with_rows(state(), 3)), 0, Step.DONE),
    "stopped while held": (stopped(held(state())), 0, Step.DONE),
    "held": (held(with_rows(state(), 3)), 0, Sleep(math.inf)),
    "held at the end": (held(ended(state())), 0, Sleep(math.inf)),
    "held in an outage": (held(away(with_rows(state(), 3))), 0, Sleep(math.inf)),
    "the trial is under way": (away(with_rows(state(), 3), trial=True), 0, Sleep(math.inf)),
    "nineteen have begun": (with_rows(untrusted(state(), 19), 1), 0, Step.SEND),
    "twenty have begun": (with_rows(untrusted(state(), 20), 1), 0, Sleep(math.inf)),
    "a repeat of the first twenty": (with_rows(untrusted(state(), 20), 1, begun=1), 0, Step.SEND),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_free_worker_does(case: str) -> None:
    run, claimed, step = CASES[case]

    assert next_step(run, NOW, claimed) == step


def test_in_an_outage_one_row_goes_when_its_time_has_come() -> None:
    run = away(with_rows(state(), 3))
    first = next_step(run, NOW)
    assert isinstance(first, Sleep)
    assert 5 <= first.seconds <= 5.5

    assert next_step(run, NOW + first.seconds) is Step.SEND
    run.take(NOW + first.seconds)
    assert next_step(run, NOW + first.seconds) == Sleep(math.inf)


def test_a_decision_changes_nothing() -> None:
    run = with_rows(waiting(state(), NOW + 1), 2, 2, 2)

    steps = [next_step(run, NOW) for _ in range(3)]

    assert steps == [Step.SEND] * 3
    assert (run.rows_at_hand, len(run.retries), run.begun) == (6, 1, 0)


def test_rows_whose_attempt_is_due_come_in_the_order_of_their_time() -> None:
    run = state()
    for index, due in enumerate((NOW + 3, NOW + 1, NOW + 1, NOW + 2)):
        run.put_retry(row(index), due)

    assert [one.index for one in run.due_retries(NOW + 2)] == [1, 2, 3]
    assert [one.index for _, _, one in run.retries] == [0]


def test_a_row_counts_once_however_often_it_goes() -> None:
    """The budget of repeats grows with rows, not with requests."""
    run = with_rows(state(), 2)
    first = run.take(NOW)
    run.journal.ready.append(first)
    for _ in range(2):
        run.take(NOW)

    assert (run.begun, first.begun) == (2, 2)


def hot_without(change: Callable[[RunState], object]) -> bool:
    run = state()
    assert run.hot
    change(run)
    run.weigh()
    return run.hot


def test_each_hindrance_alone_makes_a_run_careful() -> None:
    hindrances: list[Callable[[RunState], object]] = [stopped, held, away, lambda run: waiting(run, NOW + 1)]

    assert [hot_without(change) for change in hindrances] == [False] * 4
    assert not untrusted(state(), 0).hot
    closed = state(outside=lambda: False)
    assert not closed.hot


def test_what_an_attempt_changes_is_weighed_at_once() -> None:
    """Five rows without an answer, or a retry: nobody may set out as if nothing were."""
    run = state()
    for index in range(5):
        run.record_attempt(row(index, begun=1), SILENT, Wish.DONE, sent_at=NOW, now=NOW)
    other = state()
    other.put_retry(row(), NOW)
    held_back = state()
    held_back.hold_for_token(NOW)

    assert (run.hot, other.hot, held_back.hot) == (False, False, False)


def test_only_an_unclear_attempt_waits_for_a_place_in_the_budget() -> None:
    run = state()
    for _ in range(10):
        assert run.retry_delay(BROKEN, 0.25, NOW) == 0.25

    assert run.retry_delay(BROKEN, 0.25, NOW) == 1.0
    assert run.retry_delay(BROKEN, 3.0, NOW) == 3.0
    assert run.retry_delay(Verdict(Kind.THROTTLED, 429), 0.25, NOW) == 0.25


PORTAL = Verdict(Kind.AMBIGUOUS, 200, "unusable_answer", "a web page")
TOO_LONG = {
    "no reply": (SILENT, StopReason.UNREACHABLE, "no reply for too long"),
    "429": (Verdict(Kind.THROTTLED, 429, message="Limit Exceeded"), StopReason.TEMPORARY, "429: Limit Exceeded"),
    "503": (Verdict(Kind.AMBIGUOUS, 503), StopReason.TEMPORARY, "the last reply was 503"),
    "500": (BROKEN, StopReason.TEMPORARY, "nothing was accepted for 15:02"),
    "a portal": (PORTAL, StopReason.TEMPORARY, "200: a web page"),
    "a refusal": (Verdict(Kind.REJECTED, 422), None, ""),
    "an old token": (Verdict(Kind.EXPIRED, 412), None, ""),
}


def test_a_quarter_of_an_hour_without_a_success_ends_the_run_whatever_the_replies_were() -> None:
    for name, (last, reason, said) in TOO_LONG.items():
        with case(name):
            run = state()
            first = run.record_attempt(row(), BROKEN, Wish.DONE, sent_at=NOW, now=NOW)
            late = run.record_attempt(row(), last, Wish.DONE, sent_at=NOW + 880, now=NOW + 902)

            assert first is None
            assert (late and late.reason, said in (late.message if late else "")) == (reason, True)


def test_a_success_or_a_clear_refusal_begins_that_time_anew() -> None:
    for kind in (Kind.OK, Kind.REJECTED):
        run = state()
        run.record_attempt(row(), BROKEN, Wish.DONE, sent_at=NOW, now=NOW)
        run.record_attempt(row(), Verdict(kind, 200), Wish.DONE, sent_at=NOW + 800, now=NOW + 801)

        assert run.record_attempt(row(), BROKEN, Wish.DONE, sent_at=NOW + 880, now=NOW + 902) is None


def test_who_asks_for_a_mail_waits_while_503s_come() -> None:
    """Whoever gets one may have been mailed, and is not mailed again; the others, and repeats, go on."""
    limited = Verdict(Kind.AMBIGUOUS, 503)
    for name, ready, waits in (
        ("a mail", row(0, template=MAILING), True),
        ("no mail", row(1), False),
        ("a repeat without it", row(2, template=MAILING, unclear=Wish.MAILED), False),
    ):
        with case(name):
            run = state()
            run.record_attempt(row(9), limited, Wish.MAILED, sent_at=NOW, now=NOW)
            run.journal.ready.append(ready)

            step = next_step(run, NOW + 1)
            assert (step == Sleep(1.0)) is waits
            assert next_step(run, NOW + 2) is Step.SEND
            run.record_attempt(row(9), Verdict(Kind.OK, 200), Wish.DONE, sent_at=NOW + 0.5, now=NOW + 1)
            assert next_step(run, NOW + 1) is Step.SEND


def test_a_token_that_is_not_had_holds_the_run_for_as_long_as_an_outage() -> None:
    run = state()
    run.outage.record(succeeded=True, answered=True, sent_at=NOW)

    assert [run.hold_for_token(NOW + passed) for passed in (0, 800, 901)] == [True, True, False]
    fresh = RunState(engine_options({}, 4), 10, MemoryJournal(), lambda: True)
    assert not fresh.hold_for_token(NOW)


def test_attempts_in_an_outage_are_charged_after_ten() -> None:
    run, one = away(state()), row()
    for _ in range(12):
        run.record_attempt(one, SILENT, Wish.DONE | Wish.MAILED, sent_at=NOW, now=NOW)

    assert one.tries is not None
    assert (one.tries.sent, one.tries.charged, one.uncharged) == (12, 2, 10)
    assert one.unclear == Wish.DONE | Wish.MAILED


def test_a_row_that_was_certainly_not_applied_is_not_unclear() -> None:
    run, one = state(), row()
    run.record_attempt(one, Verdict(Kind.THROTTLED, 429), Wish.DONE, sent_at=NOW, now=NOW)

    assert (one.unclear, one.last and one.last.status) == (0, 429)


def test_a_plain_success_ends_a_series_of_equal_failures_and_a_silence() -> None:
    """Also where it was set aside: twenty scattered refusals do not stop a run."""
    run = state()
    for _ in range(19):
        assert run.record_result(row(), REFUSED) is None
    run.outage.record(succeeded=False, answered=False, sent_at=NOW)
    run.record_plain_successes(1, NOW)

    assert run.outage.since is None
    assert [run.record_result(row(), REFUSED) for _ in range(19)] == [None] * 19
    stop = run.record_result(row(), REFUSED)
    assert stop is not None
    assert stop.reason is StopReason.FAILURES


def test_rows_that_failed_before_are_no_outage_when_they_fail_again() -> None:
    """Thirty of them at the start of a resumed run would look like a server that fails for everybody."""
    known, fresh = state(), state()
    for index in range(30):
        one, other = row(index, begun=1), row(index, begun=1)
        one.failed_before = True
        known.record_attempt(one, BROKEN, Wish.DONE, sent_at=NOW, now=NOW)
        fresh.record_attempt(other, BROKEN, Wish.DONE, sent_at=NOW, now=NOW)

    assert (known.breaker.is_open, fresh.breaker.is_open) == (False, True)
