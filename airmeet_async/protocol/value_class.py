"""`value`: a frozen class for what is made once per row.

attrs lets a frozen class set each of its fields through `object.__setattr__`, which makes a value of ten fields four
times as dear as one that is not frozen. So these are frozen for the type checker, and for nobody else.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from functools import partial

    from attrs import define

    value = partial(define, unsafe_hash=True)

__all__ = ["value"]
