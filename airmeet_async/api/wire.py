"""Moved to `protocol.http_messages`; goes with the sandbox's own move."""

from airmeet_async.protocol.http_messages import READ_LIMIT, WRITE_LIMIT, Headers, Reply, Request

__all__ = ["READ_LIMIT", "WRITE_LIMIT", "Headers", "Reply", "Request"]
