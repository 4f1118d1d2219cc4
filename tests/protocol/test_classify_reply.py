"""What an answer means: the whole table (RET-01, NET-11)."""

import json
import subprocess
import sys
import time
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async import calls
from airmeet_async.errors import DecodeError, NoReplyError, NotSentError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.classify_reply import Kind, Verdict, glance, judge, judge_failure, kind_of, retry_after
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.models import Access, Acknowledgement
from tests.cases import case
from tests.protocol.samples import (
    ADD,
    ADDED,
    AUTH,
    BLOCK,
    CREATE,
    EMAIL,
    EVENT,
    LINK,
    LIST,
    PREPARED,
    reply,
    same_every_time,
)

UNBLOCK = calls.unblock_attendee(EVENT, EMAIL)
REMOVE = calls.remove_attendee(EVENT, EMAIL)
DELETE = calls.delete_session(EVENT, "s")
STATUS = calls.set_airmeet_status(EVENT, "ONGOING")
DEREGISTER = calls.deregister_webhook("trigger.airmeet.created", "https://hooks.example.org/a")

SAID = {"statusCode": 0, "statusMessage": "Something is wrong", "data": {}}


def kind_in_the_table(status):
    """The table of design 4 and reliability 3.1, written down a second time."""
    match status:
        case 412:
            return Kind.EXPIRED
        case 429:
            return Kind.THROTTLED
        case 401 | 403 | 404:
            return Kind.FATAL
        case 408:
            return Kind.AMBIGUOUS
        case _ if status < 300 or status >= 500:
            return Kind.AMBIGUOUS
        case _ if status < 400:
            return Kind.FATAL
        case _:
            return Kind.REJECTED


STATUSES = [status for status in range(200, 600) if status not in (200, 201)]


def test_each_status_has_its_kind():
    """With a reason, with a page of HTML, with nothing, and inside the body of a 200: always the same."""
    for call, status in product([ADD, CREATE], STATUSES):
        with case(call, status):
            kind = kind_in_the_table(status)
            inside = judge(call, reply(SAID | {"statusCode": status}))
            verdicts = [
                inside,
                judge(call, reply(SAID | {"statusCode": status}, status)),
                judge(call, reply({"message": "Something is wrong"}, status)),
                judge(call, reply(b"<html>Bad Gateway</html>", status)),
                judge(call, reply(b"", status)),
            ]

            assert {verdict.kind for verdict in verdicts} == {kind}
            assert {verdict.status for verdict in verdicts} == {status}
            assert "Something is wrong" in inside.message
            assert {verdict.code for verdict in verdicts} == {"unusable_answer" if status < 300 else f"http_{status}"}
            assert all(verdict.value is None for verdict in verdicts)


def test_a_refused_sign_in_never_asks_for_a_token():
    """412 and a 400 about tokens would go round for ever (AUTH-08)."""
    for status in [412, 400, 401, 403, 404, 429, 500]:
        with case(status):
            verdict = judge(AUTH, reply({"message": "Bad token"}, status))

            assert verdict.kind is not Kind.EXPIRED
            assert not verdict.blames_token
            assert verdict.kind is (Kind.REJECTED if status in (400, 412) else kind_in_the_table(status))


NOT_READY = {"statusCode": 202, "statusMessage": "Preparing your results. Try after 5 minutes"}


def test_a_prepared_read_may_not_be_ready():
    """Either sign alone will do (C)."""
    for answer in [reply(NOT_READY, 202), reply(NOT_READY), reply(b"", 202), reply({}, 202)]:
        with case(answer):
            assert judge(PREPARED, answer).kind is Kind.NOT_READY
            assert judge(PREPARED, answer).status == 202


def test_what_is_never_prepared_is_never_not_ready():
    """A 202 from another operation says nothing about the outcome."""
    for answer in [reply(NOT_READY, 202), reply(NOT_READY)]:
        with case(answer):
            verdict = judge(ADD, answer)

            assert (verdict.kind, verdict.code) == (Kind.AMBIGUOUS, "unusable_answer")
            assert "Preparing your results" in verdict.message


