"""What a command prints: one line per table written, a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

__all__ = ["progress", "say"]

#: seconds before a bar appears, and between two lines in a log
_PATIENCE, _LOG_EVERY = 1.0, 10.0


def say(lines: Iterable[object] | str) -> None:
    """Print one line, or one line for each item."""
    for line in [lines] if isinstance(lines, str) else lines:
        print(line, flush=True)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield ``advance(n)``: a bar on standard error when it is a terminal and the work takes over a second, else a line every ten."""
    started = shown = time.monotonic()
    done = 0
    terminal = sys.stderr.isatty()

    def advance(n: int = 1) -> None:
        nonlocal done, shown
        done += n
        now = time.monotonic()
        if now - started < _PATIENCE or now - shown < (0.1 if terminal else _LOG_EVERY):
            return
        shown = now
        share = done / total if total else 1.0
        if terminal:
            filled = int(30 * min(share, 1.0))
            sys.stderr.write(f"\r{label} [{'█' * filled}{'·' * (30 - filled)}] {done:,}/{total:,}")
        else:
            sys.stderr.write(f"{label}: {done:,} of {total:,} ({share:.0%}) after {now - started:.0f} s\n")
        sys.stderr.flush()

    yield advance
    if terminal and shown > started:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
