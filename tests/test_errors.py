"""Errors are values: they travel, and they can be raised again."""

import copy
import inspect
import pickle
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import airmeet_async
from airmeet_async import errors
from airmeet_async.errors import AirmeetError
from tests.cases import case

FACTS: dict[str, dict[str, Any]] = {
    "InputError": {"path": "people.csv", "line": 7, "column": "email"},
    "InvalidInputError": {"field": "email", "code": "invalid_email", "path": None, "line": None, "column": None},
    "EncodingError": {"candidates": (("cp1252", "é"),), "path": "p.csv", "line": 7, "column": "email"},
    "TransportError": {"reason": "dns", "host": "example.com", "attempts": 3},
    "AmbiguousOutcomeError": {"operation": "events.create", "status": 502},
    "NotReadyError": {"deadline": 900.0},
    "DecodeError": {"path": "data[3].uid", "operation": "airmeets.list"},
    "IncompleteListError": {"operation": "airmeets.list", "read": 2, "expected": 3, "rows": ()},
    "BulkStoppedError": {"stop_reason": "quota", "report": {"rows_read": 7}},
    "JournalError": {"busy": True},
    "ReplyError": {"status": 400, "reason": "no", "operation": "attendees.add", "attempts": 2, "retry_after": 1.5},
}
CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]


def made(cls):
    """Return an error with the facts of its family."""
    family = next((base.__name__ for base in cls.__mro__ if base.__name__ in FACTS), "")
    facts = dict(FACTS.get(family, {}))
    error = cls("what happened", **facts)
    assert vars(error) == facts
    return error


@pytest.mark.slow
def test_an_error_keeps_its_facts():
    """Through a pickle, a copy and for one more waiter.

    In a process of its own: other packages, such as those of Dask, teach pickle to keep tracebacks.
    """
    command = [sys.executable, "-c", "from tests.test_errors import let_errors_travel; let_errors_travel()"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def let_errors_travel():
    for cls, travel in product(
        CLASSES, [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy, AirmeetError.again]
    ):
        with case(cls, travel):
            error = made(cls)
            try:
                raise error
            except AirmeetError:
                twin = travel(error)

            assert type(twin) is cls
            assert twin is not error
            assert str(twin) == "what happened"
            assert vars(twin) == vars(error)
            assert twin.__traceback__ is twin.__cause__ is twin.__context__ is None


def test_a_copy_has_facts_of_its_own():
    """What is noted on one waiter's error is not on the next one's."""
    error = made(errors.ServerError)
    error.again().attempts = 99

    assert error.attempts == 2


def test_every_error_has_its_place():
    """All descend from one root, are told in the tree at the top, and say what they are."""
    for cls in CLASSES:
        with case(cls):
            assert issubclass(cls, AirmeetError)
            assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or "")
            assert cls.__doc__
            assert getattr(airmeet_async, cls.__name__, cls) is cls


def test_wrong_settings_are_value_errors_and_wrong_use_is_a_runtime_error():
    """Callers who know only Python's own errors catch these too."""
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.ClientStateError, RuntimeError)
