"""Names of commands that are gone are answered with what is typed now."""

import pytest


@pytest.mark.parametrize(
    ("typed", "now"),
    [
        (("participants", "e1", "--json"), "airmeet export e1 participants"),
        (("polls", "e1"), "airmeet export e1 polls"),
        (("questions", "--json", "e1"), "airmeet export e1 questions"),
        (("utms",), "airmeet export AIRMEET_ID utms"),
        (("recordings", "--links"), "airmeet export AIRMEET_ID recordings"),
        (("attendance", "e1"), "airmeet export e1 attendance (or session-attendance, booth-attendance, replays)"),
        (("whoami",), "airmeet doctor"),
        (("runs", "resume", "3f2a"), "airmeet runs continue 3f2a"),
    ],
)
def test_an_old_name_is_answered_with_the_new_one(airmeet, typed, now):
    done = airmeet(*typed)

    name = " ".join(word for word in typed[:2] if word in {"runs", "resume"}) or typed[0]
    assert (done.code, done.err) == (2, f"error: airmeet {name} is now: {now}\n")


def test_the_profile_may_stand_before_an_old_name(airmeet):
    assert "is now: airmeet doctor" in airmeet("--profile", "berlin", "whoami").err


@pytest.mark.parametrize(
    ("typed", "usage"),
    [
        (("help",), "Usage: airmeet COMMAND"),
        (("help", "register"), "Usage: airmeet register"),
        (("help", "runs", "rate"), "Usage: airmeet runs rate"),
    ],
)
def test_help_is_also_a_word(airmeet, typed, usage):
    asked = airmeet(*typed)

    assert (asked.code, asked.out[: len(usage)]) == (0, usage)
    assert asked.out == airmeet(*typed[1:], "--help").out


def test_help_for_what_is_no_command_says_so(airmeet):
    assert 'unknown command "registre". Did you mean "register"?' in airmeet("help", "registre").err
