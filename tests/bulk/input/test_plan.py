"""The plan before a run: what would be sent, and what is the matter with the rest."""

import pytest

from airmeet_async import Attendee, BulkPlan, ConfigError, InputError, RowStatus
from airmeet_async.bulk.input.columns import Reading
from airmeet_async.bulk.input.operations import AddAttendees
from airmeet_async.bulk.input.plan import NotedRow, RowFinding, make_plan
from airmeet_async.bulk.input.sources import DuplicateFinder
from airmeet_async.bulk.report import RowWarning
from airmeet_async.protocol.models import CustomField, FieldOption
from airmeet_async.protocol.validation import RegistrationFields
from airmeet_async.sandbox import community
from tests.support.prepared import noted, plan_of, prepare
from tests.support.worlds import EVENT, add, client_of, person, transport_of

LINES = [
    "email,first_name,last_name,Shirt",
    "a@example.com,Ada,Ay,M",
    "no address,Bob,Bee,L",
    "A@Example.com,Ada,Ay,M",
    f"c@example.com,Cyd,{'x' * 40},S",
]


SIZES = [FieldOption(code=word[0], display_value=word) for word in ("Small", "Medium", "Large")]
SHIRTS = RegistrationFields([CustomField(id="f1", label="T-shirt size", is_required=True, options=tuple(SIZES))])


@pytest.fixture
def write(tmp_path):
    def written(*lines):
        file = tmp_path / "people.csv"
        file.write_text("\n".join(lines), encoding="utf-8")
        return str(file)

    return written


async def planned(rows, **options):
    async with client_of(transport_of()) as client:
        return await client.bulk.plan(options.pop("event", EVENT), rows, **options)


def test_a_plan_finds_everything_that_a_run_would(write):
    found: list[RowFinding] = []

    plan = plan_of(write(*LINES), Reading(), found=found.append)

    assert (plan.rows, plan.ready, plan.invalid, plan.duplicates, plan.cut) == (4, 2, 1, 1, 1)
    assert [(finding.line, finding.code) for finding in found] == [
        (3, "invalid_email"),
        (4, "duplicate"),
        (5, "will_be_cut"),
    ]
    assert "is already in line 2" in found[1].message
    assert [(cause.code, cause.n, cause.sample_rows) for cause in plan.causes] == [
        ("invalid_email", 1, (3,)),
        ("duplicate", 1, (4,)),
        ("will_be_cut", 1, (5,)),
    ]


async def test_a_plan_and_the_run_agree_and_the_plan_changes_nothing(write):
    path, transport = write(*LINES), transport_of()
    async with client_of(transport) as client:
        plan = await client.bulk.plan(EVENT, path, send_email_invite=True, register_attendee=True, rate=4)
        adds = transport.world.statistics().adds
        report = await add(client, path, send_email_invite=True, register_attendee=True)

    assert adds == 0
    assert (plan.invitations, plan.registrations, plan.seconds) == (2, 2, 0.5)
    assert report.counts[RowStatus.SUCCEEDED] == plan.ready
    assert report.counts[RowStatus.INVALID] == plan.invalid
    assert report.counts[RowStatus.DUPLICATE] == plan.duplicates


def test_custom_fields_pass_where_no_event_was_asked(write):
    plan = plan_of(write(*LINES), Reading(overrides={"custom:Nonsense": "Shirt"}))

    assert (plan.ready, plan.invalid, plan.fields_known) == (2, 1, False)


async def test_a_column_that_is_called_like_a_registration_field_is_that_field(write):
    header, *rows = LINES
    path = write(header.replace("Shirt", "T-SHIRT  Size"), *rows)
    transport = transport_of()
    async with client_of(transport) as client:
        plan = await client.bulk.plan(community.WITH_FIELDS, path)
        await add(client, path, community.WITH_FIELDS)

    assert plan.columns is not None
    assert [(match.field, match.column) for match in plan.columns.custom] == [("T-shirt size", "T-SHIRT  Size")]
    assert 'custom field "T-shirt size" <- "T-SHIRT  Size" (its label)' in str(plan)


