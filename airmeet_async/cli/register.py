"""``airmeet register``: from a file to a run."""

import anyio
from attrs import frozen

from airmeet_async.api.addresses import check_id
from airmeet_async.bulk.asked import JobOptions
from airmeet_async.bulk.job import BulkJob
from airmeet_async.cli.errand import Errand, Outcome, Work, carry_out
from airmeet_async.cli.outcome import choose_paths
from airmeet_async.cli.source import FileChoice, People, look_through, open_people
from airmeet_async.cli.summary import introduction, plan
from airmeet_async.cli.voice import Voice
from airmeet_async.front import AirmeetClient

_MANY = 100_000


@frozen(kw_only=True)
class Order(Errand):
    """Who is to be registered.

    Attributes:
        file: Who.
        invite: Whether Airmeet mails them.
        register: Whether they become confirmed registrations.
    """

    file: FileChoice
    command: str = "register"
    invite: bool
    register: bool = False


def register(order: Order, environ: dict[str, str], voice: Voice) -> Outcome:
    """Register everybody of a file.

    Everything that can be found out without sending is found out first: the input, then the settings, then the
    result files.

    Raises:
        AirmeetError: The run could not begin.
    """
    check_id(order.airmeet_id, "AIRMEET_ID")
    results, failed = choose_paths(order.file.title, order.results, order.failed)
    people = open_people(order.file)
    _introduce(people, voice)
    table = people.table

    def begin(client: AirmeetClient, options: JobOptions) -> BulkJob:
        return client.bulk.add_attendees(
            order.airmeet_id,
            table,
            send_email_invite=order.invite,
            register_attendee=order.register,
            columns=people.overrides,
            **options,
        )

    work = Work(
        operation="attendees.add",
        source=order.file.path,
        name=order.file.name,
        rows=table.rows,
        header=table.header,
        begin=begin,
        intention=intention(invite=order.invite, register=order.register),
        results=results,
        failed=failed,
    )
    return carry_out(order, work, environ, voice)


def _introduce(people: People, voice: Voice) -> None:
    voice.say(*introduction(people))
    if people.table.rows > _MANY:
        voice.say("checking all rows before anything is sent...")
    found = anyio.run(look_through, people)
    voice.say(plan(found))


def intention(*, invite: bool, register: bool) -> str:
    """Return what is going to happen, in a sentence."""
    mails = "Airmeet mails each person an invitation" if invite else "no invitations are mailed"
    kind = "; confirmed registrations, which use up the plan's" if register else ""
    return f"{mails}{kind}"
