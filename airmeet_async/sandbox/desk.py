"""A world behind its faults: the whole sandbox, still without a network."""

from collections import Counter
from typing import Any

from attrs import asdict, frozen

from airmeet_async.api.wire import Reply, Request

from .faults import Ending, Faults
from .router import operation
from .world import World


@frozen
class Outcome:
    """What whoever sent the request is to experience.

    Attributes:
        reply: The answer; with a drop or a hang nobody gets to see it, and it may be None.
        ending: How the exchange ends.
        delay_s: Seconds that pass first.
    """

    reply: Reply | None
    ending: Ending = Ending.ANSWER
    delay_s: float = 0.0


class Desk:
    """Takes requests, lets faults strike, asks the world.

    All of it happens on arrival and in the order of arrival; only the answer may come late.

    Args:
        world: What answers.
        faults: What goes wrong; nothing by default.
    """

    def __init__(self, world: World, faults: Faults | None = None) -> None:
        self.world = world
        self.faults = faults or Faults()
        self._endings: Counter[str] = Counter()

    def answer(self, request: Request, now: float) -> Outcome:
        """Decide on a request and apply it, if the faults let it through."""
        action = self.faults.decide(request, operation(request), now)
        if action.expires:
            self.world.expire_tokens()
        own = self.world.handle(request, now) if action.applies else None
        outcome = Outcome(action.reply or own, action.ending, action.delay_s)
        self._count(outcome)
        return outcome

    def _count(self, outcome: Outcome) -> None:
        answered = outcome.ending is Ending.ANSWER and outcome.reply is not None
        self._endings[str(outcome.reply.status) if answered and outcome.reply else outcome.ending.value] += 1

    def statistics(self) -> dict[str, Any]:
        """Return what happened, as /_sandbox/statistics shows it.

        ``world`` is the `Statistics` of the world; ``answers`` counts what senders met, by status or
        ``drop``, ``partial``, ``hang``; ``faults`` counts by the text of the rule; ``limited`` are the
        429s of the rate limit.
        """
        return {
            "world": asdict(self.world.statistics()),
            "answers": dict(sorted(self._endings.items())),
            "faults": dict(self.faults.fired),
            "limited": self.faults.limited,
        }
