"""The judge: C1 to C12 of the history checker, each a function from a `History` to sentences about what is wrong.

``check(history)`` returns them all. A sentence begins with the rule: ``C4 line 7, ada@example.com: sent again …``.
"""

import sys
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.sentinels import leaks
from tests.torture.history import (
    FAILED,
    IN_FLIGHT,
    PENDING,
    REJECTED,
    RETRY,
    SUCCEEDED,
    TERMINAL,
    UNKNOWN,
    History,
    InputRow,
    Result,
    Sent,
    fold,
)
from tests.torture.traffic import auth_per_expiry, in_flight_within_limit, newest_token, rate_within_limit

OK = frozenset({"succeeded"})
UNVERIFIED = "invite_unverified"
_STATUSES = OK | {"rejected", "failed", "invalid", "duplicate", "unprocessed", "unknown"}
_SENDABLE = frozenset({"plain", "poison", "reject"})
_BY_STATE = {
    PENDING: {"unprocessed"},
    IN_FLIGHT: {"unknown"},
    RETRY: {"unprocessed", "unknown"},
    UNKNOWN: {"unknown"},
    SUCCEEDED: OK,
    REJECTED: {"rejected"},
    FAILED: {"failed"},
}

Rule = Callable[[History], Iterator[str]]


def check(history: History) -> list[str]:
    """Return all that is wrong, rule by rule."""
    return [f"{name} {what}" for name, rule in RULES for what in rule(history)]


def lost(history: History) -> list[InputRow]:
    """Return the rows that nobody would do any more: no result at the end, or a success that is none."""
    results = {result.line: result for result in history.results or ()}
    return [row for row in history.rows if _is_lost(row, results.get(row.line), history)]


def _is_lost(row: InputRow, result: Result | None, history: History) -> bool:
    if result is None or (result.status == "unprocessed" and history.facts.finished):
        return True
    sends = history.truth.by_key.get(fold(row.key), ())
    return result.status in OK and not any(sent.applied for sent in sends)


def sent_again(history: History) -> dict[int, set[str]]:
    """Return, by the number of each kill, the rows that were sent again only because of it.

    Such a row had a success, or no answer because its client was gone, and the kill came before it was sent again.
    """
    found: dict[int, set[str]] = {kill: set() for kill in history.truth.when("kill")}
    for key, sends in history.truth.by_key.items():
        for before, after in pairwise(sends):
            kill = next((kill for kill in found if before.n < kill < after.n), None)
            if kill is not None and (before.succeeded or before.gone):
                found[kill].add(key)
    return found


def one_result_per_row(history: History) -> Iterator[str]:
    """C1: exactly one terminal result per input row, and as many as there are rows."""
    if history.results is None:
        yield "there is no results file"
        return
    by_line: dict[int, list[Result]] = {}
    for result in history.results:
        by_line.setdefault(result.line, []).append(result)
    for row in history.rows:
        for what in _about_row(row, by_line.pop(row.line, []), finished=history.facts.finished):
            yield f"{_place(row)}: {what}"
    for line in by_line:
        yield f"line {line}: a result, but no row"
    last = history.journals[-1] if history.journals else None
    if last and history.facts.finished and last.inputs not in {None, len(history.rows)}:
        yield f"the journal holds {last.inputs} rows of input, the file {len(history.rows)}"


def _about_row(row: InputRow, results: list[Result], *, finished: bool) -> Iterator[str]:
    if len(results) != 1:
        yield f"{len(results)} results"
    for result in results:
        status = result.status
        if status not in _STATUSES:
            yield f"the status {status!r} does not exist"
        if fold(result.key) != fold(row.key):
            yield f"its result is that of {result.key}"
        if finished and status == "unprocessed":
            yield "unprocessed, although the run has ended"
        wanted = row.part if row.part in {"duplicate", "invalid"} else None
        if (status if status in {"duplicate", "invalid"} else None) != wanted:
            yield f"{status}, although the row is {row.part}"


def journal_agrees(history: History) -> Iterator[str]:
    """C1: what the journal holds at the end is what the results say."""
    last = history.journals[-1] if history.journals else None
    if last is None or history.results is None or not history.facts.finished:
        return
    parts = {row.line: row for row in history.rows}
    for result in history.results:
        row = parts.get(result.line)
        if row is None or row.part not in _SENDABLE:
            continue
        entry = last.entries.get(fold(row.key))
        if entry is None:
            yield f"{_place(row)}: not in the journal"
        elif result.status not in _BY_STATE.get(entry.state, ()):
            yield f"{_place(row)}: {result.status}, but state {entry.state} in the journal"


