"""A string that nothing shows (SEC-15)."""

import copy
import json
import logging
import pickle
import traceback

import attrs
import pytest

from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret

SECRET = Secret("hunter2")


WAYS = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "f-string": lambda secret: f"{secret}{secret!r}{secret!s}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways
    "containers": lambda secret: str([secret, {"a": secret}, (secret,)]),
    "a model": lambda secret: repr(AuthToken(secret)),
    "asdict": lambda secret: str(attrs.asdict(AuthToken(secret))),
    "a log record": lambda secret: logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(),
    "JSON": lambda secret: json.dumps({"a": secret}, default=str),
}


@pytest.mark.parametrize("show", WAYS.values(), ids=WAYS)
def test_no_way_of_showing_it_shows_it(show):
    """Only reveal() does."""
    assert "***" in show(SECRET)
    assert "hunter2" not in show(SECRET)
    assert SECRET.reveal() == "hunter2"


TAKERS = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "JSON": json.dumps,
    "a padded f-string": lambda secret: f"{secret:>20}",
    "vars": vars,
    "iter": iter,
    "len": len,
}


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
def test_it_cannot_be_taken_elsewhere(take):
    """Pickles, copies and the like are type errors without the text."""
    with pytest.raises(TypeError) as caught:
        take(SECRET)

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_equal_texts_are_equal_secrets():
    """Comparing and hashing work, and no plain string is equal to a secret."""
    assert Secret("hunter2") == SECRET
    assert Secret("hunter3") != SECRET
    assert Secret("") != SECRET
    assert SECRET != "hunter2"
    assert len({SECRET, Secret("hunter2"), Secret("é")}) == 2
    assert Secret("é") == Secret("é")
    assert str(hash(SECRET)) != str(hash("hunter2"))
