"""Texts that were broken before they came here: told with what they were, and never changed."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.bulk.input.broken_text import NO_VALUE, find_broken_rows, likely_text, may_be_broken, text_warnings
from airmeet_async.bulk.row import Row

# What stands in the list, and what it was: nothing where that is lost.
BROKEN = {
    "MÃ¼ller": "Müller",
    "JosÃƒÂ©": "José",
    "MĂĽller": "Müller",
    "MГјller": "Müller",
    "M├╝ller": "Müller",
    "M√ºller": "Müller",
    "РњСЋР»Р»РµСЂ": "Мюллер",
    "Ð˜Ð²Ð°Ð½": "Иван",
    "donâ€™t": "don’t",
    "å±±ç”°": "山田",
    "O&#039;Brien": "O'Brien",
    "AT&amp;T": "AT&T",
    "Jos%C3%A9": "José",
    "Jos\\u00e9": "José",
    "=?UTF-8?Q?M=C3=BCller?=": "Müller",
    "=?utf-8?B?TcO8bGxlcg==?=": "Müller",
    "Sto\u00adne": "Stone",
    "Jos\ufffd": "",
    "\u3164": "",
}
SOUND = [
    "Müller", "JOÃO", "Łódź", "PÓŹNIAK", "Гёте", "Вёшенский", "Іванів", "山田 太郎", "이영희", "Ævar", "ÅÄÖ", "D'Ávila",
    "A & B; C", "100% Ltd", "50 %", "Who's Who", "C:\\Users", "Σωκράτης", "נועה", "علي", "O’Brien",
    "👩‍👩‍👧", "Zoë", "a=?b",
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), BROKEN.items())
def test_a_broken_text_is_told_with_what_it_was(text, meant):
    assert likely_text(text) == meant
    assert may_be_broken(text.encode())


def test_a_sound_text_is_not_suspected():
    assert [text for text in SOUND if likely_text(text) is not None] == []


def said(**texts):
    return [(warning.code, str(warning)) for warning in text_warnings(texts)]


def test_letters_that_were_lost_are_told_in_names_and_where_they_stand_between_letters():
    for name in ("Jos?", "M?ller", "????", "?"):
        assert said(last_name=name) == [("broken_text", f'last_name is "{name}", with letters lost')]
    assert said(organisation="M?ller GmbH")[0][0] == "broken_text"
    assert said(organisation="Who knows?", designation="CEO (?)") == []


def test_words_for_no_value_and_placeholders_are_told_as_what_they_are():
    assert [code for code, _ in said(last_name="NULL", city="#NV", organisation="n.a.", country="Nullarbor")] == [
        "no_value"
    ] * 3
    assert said(first_name="Info Requested")[0][0] == "placeholder"


def test_an_address_that_looks_like_another_one_is_told():
    ((code, what),) = said(email="оna@example.com")

    assert code == "look_alike"
    assert "looks like 'ona@example.com'" in what
    assert said(email="ивan@example.com")[0][0] == "look_alike"
    for sound in ("ona@example.com", "иван@пример.рф", "jürgen@bücher.de", "νίκος@παράδειγμα.gr"):
        assert said(email=sound) == []


def payload_of(text):
    return json.dumps({"firstName": text}, ensure_ascii=False).encode(errors="replace")


pieces = st.one_of(
    st.sampled_from([*BROKEN, *SOUND, "?", "&", ";", "%41", "Ã", "¼", "\u2800", "ä", "Р", "ё"]),
    st.text(max_size=3),
)


@pytest.mark.slow
@given(st.lists(pieces, max_size=4).map("".join))
@example("Ã¼")
@example("&#039;")
def test_whatever_would_be_told_is_found_in_the_bytes_of_a_request(text):
    """Otherwise the quick way would let it pass; words that are a whole text are sought by themselves."""
    for name in ("first_name", "organisation"):
        if text not in NO_VALUE and [*text_warnings({name: text})]:
            assert may_be_broken(payload_of(text)), text


def test_rows_are_looked_at_together_and_the_broken_ones_are_found():
    texts = ["Ana", "MÃ¼ller", "Zoë", "Jos?", "A & B", "山田"]
    rows = [Row(n, None, None, "", payload=payload_of(text)) for n, text in enumerate(texts)]

    assert [row.index for row in find_broken_rows(rows)] == [1, 3]
    assert [row.index for row in find_broken_rows(rows[:3])] == [1]
    assert find_broken_rows([rows[0], rows[2], rows[5]]) == find_broken_rows([]) == []
