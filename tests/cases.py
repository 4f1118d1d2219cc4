"""Tables of cases in a loop: one test per rule, and a failure that names its case."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def case(*name: object) -> Iterator[None]:
    """Add the name of a case to whatever is raised inside: a failed assertion, or `pytest.raises` without an error."""
    try:
        yield
    except BaseException as error:  # what pytest raises for a failure is no `Exception`
        error.add_note(f"case: {', '.join(ascii(part)[:80] for part in name)}")
        raise
