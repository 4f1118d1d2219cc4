"""The short form of ``make torture``: after Ctrl-C nobody is mailed twice, whatever is done in whatever order."""

import random
import shutil

import pytest

from tests.torture.double_mail import PEOPLE, Drill, drill, orders

pytestmark = pytest.mark.slow

_BATCHES, _EACH = 6, 5


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_nobody_is_mailed_twice_whatever_follows_a_stop(tmp_path, batch):
    draw = random.Random(batch)
    for n, actions in enumerate(draw.sample(orders(), _EACH)):
        assert drill(tmp_path / str(n), actions, draw) == [], actions


def test_the_judge_finds_who_is_mailed_twice_and_who_is_not_mailed(tmp_path):
    twice = Drill(tmp_path / "twice", 6, 3)
    shutil.rmtree(tmp_path / "twice/.local")
    twice.finish()
    never = Drill(tmp_path / "never", 6, 3)
    never.finish()
    first, *others = never.truth.log.read_text().splitlines()
    never.truth.log.write_text("\n".join([first.replace('"mail": true', '"mail": false'), *others]))

    assert [fault.partition(" ")[2] for fault in twice.faults()].count("was mailed 2 times") in range(5, 8)
    assert list(never.faults()) == ["person-0@example.com was never mailed, and the results say asked"]


def test_who_has_forgotten_mails_everybody_again_and_is_told_so_before(tmp_path):
    found = Drill(tmp_path, 6, 3)
    found.finish()
    refused = found.run("forget", "runs", "purge", "--all", "--forget")
    forgotten = found.run("forget", "runs", "purge", "--all", "--forget", "--yes")
    plan = found.run("plan", *found.last_words, "--dry-run", "--json")

    assert refused.code == 2
    for said in (refused.err, forgotten.err):
        assert "with --invite mails everybody in its list again" in " ".join(said.split())
    assert plan.json["invitations"] == PEOPLE
