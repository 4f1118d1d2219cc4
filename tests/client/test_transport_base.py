"""The words and reasons of network errors, whichever transport meets them."""

import errno
import socket
import ssl

import pytest

from airmeet_async import NoReplyError, NotSentError, Timeouts
from airmeet_async.client.transports.base import KEEP_ALIVE, late, lost, not_sent, reason_below, too_large

HOST = "airmeet.example"


def caused(error: BaseException, *, by: BaseException) -> BaseException:
    error.__cause__ = by
    return error


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] many words")
    error.verify_message = "self-signed certificate"
    return error


UNREACHABLE = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("dns", "cannot find the address of airmeet.example: check the network and AIRMEET_URI"),
        ("tls", "no trusted TLS connection to airmeet.example: the connection failed"),
        ("proxy", "the proxy refused the connection to airmeet.example: check HTTPS_PROXY"),
        ("connect", "cannot reach airmeet.example: the connection failed"),
        ("timeout", f"cannot reach {HOST}: no connection in time; check the network, or whether a proxy is needed"),
        ("protocol", "the request to airmeet.example could not be written: a header or the address is not valid"),
    ],
)  # fmt: skip
def test_what_was_not_sent_says_where_why_and_what_to_do(reason: str, words: str) -> None:
    error = not_sent(reason, HOST)

    assert type(error) is NotSentError
    assert (str(error), error.reason, error.host) == (words, reason, HOST)


def test_what_was_lost_says_how() -> None:
    errors = {reason: lost(reason, HOST) for reason in ("timeout", "protocol", "reset")}

    assert {(type(error), error.host) for error in errors.values()} == {(NoReplyError, HOST)}
    assert {reason: error.reason for reason, error in errors.items()} == {name: name for name in errors}
    words = [str(error).removeprefix(f"the connection to {HOST} ") for error in errors.values()]
    end = " before the reply was complete"
    assert words == [f"went silent{end}", f"did not send valid HTTP{end}", f"broke{end}"]


def test_the_limits_of_an_exchange_are_in_their_errors() -> None:
    slow, large = late(HOST, 45.0), too_large(HOST, 4096)

    assert (str(slow), slow.reason, slow.host) == (f"{HOST} did not reply within 45 s", "timeout", HOST)
    assert (str(large), large.reason, large.host) == (
        f"the reply from {HOST} is larger than 4096 bytes", "protocol", HOST,
    )  # fmt: skip


def test_a_cause_is_in_the_words_of_the_system_or_of_tls_and_shows_no_address() -> None:
    """Python's own text would repeat the address, and a library's could show a header."""
    cases: list[tuple[BaseException, str]] = [
        (UNREACHABLE, "connection refused"),
        (caused(ValueError("x"), by=UNREACHABLE), "connection refused"),
        (caused(ValueError("x"), by=untrusted()), "self-signed certificate"),
        (OSError("no number"), "the connection failed"),
        (ValueError("x"), "the connection failed"),
    ]
    for error, words in cases:
        assert str(not_sent("connect", HOST, error)) == f"cannot reach {HOST}: {words}"


def test_the_reason_is_looked_for_in_the_whole_chain_of_an_error() -> None:
    """Also within a group, as anyio's happy eyeballs raise one. That TLS wants more bytes is no reason."""
    dns, tls = socket.gaierror(-2, "Name or service not known"), untrusted()
    during = ValueError("x")
    during.__context__ = dns
    cases: list[tuple[BaseException, str | None]] = [
        (dns, "dns"),
        (tls, "tls"),
        (ssl.SSLError(1, "x"), "tls"),
        (caused(ValueError("x"), by=caused(OSError("y"), by=dns)), "dns"),
        (during, "dns"),
        (caused(ValueError("x"), by=ExceptionGroup("", [OSError("y"), dns])), "dns"),
        (ExceptionGroup("", [OSError("y"), tls]), "tls"),
        (caused(socket.gaierror(-2, "x"), by=ssl.SSLError(1, "x")), "tls"),
        (ssl.SSLWantReadError(), None),
        (caused(TimeoutError(), by=ssl.SSLWantWriteError()), None),
        (UNREACHABLE, None),
        (ValueError("x"), None),
    ]
    for error, reason in cases:
        assert reason_below(error) == reason, repr(error)


def test_time_outs_outlast_a_gateways_and_idle_connections_do_not() -> None:
    """API gateways give up after 29 to 30 s with a 504, and close connections that idle for long."""
    limits = Timeouts()

    assert (limits.connect, limits.write, limits.read, limits.total) == (5.0, 10.0, 35.0, 45.0)
    assert KEEP_ALIVE == 15.0