def test_a_registration_field_that_the_event_does_not_have_is_refused_before_anything_is_sent(write):
    with pytest.raises(InputError, match=r"no registration field 'T-shrt size'; did you mean 'T-shirt size'\?"):
        plan_of(write(*LINES), Reading(overrides={"custom:T-shrt size": "Shirt"}), SHIRTS)


def test_a_mandatory_registration_field_without_a_column_is_said(write):
    plan = plan_of(write(*LINES), Reading(), SHIRTS)

    assert plan.unfilled == ("T-shirt size",)
    assert 'required registration field "T-shirt size"' in " ".join(str(plan).split())


def test_an_option_that_does_not_exist_is_found_per_row(write):
    path = write("email,first_name,last_name,T-shirt size", "a@example.com,A,B,medium", "b@example.com,A,B,XXL")

    plan = plan_of(path, Reading(), SHIRTS)

    assert (plan.ready, plan.causes[0].code, plan.causes[0].sample_rows) == (1, "unknown_option", (3,))
    assert "the options are Small, Medium, Large" in plan.causes[0].message


def test_names_are_split_only_when_asked_and_shown(write):
    path = write("email,Full name", "a@example.com,Ada van der Ay", "b@example.com,Cher")
    with pytest.raises(InputError, match="--split-name"):
        plan_of(path, Reading())

    plan = plan_of(path, Reading(split_name=True))

    assert (plan.ready, plan.causes[0].code, plan.causes[0].sample_rows) == (1, "one_word_name", (3,))
    assert plan.splits == (("Ada van der Ay", "Ada", "van der Ay"),)
    assert 'for example "Ada van der Ay" = "Ada" + "van der Ay"' in str(plan)


async def test_a_list_can_be_planned_and_an_iterator_cannot():
    plan = await planned([person(1), {"email": "x"}, person(1)])

    assert (plan.rows, plan.ready, plan.invalid, plan.duplicates) == (3, 1, 1, 1)
    with pytest.raises(ConfigError, match="only once"):
        await planned(person(n) for n in range(3))


async def test_rows_that_are_mappings_are_read_by_the_same_rules():
    rows = [
        {"api_id": "g", "approval_status": status, "Email": f"{status}@example.com", "name": "Ada Ay"}
        for status in ("approved", "declined")
    ]

    plan = await planned(rows, split_name=True)

    assert (plan.ready, [cause.code for cause in plan.causes]) == (1, ["not_attending"])


async def test_a_preset_that_does_not_exist_is_refused_at_once():
    with pytest.raises(ConfigError, match="unknown preset 'lumma'"):
        await planned([], preset="lumma")
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match="unknown preset 'lumma'"):
            await add(client, [], preset="lumma")


def test_lines_fit_a_terminal():
    plan = BulkPlan(airmeet_id="e", ready=9, unfilled=("a label " * 9,) * 9)

    assert max(map(len, plan.lines())) < 80


def test_what_earlier_runs_have_done_is_counted_where_there_is_such():
    counts = {"rows": 100, "done_before": 40, "changed": 3, "not_yet_mailed": 12}
    plan = make_plan(counts, [], airmeet_id="e")

    assert (plan.rows, plan.ready, plan.done_before) == (100, 60, 40)
    assert plan.count_lines() == [
        "  48  will be registered",
        "  12  registered before without a mail: will be mailed now",
        "  40  registered before: left out (3 changed since; Airmeet keeps the old",
        "      details)",
    ]
    assert {name: plan.as_dict()[name] for name in counts} == counts
    fresh = BulkPlan(airmeet_id="e", ready=9).as_dict()
    assert [fresh[name] for name in ("new", "done_before", "changed", "not_yet_mailed")] == [9, 0, 0, 0]


