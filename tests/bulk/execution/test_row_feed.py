"""How much of a source is read, and when."""

from collections.abc import Sequence
from typing import cast

from airmeet_async import Attendee, calls
from airmeet_async.bulk.execution.row_feed import Receiver, SourceFeed
from airmeet_async.bulk.input.operations import CustomOperation
from airmeet_async.bulk.input.sources import RowSource
from airmeet_async.bulk.journal import MemoryJournal
from airmeet_async.bulk.report import RowResult
from tests.support.worlds import EVENT, person


class Source:
    """Has so many rows at each call of `take`; notes how many were asked for."""

    total, finite, is_sync = None, False, True

    def __init__(self, *has: int) -> None:
        self.has, self.asked, self.ended, self.is_stopped = list(has), list[int](), False, False

    def take(self, n: int) -> list[Attendee]:
        self.asked.append(n)
        there = min(n, self.has.pop(0)) if self.has else 0
        self.ended = not self.has
        return [person(f"{len(self.asked)}-{number}") for number in range(there)]

    def stop_reading(self) -> None:
        self.is_stopped = True


def feed_of(source: Source) -> tuple[SourceFeed, MemoryJournal, list[RowResult], list[int]]:
    operation = CustomOperation(lambda one: calls.add_attendee(EVENT, one, send_email_invite=False), None)
    feed, journal = SourceFeed(cast(RowSource, source), operation), MemoryJournal()
    finished, woken = list[RowResult](), list[int]()

    def finish(results: Sequence[RowResult], *, plain: bool = False) -> None:
        finished.extend(results)

    async def wait_for_room() -> None: ...

    journal.begin(finish, woken.append, lambda _: None, lambda: 64)
    feed.begin(Receiver(journal, finish, woken.append, lambda: 64, wait_for_room))
    return feed, journal, finished, woken


async def test_a_quick_source_is_read_in_pieces_that_double_up_to_64() -> None:
    source = Source(*[1000] * 9)
    feed, journal, _, woken = feed_of(source)
    for _ in range(9):
        feed.refill()

    assert source.asked == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert [row.index for row in journal.ready] == list(range(feed.read))
    assert woken == source.asked


async def test_a_source_that_has_little_gives_what_it_has_and_its_end_wakes_everybody() -> None:
    source = Source(1, 1, 0, 3)
    feed, journal, _, woken = feed_of(source)
    for _ in range(6):
        feed.refill()

    assert (feed.read, len(journal.ready), feed.ended) == (5, 5, True)
    assert len(source.asked) == 5
    assert woken[:3] == [1, 1, 3]
    assert woken[3] > 1000


async def test_a_feed_that_was_stopped_hands_on_only_what_it_is_asked_for() -> None:
    source = Source(5, 5, 5)
    feed, journal, _, _ = feed_of(source)
    feed.refill()
    feed.stop()
    feed.refill()
    assert (source.is_stopped, source.asked, feed.read) == (True, [1], 1)

    while not feed.ended:
        await feed.read_rest()
    assert feed.read == len(journal.ready) == 1 + 2 + 4
