"""Puts ``tests/`` on the import path, so that helpers such as ``loopback`` are imported by name."""