def test_errors_come_before_what_is_only_worth_knowing_and_no_example_stands_for_others():
    noted: list[NotedRow] = [
        (0, 2, None, {"warnings": [RowWarning("will_be_cut", "Airmeet will shorten city")]}),
        (1, 3, None, {"warnings": [RowWarning("will_be_cut", "Airmeet will shorten country")]}),
        (2, 4, "invalid", {"code": "invalid_email", "message": "'a' is not an e-mail address"}),
        (3, 5, "invalid", {"code": "missing_field", "message": "first_name is empty"}),
        (4, 6, "invalid", {"code": "missing_field", "message": "first_name is empty"}),
        (5, 7, "invalid", {"code": "invalid_email", "message": "'b' is not an e-mail address"}),
        (6, 8, "invalid", {"code": "invalid_email", "message": "'c' is not an e-mail address"}),
    ]
    plan = make_plan({"rows": 8}, noted)

    assert plan.cut == plan.causes[-1].n == 2
    assert plan.count_lines() == [
        "  3  will be registered",
        "  3  left out: no valid e-mail address   lines 4, 7 and 8",
        "  2  left out: first_name is empty   lines 5 and 6",
        "  2  sent, but to check: text that Airmeet will shorten   lines 2 and 3",
    ]


def test_a_duplicate_names_the_first_one_by_its_line_or_its_number():
    found: list[RowFinding] = []
    note = {"key": "ada@example.com", "duplicate_of": 4}
    noted = [(7, 9, "duplicate", note | {"of_line": 6}), (7, None, "duplicate", note)]
    make_plan({"rows": 9}, noted, found=found.append)

    assert found == [
        RowFinding(9, "duplicate", "ada@example.com is already in line 6; only that one is sent"),
        RowFinding(8, "duplicate", "ada@example.com is already in row 5; only that one is sent"),
    ]


HYBRID_LIST = [
    "email,first_name,last_name,attendance_type",
    "a@example.com,Ada,Ay,online",
    "b@example.com,Bob,Bee,",
    "c@example.com,Cyd,Cee,VIRTUAL",
    "d@example.com,Dan,Dee,",
]


async def test_a_hybrid_event_needs_an_attendance_type_of_each_row(write):
    """Found before anything is sent, and whoever has one uses up a registration."""
    path, transport = write(*HYBRID_LIST), transport_of()
    async with client_of(transport) as client:
        plan = await client.bulk.plan(community.HYBRID, path)
        without = await client.bulk.plan(community.HYBRID, [person(1), person(2, attendance_type="VIRTUAL")])
        report = await add(client, path, community.HYBRID)

    assert (plan.ready, plan.invalid, plan.registrations, plan.is_hybrid) == (2, 2, 2, True)
    assert [(cause.code, cause.sample_rows) for cause in plan.causes] == [("missing_attendance_type", (3, 5))]
    assert report.counts[RowStatus.INVALID] == 2
    assert report.attempts == 2
    assert (without.ready, without.invalid) == (1, 1)


async def test_other_events_ignore_attendance_types_and_so_does_the_check(write):
    path, transport = write(*HYBRID_LIST[:3], "c@example.com,Cyd,Cee,table 4"), transport_of()
    async with client_of(transport) as client:
        plan = await client.bulk.plan(EVENT, path)
        report = await add(client, path)

    assert (plan.ready, plan.registrations, plan.is_hybrid) == (3, 0, False)
    assert 'not sent: "attendance_type", since only hybrid events have attendance types' in " ".join(str(plan).split())
    assert report.all_done
    assert all("attendance_type" not in one.details for one in transport.world.people(EVENT))


async def test_a_row_without_an_answer_that_the_event_requires_is_told_by_line(write):
    lines = ["email,first_name,last_name,T-shirt size", "a@example.com,A,B,Small", "b@example.com,A,B,"]
    transport = transport_of()
    async with client_of(transport) as client:
        plan = await client.bulk.plan(community.WITH_FIELDS, write(*lines))
        bare = await client.bulk.plan(community.WITH_FIELDS, [person(1), person(2)])
        report = await add(client, write(*lines), community.WITH_FIELDS)

    assert [(cause.code, cause.sample_rows) for cause in plan.causes] == [("missing_answer", (3,))]
    assert [(cause.code, cause.n) for cause in bare.causes] == [("missing_answer", 2)]
    assert [(cause.code, cause.sample_rows) for cause in report.warnings] == [("missing_answer", (3,))]
    assert plan.needs_attention
    assert (plan.warned, report.warned_rows) == (1, 1)


