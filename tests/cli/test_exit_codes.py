"""Exit codes: as tables, and by real processes against a real sandbox, whose standard output is JSON in each."""

import signal
from collections.abc import Iterator

import pytest

from airmeet_async import (
    BulkReport,
    ClientStateError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    JournalError,
    NoReplyError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectError,
    RejectedError,
    RowStatus,
    ServerError,
    StopReason,
    TokenRejectedError,
)
from airmeet_async.cli.commands.demo import running_sandbox
from airmeet_async.cli.exit_codes import Exit, KeysError, UsageError, code_of, code_of_error, sentence_of, word_of
from airmeet_async.errors import first_error
from airmeet_async.sandbox import community
from tests.support.command import Airmeet

STOPS = {
    StopReason.CREDENTIALS: 4,
    StopReason.NOT_PERMITTED: 6,
    StopReason.NOT_FOUND: 6,
    StopReason.NOT_THE_API: 2,
    StopReason.SETTINGS: 2,
    StopReason.UNREACHABLE: 75,
    StopReason.TEMPORARY: 75,
    StopReason.DEADLINE: 75,
    StopReason.FAILURES: 7,
    StopReason.JOURNAL: 1,
    StopReason.SOURCE: 5,
    StopReason.CUT_OFF: 1,
    StopReason.STOPPED: 7,
    StopReason.INTERRUPTED: 130,
}

STATUSES = {
    RowStatus.SUCCEEDED: 0,
    RowStatus.DUPLICATE: 0,
    RowStatus.REJECTED: 3,
    RowStatus.FAILED: 3,
    RowStatus.INVALID: 3,
    RowStatus.UNPROCESSED: 3,
    RowStatus.UNKNOWN: 3,
}

ERRORS = [
    (KeysError("no key"), 4, "credentials"),
    (UsageError("no"), 2, "usage"),
    (ConfigError("no"), 2, "usage"),
    (InputError("no"), 5, "input"),
    (CredentialsError("no", status=400), 4, "credentials"),
    (TokenRejectedError("no", status=412), 75, "temporary"),
    (PermissionDeniedError("no", status=401), 6, "event"),
    (NotFoundError("no", status=404, operation="airmeets.info"), 6, "event"),
    (NotFoundError("no", status=404, operation="auth"), 2, "usage"),
    (RedirectError("no", status=302), 2, "usage"),
    (DecodeError("no"), 2, "usage"),
    (RateLimitedError("no", status=429), 75, "temporary"),
    (ServerError("no", status=503), 75, "temporary"),
    (NotSentError("no"), 75, "temporary"),
    (NoReplyError("no"), 75, "temporary"),
    (RejectedError("no", status=422), 6, "event"),
    (JournalError("no"), 2, "usage"),
    (JournalError("no", busy=True), 75, "temporary"),
    (ClientStateError("no"), 1, "unexpected"),
    (ZeroDivisionError("no"), 1, "unexpected"),
    (KeyboardInterrupt(), 130, "interrupted"),
]


def report(**facts):
    counts = dict.fromkeys(RowStatus, 0) | facts.pop("counts", {})
    return BulkReport("job", sum(counts.values()), counts, **facts)


@pytest.mark.parametrize("reason", StopReason)
def test_every_stop_has_its_code(reason):
    assert code_of(report(stop_reason=reason)) == STOPS[reason]


@pytest.mark.parametrize("status", RowStatus)
def test_rows_decide_on_the_code_of_a_finished_run(status):
    assert code_of(report(counts={RowStatus.SUCCEEDED: 5, status: 1})) == STATUSES[status]


def test_a_source_that_breaks_on_the_way_does_not_claim_that_nothing_was_sent():
    assert code_of(report(stop_reason=StopReason.SOURCE, attempts=1)) == 75


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_gives_what_a_shell_expects(number, code):
    assert code_of(report(stop_reason=StopReason.INTERRUPTED), number) == code


