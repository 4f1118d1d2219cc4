"""All commands together. Importing this module registers them."""

from airmeet_async.cli import app_event, app_read, app_runs, app_setup, app_write
from airmeet_async.cli.app import app

__all__ = ["app", "app_event", "app_read", "app_runs", "app_setup", "app_write"]
