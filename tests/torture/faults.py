"""Which request meets which fault: ``expire@300,500:5%,429/5000+20:retry=1,reset-after:2%,blackout@900:for=2``.

One fault is ``KIND[@K | /N][+HOW_MANY][:P%][:OPTION=NUMBER]``, faults are divided by commas:

``@K``       at the K-th add (from 1), ``/N`` at every N-th; with ``+M`` also at the M - 1 adds after it
``:P%``      by chance; the lot depends on the seed, the key and how often the key came, not on the order of arrival

Kinds: ``reset-before reset-after cut hang hang-after drip slow expire 429 blackout refuse`` and any 5xx status,
with ``-after`` where it is applied all the same. Options: ``retry`` (seconds in Retry-After), ``for`` (seconds of
slow, blackout, refuse), ``bytes`` (of a cut), ``gap`` (seconds between two bytes of a drip).
The first fault of the list that fits is taken.
"""

import hashlib
import re
from collections.abc import Mapping

from attrs import field, frozen

_FORM = re.compile(r"([a-z0-9-]+)(?:@(\d+)|/(\d+))?(?:\+(\d+))?((?::[^:]+)*)")
_KINDS = re.compile(
    r"reset-before|reset-after|cut|hang|hang-after|drip|slow|expire|429|blackout|refuse|5\d\d(?:-after)?"
)
_OPTIONS = {"retry", "for", "bytes", "gap"}


@frozen
class Fault:
    """One entry of the list.

    Attributes:
        kind: What goes wrong.
        at: The number of the first add that meets it, or None.
        every: It comes again after that many adds, or None.
        many: For how many adds in a row.
        share: The chance of each add, from 0 to 1.
        options: Numbers by name.
    """

    kind: str
    at: int | None = None
    every: int | None = None
    many: int = 1
    share: float = 0.0
    options: Mapping[str, float] = field(factory=dict)

    def strikes(self, number: int) -> bool:
        """Say whether the script names this add."""
        if self.at is not None:
            return self.at <= number < self.at + self.many
        return self.every is not None and number >= self.every and number % self.every < self.many

    def option(self, name: str, otherwise: float) -> float:
        """Return an option's number."""
        return self.options.get(name, otherwise)


@frozen
class Faults:
    """All of them, and the seed of the lots."""

    scripted: tuple[Fault, ...] = ()
    by_chance: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> "Faults":
        """Read a list of faults.

        Raises:
            ValueError: Names the entry that cannot be read.
        """
        found = [_parse(entry.strip()) for entry in text.split(",") if entry.strip()]
        by_chance = tuple(fault for fault in found if fault.share)
        if sum(fault.share for fault in by_chance) > 1:
            raise ValueError(f"the chances in {text!r} are over 100 %")
        return cls(tuple(fault for fault in found if not fault.share), by_chance, seed)

    def meet(self, number: int, key: str, nth: int) -> Fault | None:
        """Return what happens to an add: its *number* overall, its key, and that it comes for the *nth* time."""
        for fault in self.scripted:
            if fault.strikes(number):
                return fault
        if not self.by_chance:
            return None
        lot = _lot(f"{self.seed}:{key}:{nth}")
        for fault in self.by_chance:
            if lot < fault.share:
                return fault
            lot -= fault.share
        return None


def _lot(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest()) / 2**56


def _parse(entry: str) -> Fault:
    form = _FORM.fullmatch(entry)
    if form is None or not _KINDS.fullmatch(form[1]):
        raise ValueError(f"{entry!r} is no fault")
    share, options = 0.0, {}
    for part in form[5].split(":")[1:]:
        name, equals, number = part.partition("=")
        if part.endswith("%"):
            share = float(part[:-1]) / 100
        elif equals and name in _OPTIONS:
            options[name] = float(number)
        else:
            raise ValueError(f"{part!r} in {entry!r} is neither a chance nor an option")
    at, every, many = (int(text) if text else None for text in form.group(2, 3, 4))
    if (at is None and every is None) != bool(share) or at == 0 or every == 0:
        raise ValueError(f"{entry!r} must say when: @K, /N or :P%")
    return Fault(form[1], at, every, many or 1, share, options)
