"""Exit codes, as tables."""

import signal

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
from airmeet_async.cli.exit_codes import KeysError, UsageError, code_of, code_of_error, leaf, sentence_of, word_of

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
    RowStatus.SKIPPED: 0,
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
    (TokenRejectedError("no", status=412), 4, "credentials"),
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

    assert leaf(BaseExceptionGroup("outer", [ExceptionGroup("group", [inner]), ValueError()])) is inner
    assert leaf(inner) is inner


def test_an_unexpected_error_is_one_line_that_says_how_to_see_more():
    said = sentence_of(ValueError("two\nlines"))

    assert said == "unexpected: ValueError: two lines (AIRMEET_DEBUG=1 shows where)"
    assert sentence_of(ConfigError("as it is")) == "as it is"
