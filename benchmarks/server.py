"""The benchmark server: nginx with a few lines of Lua, which answer each add with its own e-mail.

It is started by us, in the foreground, on loopback ports of its own, and ended by us. The system's service is not used.
"""

import contextlib
import glob
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

from attrs import frozen

from benchmarks.machine import SERVER_CORE, pinned

HERE = Path(__file__).parent
PACKAGES = ("nginx", "libnginx-mod-http-lua")
MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
_WITHOUT_START = "#!/bin/sh\nexit 101\n"
_POLICY = Path("/usr/sbin/policy-rc.d")


class NoServerError(Exception):
    """There is no nginx with Lua here, and none can be installed."""


@frozen
class Server:
    """Base addresses of a running server.

    Attributes:
        plain: Answers at once.
        tls: The same over TLS.
        slow: Takes 50 ms for an add.
        authority: The file with the certificate to trust.
        pid: Of the one process.
    """

    plain: str
    tls: str
    slow: str
    authority: str
    pid: int


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Run the server on a core of its own.

    Raises:
        NoServerError: It cannot be had.
    """
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as name:
        folder, ports = Path(name), free_ports(3)
        authority = write_certificate(folder)
        values = dict(zip(("PLAIN_PORT", "TLS_PORT", "SLOW_PORT"), map(str, ports), strict=True))
        with run_nginx(folder, (HERE / "nginx.conf").read_text(), ports, values) as pid:
            plain, tls, slow = (f"127.0.0.1:{port}/prod" for port in ports)
            yield Server(f"http://{plain}", f"https://{tls}", f"http://{slow}", authority, pid)


@contextlib.contextmanager
def run_nginx(folder: Path, config: str, ports: list[int], values: dict[str, str]) -> Iterator[int]:
    """Run nginx with that configuration, whose $NAMES are filled in, and yield its process id.

    Raises:
        NoServerError: It cannot be had.
    """
    binary, modules = find_nginx()
    values = {**values, "FOLDER": str(folder), "MODULES": "\n".join(f"load_module {module};" for module in modules)}
    # safe_substitute leaves nginx's own $variables alone.
    (folder / "nginx.conf").write_text(Template(config).safe_substitute(values))
    shutil.copy(HERE / "airmeet.lua", folder)
    command = [binary, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(pinned(command, SERVER_CORE), stdin=subprocess.DEVNULL) as process:
        try:
            _wait_for(ports, process)
            yield process.pid
        finally:
            process.terminate()


def find_nginx() -> tuple[str, list[str]]:
    """Return nginx and the modules to load, installed first where that is possible.

    Raises:
        NoServerError: Neither there nor installable.
    """
    if (found := _nginx()) is None:
        _install()
        found = _nginx()
    if found is None:
        raise NoServerError("nginx was installed, but its Lua module is not where Debian has it")
    return found


def _nginx() -> tuple[str, list[str]] | None:
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    places = [Path(one) for one in ("/usr/lib/nginx/modules", *glob.glob("/usr/lib*/nginx/modules"))]  # noqa: PTH207
    folder = next((one for one in places if all((one / module).exists() for module in MODULES)), None)
    return (binary, [str(folder / module) for module in MODULES]) if binary and folder else None


def _install() -> None:
    """Install Debian's packages without starting the service that comes with them."""
    wanted = f"the benchmark server needs nginx with Lua (Debian: apt-get install {' '.join(PACKAGES)})"
    if not shutil.which("apt-get"):
        raise NoServerError(f"{wanted}, and this system has no apt-get")
    if os.geteuid() != 0:
        raise NoServerError(f"{wanted}; run that as root, or run this as root once")
    print(f"installing {' and '.join(PACKAGES)} (once) ...", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES]
    with _no_services():
        if (done := _quietly(command, quiet)).returncode:
            _quietly(["apt-get", "update", "-q"], quiet)
            done = _quietly(command, quiet)
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise NoServerError(f"{wanted}; installing failed: {reason}")


def _quietly(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Tell Debian for the while to start no service; somebody's own word on that is left alone."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text(_WITHOUT_START)
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def write_certificate(folder: Path) -> str:
    """Write ``server.pem``, and return the file with the authority that has signed it."""
    import trustme  # here, so that trials, whose memory is measured, do not load it

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    return str(folder / "authority.pem")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has just now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(ports: list[int], process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            for port in ports:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise NoServerError("nginx did not start; it says why above") from None
            time.sleep(0.05)
        else:
            return
