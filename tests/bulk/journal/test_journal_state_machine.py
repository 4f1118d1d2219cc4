"""Lists, sends, kills and edits in any order, against a model that is a few dicts."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airmeet_async.bulk.journal.recorded_rows import recorded_result
from airmeet_async.bulk.journal.writer import JournalWriter, Transaction
from airmeet_async.bulk.report import OTHER_NAME, RowStatus
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Row, Wish
from tests.bulk.journal.conftest import BOTH, MAILS, PLAIN, REGISTERS, add_list, opened, outcome, person

# Each step waits for the disk several times; a slow or busy one takes most of the time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

S = OutcomeState
PEOPLE = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["L", "M"])), min_size=1, max_size=10)


class JournalMachine(RuleBasedStateMachine):
    """The model: per person what is done and in doubt, and who may be under way; per list its rows.

    The journal keeps its promise if a person whose request may have left is never told as not sent, and one whose
    request has not left is never in doubt.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "launch.job"
        self.writer: JournalWriter = opened(self.path)
        self.template: CallTemplate = PLAIN
        self.list, self.names = 0, ""
        self.done: dict[str, int] = {}
        self.states: dict[str, S] = {}
        self.under_way: dict[str, int] = {}  # with what was asked
        self.horizon = -1

    def teardown(self) -> None:
        self.writer.close()
        self.folder.cleanup()

    @precondition(lambda self: not self.under_way)
    @rule(
        people=PEOPLE,
        template=st.sampled_from([PLAIN, REGISTERS, MAILS, BOTH]),
        confirmed=st.booleans(),
        name=st.sampled_from(["one.csv", "two.csv"]),
    )
    def add(self, people: list[tuple[str, str]], template: CallTemplate, confirmed: bool, name: str) -> None:
        self.end()
        rows = [person(index, who, template, last=last) for index, (who, last) in enumerate(people)]
        options: dict[str, Any] = dict(template.flags)
        number = add_list(self.writer, rows, template, name=name, confirmed=confirmed, options=options)
        if confirmed:
            self.list, self.template, self.names = number, template, "".join(who for who, _ in people)
        elif self.list and all(found.id != self.list for found in self.writer.lists()):
            raise AssertionError("a declined list took the place of a confirmed one")

    def open_rows(self) -> dict[str, Row]:
        return {row.key[0]: row for row in self.writer.open_rows(self.list, -1, 99)} if self.list else {}

    @rule(n=st.integers(1, 4))
    def send_fresh_rows(self, n: int) -> None:
        """Under the horizon, in their order."""
        if self.template.wish & Wish.MAILED:
            return
        fresh = [row for row in self.open_rows().values() if row.earlier is None and not row.changed]
        chosen = [row for row in fresh if row.index > self.horizon][:n]
        if chosen:
            self.horizon = chosen[-1].index
            self.writer.transact(Transaction(self.list, horizon=self.horizon))
            self.under_way |= {row.key[0]: int(self.template.wish) for row in chosen}

    @rule(which=st.integers(0, 9))
    def send_one_by_itself(self, which: int) -> None:
        found = [row for name, row in self.open_rows().items() if name not in self.under_way]
        if found:
            row = found[which % len(found)]
            self.writer.transact(Transaction(self.list, intents=[(row, int(self.template.wish))]))
            self.under_way[row.key[0]] = int(self.template.wish)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 9), state=st.sampled_from([S.SUCCEEDED, S.REJECTED, S.FAILED, S.RETRY, S.UNKNOWN]))
    def settle_one(self, which: int, state: S) -> None:
        name = sorted(self.under_way)[which % len(self.under_way)]
        asked = self.under_way.pop(name)
        row = next(row for row in self.writer.open_rows(self.list, -1, 99) if row.key[0] == name)
        done = self.done.get(name, 0) | (asked if state is S.SUCCEEDED else 0)
        values = list(outcome(self.writer, row, state))
        values[3], values[4] = done, asked if state is S.UNKNOWN else 0
        self.writer.transact(Transaction(self.list, outcomes=[tuple(values)]))
        self.done[name], self.states[name] = done, state

    @precondition(lambda self: not self.under_way)
    @rule()
    def end(self) -> None:
        self.writer.end_run(self.list, {})
        self.writer.begin_run()
        self.horizon = -1

    @rule()
    def kill(self) -> None:
        self.writer.close()
        self.writer = opened(self.path)
        self.states |= dict.fromkeys(self.under_way, S.UNKNOWN)
        self.under_way, self.horizon = {}, -1

    @invariant()
    def each_row_is_told_once_and_truly(self) -> None:
        if not self.list:
            return
        is_open = self.open_rows()
        settled = self.writer.settled_rows(self.list, -1, 99)
        told = {row.index: row for row in [*settled, *is_open.values()]}
        first = {name: self.names.index(name) for name in self.names}
        own = {index for name, index in first.items() if name in self.states and index not in told}
        assert set(told) | own == set(range(len(self.names)))  # the others were settled by this run itself
        for row in told.values():
            name = row.key[0]
            status = recorded_result(row, "").status
            if row.error is not None and row.duplicate_of is None:  # another list has this address under another name
                assert row.error.code == OTHER_NAME
                continue
            assert (status is RowStatus.DUPLICATE) == (row.index != first[name])
            if status is RowStatus.DUPLICATE or name in self.under_way:
                continue
            state = self.states.get(name)
            is_done = state is S.SUCCEEDED and not int(self.template.wish) & ~self.done[name]
            expected = {
                None: RowStatus.UNPROCESSED, S.RETRY: RowStatus.UNPROCESSED, S.UNKNOWN: RowStatus.UNKNOWN,
                S.FAILED: RowStatus.FAILED, S.SUCCEEDED: RowStatus.SUCCEEDED if is_done else RowStatus.UNPROCESSED,
                S.REJECTED: RowStatus.UNPROCESSED if row.changed else RowStatus.REJECTED,
            }[state]  # fmt: skip
            assert status is expected
            assert (row.index in {one.index for one in is_open.values()}) is (
                status in {RowStatus.UNPROCESSED, RowStatus.UNKNOWN, RowStatus.FAILED}
            )


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