def ok_was_applied(history: History) -> Iterator[str]:
    """C2: who is told to be in has been added with just this body, and has the link that is theirs."""
    for row, result, sends in _outcomes(history):
        if result.status not in OK:
            continue
        applied = [sent for sent in sends if sent.applied]
        if not applied:
            yield f"{_place(row)}: {result.status}, but never applied"
        elif row.hashes and not any(sent.hash in row.hashes for sent in applied):
            yield f"{_place(row)}: applied with another body"
        if row.link is not None and result.link != row.link:
            yield f"{_place(row)}: {'somebody else' if result.link else 'no'} link"


def applied_is_not_denied(history: History) -> Iterator[str]:
    """C3: who has been added is not told to be refused, and nobody is told so without a reason."""
    for row, result, sends in _outcomes(history):
        applied = any(sent.applied for sent in sends)
        if applied and (result.status in {"rejected", "unprocessed"} or _is_definite(result)):
            yield f"{_place(row)}: {result.status} ({result.code}), but applied"
        if result.status == "rejected" and not any(sent.refused for sent in sends):
            yield f"{_place(row)}: rejected, but the server never refused it"
        if result.status in {"failed", "unknown"} and all(sent.succeeded for sent in sends):
            yield f"{_place(row)}: {result.status}, but no request of it failed"


def _is_definite(result: Result) -> bool:
    """Say whether a failure claims that nothing was applied."""
    code = result.code
    status = code.removeprefix("http_")
    refused = status.isdigit() and int(status) < 500 and status != "408"
    return result.status == "failed" and (refused or code.startswith("not_sent"))


def sent_as_often_as_needed(history: History) -> Iterator[str]:
    """C4: a row is sent again only after a failure, or after a crash while it was unsettled."""
    kills, done = history.truth.when("kill"), min(history.truth.when("done"), default=sys.maxsize)
    places = {fold(row.key): _place(row) for row in history.rows if row.part in _SENDABLE}
    for key, sends in history.truth.by_key.items():
        if key not in places:
            yield f"{key}: sent, but not in the input or not to be sent"
        for before, after in pairwise(sends):
            if after.n > done:
                break  # C5 has that
            if before.succeeded and not any(before.n < kill < after.n for kill in kills):
                yield f"{places.get(key, key)}: sent again (request {after.n}) after a success, without a crash"
    most = history.facts.max_unsettled
    for number, (kill, keys) in enumerate(sent_again(history).items(), 1):
        if most is not None and len(keys) > most:
            yield f"kill {number} (at {kill}): {len(keys)} rows were sent again, more than {most}"


def mails(history: History) -> dict[str, int]:
    """Return how many invitations each person got."""
    return {
        key: sum(bool(sent.applied and sent.invite) for sent in sends) for key, sends in history.truth.by_key.items()
    }


def mailed_once(history: History) -> Iterator[str]:
    """C4: nobody is mailed twice, nor risks it: no second request with a mail where an earlier one may have counted."""
    if not history.facts.invites:
        return
    for key, n in mails(history).items():
        if n > 1:
            yield f"{key}: was mailed {n} times"
    for key, sends in history.truth.by_key.items():
        asked = [sent for sent in sends if sent.invite and (sent.applied or not _is_refusal(sent))]
        if len(asked) > 1:
            yield f"{key}: {len(asked)} requests that may each have mailed an invitation"


def unmailed(history: History) -> list[InputRow]:
    """Return the rows that succeeded without an invitation."""
    found = mails(history)
    return [row for row, result, _ in _outcomes(history) if result.status in OK and not found.get(fold(row.key))]


def mailed_unless_under_way(history: History) -> Iterator[str]:
    """C4: who was not under way at a kill, and whose answers were clear, has been mailed."""
    if not history.facts.invites:
        return
    kills = set(history.truth.when("kill"))
    excused = {key for journal in history.journals if journal.at in kills for key in journal.in_flight}
    for row in unmailed(history):
        sends = history.truth.by_key.get(fold(row.key), ())
        unclear = any(sent.invite and not sent.succeeded and not sent.gone and not _is_refusal(sent) for sent in sends)
        if fold(row.key) not in excused and not unclear:
            yield f"{_place(row)}: never mailed, and was not under way at a kill"


def _is_refusal(sent: Sent) -> bool:
    return sent.refused or sent.status in {412, 429}


def not_sent_after_the_end(history: History) -> Iterator[str]:
    """C5: no send after the terminal result was durable, and a durable result is not forgotten."""
    last = {key: sends[-1].n for key, sends in history.truth.by_key.items()}
    for number, journal in enumerate(history.journals, 1):
        for key, entry in journal.entries.items():
            if entry.state in TERMINAL and last.get(key, 0) > journal.at:
                yield f"{key}: sent (request {last[key]}) after state {entry.state} was durable in journal {number}"
    for number, (old, new) in enumerate(pairwise(history.journals), 1):
        for key, entry in old.entries.items():
            now = new.entries.get(key)
            if entry.state in {SUCCEEDED, REJECTED} and (now is None or now.state != entry.state):
                yield f"{key}: state {entry.state} in journal {number} is {now and now.state} in the next one"
    for done in history.truth.when("done")[:1]:
        keys = {fold(result.key) for result in history.results or () if result.status in OK}
        for key in keys:
            if last.get(key, 0) > done:
                yield f"{key}: sent (request {last[key]}) after the run had ended"


