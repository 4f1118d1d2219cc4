"""What to do after an attempt: the retry policy as a table (RET-02)."""

from itertools import product
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async import calls
from airmeet_async.protocol.call import Retry
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import RAISE, RENEW, RETURN, Raise, Renew, Tries, Wait, decide
from tests.cases import case
from tests.protocol.samples import ADD, CREATE, same_every_time

RETRY = Retry()
ENDPOINTS = {"add": ADD.endpoint, "create": CREATE.endpoint}


def verdict(kind, **facts):
    return Verdict(kind, **facts)


def after(kind, n, *, call="add", jitter=1.0, retry=RETRY, **facts):
    """Return the decision after *n* attempts that all ended alike."""
    tries = Tries()
    for _ in range(n):
        tries.count(verdict(kind, **facts))
    return decide(ENDPOINTS[call], verdict(kind, **facts), tries, retry, jitter)


def course(kind, *, call="add", retry=RETRY, **facts):
    """Return all waits of a call that always ends alike, until it raises."""
    waits: list[float] = []
    for n in range(1, 100):
        decision = after(kind, n, call=call, retry=retry, **facts)
        if not isinstance(decision, Wait):
            assert decision == RAISE
            return waits
        waits.append(decision.seconds)
    return waits


# Left: what came of the attempt; then what to do for add, then for create; jitter is 1.
TABLE = {
    "ok": (verdict(Kind.OK), RETURN, RETURN),
    "no connection": (verdict(Kind.NOT_SENT, code="not_sent_connect"), Wait(0.5), Wait(0.5)),
    "no name": (verdict(Kind.NOT_SENT, code="not_sent_dns"), Wait(0.5), Wait(0.5)),
    "no proxy": (verdict(Kind.NOT_SENT, code="not_sent_proxy"), Wait(0.5), Wait(0.5)),
    "no certificate": (verdict(Kind.NOT_SENT, code="not_sent_tls"), RAISE, RAISE),
    "no way to send it": (verdict(Kind.NOT_SENT, code="not_sent_config"), RAISE, RAISE),
    "429": (verdict(Kind.THROTTLED), Wait(1.0), Wait(1.0)),
    "429 until 10": (
        verdict(Kind.THROTTLED, retry_after=10.0),
        Wait(11.0, everyone=True),
        Wait(11.0, everyone=True),
    ),
    "429 until 0": (verdict(Kind.THROTTLED, retry_after=0.0), Wait(1.0), Wait(1.0)),
    "503": (verdict(Kind.AMBIGUOUS, status=503), Wait(1.0), RAISE),
    "429 until 300": (
        verdict(Kind.THROTTLED, retry_after=300.0),
        Wait(330.0, everyone=True),
        Wait(330.0, everyone=True),
    ),
    "429 until 301": (verdict(Kind.THROTTLED, retry_after=301.0), RAISE, RAISE),
    "412": (verdict(Kind.EXPIRED), RENEW, RENEW),
    "202": (verdict(Kind.NOT_READY), Wait(5.0), Wait(5.0)),
    "400": (verdict(Kind.REJECTED), RAISE, RAISE),
    "400 about the token": (verdict(Kind.REJECTED, blames_token=True), RENEW, RENEW),
    "404": (verdict(Kind.FATAL), RAISE, RAISE),
    "no reply": (verdict(Kind.AMBIGUOUS, code="no_reply"), Wait(0.5), RAISE),
    "500": (verdict(Kind.AMBIGUOUS, code="http_500"), Wait(0.5), RAISE),
    "503 until 10": (verdict(Kind.AMBIGUOUS, retry_after=10.0), Wait(11.0, everyone=True), RAISE),
    "503 until 300": (verdict(Kind.AMBIGUOUS, retry_after=300.0), Wait(330.0, everyone=True), RAISE),
    "503 until 301": (verdict(Kind.AMBIGUOUS, retry_after=301.0), RAISE, RAISE),
    "unusable": (verdict(Kind.AMBIGUOUS, code="unusable_answer"), Wait(0.5), RAISE),
}


def test_the_first_attempt_decides():
    """Each outcome of a first attempt, for what may be repeated and for what may not."""
    for name, (came, add, create) in TABLE.items():
        with case(name):
            tries = Tries()
            tries.count(came)

            assert decide(ADD.endpoint, came, tries, RETRY, 1.0) == add
            assert decide(CREATE.endpoint, came, tries, RETRY, 1.0) == create


def test_the_usual_patience_is_as_documented():
    """The figures of the design, in one place."""
    assert Retry(5, 8, 2, 0.5, 1.0, 30.0, 300.0) == RETRY