GOOD = {
    "an add": (ADD, reply(ADDED), Access(EMAIL, LINK)),
    "created": (ADD, reply(ADDED, 201), Access(EMAIL, LINK)),
    "200 inside": (ADD, reply(ADDED | {"statusCode": 200}), Access(EMAIL, LINK, extra={"statusCode": 200})),
    "200 as text": (ADD, reply(ADDED | {"statusCode": "200"}), Access(EMAIL, LINK, extra={"statusCode": "200"})),
    "success inside": (ADD, reply(ADDED | {"success": True}), Access(EMAIL, LINK, extra={"success": True})),
    "another case": (ADD, reply(ADDED | {"email": "ADA@Example.COM"}), Access("ADA@Example.COM", LINK)),
    "identity": (ADD, reply(ADDED, content_encoding="identity"), Access(EMAIL, LINK)),
    "called HTML": (ADD, reply(ADDED, content_type="text/html"), Access(EMAIL, LINK)),
    "a yes": (BLOCK, reply({"success": True}), Acknowledgement(success=True)),
    "a yes with words": (BLOCK, reply({"success": True, "message": "ok"}), Acknowledgement(success=True, message="ok")),
}


def test_a_success_has_its_value():
    """A statusCode of 200 beside the answer changes nothing."""
    for name, (call, answer, value) in GOOD.items():
        with case(name):
            verdict = judge(call, answer)

            assert verdict == Verdict(Kind.OK, answer.status, value=value)


# A 2xx that must not pass for a success. Left: the answer; then the status; then what must be said.
UNUSABLE = {
    "empty": (reply(b""), "an object"),
    "blank": (reply(b" \n"), "not JSON"),
    "no content": (reply(b"", 204), "status 204 is not a valid reply here: no reason given"),
    "HTML": (reply(b"<!doctype html><p>Sign in to the hotel's network"), "not JSON"),
    "text": (reply(b"OK"), "not JSON"),
    "cut off": (reply(json.dumps(ADDED).encode()[:-5]), "not JSON"),
    "a list": (reply([ADDED]), "an object"),
    "null": (reply(b"null"), "an object"),
    "compressed": (reply(b"\x1f\x8b\x08\x00", content_encoding="gzip"), "compressed"),
    "said to be compressed": (reply(ADDED, content_encoding="br"), "compressed"),
    "NaN": (reply(b'{"email": NaN}'), "JSON does not have"),
    "deep": (reply(b"[" * 100_000), "nested too deep"),
    "a different e-mail": (reply(ADDED | {"email": "eve@example.com"}), "a different e-mail"),
    "a different e-mail by Unicode case": (reply(ADDED | {"email": "ada@example.co\u1d50"}), "a different e-mail"),
    "no link": (reply({"email": EMAIL}), "entryLink should be present"),
    "a null link": (reply(ADDED | {"entryLink": None}), "entryLink should be present"),
    "an empty link": (reply(ADDED | {"entryLink": ""}), "https"),
    "a link in the clear": (reply(ADDED | {"entryLink": "http://www.airmeet.com/e/x?code=hunter2"}), "https"),
    "a link with a user": (reply(ADDED | {"entryLink": "https://www.airmeet.com@evil.example/e?code=x"}), "https"),
    "a link with a port that is none": (reply(ADDED | {"entryLink": "http://localhost:x@evil.example/"}), "https"),
    "a link to another host than this": (reply(ADDED | {"entryLink": "http://localhost.evil.example/"}), "https"),
    "a link with a backslash": (reply(ADDED | {"entryLink": "https://evil.example\\.www.airmeet.com/"}), "https"),
    "a link to elsewhere": (reply(ADDED | {"entryLink": "javascript:alert(1)"}), "https"),
    "an empty object": (reply({}), "should be present"),
}


def test_a_success_that_makes_no_sense_is_none():
    """It may have been applied, so it is ambiguous, and the reason is said without a link."""
    for name, (answer, words) in UNUSABLE.items():
        with case(name):
            verdict = judge(ADD, answer)

            assert (verdict.kind, verdict.code, verdict.status) == (Kind.AMBIGUOUS, "unusable_answer", answer.status)
            assert words in verdict.message
            assert "hunter2" not in verdict.message
            assert verdict.value is None


def test_where_it_does_not_fit_is_kept():
    """The cause has the path, and no traceback that would keep the answer alive."""
    verdict = judge(LIST, reply({"data": [{"uid": "a"}, {}]}))

    assert isinstance(verdict.cause, DecodeError)
    assert verdict.cause.path == "data[1].uid"
    assert verdict.cause.__traceback__ is None


