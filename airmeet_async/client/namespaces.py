"""``client.attendees.add(…)`` and its like: the operations of the API, in groups."""

from airmeet_async import calls
from airmeet_async.client.binding import Namespace, Sender, listing, operation


class Airmeets(Namespace):
    """Events."""

    list = listing(calls.airmeets.list_)
    info = operation(calls.airmeets.info)
    create = operation(calls.airmeets.create)
    set_status = operation(calls.airmeets.set_status)
    landing_page = operation(calls.airmeets.landing_page)
    duplicate = operation(calls.airmeets.duplicate)


class Attendance(Namespace):
    """Who was there."""

    event = listing(calls.attendance.event)
    session = listing(calls.attendance.session)
    booth = listing(calls.attendance.booth)
    replay = listing(calls.attendance.replay)


class Attendees(Namespace):
    """People of an event."""

    add = operation(calls.attendees.add)
    block = operation(calls.attendees.block)
    unblock = operation(calls.attendees.unblock)
    remove = operation(calls.attendees.remove)


class Booths(Namespace):
    """Booths of an event."""

    list = operation(calls.booths.list_)
    create = operation(calls.booths.create)


class CustomFields(Namespace):
    """An event's own registration fields."""

    list = operation(calls.custom_fields.list_)


class Participants(Namespace):
    """Everybody on an event's list."""

    list = listing(calls.participants.list_)


class Polls(Namespace):
    """What people answered to polls."""

    list = listing(calls.polls.list_)


class Questions(Namespace):
    """What people asked."""

    list = operation(calls.questions.list_)


class Recordings(Namespace):
    """Recordings of sessions."""

    list = operation(calls.recordings.list_)


class Registrations(Namespace):
    """The older list of registrations."""

    list = listing(calls.registrations.list_)


class Series(Namespace):
    """Event series."""

    list = operation(calls.series.list_)
    events = operation(calls.series.events)


class Sessions(Namespace):
    """Sessions of an event."""

    create = operation(calls.sessions.create)
    delete = operation(calls.sessions.delete)


class Speakers(Namespace):
    """Speakers of an event."""

    add = operation(calls.speakers.add)


class Tracks(Namespace):
    """Tracks of an event."""

    list = operation(calls.tracks.list_)


class Utms(Namespace):
    """Which campaigns brought the registrations."""

    list = listing(calls.utms.list_)


class Webhooks(Namespace):
    """Where Airmeet sends what happens."""

    register = operation(calls.webhooks.register)
    deregister = operation(calls.webhooks.deregister)
    list = operation(calls.webhooks.list_)
    sample_payload = operation(calls.webhooks.sample_payload)


class Operations:
    """All groups of a client, each under the name that the endpoint table has it by."""

    def _bind(self, client: Sender) -> None:
        self.airmeets = Airmeets(client)
        self.attendance = Attendance(client)
        self.attendees = Attendees(client)
        self.booths = Booths(client)
        self.custom_fields = CustomFields(client)
        self.participants = Participants(client)
        self.polls = Polls(client)
        self.questions = Questions(client)
        self.recordings = Recordings(client)
        self.registrations = Registrations(client)
        self.series = Series(client)
        self.sessions = Sessions(client)
        self.speakers = Speakers(client)
        self.tracks = Tracks(client)
        self.utms = Utms(client)
        self.webhooks = Webhooks(client)