def test_the_table_has_every_kind():
    """A new class of outcome needs a row."""
    assert {came.kind for came, *_ in TABLE.values()} == set(Kind)


def test_patience_ends():
    """Five attempts with an unclear end, three of them unusable; eight that were certainly not applied."""
    cases: list[tuple[Kind, dict[str, Any], list[float]]] = [
        (Kind.AMBIGUOUS, {}, [0.5, 1, 2, 4]),
        (Kind.AMBIGUOUS, {"code": "unusable_answer"}, [0.5, 1]),
        (Kind.AMBIGUOUS, {"retry_after": 3.0}, [3.3, 3.3, 3.3, 4]),
        (Kind.THROTTLED, {}, [1, 2, 4, 8, 16, 30, 30]),
        (Kind.THROTTLED, {"retry_after": 2.0}, [2.2] * 7),
        (Kind.NOT_SENT, {"code": "not_sent_connect"}, [0.5, 1, 2, 4, 8, 16, 30]),
    ]
    for kind, facts, waits in cases:
        with case(kind, facts):
            assert course(kind, **facts) == pytest.approx(waits)


def test_patience_is_the_callers():
    """The limits are arguments; None is for those who give up by another rule."""
    for kind, retry, waits in [
        (Kind.AMBIGUOUS, Retry(attempts=1), 0),
        (Kind.AMBIGUOUS, Retry(attempts=2), 1),
        (Kind.AMBIGUOUS, Retry(attempts=50), 49),
        (Kind.THROTTLED, Retry(free=1), 0),
        (Kind.THROTTLED, Retry(free=3), 2),
        (Kind.THROTTLED, Retry(free=None), 99),
        (Kind.NOT_SENT, Retry(free=1), 0),
        (Kind.NOT_SENT, Retry(free=None), 99),
    ]:
        with case(kind, retry):
            assert len(course(kind, retry=retry)) == waits


def test_an_unusable_answer_is_replayed_twice_at_most():
    """It will hardly make more sense the fourth time; less patience is obeyed."""
    for attempts in [1, 2, 3, 4, 50]:
        with case(attempts):
            waits = course(Kind.AMBIGUOUS, code="unusable_answer", retry=Retry(attempts=attempts))

            assert len(waits) == min(attempts, 3) - 1


def test_an_expired_token_is_renewed_so_often():
    """Then the token is not to blame."""
    for renewals in [0, 1, 2, 5]:
        with case(renewals):
            retry = Retry(renewals=renewals)
            decisions = [after(Kind.EXPIRED, n, retry=retry) for n in range(1, renewals + 2)]

            assert decisions == [RENEW] * renewals + [RAISE]


def test_a_400_is_blamed_on_the_token_once():
    """Neither twice, nor after another renewal; and a 412 afterwards counts on."""
    tries = Tries()
    blamed = verdict(Kind.REJECTED, blames_token=True)
    tries.count(blamed)
    assert decide(ADD.endpoint, blamed, tries, RETRY, 1.0) == RENEW
    tries.count(blamed)
    assert decide(ADD.endpoint, blamed, tries, RETRY, 1.0) == RAISE

    tries = Tries()
    tries.count(verdict(Kind.EXPIRED))
    tries.count(blamed)
    assert decide(ADD.endpoint, blamed, tries, RETRY, 1.0) == RAISE


def test_a_no_after_a_renewal_is_a_no():
    """A new token does not make the token suspect."""
    tries = Tries()
    for came in (verdict(Kind.EXPIRED), verdict(Kind.REJECTED)):
        tries.count(came)

    assert decide(ADD.endpoint, verdict(Kind.REJECTED), tries, RETRY, 1.0) == RAISE


def test_the_kinds_do_not_count_for_each_other():
    """Waiting for the network or the limit costs no attempt, and the other way round."""
    tries = Tries()
    for kind in [Kind.NOT_SENT] * 7 + [Kind.THROTTLED] * 7 + [Kind.EXPIRED] * 2 + [Kind.AMBIGUOUS] * 4:
        came = verdict(kind)
        tries.count(came)
        assert decide(ADD.endpoint, came, tries, RETRY, 1.0) != RAISE, (kind, tries)

    assert tries == Tries(sent=13, charged=4, throttled=7, not_sent=7, renewals=2)


def test_what_must_not_be_repeated_is_not():
    """After an outcome that may have been applied there is no second send, whatever else is said."""
    codes = ["", "http_500", "no_reply", "unusable_answer", "not_sent_connect"]
    retry = Retry(attempts=50, free=None)
    for kind, code, asked, n in product(Kind, codes, [None, 0.0, 5.0], [1, 2]):
        with case(kind, code, asked, n):
            decision = after(kind, n, call="create", code=code, retry_after=asked, retry=retry)

            if kind is Kind.AMBIGUOUS:
                assert decision == Raise()
            elif kind in {Kind.THROTTLED, Kind.NOT_SENT}:
                assert isinstance(decision, Wait)


