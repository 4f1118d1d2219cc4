"""A connected socket to a host: its addresses, and the first of them that answers (RFC 8305).

The event loops differ here: uvloop tries one address after the other, so a dead IPv6 would eat the whole time-out.
"""

import asyncio
import socket
from asyncio.staggered import staggered_race
from functools import partial
from typing import Any

from airmeet_async.api.addresses import Base

_NEXT_ADDRESS = 0.25
"""Seconds after which a silent address gets company."""


async def reach(base: Base) -> socket.socket:
    """Return a socket that is connected to *base*.

    Raises:
        OSError: No address of it can be found, or none answers.
    """
    addresses = await _addresses(base)
    if len(addresses) == 1:
        return await _connect(*addresses[0])
    winner, _, errors = await staggered_race([partial(_connect, *one) for one in addresses], _NEXT_ADDRESS)
    if winner is None:
        raise next((error for error in errors if error is not None), OSError("no address"))
    found: socket.socket = winner
    return found


async def _addresses(base: Base) -> list[Any]:
    where, stream = (base.host, base.port), socket.SOCK_STREAM
    try:  # an address in figures needs no resolver, thus no thread
        return socket.getaddrinfo(*where, type=stream, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(*where, type=stream)


async def _connect(family: int, kind: int, proto: int, _name: str, address: Any) -> socket.socket:
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the socket's signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