MANY_FAULTS = [
    "email,first_name,last_name,organisation,status",
    f"a@example.com,Ada,{'x' * 40},{'y' * 80},ok",
    f"b@example.com,Bob,{'x' * 40},Acme,ok",
    f"c@example.com,Cyd,{'x' * 40},Acme,cancelled",
    "d@example.com,Jos?,Dee,NULL,ok",
    "nobody,Eve,Ee,Acme,ok",
    "other,Eve,Ee,Acme,ok",
    "f@example.com,,Ee,Acme,ok",
    "a@example.com,Gil,Gee,Acme,ok",
    "d@example.com,Jos?,Dee,NULL,ok",
]


@pytest.mark.parametrize("journal", [True, False], ids=["with a journal", "without one"])
async def test_plan_and_run_count_the_same_and_errors_come_first(write, tmp_path, journal):
    path = write(*MANY_FAULTS)
    found: list[RowFinding] = []
    options = {"journal": tmp_path / "x.job"} if journal else {}
    async with client_of(transport_of()) as client:
        job = add(client, path, **options)
        plan = await job.prepare(found=found.append)
        report = await job

    causes = [(cause.code, cause.n, cause.sample_rows) for cause in plan.causes]
    assert causes == [
        ("invalid_email", 2, (6, 7)), ("missing_field", 1, (8,)), ("other_name", 1, (9,)), ("duplicate", 1, (10,)),
        ("will_be_cut", 3, (2, 3, 4)), ("may_not_come", 1, (4,)), ("broken_text", 1, (5,)), ("no_value", 1, (5,)),
    ]  # fmt: skip
    assert sum(n for _, n, _ in causes) == len(found)
    told = [(cause.code, cause.n, cause.sample_rows) for cause in (*report.failures, *report.warnings)]
    assert sorted(told) == sorted(cause for cause in causes if cause[0] != "duplicate")
    assert (plan.cut, plan.warned, plan.other_names) == (3, 4, 1)
    assert report.warned_rows == plan.warned
    assert not report.all_done


async def test_what_was_done_before_is_not_warned_of_again(write, tmp_path):
    path = write(*MANY_FAULTS)
    async with client_of(transport_of()) as client:
        await add(client, path, journal=tmp_path / "x.job")
        job = add(client, path, journal=tmp_path / "x.job")
        plan = await job.prepare()
        report = await job

    assert (plan.ready, plan.cut, plan.warned, report.warnings) == (0, 0, 0, ())
    assert [cause.code for cause in report.failures] == ["invalid_email", "missing_field", "other_name"]


@pytest.mark.parametrize("few", [1, 100], ids=["on disk", "in memory"])
def test_two_names_under_one_address_are_told_without_a_journal_too(few):
    finder = DuplicateFinder(few)
    names = [("Ana", "Lovelace"), ("Bob", "Stone"), ("ANA", "lovelace"), ("Ana", "Lovelace")]
    data = [{"email": "z@example.com", "first_name": "Z", "last_name": "Z"}]
    data += [{"email": "o@example.com", "first_name": one, "last_name": two} for one, two in names]
    rows = AddAttendees("e1", {}, Reading()).prepare_rows(data, None, 0)
    finder.mark(rows)

    assert [row.error and row.error.code for row in rows] == [None, None, "other_name", "duplicate", "duplicate"]
    assert '"Bob Stone"' in str(rows[2].error)


def test_rows_without_a_clear_answer_are_mailed_again_only_where_that_was_asked_for():
    counts = {"rows": 3, "unclear": 2, "invitations": 1}
    once = make_plan(counts, [], invite=True)
    twice = make_plan(counts | {"invitations": 3}, [], invite=True, may_mail_twice=True)

    assert once.count_lines()[1:] == [
        "  2  sent before without a clear answer: will be sent again, without a second",
        "     mail",
    ]
    assert twice.count_lines()[1:] == [
        "  2  sent before without a clear answer: will be sent again; some of them may",
        "     be mailed twice",
    ]


