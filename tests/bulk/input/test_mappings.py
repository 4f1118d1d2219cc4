"""Mappings are read like rows of a file: no key is lost without a word, and a misspelt one sends nothing."""

import inspect
import logging

import pytest

from airmeet_async import BulkStoppedError, InputError, RowStatus
from airmeet_async.bulk.bulk import Bulk
from airmeet_async.bulk.input.columns import is_one_slip
from airmeet_async.sandbox import community
from tests.support.worlds import EVENT, add, client_of, run, statuses, transport_of

S = RowStatus


def row(number, **facts):
    return {"email": f"p{number}@example.com", "first_name": "Ada", "last_name": "Ay", **facts}


def details(transport, event=EVENT):
    return {person.email: person.details for person in transport.world.people(event)}


def test_one_slip_is_one_letter_more_or_less_or_another_one_or_two_swapped():
    slips = ["organisaton", "Organisatoin", "organisation_", "organisationn", "orgamisation"]

    assert [is_one_slip(given, "organisation") for given in slips] == [True, True, False, True, True]
    assert is_one_slip("county", "country")
    assert not is_one_slip("organization name", "organisation")


async def test_a_key_that_is_called_like_a_registration_field_fills_it():
    transport = transport_of()
    report = await run(transport, [row(1, **{"T-Shirt Size": "Large", "Notes": 7})], community.WITH_FIELDS)

    assert statuses(report) == {S.SUCCEEDED: 1}
    assert [
        answer["value"] for answer in details(transport, community.WITH_FIELDS)["p1@example.com"]["customFieldMapping"]
    ]
    assert report.ignored_columns == ("Notes",)
    assert report.as_dict()["ignored_columns"] == ["Notes"]


async def arriving(rows):
    for one in rows:
        yield one


SOURCES = {"a list": list, "an iterator": iter, "an asynchronous source": arriving}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
async def test_a_misspelt_key_in_the_first_chunk_sends_nothing(source):
    transport = transport_of()
    with pytest.raises(
        BulkStoppedError, match='"organisaton" is no field of Airmeet; did you mean organisation'
    ) as caught:
        await run(transport, source([row(1, organisaton="Engines"), row(2)]))

    assert transport.world.statistics().adds == 0
    assert caught.value.stop_reason == "source"
    assert "columns={'organisation': 'organisaton'}" in str(caught.value)
    assert set(statuses(caught.value.report)) == {S.UNPROCESSED}


async def test_a_plan_refuses_a_misspelt_key():
    async with client_of(transport_of()) as client:
        with pytest.raises(InputError, match="did you mean organisation"):
            await client.bulk.plan(EVENT, [row(1), row(2, organisaton="Engines")])


async def test_a_misspelt_key_in_a_later_chunk_is_that_rows_problem():
    transport = transport_of()
    report = await run(transport, [*map(row, range(200)), row(200, organisaton="Engines")])

    assert statuses(report) == {S.SUCCEEDED: 200, S.INVALID: 1}
    assert report.failures[0].code == "misspelt_field"


@pytest.mark.parametrize("facts", [
    {"organisaton": "x", "organisation": "y"}, {"Company": "y", "organisaton": "x"}, {"countryside": "x"}, {"hobby": 1},
])  # fmt: skip
async def test_what_is_no_slip_or_whose_field_is_there_is_left_alone(facts):
    report = await run(transport_of(), [row(1, **facts)])

    assert statuses(report) == {S.SUCCEEDED: 1}
    assert len(report.ignored_columns) == 1


async def test_a_key_can_be_left_out_on_purpose():
    transport = transport_of()
    report = await run(transport, [row(1, county="Essex", city="Ware")], columns={"county": None, "city": None})

    assert statuses(report) == {S.SUCCEEDED: 1}
    assert sorted(report.ignored_columns) == ["city", "county"]
    assert "city" not in details(transport)["p1@example.com"]


@pytest.mark.parametrize("name", ["custom", "custom_field", "customFieldMapping", "custm_fields"])
async def test_answers_under_another_name_are_not_lost(name):
    with pytest.raises(BulkStoppedError, match="did you mean custom_fields"):
        await run(transport_of(), [row(1, **{name: {"T-shirt size": "Large"}})])