@pytest.mark.parametrize(("error", "code", "word"), ERRORS, ids=range(len(ERRORS)))
def test_every_error_has_its_code_and_its_word(error, code, word):
    assert (code_of_error(error), word_of(code_of_error(error))) == (code, word)


def test_the_error_that_set_a_group_off_counts():
    inner = InputError("no")

    assert first_error(BaseExceptionGroup("outer", [ExceptionGroup("group", [inner]), ValueError()])) is inner
    assert first_error(inner) is inner


def test_an_unexpected_error_is_one_line_that_says_how_to_see_more():
    said = sentence_of(ValueError("two\nlines"))

    assert said == "unexpected: ValueError: two lines (AIRMEET_DEBUG=1 shows where)"
    assert sentence_of(ConfigError("as it is")) == "as it is"


REGISTER = ("register", community.SUMMIT, "people.csv", "--no-invite", "--progress", "none", "--json")
CREATE = (
    "event", "create", "--host", community.HOST, "--name", "Talks", "--summary", "One day", "--start",
    "2027-03-01 10:00", "--end", "2027-03-01 18:00", "--timezone", "Asia/Kolkata", "--json",
)  # fmt: skip
POISON = "poison@example.com,Ada,Ay"
# Requests of some kinds only, so that one sandbox does for all cases.
FAULTS = "422:100%:body=poison@example.com,drop-after:100%:on=airmeets.create"

COMMANDS = {
    Exit.OK: (REGISTER, ("a@example.com,Ada,Ay",), {}),
    Exit.UNEXPECTED: (CREATE, (), {}),
    Exit.USAGE: ((*REGISTER, "--rate", "0"), (), {}),
    Exit.LEFT_OVER: (REGISTER, ("a@example.com,Ada,Ay", POISON), {}),
    Exit.CREDENTIALS: (REGISTER, ("a@example.com,Ada,Ay",), {"AIRMEET_SECRET_KEY": "wrong"}),
    Exit.INPUT: (REGISTER, ("a@example.com,Ada,Ay,more",), {}),
    Exit.EVENT: (("register", community.NOWHERE, *REGISTER[2:]), ("a@example.com,Ada,Ay",), {}),
    Exit.RULE: ((*REGISTER, "--max-failures", "0"), (POISON,), {}),
    Exit.TEMPORARY: (
        (*REGISTER, "--rate", "1", "--deadline", "0.5"), [f"p{n}@example.com,Ada,Ay" for n in range(9)], {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, str]]:
    with running_sandbox(seed=1, faults=FAULTS, latency_ms=0) as environ:
        yield environ


@pytest.fixture
def there(airmeet: Airmeet, served: dict[str, str]) -> Airmeet:
    return Airmeet(airmeet.folder, airmeet.environ | served)


def test_there_is_a_case_for_every_code():
    assert set(COMMANDS) == set(Exit)


@pytest.mark.real_time
@pytest.mark.shows_links
@pytest.mark.parametrize("code", COMMANDS)
async def test_every_way_to_end_has_its_code_and_says_it_in_json(there, code):
    words, rows, environ = COMMANDS[code]
    there.file("people.csv", "email,first_name,last_name", *rows)

    done = await there.run(*words, **environ)

    assert done.code == code, done.err
    assert done.json["exit_code"] == code
    assert "Traceback" not in done.err


@pytest.mark.real_time
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_run_that_is_interrupted_says_so_in_json_and_can_be_resumed(there, number, code):
    there.people(50)

    with there.started(*REGISTER[:4], "--json", "--progress", "plain", "--rate", "5") as running:
        await running.says("rows in")
        running.send(number)
        done = await running.end()

    assert (done.code, done.json["exit_code"], done.json["resumable"]) == (code, code, True)
    assert done.json["stop_reason"] == "interrupted"


@pytest.mark.real_time
async def test_without_json_standard_output_stays_empty_where_nothing_can_be_listed(there):
    there.file("people.csv", "email,first_name,last_name", POISON)

    done = await there.run(*REGISTER[:-1])

    assert (done.code, done.out) == (Exit.LEFT_OVER, "")