def test_an_acknowledgement_must_be_one():
    """A no is a no, what is not as documented is unclear, and a success that says nothing more is a success."""
    for answer, kind in {
        b'{"success": false}': Kind.REJECTED,
        b'{"success": 0}': Kind.AMBIGUOUS,
        b'{"success": true, "error": "no such attendee"}': Kind.AMBIGUOUS,
        b"false": Kind.AMBIGUOUS,
        b"[]": Kind.AMBIGUOUS,
        b"<html>OK</html>": Kind.AMBIGUOUS,
        b"Blocked by corporate policy": Kind.AMBIGUOUS,
        b"Blocked: category proxy avoidance. Contact your administrator": Kind.AMBIGUOUS,
        b"Success! You are now connected to Airport WiFi": Kind.AMBIGUOUS,
        b"Updated browser required": Kind.AMBIGUOUS,
        b"OK, but log in first": Kind.AMBIGUOUS,
        b"User blocked.": Kind.OK,
        b"Attendee unblocked successfully": Kind.OK,
        b'"Success"': Kind.OK,
        b"Please log in": Kind.AMBIGUOUS,
        b'{"success": null}': Kind.OK,
        b'{"success": "true"}': Kind.OK,
        b'{"message": "The attendee is blocked"}': Kind.OK,
        b"{}": Kind.OK,
        b"true": Kind.OK,
        b'"OK"': Kind.OK,
        b"OK": Kind.OK,
        b"Success.": Kind.OK,
        b"": Kind.OK,
    }.items():
        with case(answer):
            assert judge(BLOCK, reply(answer)).kind is kind


def test_any_success_status_will_do_where_the_answer_holds_nothing_else():
    """Of a delete and its like; a 202 to an add says nothing about the link."""
    for call in [BLOCK, UNBLOCK, REMOVE, DELETE, STATUS, DEREGISTER]:
        for status in [200, 201, 202, 204]:
            with case(call.endpoint.name, status):
                assert judge(call, reply(b"", status)).kind is Kind.OK
    assert judge(ADD, reply(b"", 202)).kind is judge(ADD, reply(b"", 204)).kind is Kind.AMBIGUOUS


def test_a_status_that_was_not_set_is_refused():
    """Airmeet's own connector reads `statusUpdated` (B)."""
    verdict = judge(STATUS, reply({"statusUpdated": False}))

    assert (verdict.kind, verdict.message) == (Kind.REJECTED, "statusUpdated is false")
    assert judge(STATUS, reply({"statusUpdated": True})).value.success is True


def test_a_404_that_may_be_the_persons_is_that_rows():
    """Blocking somebody who is not in the event says nothing about the next one; an unknown event does, in an add."""
    for call, kind in [(BLOCK, Kind.REJECTED), (UNBLOCK, Kind.REJECTED), (DELETE, Kind.REJECTED), (ADD, Kind.FATAL)]:
        with case(call.endpoint.name):
            assert judge(call, reply({"message": "not found"}, 404)).kind is kind


# The status inside the body of a 2xx. Left: HTTP status and body; right: the status that counts.
INSIDE = [
    (200, {"statusCode": 400}, 400),
    (200, {"statusCode": "404"}, 404),
    (201, {"statusCode": 412}, 412),
    (202, {"statusCode": 429}, 429),
    (204, {"statusCode": 500}, 500),
    (200, {"success": False}, 400),
    (200, {"statusCode": 200, "success": False}, 400),
    (200, {"statusCode": 409, "success": False}, 409),
    (500, {"statusCode": 400}, 500),
    (404, {"statusCode": 200}, 404),
    (300, {"statusCode": 400}, 300),
    (202, {"statusCode": 200}, 200),
    (400, {"success": True}, 400),
    (200, {"statusCode": 100}, 100),
    # What is no status there is not believed: the answer is judged by what else it holds.
    (200, {"statusCode": 4000}, 200),
    (200, {"statusCode": 99}, 200),
    (200, {"statusCode": 600}, 200),
    (200, {"statusCode": "0400"}, 200),
    (200, {"statusCode": "9" * 5000}, 200),
    (200, {"statusCode": -400}, 200),
    (200, {"statusCode": True}, 200),
    (200, {"statusCode": 400.0}, 200),
    (200, {"statusCode": "4o0"}, 200),
    (200, {"statusCode": "٤٠٠"}, 200),
    (200, {"statusCode": None}, 200),
    (200, {"statusCode": {"a": 400}}, 200),
    (200, {"success": "false"}, 200),
    (200, {"status": 400}, 200),
]


def test_the_worse_status_counts():
    """A 200 may carry a 400 (C); a 500 is not healed by its body."""
    for status, body, counts in INSIDE:
        with case(status, body):
            assert judge(ADD, reply(body, status)).status == counts


