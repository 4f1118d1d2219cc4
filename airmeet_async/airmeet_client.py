"""`AirmeetClient`: single calls and bulk runs in one object."""

from collections.abc import Mapping
from typing import Final

from airmeet_async.bulk.bulk import Bulk
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.client import Client, SharedParts
from airmeet_async.client.namespaces import Grouped


class AirmeetClient(Client):
    """An asynchronous client of Airmeet's public API: single calls, lists, and bulk runs.

    ::

        async with AirmeetClient(region="eu") as client:
            access = await client.attendees.add(event_id, Attendee("ada@example.com", "Ada", "King"))
            report = await client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False)

    It does no I/O until the first call. Use it as ``async with … as client:``, on one event loop, and share it between
    tasks: they then share one token, one rate and one set of connections.

    Args:
        access_key: ``X-Airmeet-Access-Key``. Default: ``AIRMEET_ACCESS_KEY`` in the environment.
        secret_key: ``X-Airmeet-Secret-Key``. Default: ``AIRMEET_SECRET_KEY``.
        region: The community's region. Default: ``AIRMEET_REGION``, else ``global``.
        base_url: The base URL (``https://…/prod``); overrides *region*. Default: ``AIRMEET_URI``.
        transport: ``"httpx"``, ``"fast"`` (needs the extra *fast*), a `Transport`, or your own ``httpx.AsyncClient``,
            which is used as it is and not closed. Default: ``AIRMEET_TRANSPORT``, else ``"httpx"``.
        token_store: Who shares a token with this client, since a new one may end the others. ``"memory"``, the default:
            the tasks of this client. ``"file"``: the command line, and all processes of this user on this machine that
            say so, such as the workers of a web server; the files are in ``AIRMEET_TOKEN_CACHE``, else in the user's
            state directory. Or a `TokenStore` of your own.
        rate: Requests per second; ``"auto"`` or an `Adaptive` to find and follow the server's limit; None for no limit.
        fleet: What many processes share, an `airmeet_async.cluster.Fleet`: its token store, and its permits if it has a
            rate. Default: the one at ``AIRMEET_REDIS``, with *rate* for all processes together.
        permits: Permits that others share, instead of *rate*.
        max_in_flight: Maximum number of concurrent requests and of open connections.
        retry: Retry rules of calls, sign-ins and runs, or a number of attempts. A number, and what differs from
            ``Retry()``, holds for sign-ins and runs, too, which otherwise have rules of their own. Default:
            ``Retry()``.
        timeout: Seconds for each call, and for each row of a run, with retries and waits. Default: no limit.
        timeouts: Timeouts of one request, in seconds. Default: ``Timeouts()``.
        on_event: Called in the event loop with a `ClientEvent` for each retry, pause, sign-in, change of the rate,
            outage, and begin and end of a run. What it raises is logged and changes nothing.
        telemetry: ``"otel"`` for spans and metrics by OpenTelemetry (needs the extra *otel*), or an `OpenTelemetry`
            with providers of your own. Default: ``AIRMEET_TELEMETRY``, else ``"off"``.

    Raises:
        ConfigError: A setting is missing or cannot be used.

    Attributes:
        airmeets: Events: ``list``, ``info``, ``create``, ``set_status``, ``landing_page``, ``duplicate``.
        attendance: Who was there: ``event``, ``session``, ``booth``, ``replay``.
        attendees: People of an event: ``add``, ``block``, ``unblock``, ``remove``.
        booths: ``list``, ``create``.
        bulk: Bulk runs: many rows, one result each.
        custom_fields: An event's registration fields: ``list``.
        participants: Everybody on an event's list: ``list``.
        polls: What people answered: ``list``.
        questions: What people asked: ``list``.
        recordings: Recordings of sessions: ``list``.
        registrations: The older list of registrations: ``list``.
        series: Event series: ``list``, ``events``.
        sessions: ``create``, ``delete``; `airmeets.info` shows them.
        speakers: ``add``.
        tracks: ``list``.
        utms: Which campaigns brought the registrations: ``list``.
        webhooks: Where Airmeet sends what happens: ``register``, ``deregister``, ``list``, ``sample_payload``.
    """

    bulk: Final = Grouped(Bulk)

    def _find_fleet(self, environ: Mapping[str, str], rate: AskedRate) -> tuple[SharedParts | None, AskedRate]:
        if not environ.get("AIRMEET_REDIS", "").strip():
            return None, rate
        from airmeet_async.cluster.fleet import Fleet  # needs packages of an extra

        return Fleet.from_env(rate=rate, environ=environ), None
