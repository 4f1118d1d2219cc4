"""`BulkPlan`: what a run would do with an input, for programs and in words for people. Nothing is sent for it.

It is made from a list that was prepared for a run: how many rows it has, and what was noted about some of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.input.columns import ColumnMap, names_of, spell_columns
from airmeet_async.bulk.report import (
    BLOCKED,
    EXISTS,
    EXISTS_DIFFERENT,
    MAILED_ELSEWHERE,
    NOT_ATTENDING,
    OTHER_NAME,
    FailureGroup,
    RowWarning,
)
from airmeet_async.bulk.statistics import CauseCounter, warnings_by_code
from airmeet_async.formatting import WIDTH, counted, many, wrapped
from airmeet_async.protocol.validation import Problem, RegistrationFields
from airmeet_async.protocol.value_class import AsDict
from airmeet_async.tables import Table, listed, shown

_MOST_CAUSES = 8
_EXAMPLES = 3
_SENT_BEFORE = ("again", "unclear", "not_yet_mailed", "not_yet_registered")
_RETRIED = ("failed_again", "rejected_again", "unknown_again", "invites_again")
_NOT_SENT = ("done_before", "refused_before", "held", "under_way")
_EARLIER = (*_SENT_BEFORE, *_NOT_SENT, "changed", "unverified", "gone")
# Warnings that somebody should look at before people are registered; others change a text at most.
_SERIOUS = frozenset({"may_not_come", "missing_answer", "nearly_a_field"})

# What was noted about a row: index, line, status (``invalid``, ``duplicate`` or None), and the note: ``code``,
# ``message`` and ``column`` of its error, ``key``, ``duplicate_of`` and ``of_line`` of the row that it repeats, and
# ``warnings``, which are further errors of a row that is not valid.
NotedRow = tuple[int, int | None, str | None, Mapping[str, Any]]


@frozen
class EarlierList(AsDict):
    """A list that was registered here before, or blocked, as far as it has to do with this one.

    Attributes:
        name: The file; nothing where it was none.
        when: When it was read, in seconds since the epoch.
        done: How many people of this list it has, and who are done; whoever is in several counts for the newest.
    """

    name: str
    when: float
    done: int = 0


@frozen(kw_only=True)
class BulkPlan(AsDict):
    """What adding people would do. ``print(plan)`` shows it.

    Attributes:
        airmeet_id: The event.
        ready: Rows that would be sent: `new`, `again`, `unclear`, `not_yet_mailed` and `not_yet_registered` together.
        invalid: Rows that would not be sent, since something is wrong with them.
        duplicates: Rows with the address of an earlier one; they would not be sent either.
        other_names: Of these, rows with another name: two people may have one address.
        cut: Rows that would be sent with a value that Airmeet cuts.
        blocked: Rows that are not sent, since the last that was done here to these people is a block.
        warned: Rows that would be sent and have any warning.
        several_errors: Of the invalid rows, those with more than one error.
        done_before: Rows that are not sent, since an earlier run has done what is asked.
        changed: Of these, rows that differ from what was sent then.
        unverified: Of `done_before`, rows whose mail was asked for once, and nobody knows whether it went out.
        missing: Of `done_before`, sessions, booths and speakers that the event does not have any more.
        refused_before: Rows that are not sent, since Airmeet has refused them as they are.
        held: Rows that are not sent, since nobody knows what became of them and repeating may do harm: they were sent
            more than a day ago, or would be made twice.
        under_way: Rows that are not sent, since a run in progress is sending them.
        not_yet_mailed: Of the rows that would be sent, those that an earlier run has added without a mail.
        not_yet_registered: Of these, those that an earlier run has added as pending.
        unclear: Of these, those that were sent without a clear answer. A mail that was asked for then is not asked for
            again, unless the plan says `may_mail_twice`.
        again: Of these, those that were done before, and are sent once more on purpose.
        failed_again: Of these, in a retry, those that failed.
        rejected_again: Those that Airmeet refused.
        unknown_again: Those that may exist already, and may then exist twice.
        invites_again: Those that are done, and whose invitation may not have been mailed.
        found_not_mailed: Of these, those of whom the event's list of participants says that they were not.
        found_mailed: In such a retry, rows that are left out, since that list says that they were mailed.
        found_done: In a retry, rows without a clear answer that are done: the event has what they are about.
        found_existing: In a retry, rows that are left out, since the event has what they are about.
        gone: People of the list of the same name before this one who are not in it any more; they stay as they are.
        not_coming_before: Of the people who are left out since they do not come, those who were done before.
        previous: That list.
        done_by: The other lists whose people are in this one and done, the newest first.
        causes: What is the matter with rows: of those that are not sent, of those that repeat another one, and
            warnings, each the most frequent first. ``sample_rows`` are lines of a file, else numbers from 1. A row with
            several errors is in several of them.
        source: The file, or nothing.
        columns: Which column of a file is what, or None for rows that are from no file.
        splits: How the first few whole names are split: whole, first, last.
        fields_known: The event was asked for its registration fields.
        is_hybrid: Each person needs an attendance type, and counts as registered at once; None where that is not known.
        unfilled: Mandatory registration fields that no column fills; Airmeet may refuse the rows.
        ignored: Columns, or keys of mappings, that are used for nothing.
        invitations: Mails that Airmeet would send.
        second_invitations: Of these, to people who were mailed before, or may have been, and are sent once more on
            purpose.
        full_before: Of `new`, rows that were refused before since no registrations were left in the plan.
        mails: People are to be mailed, also if all of them were before.
        may_mail_twice: Mails that were asked for without a clear answer are asked for again
            (``invites="at_least_once"``).
        done: What a row is that Airmeet has done, see `describe_done`.
        registrations: Registrations of the plan that would be used up.
        rate: Requests per second that was asked for; None to follow what Airmeet allows.
        notices: What was decided without being asked when the file was read.
        job: What is typed for the job, where that is known.
        fields_error: Why the event could not be asked, where that does not keep the rows from being checked otherwise.
    """

    airmeet_id: str
    ready: int = 0
    invalid: int = 0
    duplicates: int = 0
    other_names: int = 0
    cut: int = 0
    blocked: int = 0
    warned: int = 0
    several_errors: int = 0
    done_before: int = 0
    changed: int = 0
    unverified: int = 0
    missing: int = 0
    refused_before: int = 0
    held: int = 0
    under_way: int = 0
    not_yet_mailed: int = 0
    not_yet_registered: int = 0
    unclear: int = 0
    again: int = 0
    failed_again: int = 0
    rejected_again: int = 0
    unknown_again: int = 0
    invites_again: int = 0
    found_not_mailed: int = 0
    found_mailed: int = 0
    found_done: int = 0
    found_existing: int = 0
    gone: int = 0
    not_coming_before: int = 0
    previous: EarlierList | None = None
    done_by: tuple[EarlierList, ...] = ()
    causes: tuple[FailureGroup, ...] = ()
    source: str = ""
    columns: ColumnMap | None = None
    splits: tuple[tuple[str, str, str], ...] = ()
    fields_known: bool = False
    is_hybrid: bool | None = None
    ignored: tuple[str, ...] = ()
    unfilled: tuple[str, ...] = ()
    invitations: int = 0
    second_invitations: int = 0
    full_before: int = 0
    mails: bool = False
    may_mail_twice: bool = False
    done: str = "registered"
    registrations: int = 0
    rate: float | None = None
    notices: tuple[str, ...] = ()
    job: str = ""
    fields_error: Exception | None = field(default=None, eq=False, repr=False)

    @property
    def rows(self) -> int:
        """All rows."""
        not_sent: Iterable[int] = (getattr(self, name) for name in _NOT_SENT)
        return self.ready + self.invalid + self.duplicates + self.blocked + sum(not_sent)

    @property
    def new(self) -> int:
        """Rows that would be sent, and were never done."""
        before: Iterable[int] = (getattr(self, name) for name in (*_SENT_BEFORE, *_RETRIED))
        return self.ready - sum(before)

    @property
    def not_coming(self) -> int:
        """Rows that would be sent, though a column of the list says that these people do not come."""
        return sum(group.n for group in self.causes if group.code == "may_not_come")

    @property
    def to_correct(self) -> int:
        """Rows that are not valid; there is nothing to correct in those of people who do not come."""
        return self.invalid - sum(group.n for group in self.causes if group.code == NOT_ATTENDING)

    @property
    def needs_attention(self) -> bool:
        """Whether there are rows that somebody should look at: those that would not succeed, and some warnings."""
        not_sent = self.invalid or self.blocked or self.refused_before or self.held or self.other_names
        return bool(not_sent or any(group.code in _SERIOUS for group in self.causes))

    @property
    def seconds(self) -> float | None:
        """How long it would take at that rate, if nothing slows it down."""
        return self.ready / self.rate if self.rate else None

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the plan in words, in lines that fit a terminal."""
        return [*self.head(), "", *self.count_lines()]

    def count_lines(self, will: str = "will be") -> list[str]:
        """Say how many rows will be sent, how many are left out, and why: people first, then what is wrong."""
        done, mailed = self.done, " and mailed" if self.invitations or self.mails else ""
        again = "sent again"
        if mailed:
            again += "; some of them may be mailed twice" if self.may_mail_twice else ", without a second mail"
        # Blocking and unblocking send everybody each time, without being told to.
        is_access = done in {"blocked", "unblocked"}
        once_more = f"will be {done} again, which is harmless" if is_access else f"will be sent once more{mailed}"
        retry = " ".join(filter(None, ("airmeet retry", self.job or self.airmeet_id)))
        refused = "refused by Airmeet before and not changed since"
        parts: list[tuple[int, str, Sequence[int]]] = [
            (self.found_done, f"without a clear answer: in the event, so {done}", ()),
            (self.found_existing, "in the event already: left out", ()),
            (self.new - self.full_before, f"{will} {done}{mailed}", ()),
            (
                self.full_before,
                f"refused before for want of registrations: will be {done}{mailed} if some are left",
                (),
            ),
            (self.not_yet_mailed, f"{done} before without a mail: will be mailed now", ()),
            (self.not_yet_registered, "pending until now: will be registered", ()),
            (self.unclear, f"sent before without a clear answer: will be {again}", ()),
            (self.second_invitations, "mailed before: will be mailed a second time", ()),
            (self.again - self.second_invitations, f"{done} before: {once_more}", ()),
            (self.failed_again, f"failed before: will be {done}{mailed}", ()),
            (self.rejected_again, f"refused before: will be {done}{mailed}, unless they are refused again", ()),
            (self.unknown_again, "may exist or not: will be sent again, and may then exist twice", ()),
            (self.found_mailed, f"{done} and mailed, says Airmeet's list of participants: left out", ()),
            (self.found_not_mailed, f"{done} and not mailed, says Airmeet's list of participants: will be mailed", ()),
            (
                self.invites_again - self.found_not_mailed,
                f"{done}, perhaps not mailed: will be mailed; some of them may get it twice",
                (),
            ),
            (self.done_before - self.unverified, self._done_before(f"{done}{mailed}"), ()),
            (
                self.unverified,
                f"{done} before, perhaps not mailed: left out ({retry} --invites asks Airmeet who was)",
                (),
            ),
            (self.under_way, "under way in a run that is in progress: left out", ()),
            (self.held, "sent before without a clear answer: left out, since nobody knows what became of them", ()),
            (self.refused_before, f"{refused}: left out ({retry} --rejected sends them as they are)", ()),
        ]
        stay = done if is_access else "in the event"
        block = " ".join(filter(None, ("airmeet block", self.airmeet_id)))
        stays = f"not coming any more, but {stay} and with a link ({block} takes it away)"
        parts += [*self._describe_causes(), (self.not_coming_before, stays, ())]
        parts += [(self.gone, f"of the last list are no longer in it; they stay {stay}", ())]
        return self._lines_of([part for part in parts if part[0]] or [(0, f"{will} {done}", ())])

    def _describe_causes(self) -> list[tuple[int, str, Sequence[int]]]:
        check = "sent, but to check"
        found: list[tuple[int, str, Sequence[int]]] = [
            (one.n, f"{check if one.code in _WARNING_WORDS else 'left out'}: {describe_cause(one)}", one.sample_rows)
            for one in self.causes
        ]
        if n := self.several_errors:
            found.append((n, f"of the rows left out {'has' if n == 1 else 'have'} more than one error", ()))
        return found

    def _lines_of(self, found: list[tuple[int, str, Sequence[int]]]) -> list[str]:
        if self.registrations and found:  # these rows come first
            n, what, rows = found[0]
            most = "up to " if self.full_before else ""
            used = f"this uses {most}{self.registrations:,} of your plan's registrations"
            found = [(n, f"{what}; {used}", rows), *found[1:]]
        shown_parts, more = found[:_MOST_CAUSES], found[_MOST_CAUSES:]
        width = max((len(f"{n:,}") for n, *_ in found), default=0)
        lines = [line for n, what, rows in shown_parts for line in describe_rows(n, what, rows, width)]
        return [*lines, *([f"  and {counted(len(more), 'more cause')}"] if more else [])]

    def _done_before(self, done: str) -> str:
        by_name = Counter[str]()  # a file that was sent in several ways is several lists
        for found in self.done_by:
            by_name[found.name] += found.done
        lists = listed(
            [
                f"{f'{n:,} of them ' if n < self.done_before else ''}from {shown(name)}"
                for name, n in by_name.items()
                if name not in {"", self.source}
            ]
        )
        changed = ""
        if self.changed:
            changed = f" ({self.changed:,} changed since; Airmeet keeps the old details)"
        if self.missing:
            are, them = ("is", "it") if self.missing == 1 else ("are", "them")
            changed += f" ({self.missing:,} {are} not in the event any more; --again makes {them})"
        return f"{done} before{f', {lists}' if lists else ''}: left out{changed}"

    def head(self) -> list[str]:
        """Return what the file is and what its columns are used for."""
        lines = describe_input(self.source, self.rows, self.columns, self.notices) if self.columns else []
        splits = [f"{shown(whole)} = {shown(first)} + {shown(last)}" for whole, first, last in self.splits]
        lines += wrapped(f"for example {', '.join(splits)}", "  ", "    ") if splits else []
        if self.columns is None:
            return lines + (wrapped(f"not used: {names_of(self.ignored)}") if self.ignored else [])
        types = [match for match in self.columns.fields if match.field == "attendance_type"]
        if types and self.is_hybrid is False:
            what = f"not sent: {shown(types[0].column)}, since only hybrid events have attendance types"
            lines += wrapped(what, "  ", "    ")
        if not self.unfilled:
            return lines
        labels = ", ".join(map(shown, self.unfilled))
        what = f"no column fills the event's required registration {many('field', len(self.unfilled))} {labels}"
        fix = spell_columns(self.columns.spell, {"custom:LABEL": "Column"})
        return lines + wrapped(f"{what}; Airmeet may refuse the rows. Assign a column with {fix}")

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape (``--dry-run --json``)."""
        found = self.columns or ColumnMap(())
        return {
            "airmeet_id": self.airmeet_id,
            "file": self.source or None,
            "rows": self.rows,
            "ready": self.ready,
            "invalid": self.invalid,
            "duplicates": self.duplicates,
            "blocked": self.blocked,
            "other_names": self.other_names,
            "cut": self.cut,
            "warned": self.warned,
            "several_errors": self.several_errors,
            "new": self.new,
            **{name: getattr(self, name) for name in _EARLIER},
            "causes": [
                {"code": group.code, "message": group.message, "n": group.n, "lines": list(group.sample_rows)}
                for group in self.causes
            ],
            "preset": found.preset.name if found.preset else None,
            "columns": {match.field: match.column for match in found.fields},
            "custom_fields": {match.field: match.column for match in found.custom},
            "split_name": found.whole or None,
            "ignored": list(self.ignored),
            "fields_known": self.fields_known,
            "is_hybrid": self.is_hybrid,
            "unfilled": list(self.unfilled),
            "not_coming_before": self.not_coming_before,
            "invitations": self.invitations,
            "second_invitations": self.second_invitations,
            "full_before": self.full_before,
            "registrations": self.registrations,
            "rate": self.rate,
            "seconds": self.seconds,
            "notices": list(self.notices),
        }


@frozen
class RowFinding(AsDict):
    """Something about one row that its owner should know.

    Attributes:
        line: Where the row starts in the file; of rows that are from no file their number, from 1.
        code: A short stable word.
        message: One sentence.
        is_error: The row is not sent, and something about it has to be corrected.
        column: The column of the file, or the key of the mapping, that has to be corrected; None where that is not
            known.
    """

    line: int
    code: str
    message: str
    is_error: bool = False
    column: str | None = None


def make_plan(
    counts: Mapping[str, int],
    noted: Iterable[NotedRow],
    *,
    table: Table | None = None,
    columns: ColumnMap | None = None,
    ignored: Sequence[str] = (),
    event_fields: RegistrationFields | None = None,
    found: Callable[[RowFinding], object] | None = None,
    airmeet_id: str = "",
    invite: bool = False,
    done: str = "registered",
    rate: float | None = None,
    previous: EarlierList | None = None,
    done_by: Iterable[EarlierList] = (),
    may_mail_twice: bool = False,
) -> BulkPlan:
    """Say what a run would do with a list that was prepared for it.

    Args:
        counts: ``rows``, and as far as they are known ``invitations``, ``registrations`` and the counts of a plan that
            are about earlier runs.
        noted: Rows with a note, in their order.
        table: The list, if it is from a file or a data frame.
        columns: Which of its columns is what.
        ignored: Columns, or keys of mappings, that are used for nothing.
        event_fields: The event's registration fields; None where they were not checked.
        found: Called with each finding, in the order of the rows.
        airmeet_id: The event's id, checked; nothing where it is not known.
        invite: Whether Airmeet mails people.
        done: What a row is that Airmeet has done.
        rate: Requests per second, or None to follow what Airmeet allows.
        previous: The list of the same name before.
        done_by: The other lists whose people are in this one and done.
        may_mail_twice: Mails in doubt are asked for again.
    """
    invalid = duplicates = other_names = blocked = cut = warned = several_errors = 0
    left_out, repeated, warnings = CauseCounter(), CauseCounter(), CauseCounter(by_code=True)
    for index, at, status, note in noted:
        line = at or index + 1
        duplicates += status == "duplicate"
        if status == "duplicate" and "code" not in note:
            place = f"line {of_line}" if (of_line := note.get("of_line")) else f"row {note['duplicate_of'] + 1}"
            code, what = "duplicate", f"{note.get('key', '')} is already in {place}; only that one is sent"
            if name := note.get("other_name"):
                other_names += 1
                code, what = OTHER_NAME, f"{what}, under another name; this one is {shown(name)}"
            findings, causes = [RowFinding(line, code, what)], repeated
        elif status == "duplicate":  # what the event has already, or somebody of another list
            other_names += note["code"] == OTHER_NAME
            findings, causes = [RowFinding(line, note["code"], note["message"])], repeated
        elif status == "invalid":
            blocked += note["code"] == BLOCKED
            invalid += note["code"] != BLOCKED
            one_error = RowFinding(line, note["code"], note["message"], is_error=True, column=note.get("column"))
            findings, causes = [one_error], left_out
            if note["code"] != BLOCKED:  # whose warnings are no errors
                others: Sequence[RowWarning] = note.get("warnings", ())
                findings += [RowFinding(line, one.code, one, is_error=True, column=one.column) for one in others]
                several_errors += len(findings) > 1
        else:
            said = warnings_by_code(note.get("warnings", ()))
            findings, causes = [RowFinding(line, code, what) for code, what in said.items()], warnings
            cut += "will_be_cut" in said
            warned += bool(said)
        for finding in findings:
            causes.add(finding.code, finding.message, finding.line)
            if found is not None:
                found(finding)
    earlier: dict[str, Any] = {name: counts.get(name, 0) for name in (*_EARLIER, *_RETRIED)}
    ready = counts["rows"] - invalid - duplicates - blocked - sum(earlier[name] for name in _NOT_SENT)
    splits: list[tuple[str, str, str]] = []
    if table and columns and columns.whole and not columns.named:
        for row in table.sample(_EXAMPLES):
            whole, picked = columns.whole_name(row), columns.pick(row)
            splits += [(whole, picked["first_name"], picked["last_name"])] if whole and "last_name" in picked else []
    unfilled: list[str] = []
    if columns and event_fields:
        entries = (event_fields.find(match.field) for match in columns.custom)
        filled = {entry.id for entry in entries if not isinstance(entry, Problem)}
        unfilled = [one.label or one.id for one in event_fields.required if one.id not in filled]
    return BulkPlan(
        airmeet_id=airmeet_id,
        ready=ready,
        invalid=invalid,
        duplicates=duplicates,
        blocked=blocked,
        other_names=other_names,
        cut=cut,
        warned=warned,
        several_errors=several_errors,
        **earlier,
        previous=previous,
        done_by=tuple(done_by),
        causes=(*left_out.groups(), *repeated.groups(), *warnings.groups()),
        source=table.name if table else "",
        columns=columns,
        splits=tuple(splits),
        fields_known=event_fields is not None and event_fields.is_known,
        is_hybrid=event_fields.is_hybrid if event_fields else None,
        ignored=tuple(ignored),
        unfilled=tuple(unfilled),
        invitations=counts.get("invitations", ready) if invite else 0,
        full_before=counts.get("full_before", 0),
        mails=invite,
        may_mail_twice=may_mail_twice,
        done=done,
        not_coming_before=counts.get("not_coming_before", 0),
        second_invitations=counts.get("second_invitations", 0) if invite else 0,
        # Of a hybrid event, whoever has an attendance type is registered at once, whatever was asked (A).
        registrations=counts.get("registrations", ready if event_fields and event_fields.is_hybrid else 0),
        rate=rate,
        notices=table.notices if table else (),
    )


def describe_done(operation: str, options: Mapping[str, Any], *, is_hybrid: bool | None = None) -> str:
    """Return what a row is that Airmeet has done. Without a registration people are pending until they come (A, B)."""
    if operation == "attendees.add":
        return "registered" if options.get("registerAttendee") or is_hybrid else "added"
    return _DONE.get(operation, "succeeded")


def describe_input(source: str, rows: int, columns: ColumnMap, notices: tuple[str, ...]) -> list[str]:
    """Say what a file is, and what its columns are used for. Those that are named like their field share a line."""
    same = [match.field for match in columns.fields if match.field == match.column and not match.how]
    others = tuple(match for match in columns.fields if match.field not in same)
    lines = [f"{source}: {rows:,} {many('row', rows)}"]
    lines += wrapped(f"columns matched by name: {', '.join(same)}", "  ", "    ") if same else []
    lines += [line for text in evolve(columns, fields=others).lines() for line in wrapped(text, "  ", "    ")]
    return [*lines, *(line for text in notices for line in wrapped(text))]


_DONE = {
    "attendees.block": "blocked",
    "attendees.unblock": "unblocked",
    "speakers.add": "added",
    "sessions.create": "created",
    "booths.create": "created",
}
# What is said of several rows whose messages differ in names, numbers and addresses.
_WORDS = {
    "invalid_email": "no valid e-mail address",
    NOT_ATTENDING: "do not come, as the list says",
    "one_word_name": "a name that cannot be split",
    "unknown_option": "not one of the event's options",
    BLOCKED: "were blocked here; unblock them first to let them in again",
    EXISTS: "in the event already, so not made again",
    EXISTS_DIFFERENT: "in the event already, and different there, as the results file says in detail; Airmeet changes "
    "it in its dashboard only",
    "duplicate": "twice in the list",
    MAILED_ELSEWHERE: "mailed for this event, as airmeet_invite in this file says, though by no run on this computer "
    "(--again mails them once more)",
    OTHER_NAME: "an address that is in the list already, with another name",
}
_WARNING_WORDS = {
    "will_be_cut": "text that Airmeet will shorten",
    "broken_text": "text that looks broken",
    "no_value": "words that mean no value, such as NULL",
    "placeholder": "a placeholder instead of a name",
    "look_alike": "an address with letters that only look like those of an address",
    "may_not_come": "may not come, as the list says",
    "missing_answer": "no answer to a mandatory registration field",
    "nearly_a_field": "a column called nearly like a registration field, which is not sent",
    "unknown_speaker": "somebody who is not a speaker of the event",
    "changed": "changed since it was sent; Airmeet keeps the old details",
}


def describe_cause(group: FailureGroup) -> str:
    """Say what is the matter with rows, in words that are right for each of them."""
    if group.n == 1 and group.code != "duplicate":
        return group.message
    if group.code == OTHER_NAME and "sent before" in group.message:
        return "an address that another list has sent, under another name; the results file says which"
    if group.code == BLOCKED and group.message.startswith("was to be"):
        return "were to be blocked here, which Airmeet refused; unblock them to let them in"
    return {**_WORDS, **_WARNING_WORDS}.get(group.code, group.message)


def describe_rows(n: int, what: str, lines: Sequence[int] = (), width: int = 0, unit: str = "line") -> list[str]:
    """Say what is the matter with *n* rows, and where the first of them are: beside it, or else below it.

    Args:
        n: How many.
        what: What is said of them.
        lines: The first of their lines.
        width: Of the number.
        unit: What the lines are called.
    """
    indent = " " * (max(width, len(f"{n:,}")) + 4)
    text = wrapped(f"{n:>{width},}  {what}", "  ", indent)
    if not lines:
        return text
    *others, last = [*map(str, lines), *([f"{n - len(lines):,} more"] if n > len(lines) else [])]
    where = f"{many(unit, n)} {' and '.join(filter(None, (', '.join(others), last)))}"
    if len(text) == 1 and len(text[0]) + 3 + len(where) <= WIDTH:
        return [f"{text[0]}   {where}"]
    return [*text, *wrapped(where, indent, indent)]
