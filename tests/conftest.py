"""Puts ``tests/`` on the import path, so that helpers such as ``loopback`` are imported by name."""

from hypothesis import settings

# A loaded machine is slow; how long an example takes proves nothing.
settings.register_profile("tidings", deadline=None)
settings.load_profile("tidings")
