"""Proxies and certificates that the environment names: they are used, or named without their secrets."""

import asyncio
import ssl
import traceback
from pathlib import Path

import pytest
import trustme

from airmeet_async import (
    AirmeetClient,
    Attendee,
    BulkStoppedError,
    ConfigError,
    NoReplyError,
    NotSentError,
    TransportError,
)
from airmeet_async.client.proxy import find_proxy
from airmeet_async.client.transports.httpx_transport import HttpxTransport, default_trust
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.protocol.base_urls import parse_base
from tests.client.conftest import Environment
from tests.sentinels import SENTINEL_SECRET_KEY, leaks
from tests.support.fault_server import Peer, answer, fault_server, raw
from tests.support.transports import post

BASE = parse_base("https://gate.airmeet.example:8443/prod")
BY_ADDRESS = parse_base("https://10.1.2.3/prod")


@pytest.mark.parametrize(
    ("text", "url", "place"),
    [
        ("http://proxy:3128", "http://proxy:3128", "proxy:3128"),
        ("proxy:3128", "http://proxy:3128", "proxy:3128"),
        ("proxy", "http://proxy", "proxy"),
        ("  http://proxy:3128/ ", "http://proxy:3128", "proxy:3128"),
        ("HTTPS://proxy:3128", "https://proxy:3128", "proxy:3128"),
        (f"me:{SENTINEL_SECRET_KEY}@proxy:3128", f"http://me:{SENTINEL_SECRET_KEY}@proxy:3128", "proxy:3128"),
        ("http://me:a%40b@[::1]:3128", "http://me:a%40b@[::1]:3128", "[::1]:3128"),
    ],
)
def test_a_proxy_is_found_however_it_is_written(environment: Environment, text: str, url: str, place: str) -> None:
    environment(HTTPS_PROXY=text)
    found = find_proxy(BASE)

    assert found is not None
    assert (found.url, found.place, found.origin) == (url, place, "HTTPS_PROXY")
    assert leaks(repr(found)) == []
    HttpxTransport(BASE)._new_lane()  # httpx takes it, too


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_an_empty_variable_names_none(environment: Environment, text: str) -> None:
    environment(HTTPS_PROXY=text)
    assert find_proxy(BASE) is None


