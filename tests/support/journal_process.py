"""A process that runs a bulk job with a journal under a limit of the system, and says what became of it.

Arguments: the journal, how many rows, and how many bytes its files may grow once the rows are in it (0 for any).
"""

import json
import resource
import signal
import sys
from pathlib import Path

import anyio

from airmeet_async import AirmeetError, BulkStoppedError
from airmeet_async.testing import VirtualTimeLoop
from tests.support.worlds import EVENT, client_of, people, transport_of


async def main(path: str, n: int, limit: int) -> None:
    """Run, and print one JSON object."""
    transport, said = transport_of(), ""
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, list(people(n)), send_email_invite=False, rate=None, journal=path)
        try:
            async with job:
                if limit:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then the write fails instead
                    largest = max(file.stat().st_size for file in Path(path).parent.iterdir())
                    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + limit, resource.RLIM_INFINITY))
                async for _ in job:
                    pass
        except BulkStoppedError as error:
            said = f"{error.stop_reason}: {error}"
        except AirmeetError as error:
            said = f"{type(error).__name__}: {error}"
        applied = sum(transport.world.person(EVENT, row.email) is not None for row in people(n))
        report = job.report.as_dict() if job.total else {"counts": {}, "earlier_counts": {}}
        facts = {name: report[name] for name in ("counts", "earlier_counts")}
        facts |= {"said": said, "sent": len(transport.arrivals), "applied": applied}
        sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), backend_options={"loop_factory": VirtualTimeLoop})
