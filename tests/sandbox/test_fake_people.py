"""Invented people, and what is staged among them."""

import itertools
import unicodedata

from airmeet_async.sandbox import Staged, World, community, invent_people, staged
from tests.sandbox.caller import Caller

COLUMNS = ["email", "first_name", "last_name", "organisation", "designation", "city", "country"]


def test_rows_are_as_promised():
    """Every row has the same columns in the same order, all of them text."""
    rows = list(invent_people(500))

    assert len(rows) == 500
    assert {tuple(COLUMNS)} == {tuple(row) for row in rows}
    assert all(row[name] for row in rows for name in COLUMNS[1:])


def test_seed_decides():
    """Equal seeds invent the same people, other seeds others; a longer list begins like a shorter one."""
    assert list(invent_people(300, seed=1)) == list(itertools.islice(invent_people(999, seed=1), 300))
    assert list(invent_people(300, seed=1)) != list(invent_people(300, seed=2))


def test_staged_is_what_a_registration_finds():
    """The sandbox adds, replays and refuses exactly as many as staged, wherever the list ends."""
    for seed in (0, 7):
        caller = Caller(World())
        for n, row in enumerate(invent_people(2001, seed)):
            if n in {0, 1, 17, 18, 59, 100, 684, 2000}:
                statistics = caller.world.statistics()
                found = Staged(n, statistics.adds, statistics.replays, statistics.statuses.get(400, 0))
                assert staged(n) == found, (n, seed)
            caller.add(row["email"], firstName=row["first_name"], lastName=row["last_name"])


def test_duplicates_are_exact_and_in_other_case():
    """Both sorts occur, each of them after the row it repeats."""
    emails = [row["email"] for row in invent_people(1000)]
    seen: set[str] = set()
    exact = recased = 0
    for email in filter(None, emails):
        exact += email in seen
        recased += email not in seen and email.lower() in {other.lower() for other in seen}
        seen.add(email)

    assert (exact, recased) == (10, 10)


def test_invalid_addresses_are_of_many_sorts():
    """Empty, without @, with blanks, with two dots, without a domain."""
    emails = {row["email"] for row in invent_people(1000)}

    assert "" in emails
    assert any(email and "@" not in email for email in emails)
    assert any(" " in email for email in emails)
    assert any(".." in email for email in emails)
    assert any(email.endswith("@") for email in emails)


def test_only_reserved_domains():
    """No row could reach a real mailbox."""
    domains = {row["email"].partition("@")[2].lower() for row in invent_people(2000)}

    assert {"", "example.com", "example.org", "example.net"} == domains


def test_some_texts_are_too_long():
    """Names over 35 and organisations over 70 characters occur."""
    rows = list(invent_people(1000))

    assert any(len(row["first_name"]) > 35 for row in rows)
    assert any(len(row["last_name"]) > 35 for row in rows)
    assert any(len(row["organisation"]) > 70 for row in rows)


SCRIPTS = [
    "LATIN",
    "CYRILLIC",
    "GREEK",
    "ARABIC",
    "HEBREW",
    "DEVANAGARI",
    "TAMIL",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL",
    "THAI",
    "GEORGIAN",
    "ETHIOPIC",
]


def test_many_scripts():
    """Names come in many scripts, some with emoji."""
    for script in SCRIPTS:
        letters = {letter for row in invent_people(1000) for letter in row["first_name"] + row["last_name"]}

        assert any(unicodedata.name(letter, "").startswith(script) for letter in letters), script
        assert "\N{SUN WITH FACE}" in letters, script


def test_everything_invented_is_text_that_can_be_sent():
    """Nothing but the address is ever refused."""
    caller = Caller()
    for row in invent_people(200):
        fields = {name: row[name] for name in COLUMNS[3:]}
        names = {"firstName": row["first_name"], "lastName": row["last_name"]}
        assert caller.add("ada@example.com", community.LIVE, **names, **fields).status == 200