SEVERAL = (
    "Mail;Vorname;Nachname;Size",
    "nope;;;XXL",
    "ada@example.com;Ada;Lovelace;S",
    "grace@example.com;Grace;;XXL",
    "alan@example.com;Alan;Turing;XL",
)
GERMAN = {"email": "Mail", "first_name": "Vorname", "last_name": "Nachname"}


async def test_all_errors_of_a_row_are_found_with_their_columns_and_it_is_one_row(
    write, airmeet_sandbox, airmeet_client
):
    """In the plan, and in the result, whose file goes to whoever corrects the list."""
    airmeet_sandbox.add_custom_field("Size", options=["S", "M"])
    found = list[RowFinding]()
    job = add(airmeet_client, write(*SEVERAL), airmeet_sandbox.event_id, columns=GERMAN)
    plan = await job.prepare(found=found.append)
    report = await job

    assert [(one.line, one.code, one.column, one.is_error) for one in found] == [
        (2, "missing_field", "Vorname", True),
        (2, "missing_field", "Nachname", True),
        (2, "invalid_email", "Mail", True),
        (2, "unknown_option", "Size", True),
        (4, "missing_field", "Nachname", True),
        (4, "unknown_option", "Size", True),
        (5, "unknown_option", "Size", True),
    ]
    assert (plan.rows, plan.ready, plan.invalid, plan.several_errors) == (4, 1, 3, 2)
    assert {cause.code: cause.n for cause in plan.causes if cause.code != "missing_field"} == {
        "unknown_option": 3, "invalid_email": 1,
    }  # fmt: skip
    assert "  2  of the rows left out have more than one error" in plan.count_lines()
    assert report.counts[RowStatus.INVALID] == sum(group.n for group in report.failures) == 3
    first = report.failed[0]
    assert first.error is not None
    assert (first.error.code, first.error.column) == ("missing_field", "Vorname")
    assert [(warning.code, warning.column) for warning in first.warnings][-1] == ("unknown_option", "Size")
    assert report.warned_rows == 0


async def test_an_error_of_a_mapping_names_its_key_and_one_of_an_attendee_nothing():
    found = list[RowFinding]()
    rows: list[object] = [{"E-Mail": "x", "First name": "A", "Last name": "B"}, Attendee("y", "A", "B"), 7]
    async with client_of(transport_of()) as client:
        await add(client, rows).prepare(found=found.append)

    assert [(one.code, one.column) for one in found] == [
        ("invalid_email", "E-Mail"), ("invalid_email", None), ("not_a_row", None),
    ]  # fmt: skip


async def test_two_wrong_answers_of_a_row_are_one_row_in_their_cause():
    fields = RegistrationFields([CustomField(f"f-{n}", f"Size {n}", options=tuple(SIZES)) for n in (1, 2)])
    rows = [{"email": "a@example.com", "first_name": "A", "last_name": "B", "Size 1": "X", "Size 2": "Y"}]
    prepared = prepare(rows, AddAttendees("e", {}, Reading(), event_fields=fields))
    plan = make_plan({"rows": 1}, noted(prepared))

    assert (plan.invalid, plan.several_errors, [cause.n for cause in plan.causes]) == (1, 1, [1])


async def test_a_name_of_one_word_is_not_called_a_missing_last_name_besides():
    plan = await planned([{"email": "nope", "Full name": "Cher"}], split_name=True)

    assert [cause.code for cause in plan.causes] == ["one_word_name", "invalid_email"]


async def test_all_cells_of_an_import_that_cannot_be_read_are_found():
    found = list[RowFinding]()
    rows = [{"title": "Talk", "start": "soon", "host email": "", "minutes": "long"}]
    async with client_of(transport_of()) as client:
        plan = await client.bulk.create_sessions(EVENT, rows).prepare(found=found.append)

    assert [(one.code, one.column) for one in found] == [
        ("invalid_row", "start"), ("invalid_row", "host email"), ("invalid_row", "minutes"),
    ]  # fmt: skip
    assert (plan.invalid, plan.several_errors) == (1, 1)
