"""Switches as they are typed, and listed."""

from attrs import fields

from airmeet_async.sandbox import Switches, describe_switches, parse_switches
from tests.cases import case
from tests.sandbox.caller import value_error


def test_each_switch_is_described():
    """With its default and its values, of which the default is one."""
    described = {one.name: one for one in describe_switches()}

    assert list(described) == [spec.name for spec in fields(Switches)]
    for one in described.values():
        with case(one.name):
            assert one.meaning.endswith(".")
            assert parse_switches([f"{one.name}={one.default}"]) == Switches()


def test_switches_are_read():
    """Each kind of value; names with hyphens, too."""
    found = parse_switches([
        "replay_mails=yes", "auth-envelope=TRUE", "unknown_attendee_status=404", "error_shape=text",
        "prepared_for_s=inf",
        "refused_timezones=Asia/Kolkata, UTC",
        "acknowledgement=no content", "token_lifetime_s=0.5",
    ])  # fmt: skip

    assert found == Switches(
        replay_mails=True,
        auth_envelope=True,
        unknown_attendee_status=404,
        error_shape="text",
        refused_timezones=frozenset(("Asia/Kolkata", "UTC")),  # type: ignore[arg-type]
        acknowledgement="no content",
        token_lifetime_s=0.5,
    )


def test_what_cannot_be_set_says_what_can():
    """Names that are close, and the values of a name."""
    for text, said in {
        "replay_mail=yes": "did you mean replay_mails",
        "zzz=1": "--switches lists them",
        "replay_mails": "are yes, no",
        "replay_mails=2": "are yes, no",
        "error_shape=html": "are status, message, success, error, text, empty",
        "attendance_size=51": "a whole number from 1 to 50",
        "token_lifetime_s=-1": "a number",
        "not_ready_times=many": "a whole number",
    }.items():
        with case(text):
            assert said in value_error(parse_switches, [text])
