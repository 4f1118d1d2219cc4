"""Instructions per row, which do not drift with the machine: ``python -m benchmarks.instructions``, two minutes.

Counted by valgrind's cachegrind over a whole process: 3,000 rows less 1,000 rows, divided by 2,000. The server is a
process of its own on loopback. Another checkout is measured with its path as the argument, for a comparison.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.peers import EVENT, people

_FEW, _MANY = 1_000, 3_000
_COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


async def _answer(reader, writer):
    """Answer each add with its own e-mail, and everything else with a token."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").lower()
            length = re.search(r"content-length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            document = {"token": "t" * 40}
            if b'"email"' in body:
                email = json.loads(body)["email"]
                document = {"email": email, "entryLink": f"https://www.airmeet.com/e/x?code={email}"}
            data = json.dumps(document).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve():
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def add(port, rows, *, journal):
    from airmeet_async import AirmeetClient

    with tempfile.TemporaryDirectory() as folder:
        options = {"journal": Path(folder) / "job"} if journal else {}
        base = f"http://127.0.0.1:{port}"
        client = AirmeetClient("k" * 20, "s" * 20, base_url=base, transport="fast", max_in_flight=64)
        sent = client.bulk.add_attendees(EVENT, people(rows), send_email_invite=False, rate=None, **options)
        async with client, sent as job:
            done = [result async for result in job if result.entry_link]
    assert len(done) == rows


def counted(checkout, port, rows, journal):
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command += [sys.executable, __file__, "add", str(port), str(rows), str(int(journal))]
    environ = {"PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    return int(_COUNTED.search(done.stderr)[1].replace(",", ""))


def main(checkout):
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(checkout)}) as server:
        port = server.stdout.readline().strip()
        for journal in (False, True):
            counted(checkout, port, 10, journal)  # compiles the modules
            few, many = (counted(checkout, port, rows, journal) for rows in (_FEW, _MANY))
            name = "with the journal" if journal else "without a journal"
            print(f"fast, 64 in flight, {name}: {(many - few) // (_MANY - _FEW):,} instructions per row", flush=True)
        server.terminate()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(serve())
        case ["add", port, rows, journal]:
            asyncio.run(add(int(port), int(rows), journal=journal == "1"))
        case [*place]:
            main(Path(place[0] if place else ".").resolve())
