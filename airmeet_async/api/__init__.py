"""Moved to `protocol`."""