@pytest.mark.parametrize(
    "text",
    [
        f"socks5://me:{SENTINEL_SECRET_KEY}@proxy:1080", f"socks5h://{SENTINEL_SECRET_KEY}@proxy", "ftp://proxy",
        f"me:{SENTINEL_SECRET_KEY} x@proxy:3128", f"http://me:{SENTINEL_SECRET_KEY}/x@proxy:3128",
        f"http://me:{SENTINEL_SECRET_KEY}@x@proxy:3128", f"http://me:{SENTINEL_SECRET_KEY}@proxy:port",
        f"http://me:{SENTINEL_SECRET_KEY}@proxy:99999", f"http://me:{SENTINEL_SECRET_KEY}@[::1", "http://", "//proxy:1",
        f"http://proxy/{SENTINEL_SECRET_KEY}", f"http://proxy?{SENTINEL_SECRET_KEY}", "http://pro\\xy", "http://:3128",
        "http://proxy:0", "http://pröxy:1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_what_is_no_proxy_is_named_by_its_variable_alone(environment: Environment, variable: str, text: str) -> None:
    environment(**{variable: text})

    for make in (find_proxy, HttpxTransport, lambda _: AirmeetClient("k", "s", base_url=str(BASE), transport="fast")):
        with pytest.raises(ConfigError, match=variable) as caught:
            make(BASE)

        assert leaks(str(caught.value) + "".join(traceback.format_exception(caught.value))) == []


@pytest.mark.parametrize(
    ("exempt", "is_exempt"),
    [
        ("airmeet.example", True), (".airmeet.example", True), ("*.airmeet.example", True), ("*", True),
        ("gate.airmeet.example", True), ("gate.airmeet.example:8443", True), ("airmeet.example:8443", True),
        ("GATE.airmeet.example", True), (" x , airmeet.example ", True),
        ("gate.airmeet.example:443", False), ("meet.example", False), ("other", False), ("", False), (",", False),
        ("10.0.0.0/8", False),
    ],
)  # fmt: skip
def test_no_proxy_lists_names_with_and_without_a_port(environment: Environment, exempt: str, is_exempt: bool) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        environment(HTTPS_PROXY="proxy:1", **{variable: exempt})
        assert (find_proxy(BASE) is None) is is_exempt


@pytest.mark.parametrize(
    ("exempt", "base", "is_exempt"),
    [
        ("10.0.0.0/8", "https://10.1.2.3", True), ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3:443", "https://10.1.2.3", True), ("10.1.2.3:444", "https://10.1.2.3", False),
        ("10.1.2.0/24,192.168.0.0/16", "https://192.168.7.7", True), ("10.0.0.0/16", "https://10.1.2.3", False),
        ("10.0.0.0/99", "https://10.1.2.3", False), ("fd00::/8", "https://[fd00::1]", True),
        ("[fd00::1]:443", "https://[fd00::1]", True), ("fd00::1", "https://[fd00::1]", True),
        ("fd00::/8", "https://10.1.2.3", False),
    ],
)  # fmt: skip
def test_no_proxy_lists_addresses_and_networks(
    environment: Environment, exempt: str, base: str, is_exempt: bool
) -> None:
    environment(HTTPS_PROXY="proxy:1", NO_PROXY=exempt)
    assert (find_proxy(parse_base(f"{base}/prod")) is None) is is_exempt


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_proxy_that_is_not_there_is_named(environment: Environment) -> None:
    """Nobody listens on port 1, and the name cannot be resolved."""
    for place, cause in (("127.0.0.1:1", "connection refused"), ("no.such.invalid:1", "its address is not found")):
        environment(HTTPS_PROXY=f"http://me:{SENTINEL_SECRET_KEY}@{place}")
        transport = HttpxTransport(BASE)
        with pytest.raises(NotSentError) as caught:
            await transport.exchange(post())
        await transport.aclose()

        assert str(caught.value) == f"cannot reach the proxy {place}: {cause}; check HTTPS_PROXY"
        assert caught.value.reason == "proxy"


@pytest.mark.slow
@pytest.mark.real_time
async def test_replies_through_a_proxy_are_checked_like_others(environment: Environment) -> None:
    """And neither the proxy nor its reply can take the place of the server."""
    authority, server_side, trust = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("gate.airmeet.example").configure_cert(server_side)
    authority.configure_trust(trust)
    acts = (answer(b"one"), answer(b"two"), raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", close=False))
    async with fault_server(*acts, tls=server_side) as server:

        async def tunnel(peer: Peer) -> None:
            there = await asyncio.open_connection("127.0.0.1", server.port)
            try:
                await peer.send(b"HTTP/1.1 200 Connected\r\n\r\n")
                await asyncio.gather(pump(peer.reader, there[1]), pump(there[0], peer.writer))
            finally:
                there[1].transport.abort()

        async with fault_server(tunnel) as proxy:
            environment(HTTPS_PROXY=f"127.0.0.1:{proxy.port}")
            transport = HttpxTransport(BASE, verify=trust)
            bodies = [(await transport.exchange(post())).body for _ in range(2)]
            with pytest.raises(NoReplyError, match="valid HTTP"):
                await transport.exchange(post())
            await transport.aclose()
        async with fault_server(raw(b"HTTP/1.1 200 OK\n\n", close=False)) as proxy:
            environment(HTTPS_PROXY=f"127.0.0.1:{proxy.port}")
            transport = HttpxTransport(BASE, verify=trust)
            with pytest.raises(TransportError, match="valid HTTP"):
                await transport.exchange(post())
            await transport.aclose()

    assert (bodies, server.connections) == ([b"one", b"two"], 1)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
    writer.close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
def test_a_file_of_certificates_that_is_missing_is_named(
    environment: Environment, variable: str, tmp_path: Path
) -> None:
    environment(**{variable: str(tmp_path / "no" / "ca.pem")})
    with pytest.raises(ConfigError, match=f"{variable} names .*ca.pem.*No such file.*unset it"):
        default_trust()


def test_a_file_of_certificates_without_any_is_named(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    environment(SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE names .*ca.pem.*no certificates"):
        default_trust()
    environment()
    assert default_trust().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("kind", [HttpxTransport, LlhttpTransport])
async def test_such_a_file_is_a_setting_and_no_trouble_of_the_network(
    environment: Environment, kind: type[HttpxTransport], tmp_path: Path
) -> None:
    """So nothing is tried again, and a run ends at once."""
    environment(SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    base = "https://127.0.0.1:1/prod"
    async with AirmeetClient("k", "s", base_url=base, transport=kind(parse_base(base))) as client:
        with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
            await client.airmeets.info("e1")
        with pytest.raises(BulkStoppedError, match="SSL_CERT_FILE") as stopped:
            await client.bulk.add_attendees("e1", [Attendee("a@b.de", "A", "B")], send_email_invite=False)

    assert stopped.value.stop_reason == "settings"