async def test_a_key_that_is_nearly_a_registration_field_is_a_warning_by_row():
    transport = transport_of()
    rows = [row(1, **{"T-shirt siz": "Large"}), row(2, **{"T-shirt siz": ""})]
    report = await run(transport, rows, community.WITH_FIELDS)
    async with client_of(transport) as client:
        plan = await client.bulk.plan(community.WITH_FIELDS, rows)

    for causes in (report.warnings, plan.causes):
        (found,) = [group for group in causes if group.code == "nearly_a_field"]
        assert found.n == 1
        assert '"T-shirt siz" is not sent ("Large"): the event\'s field is called "T-shirt size"' in found.message
    assert plan.ignored == ("T-shirt siz",)
    assert 'not used: "T-shirt siz"' in str(plan)


async def test_a_form_of_address_in_a_key_is_no_job_title():
    transport = transport_of()
    await run(transport, [row(1, title="Dr")])

    assert "designation" not in details(transport)["p1@example.com"]


async def test_unused_keys_of_speakers_are_told_and_a_slip_is_a_warning():
    async with client_of(transport_of()) as client:
        report = await client.bulk.add_speakers(EVENT, [{"email": "s@example.com", "name": "S", "boi": "x", "VIP": 1}])

    assert report.ignored_columns == ("boi", "VIP")
    assert [(group.code, group.message) for group in report.warnings] == [
        ("nearly_a_field", '"boi" is not used; did you mean bio?')
    ]


OPERATIONS = [
    "add_attendees", "plan", "block_attendees", "unblock_attendees", "add_speakers", "create_sessions", "create_booths",
    "run", "resume", "retry",
]  # fmt: skip
OF_A_RUN = {"rate", "max_in_flight", "accept_stale", "deadline", "max_failures"}
OF_A_FILE = {"sheet", "encoding", "delimiter", "header", "format"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_option_stands_in_the_signature_and_in_the_docstring(name):
    method = getattr(Bulk, name)
    parameters = inspect.signature(method).parameters
    wanted = OF_A_RUN if name in {"resume", "retry"} else OF_A_RUN | OF_A_FILE | {"journal", "note"}

    assert wanted.issubset(parameters)
    for option in wanted:
        assert parameters[option].kind is inspect.Parameter.KEYWORD_ONLY
        assert f"\n    {option}: " in str(inspect.getdoc(method))  # which the compiler dedents from 3.13 on
    assert all(one.kind is not inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    assert "**options" not in method.__doc__


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_misspelt_option_is_a_type_error(name):
    async with client_of(transport_of()) as client:
        with pytest.raises(
            TypeError, match=rf"{name}\(\) got an unexpected .* 'max_failure'; did you mean 'max_failures'\?"
        ):
            getattr(client.bulk, name)("x", [], max_failure=3)


async def test_a_plan_takes_what_a_run_takes(tmp_path):
    """And counts what earlier runs of its journal have done; it makes no journal."""
    journal = tmp_path / "launch.job"
    async with client_of(transport_of()) as client:
        options = {"journal": journal, "rate": None, "max_in_flight": 3, "max_failures": "5%", "deadline": 60}
        before = await client.bulk.plan(EVENT, [row(1), row(2)], **options)
        is_made = journal.exists()
        await client.bulk.add_attendees(EVENT, [row(1)], send_email_invite=False, **options)
        after = await client.bulk.plan(EVENT, [row(1), row(2)], **options)
        report = await client.bulk.resume(journal)

    assert (before.ready, is_made) == (2, False)
    assert (after.ready, after.done_before) == (1, 1)
    assert report.rows_read == 1


async def test_how_a_file_is_read_can_be_said_and_messages_name_the_parameter(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes("E-mail;Vorname;Nachname\nana@example.com;Zoë;Müller\n".encode("cp1252"))
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("Contact,First name,Last name\nana@example.com,Ana,Lovelace\n")
    async with client_of(transport := transport_of()) as client:
        with pytest.raises(InputError, match=r"encoding='cp1252'"):
            await client.bulk.plan(EVENT, path)
        with pytest.raises(InputError, match=r"columns=\{'email': 'Contact'\}") as caught:
            await client.bulk.plan(EVENT, wrong)
        await add(client, path, encoding="cp1252", delimiter=";", header=1, format="csv")

    assert "--" not in str(caught.value)
    assert details(transport)["ana@example.com"]["lastName"] == "Müller"


async def test_an_event_whose_kind_cannot_be_found_out_is_not_held_against_its_rows(caplog):
    """Its registration fields are known; Airmeet itself refuses rows without an attendance type."""
    transport = transport_of("403@1:on=airmeets.info")
    with caplog.at_level(logging.WARNING, "airmeet_async.bulk"):
        report = await run(transport, [row(1, Notes="x")])

    assert statuses(report) == {S.SUCCEEDED: 1}
    assert "could not find out whether it is hybrid" in caplog.text