def intent_is_durable(history: History) -> Iterator[str]:
    """C6: whoever the server has seen is in the journal as begun; and each kill leaves a whole journal."""
    journals = {journal.at: journal for journal in history.journals}
    first = {key: sends[0].n for key, sends in history.truth.by_key.items()}
    begins = min(first.values(), default=0)
    for kill in history.truth.when("kill"):
        if first and begins < kill and kill not in journals:
            yield f"no journal after the kill at {kill}"
    for at, journal in journals.items():
        if journal.integrity != "ok":
            yield f"journal at {at}: integrity check says {journal.integrity}"
            continue
        for key, n in first.items():
            entry = journal.entries.get(key)
            if n < at and (entry is None or (entry.state == PENDING and not entry.sent)):
                yield f"{key}: received as request {n}, but {'pending' if entry else 'missing'} in the journal at {at}"


def mail_is_not_claimed(history: History) -> Iterator[str]:
    """C3: who is in without an invitation is told that it may not have gone out."""
    if not history.facts.invites:
        return
    codes = {result.line: result.code for result in history.results or ()}
    for row in unmailed(history):
        if codes[row.line] != UNVERIFIED:
            yield f"{_place(row)}: succeeded without a word on its invitation, which was never asked for"


def under_way(history: History) -> dict[int, set[str]]:
    """Return, by the number of each kill, who was under way by the server's log: not answered, or answered just before.

    The client may not have read an answer, or not have recorded it: the last ones, as many as were under way at most.
    """
    found, most = {}, history.facts.max_unsettled or 0
    for kill in history.truth.when("kill"):
        start = max((n for n in history.truth.when("start") if n < kill), default=0)
        adds = [sent for sent in history.truth.adds if start < sent.n < kill]
        answered = sorted((sent for sent in adds if not sent.gone), key=lambda sent: sent.t_end)
        found[kill] = {fold(sent.key or "") for sent in adds if sent.gone}
        found[kill] |= {fold(sent.key or "") for sent in answered[-most:]}
    return found


def little_is_unknown(history: History) -> Iterator[str]:
    """C6: a kill leaves few rows unknown, and of those that were received only such that were under way."""
    most = history.facts.max_unsettled
    if most is None:
        return
    by_kill, starts = under_way(history), history.truth.when("start")
    for journal in history.journals:
        if journal.at not in by_kill:
            continue
        if len(journal.in_flight) > most:
            yield f"kill at {journal.at}: {len(journal.in_flight)} rows are unknown, more than {most}"
        start = max((n for n in starts if n < journal.at), default=0)
        for key in sorted(journal.in_flight - by_kill[journal.at]):
            late = [sent.n for sent in history.truth.by_key.get(key, ()) if start < sent.n < journal.at]
            if late:
                yield f"{key}: unknown at the kill at {journal.at}, but request {late[-1]} was answered long before"


def _outcomes(history: History) -> Iterator[tuple[InputRow, Result, list[Sent]]]:
    results = {result.line: result for result in history.results or ()}
    for row in history.rows:
        if row.part in _SENDABLE and row.line in results:
            yield row, results[row.line], history.truth.by_key.get(fold(row.key), [])


def _place(row: InputRow) -> str:
    return f"line {row.line}, {row.key}"


def in_time(history: History) -> Iterator[str]:
    """C10: it ends within the stated bound."""
    facts = history.facts
    if facts.elapsed is not None and facts.bound is not None and facts.elapsed > facts.bound:
        yield f"took {facts.elapsed:.1f} s, more than {facts.bound:.1f} s"


def no_secret_is_shown(history: History) -> Iterator[str]:
    """C11: no sentinel in any output."""
    for name, text in history.texts.items():
        for secret in leaks(text, links_allowed=name in history.with_links):
            yield f"{name}: shows {secret}"


RULES: list[tuple[str, Rule]] = [
    ("C1", one_result_per_row),
    ("C1", journal_agrees),
    ("C2", ok_was_applied),
    ("C3", applied_is_not_denied),
    ("C3", mail_is_not_claimed),
    ("C4", sent_as_often_as_needed),
    ("C4", mailed_once),
    ("C4", mailed_unless_under_way),
    ("C5", not_sent_after_the_end),
    ("C6", intent_is_durable),
    ("C6", little_is_unknown),
    ("C7", auth_per_expiry),
    ("C8", rate_within_limit),
    ("C9", in_flight_within_limit),
    ("C10", in_time),
    ("C11", no_secret_is_shown),
    ("C12", newest_token),
]
