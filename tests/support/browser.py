"""A real browser, driven over its debugging pipe: what does a page ask for, and what does it complain about?"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium")
_QUIET = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-pipe about:blank"
)
# The browser reads its descriptor 3 and writes to 4. Both are moved out of each other's way first.
_START = (
    "import os, sys\n"
    "ends = [os.dup(int(end)) for end in sys.argv[1:3]]\n"
    "ends = [os.dup2(end, 40 + n) for n, end in enumerate(ends)]\n"
    "[os.dup2(end, 3 + n) for n, end in enumerate(ends)]\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)


class Page:
    """One page in a browser of its own.

    Attributes:
        requests: The addresses that it asked for.
        complaints: What the browser's console says.
    """

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._events: list[str] = []
        self._number = 0
        self._session: str | None = None
        self._folder = tempfile.mkdtemp(prefix="airmeet-browser-")
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        command = [sys.executable, "-c", _START, str(theirs_in), str(theirs_out), CHROMIUM, *_QUIET.split()]
        self._process = subprocess.Popen(
            [*command, f"--user-data-dir={self._folder}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._out, self._in = os.fdopen(ours_out, "wb", buffering=0), os.fdopen(ours_in, "rb")

    def __enter__(self) -> Self:
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()  # a browser whose pipe is closed ends
        self._in.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send one command and return its answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, path: Path) -> None:
        """Open a file and wait until all of it is there."""
        self._events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._read()

    def media(self, *, scheme: str = "light", media: str = "screen") -> None:
        """Say how the page is looked at."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def find(self, script: str) -> Any:
        """Return what a script finds."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def pdf(self, *, scheme: str = "light") -> bytes:
        """Return the page as it is printed."""
        self.media(scheme=scheme, media="print")
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=False)["data"])

    def picture(self, *, width: int, height: int) -> bytes:
        """Return what is to be seen of the page in a window of that size, as PNG."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def _read(self) -> dict[str, Any]:
        """Read one message, and note what it tells of the page."""
        raw = bytearray()
        while (byte := self._in.read(1)) not in {b"\0", b""}:
            raw += byte
        assert raw, "the browser has ended"
        message: dict[str, Any] = json.loads(raw)
        method, facts = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        if method in {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
            self.complaints.append(json.dumps(facts))
        return message