def test_a_whole_answer_with_a_bad_status_inside_is_refused():
    """Nothing in the rest of the body makes up for it."""
    assert judge(ADD, reply(ADDED | {"statusCode": 400})).kind is Kind.REJECTED
    assert judge(ADD, reply(ADDED | {"success": False})).kind is Kind.REJECTED


# Error bodies as clients have met them (api-facts 1.7), and what they say.
SHAPES = {
    "shape 1": ({"statusCode": 422, "statusMessage": "No such seat", "data": {}}, "No such seat"),
    "shape 2": ({"message": "No such seat"}, "No such seat"),
    "shape 3": ({"success": False, "message": "No such seat", "error": "Refused"}, "No such seat"),
    "shape 4": ({"error": {"message": "No such seat"}}, "No such seat"),
    "shape 4, flat": ({"error": "No such seat"}, "No such seat"),
    "shape 5": ({"statusCode": "2000", "statusMessage": "SUCCESS", "payload": {}}, "SUCCESS"),
    "shape 6, text": (b"No such seat", "No such seat"),
    "shape 6, HTML": (b"\n <html><h1>No such seat", "an HTML page"),
    "shape 6, empty": (b"", ""),
    "a JSON string": ("No such seat", "No such seat"),
    "OAuth's": ({"error_description": "No such seat"}, "No such seat"),
    "AWS's": ({"errorMessage": "No such seat"}, "No such seat"),
    "blank, then not": ({"statusMessage": " ", "message": None, "error": "No such seat"}, "No such seat"),
    "nothing that is known": ({"reason": "No such seat"}, ""),
    "a list": ([{"message": "No such seat"}], ""),
    "numbers": ({"message": 7, "error": {"message": 8}}, ""),
    "null": (b"null", ""),
    "cut off": (b'{"message": "No such', '{"message": "No such'),
    "not text": (b"\xff\xfe\x00", "\ufffd\ufffd\\x00"),
}


def test_the_reason_is_found_in_any_shape():
    """Six shapes and more, none of which can crash the client."""
    for name, (body, said) in SHAPES.items():
        with case(name):
            verdict = judge(ADD, reply(body, 422))

            assert verdict == Verdict(Kind.REJECTED, 422, "http_422", said)


def test_a_reason_is_safe_to_show():
    """Short, on one line, without a token, a link or a terminal trick (SEC-06)."""
    message = f"\x1b[2J\u202etoken=hunter2\r\n{LINK}hunter2 " + "x" * 1_000_000
    verdict = judge(ADD, reply({"message": message}, 422))

    assert "hunter2" not in verdict.message
    assert verdict.message.isprintable()
    assert len(verdict.message) <= 200


# A 400 means a bad token (A) or a bad request: by its words, or when it has none.
BLAME = [
    ({"message": "Bad access token"}, True),
    ({"message": "TOKEN is invalid"}, True),
    ({"message": "Unauthorised"}, True),
    ({"message": "not authenticated"}, True),
    ({}, True),
    (b"", True),
    ({"message": "lastName is missing"}, False),
    (b"<html>", False),
]


def test_a_400_may_be_about_the_token():
    """Only where a token was sent; a body that says nothing may mean anything."""
    for body, blamed in BLAME:
        with case(body, blamed):
            assert judge(ADD, reply(body, 400)).blames_token is blamed
            assert judge(AUTH, reply(body, 400)).blames_token is False
            assert judge(ADD, reply(body, 422)).blames_token is False


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
AT = 1445412480.0
LATER = "Wed, 21 Oct 2015 07:30:00 GMT"