def test_jitter_is_full():
    """From nothing to the whole, in proportion."""
    for kind in [Kind.AMBIGUOUS, Kind.THROTTLED, Kind.NOT_SENT]:
        with case(kind):
            whole = after(kind, 3, jitter=1.0)
            assert isinstance(whole, Wait)

            assert after(kind, 3, jitter=0.0) == attrs.evolve(whole, seconds=0.0)
            assert after(kind, 3, jitter=0.25) == attrs.evolve(whole, seconds=whole.seconds / 4)


def test_retry_after_is_a_floor():
    """Never sooner than asked; up to a tenth later, unless the usual wait is longer."""
    kinds, waits = [Kind.AMBIGUOUS, Kind.THROTTLED], [0.5, 1.0, 120.0, 300.0]
    for kind, asked, jitter, n in product(kinds, waits, [0.0, 0.5, 1.0], [1, 4]):
        with case(kind, asked, jitter, n):
            decision = after(kind, n, jitter=jitter, retry_after=asked)

            assert isinstance(decision, Wait)
            assert decision.everyone
            assert asked <= decision.seconds <= max(asked * 1.1 + 1e-9, 4.0)


@same_every_time
@given(
    st.sampled_from(list(Kind)),
    st.sampled_from(["", "unusable_answer", "not_sent_tls"]),
    st.none() | st.floats(0, 1e9),
    st.integers(1, 5000),
    st.floats(0, 1),
)
def test_no_wait_is_endless(kind, code, asked, n, jitter):
    """Every wait is a number of seconds that can be slept, however many attempts there were."""
    tries = Tries(sent=n, charged=n, throttled=n, not_sent=n, renewals=n)
    retry = Retry(attempts=10_000, free=None)
    decision = decide(ADD.endpoint, verdict(kind, code=code, retry_after=asked), tries, retry, jitter)

    if isinstance(decision, Wait):
        assert 0 <= decision.seconds <= max(retry.cap, 1.1 * retry.longest_pause)


COUNTED = {
    "ok": (verdict(Kind.OK), Tries(sent=1)),
    "not sent": (verdict(Kind.NOT_SENT), Tries(not_sent=1)),
    "throttled": (verdict(Kind.THROTTLED), Tries(sent=1, throttled=1)),
    "expired": (verdict(Kind.EXPIRED), Tries(sent=1, renewals=1)),
    "not ready": (verdict(Kind.NOT_READY), Tries(sent=1, not_ready=1)),
    "rejected": (verdict(Kind.REJECTED), Tries(sent=1)),
    "rejected for its token": (verdict(Kind.REJECTED, blames_token=True), Tries(sent=1, renewals=1)),
    "ambiguous": (verdict(Kind.AMBIGUOUS), Tries(sent=1, charged=1)),
    "fatal": (verdict(Kind.FATAL), Tries(sent=1)),
}


def test_an_attempt_is_counted_where_it_belongs():
    """Only what may have been applied is charged."""
    for name, (came, counted) in COUNTED.items():
        with case(name):
            tries = Tries()
            tries.count(came)

            assert tries == counted


def polled(retry: Retry, kind: Kind = Kind.NOT_READY) -> list[float]:
    """Return the waits of a report that never gets ready."""
    endpoint = calls.list_event_attendance("event").endpoint
    tries, waits = Tries(), []
    while isinstance(decision := _after_one_more(endpoint, tries, retry, kind), (Wait, Renew)):
        if isinstance(decision, Wait):
            waits.append(decision.seconds)
    return waits


def _after_one_more(endpoint, tries, retry, kind):
    tries.count(verdict(kind))
    return decide(endpoint, verdict(kind), tries, retry, 1.0)


def test_a_report_that_is_not_ready_is_asked_for_with_growing_waits_until_the_deadline():
    """5, 10, 20, 40 and then every 60 s; the last wait ends at the deadline itself."""
    waits = polled(Retry())

    assert waits[:6] == [5, 10, 20, 40, 60, 60]
    assert sum(waits) == Retry().ready_within == 900
    assert polled(Retry(ready_within=7)) == [5, 2]
    assert polled(Retry(ready_within=0)) == []


def test_a_report_that_answers_412_for_not_ready_renews_the_token_once():
    """The rest of its 412 are polls: one third party says that a report does that (D)."""
    assert polled(Retry(ready_within=30), Kind.EXPIRED) == [5, 10, 15]
