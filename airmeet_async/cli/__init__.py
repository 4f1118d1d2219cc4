"""The ``airmeet`` command."""