# Left: Retry-After; then Date or None, and the time of arrival; right: seconds.
RETRY_AFTER = [
    ("0", None, 0.0, 0.0),
    ("1", None, 0.0, 1.0),
    (" 120 ", None, 0.0, 120.0),
    ("007", None, 0.0, 7.0),
    ("999999999", None, 0.0, 999999999.0),
    ("1000000000", None, 0.0, None),
    ("9" * 5000, None, 0.0, None),
    ("-5", None, 0.0, None),
    ("+5", None, 0.0, None),
    ("1.5", None, 0.0, 2.0),
    ("1e3", None, 0.0, None),
    ("٣", None, 0.0, None),
    ("²", None, 0.0, None),
    ("", None, 0.0, None),
    ("soon", DATE, AT, None),
    ("5, 10", DATE, AT, None),
    (LATER, DATE, 0.0, 120.0),
    (LATER, DATE, AT - 1000, 120.0),  # the server's own clock counts, whatever ours says
    (LATER, None, AT, 120.0),
    (LATER, "yesterday", AT, 120.0),
    (LATER, None, 0.0, None),  # nobody looked at a clock
    (DATE, LATER, AT, 0.0),
    (DATE, DATE, AT, 0.0),
    ("Wed, 21 Oct 2015 07:30:00", DATE, AT, 120.0),  # no zone: GMT
    ("Wed, 21 Oct 2015 07:30:00 -0000", DATE, AT, 120.0),
    ("Wed, 21 Oct 2015 09:30:00 +0200", DATE, AT, 120.0),
    ("Wednesday, 21-Oct-15 07:30:00 GMT", DATE, AT, 120.0),
    ("Wed Oct 21 07:30:00 2015", DATE, AT, 120.0),
    ("4.2", None, AT, 5.0),
    ("Wed, 99 Oct 2015 07:30:00 GMT", DATE, AT, None),
    ("Wed, 21 Oct 99999 07:30:00 GMT", DATE, AT, None),
]


def test_retry_after_is_read():
    """A number, rounded up, or a date against the answer's own; all else is as if it were not there."""
    for text, date, at, seconds in RETRY_AFTER:
        with case(text, date):
            headers = {"retry_after": text} | ({} if date is None else {"date": date})

            assert retry_after(reply(b"", 429, at, **headers)) == seconds
            assert judge(ADD, reply(b"", 429, at, **headers)).retry_after == seconds
            assert judge(ADD, reply(b"", 503, at, **headers)).retry_after == seconds


def test_a_date_without_a_zone_is_not_local(monkeypatch):
    """Wherever the program runs."""
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "XYZ-5")
            time.tzset()
            headers = {"retry-after": "Wed, 21 Oct 2015 07:30:00", "date": DATE}
            assert retry_after(Reply(429, headers)) == 120.0
    finally:
        time.tzset()


def test_no_retry_after_is_none():
    """The server did not say."""
    assert retry_after(Reply(429)) is None


@same_every_time
@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_no_header_can_break_retry_after(text, date):
    """It is a number of seconds from now on, or nothing."""
    seconds = retry_after(Reply(429, {"retry-after": text, "date": date}, at=AT))

    assert seconds is None or seconds >= 0


@same_every_time
@given(st.sampled_from([ADD, BLOCK, LIST, AUTH, CREATE]), st.integers(100, 599), st.binary(max_size=60))
def test_any_answer_has_a_verdict(call, status, body):
    """Whatever comes, nothing is raised, and no success comes of noise."""
    verdict = judge(call, Reply(status, {}, body))

    assert verdict.kind is not Kind.OK
    assert verdict.message.encode().decode() == verdict.message


def test_a_failed_exchange_has_a_verdict():
    """Certainly not applied, or perhaps; the facts of the error are kept, its traceback is not."""
    for error, kind, code in [
        (NotSentError("no such host", reason="dns", host="a.example"), Kind.NOT_SENT, "not_sent_dns"),
        (NotSentError("bad certificate", reason="tls"), Kind.NOT_SENT, "not_sent_tls"),
        (NoReplyError("nothing came", reason="reset", host="a.example"), Kind.AMBIGUOUS, "no_reply"),
    ]:
        with case(error, kind):
            try:
                raise error
            except (NotSentError, NoReplyError) as raised:
                verdict = judge_failure(raised)

            assert verdict == Verdict(kind, None, code, str(error))
            assert vars(verdict.cause) == vars(error)
            assert verdict.cause is not None
            assert verdict.cause.__traceback__ is None


def test_a_verdict_does_not_show_its_value():
    """The value may hold an entry link, and nobody knows what an error holds."""
    assert "hunter2" not in repr(Verdict(Kind.OK, value="hunter2", cause=NoReplyError("hunter2")))


def test_the_kind_of_a_status_is_public():
    """The bulk engine asks by status alone."""
    assert [kind_of(ADD, status) for status in (400, 412, 429)] == [Kind.REJECTED, Kind.EXPIRED, Kind.THROTTLED]


GLANCED = {
    "a plain success": (reply(ADDED), EMAIL),
    "with headers": (reply(ADDED, content_type="application/json", date="Sat, 28 Nov 2026 09:30:00 GMT"), EMAIL),
    "in another case": (reply(ADDED | {"email": "Ada@Example.com"}), EMAIL),
    "sent in another case": (reply(ADDED), "ADA@example.com"),
    "with blanks": (reply(b" " + json.dumps(ADDED, indent=1).encode() + b"\r\n"), EMAIL),
}


