"""With the core install alone, people are added with the packages that the project is built on."""

import json
import subprocess
import sys

import pytest

ROWS = 20
PER_ROW = (
    "httpx: AsyncHTTPTransport.handle_async_request",
    "anyio: SocketStream.send",
    "anyio: SocketStream.receive",
    "aiolimiter: AsyncLimiter.acquire",
)

SCRIPT = """
import asyncio, json, os, re, sys
from collections import Counter

for module in ("orjson", "httptools", "uvloop"):  # as if no extra were installed
    sys.modules[module] = None

import aiolimiter, anyio, cattrs, httpx
from airmeet_async import AirmeetClient

PACKAGES = (aiolimiter, anyio, cattrs, httpx)
FOLDERS = {os.path.dirname(package.__file__) + os.sep: package.__name__ for package in PACKAGES}
called, structured = Counter(), set()

def count(frame, event, _):
    code = frame.f_code
    package = next((name for folder, name in FOLDERS.items() if code.co_filename.startswith(folder)), None)
    if event == "call" and package:
        called[f"{package}: {code.co_qualname}"] += 1
        if code.co_name == "get_structure_hook":
            structured.add(getattr(frame.f_locals["type"], "__name__", ""))

async def answer(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            body = await reader.readexactly(int(re.search(rb"(?i)content-length: (\\d+)", head)[1]))
            reply = {"token": "t" * 40}
            if b"/attendee " in head:
                reply = {"email": json.loads(body)["email"], "entryLink": "https://www.airmeet.com/e/x?code=1"}
            data = json.dumps(reply).encode()
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(data), data))
    except (asyncio.IncompleteReadError, asyncio.CancelledError):
        writer.close()

async def add(rows):
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/prod"
    people = [{"email": f"person-{n}@example.com", "first_name": "Ada", "last_name": "Lovelace"} for n in range(rows)]
    client = AirmeetClient("key", "secret", base_url=base, transport="httpx", max_in_flight=4)
    job = client.bulk.add_attendees("event", people, send_email_invite=False, rate=1000)
    async with client, job:
        await client.token.get()  # signs in
        sys.setprofile(count)
        links = [result.entry_link async for result in job]
        sys.setprofile(None)
    server.close()
    return sum(map(bool, links))

added = asyncio.run(add(int(sys.argv[1])))
print(json.dumps({"added": added, "called": called, "structured": sorted(structured)}))
"""


@pytest.mark.slow
def test_adds_go_through_httpx_anyio_cattrs_and_aiolimiter() -> None:
    """Each person's permit, request and bytes, and the reader of the replies."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(ROWS)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)

    assert found["added"] == ROWS
    assert [name for name in PER_ROW if found["called"].get(name, 0) < ROWS] == []
    assert "Access" in found["structured"]  # cattrs' converter makes one reader per model
