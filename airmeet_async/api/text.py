"""Comparing addresses."""

_FOLD = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(email: str) -> str:
    """Return *email* for comparison. Only ASCII is folded: Unicode folding merges different people."""
    return email.lower() if email.isascii() else email.translate(_FOLD)