def test_a_plain_success_is_known_at_a_glance():
    """Or the quick way is dead."""
    for name, (answer, key) in GLANCED.items():
        with case(name):
            assert glance(answer, key) == judge(ADD, answer).value != None  # noqa: E711


NOT_GLANCED = {name: answer for name, (answer, _) in UNUSABLE.items()} | {
    "created": reply(ADDED, 201),
    "another member": reply(ADDED | {"id": "x"}),
    "a status inside": reply(ADDED | {"statusCode": 400}),
    "no success": reply(ADDED | {"success": False}),
    "compressed, as it says": reply(ADDED, content_encoding="br"),
    "a link to this machine": reply(ADDED | {"entryLink": "http://localhost:8000/e"}),
    "a link with an address in it": reply(ADDED | {"entryLink": "https://www.airmeet.com/e?mail=a@b.de&code=x"}),
    "no address": reply({"entryLink": LINK, "e-mail": EMAIL}),
    "an address in a list": reply(ADDED | {"email": [EMAIL]}),
    "a number for a link": reply(ADDED | {"entryLink": 7}),
    "two statuses": reply({"statusCode": 400, "success": True}),
}


def test_anything_else_needs_more_than_a_glance():
    """Whether it is an error or only odd."""
    for name, answer in NOT_GLANCED.items():
        with case(name):
            assert glance(answer, EMAIL) is None


EMAILS = st.sampled_from(
    [EMAIL, "ADA@Example.COM", "eve@example.com", "ada@example.co\u1d50", " " + EMAIL, "\ud800", ""]
)
LINKS = st.sampled_from([LINK, "http://localhost:1/e", "http://evil.example/", "HTTPS://airmeet.com/", "", "\u0000"])
NUMBERS = st.sampled_from([0, 1.5, 10**19, 2**63, 12345678901234567890123, -(10**30)])
ODD = st.recursive(st.none() | st.booleans() | NUMBERS | EMAILS, lambda some: st.lists(some, max_size=2), max_leaves=3)
RAW = st.sampled_from(
    ["1e400", "-1e400", "NaN", "Infinity", "1" * 5000, '"\x01"', '"\\ud800"', "[" * 2000, "01", "'a'"]
)
NAMES = st.sampled_from(["email", "entryLink", "statusCode", "success", "Email", "entry\\u004cink", "extra"])
MEMBERS = st.tuples(NAMES, st.one_of(EMAILS, LINKS, ODD).map(json.dumps) | RAW)


@st.composite
def near_successes(draw):
    """Draw what is nearly a plain success: members added, repeated, changed or gone, and bytes around them."""
    members = [("email", json.dumps(draw(EMAILS))), ("entryLink", json.dumps(draw(LINKS)))]
    for change in draw(st.lists(MEMBERS, max_size=2)):
        members.insert(draw(st.integers(0, len(members))), change)
    if not draw(st.integers(0, 5)):
        members.pop()
    text = "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"
    body = text.encode("utf-8", "surrogatepass")
    body = draw(st.sampled_from([b"", b"", b"", b" ", b"\xef\xbb\xbf", b"\x00"])) + body
    body += draw(st.sampled_from([b"", b"", b"", b"\r\n", b"\xff", b"{}", b","]))
    headers = draw(st.sampled_from([{}, {}, {"content-encoding": "br"}, {"content-encoding": "Identity"}]))
    return Reply(draw(st.sampled_from([200, 200, 200, 201, 204, 400])), headers, body)


@same_every_time
@given(near_successes(), EMAILS)
def test_a_glance_never_says_more_than_a_look(answer, key):
    """Where it has a value, the careful way has an equal one."""
    access = glance(answer, key)
    call = Call(ADD.endpoint, ADD.path, body={**ADD.body, "email": key})

    assert access is None or judge(call, answer) == Verdict(Kind.OK, 200, value=access)


WITHOUT_ORJSON = """
import sys
sys.modules["orjson"] = None
from airmeet_async.protocol import json_codec
from tests.protocol import test_classify_reply as tests
assert json_codec.orjson is None
tests.test_a_plain_success_is_known_at_a_glance()
tests.test_anything_else_needs_more_than_a_glance()
"""


@pytest.mark.slow
def test_a_glance_without_orjson_is_the_same():
    """The extra makes it quick, and nothing else."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_ORJSON], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
