"""``airmeet template``: the empty list of an event."""

from airmeet_async.sandbox import community
from tests.support.command import Sandbox


def test_a_template_is_what_register_reads(airmeet):
    event = community.WITH_FIELDS
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    plain = there("template", event)
    filled = there("template", event, "--example", "-o", "people.csv")
    again = there("template", event, "-o", "people.csv")
    done = there("register", event, "people.csv", "--no-invite", "--json")
    answers = sandbox.world.people(event)[-1]

    assert plain.out == ("email,first_name,last_name,city,country,designation,organisation,Company size,T-shirt size\n")
    assert 'mandatory: email, first_name, last_name, "T-shirt size"' in plain.err
    assert (filled.code, again.code, "is there already" in again.err) == (0, 2, True)
    assert (done.code, done.json["counts"]["succeeded"], answers.email) == (0, 1, "ada@example.com")


def test_a_template_of_a_hybrid_event_has_the_attendance_type(airmeet):
    done = airmeet.at(Sandbox())("template", community.HYBRID)

    assert done.out.startswith("email,first_name,last_name,attendance_type,city")
