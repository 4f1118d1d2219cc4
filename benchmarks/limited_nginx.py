"""The limits of `benchmarks.limits` as nginx has them, on a loopback port of their own, in real time.

The client is another process; what came when, and what became of it, is in nginx's log.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.limits import Connections, LeakyBucket, Limiter, Queue, Seen, Steps
from benchmarks.server import free_ports, run_nginx

_CONFIG = """
$MODULES
daemon off;
master_process off;
pid $FOLDER/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
    log_format seen escape=none '$msec $request_time $status $uri $request_body';
    access_log $FOLDER/seen.log seen;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    client_body_buffer_size 64k;
    client_body_temp_path $FOLDER/body;
    proxy_temp_path $FOLDER/proxy;
    fastcgi_temp_path $FOLDER/fastcgi;
    uwsgi_temp_path $FOLDER/uwsgi;
    scgi_temp_path $FOLDER/scgi;
    lua_package_path "$FOLDER/?.lua;;";
    init_by_lua_block { airmeet = require("airmeet") }
    $ZONES
    server {
        listen 127.0.0.1:$PORT backlog=4096;
        location = /prod/auth { access_log off; content_by_lua_block { airmeet.sign_in() } }
        location ~ ^/prod/airmeet/[^/]+/attendee$ {
            $LIMITS
            content_by_lua_block { $WORK airmeet.add() }
        }
        location @refused { add_header Retry-After 1 always; return $STATUS; }
    }
}
"""


def _directives(limiter: Limiter) -> tuple[str, str, str] | None:
    """Return the zones, the limits and the work as nginx has them, or None for what it cannot do."""
    match limiter:
        case LeakyBucket(rate, burst):
            zone = f"limit_req_zone $binary_remote_addr zone=all:1m rate={rate:g}r/s;"
            return zone, f"limit_req zone=all burst={burst} nodelay;", ""
        case Connections(most, seconds):
            return (
                "limit_conn_zone $binary_remote_addr zone=all:1m;",
                f"limit_conn all {most};",
                f"ngx.sleep({seconds})",
            )
        case Queue(workers, seconds):
            # Whoever finds no worker free waits in line.
            workers_of = f"workers = workers or require('ngx.semaphore').new({workers})"
            return "", "", f"{workers_of} workers:wait(600) ngx.sleep({seconds}) workers:post(1)"
        case Steps(LeakyBucket() as first, LeakyBucket() as second, length):
            # A limit whose key is empty does not count.
            zones = [
                f"limit_req_zone ${name} zone={name}:1m rate={one.rate:g}r/s;"
                for name, one in (("first", first), ("second", second))
            ]
            is_second = f"began = began or ngx.now() local is_second = math.floor((ngx.now() - began) / {length}) == 1"
            limits = [
                f'set_by_lua_block $first {{ {is_second} return is_second and "" or "1" }}',
                f'set_by_lua_block $second {{ {is_second} return is_second and "1" or "" }}',
                f"limit_req zone=first burst={first.burst} nodelay;",
                f"limit_req zone=second burst={second.burst} nodelay;",
            ]
            return " ".join(zones), " ".join(limits), ""
    return None


def is_possible(limiter: Limiter) -> bool:
    """Whether nginx has such a limit."""
    return _directives(limiter) is not None


@contextlib.contextmanager
def limited(
    limiter: Limiter, status: int, *, names_time: bool, takes_s: float = 0.0
) -> Iterator[tuple[str, list[Seen]]]:
    """Run nginx with that limit; yield its address, and a list that is filled from its log at the end.

    Args:
        limiter: The limit.
        status: Of a refusal.
        names_time: A refusal has a Retry-After.
        takes_s: What is let through takes so many seconds more.
    """
    zones, limits, work = _directives(limiter) or ("", "", "")
    work += f" ngx.sleep({takes_s})" * (takes_s > 0)
    kind = "conn" if isinstance(limiter, Connections) else "req"
    limits += f" limit_{kind}_status {status};" + f" error_page {status} = @refused;" * names_time
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as name:
        (port,), seen = free_ports(1), list[Seen]()
        values = {"ZONES": zones, "LIMITS": limits, "WORK": work, "STATUS": str(status), "PORT": str(port)}
        with run_nginx(Path(name), _CONFIG, [port], values):
            yield f"http://127.0.0.1:{port}/prod", seen
        for line in (Path(name) / "seen.log").read_text().splitlines():
            end, took, answered, path, body = line.split(" ", 4)
            client = int(path.removesuffix("/attendee")[-1])
            seen.append(Seen(float(end) - float(took), float(end), answered == "200", client, body))
