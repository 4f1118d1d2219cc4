"""From a verdict to the error that people see, with the fix in it."""

import pickle
from itertools import product

from airmeet_async.errors import (
    AmbiguousOutcomeError,
    CredentialsError,
    DecodeError,
    NoReplyError,
    NotFoundError,
    NotReadyError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    ReplyError,
    ServerError,
    TokenRejectedError,
)
from airmeet_async.protocol.classify_reply import Kind, Verdict, judge, judge_failure
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.retry_policy import Tries
from tests.cases import case
from tests.protocol.samples import ADD, AUTH, CREATE, LIST, PREPARED, reply

TRIES = Tries(sent=3, not_sent=2)


def error(call, answer, tries=TRIES):
    """Return the error that an answer becomes."""
    return error_for(call, judge(call, answer), tries)


def class_in_the_table(status):
    """The classes of design 3, written down a second time."""
    match status:
        case 401 | 403:
            return PermissionDeniedError
        case 404:
            return NotFoundError
        case 408:
            return ServerError
        case 412:
            return TokenRejectedError
        case 429:
            return RateLimitedError
        case _ if status >= 500:
            return ServerError
        case _ if status >= 400:
            return RejectedError
        case _ if status >= 300:
            return RedirectError
        case _:
            return DecodeError


def test_each_status_has_its_class():
    """And the error has the facts: status, reason, operation, attempts."""
    for status in range(202, 600):
        with case(status):
            found = error(ADD, reply({"message": "No such seat"}, status))

            assert type(found) is class_in_the_table(status)
            assert "No such seat" in str(found)
            if isinstance(found, ReplyError):
                facts = (found.status, found.reason, found.operation, found.attempts)
                assert facts == (status, "No such seat", "attendees.add", 3)
                assert str(status) in str(found)
                assert ("redirect" in str(found)) is (300 <= status < 400)
            else:
                assert str(found).startswith("attendees.add: ")
                assert str(found).count("attendees.add") == 1
            assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_a_write_that_must_not_be_repeated_is_ambiguous():
    """The message says what to look at before doing it again (NET-07)."""
    for status in [202, 204, 408, 500, 502, 503, 504, 599]:
        with case(status):
            found = error(CREATE, reply(b"", status))

            assert isinstance(found, AmbiguousOutcomeError)
            assert (found.operation, found.status) == ("events.create", status)
            assert "check the dashboard first" in str(found)
            assert str(status) in str(found)


def test_a_write_without_an_answer_is_ambiguous():
    """The network's own words are in the message."""
    found = error_for(CREATE, judge_failure(NoReplyError("the line went dead", reason="reset")), TRIES)

    assert isinstance(found, AmbiguousOutcomeError)
    assert found.status is None
    assert "the line went dead" in str(found)


def test_what_never_left_says_so():
    """Also for what must not be repeated: nothing happened."""
    for call, reason in product([ADD, CREATE], ["dns", "connect", "tls", "proxy", "config"]):
        with case(call, reason):
            verdict = judge_failure(NotSentError(f"no {reason}", reason=reason, host="a.example"))
            found = error_for(call, verdict, TRIES)

            assert type(found) is NotSentError
            assert (str(found), found.reason, found.host, found.attempts) == (
                f"no {reason}",
                reason,
                "a.example",
                2,
            )


def test_no_reply_keeps_its_reason():
    """The one word and the host are facts."""
    for reason in ["timeout", "reset", "protocol"]:
        with case(reason):
            verdict = judge_failure(NoReplyError("nothing came", reason=reason, host="a.example"))
            found = error_for(ADD, verdict, TRIES)

            assert type(found) is NoReplyError
            assert (str(found), found.reason, found.host, found.attempts) == ("nothing came", reason, "a.example", 3)


def test_an_answer_that_is_not_understood_says_where():
    """The path is a fact, and the operation is named once."""
    found = error(LIST, reply({"data": [{"uid": "a"}, {"uid": []}]}))

    assert isinstance(found, DecodeError)
    assert (found.path, found.operation) == ("data[1].uid", "airmeets.list")
    assert str(found) == "airmeets.list: data[1].uid should be a string"


# A likely mistake, and the words of its fix.
FIXES = {
    "wrong keys": (AUTH, reply({"message": "x"}, 400), CredentialsError, "AIRMEET_ACCESS_KEY AIRMEET_SECRET_KEY"),
    "wrong keys, undocumented": (AUTH, reply(b"", 401), CredentialsError, "AIRMEET_ACCESS_KEY AIRMEET_SECRET_KEY"),
    "keys of another region": (AUTH, reply(b"", 400), CredentialsError, "AIRMEET_REGION"),
    "keys refused inside a 200": (AUTH, reply({"success": False}), CredentialsError, "AIRMEET_ACCESS_KEY"),
    "revoked keys": (AUTH, reply(b"", 403), CredentialsError, "revoked generate dashboard"),
    "a base address without /prod": (AUTH, reply(b"", 404), NotFoundError, "AIRMEET_URI /prod"),
    "a foreign event": (ADD, reply(b"", 401), PermissionDeniedError, "community region"),
    "a wrong event": (ADD, reply(b"", 404), NotFoundError, "id AIRMEET_REGION"),
    "too fast": (ADD, reply(b"", 429), RateLimitedError, "limit (429)"),
    "too fast, until": (ADD, reply(b"", 429, retry_after="3600"), RateLimitedError, "wait 3600"),
    "a sign-in page": (ADD, reply(b"", 302), RedirectError, "base_url proxy"),
    "a report that takes long": (PREPARED, reply(b"", 202), NotReadyError, "again in 5 minutes"),
}


def test_a_message_has_the_fix():
    """The reader knows what to do next."""
    for name, (call, answer, kind, words) in FIXES.items():
        with case(name):
            found = error(call, answer)

            assert type(found) is kind
            assert [word for word in words.split() if word not in str(found)] == []


def test_signing_in_can_fail_in_other_ways():
    """Not each no is about the keys."""
    for status, kind in [(412, TokenRejectedError), (429, RateLimitedError), (500, ServerError)]:
        with case(status, kind):
            assert type(error(AUTH, reply(b"", status))) is kind


def test_no_reason_leaves_no_gap():
    """The sentence ends where there is nothing more to say."""
    assert str(error(ADD, reply(b"", 422))) == "Airmeet refused this request (422)"
    assert str(error(AUTH, reply({"message": "Down"}, 500))) == "Airmeet could not handle this request (500): Down"


def test_a_limit_says_how_long():
    """Or that it does not say."""
    assert vars(error(ADD, reply(b"", 429, retry_after="120")))["retry_after"] == 120.0
    assert vars(error(ADD, reply({"statusCode": 429})))["retry_after"] is None


def test_a_first_attempt_is_counted_as_one():
    """Even where nobody counted."""
    verdicts = [
        Verdict(Kind.REJECTED, 422),
        Verdict(Kind.NOT_SENT, code="not_sent_dns"),
        Verdict(Kind.AMBIGUOUS, code="no_reply"),
    ]

    assert [vars(error_for(ADD, verdict, Tries()))["attempts"] for verdict in verdicts] == [1, 1, 1]


def test_nothing_of_the_request_is_in_an_error():
    """Neither the person nor the network library's objects."""
    found = error(ADD, reply(b"", 422))

    assert "ada@" not in f"{found!r} {vars(found)}"
    assert {type(fact) for fact in vars(found).values()} <= {str, int, float, type(None)}
