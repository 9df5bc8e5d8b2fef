"""The ``tidings`` command: mounts the commands of the three packages and turns errors into one sentence.

Exit codes: 0 done, 1 bad data, 2 bad usage.
"""

from __future__ import annotations

import os
import sys

import typer

import backtests.cli
import research.cli
import signals.cli
from research.errors import TidingsError

__all__ = ["app", "main"]

app = typer.Typer(
    name="tidings",
    help="News in, evidence out: events, point-in-time signals, event studies and backtests.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for package in (backtests.cli, research.cli, signals.cli):
    package.mount(app)


def main() -> None:
    """Run the command line; an error is one plain sentence on standard error, never a traceback."""
    try:
        app()
    except TidingsError as error:
        print(f"tidings: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("tidings: stopped; what was written is whole, run the command again to go on.", file=sys.stderr)
        sys.exit(130)
    except (OSError, MemoryError) as error:
        print(f"tidings: the system refused ({error}); free the resource it names and run the command again.", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        # Not one of ours: a defect. The user still gets one sentence; the trace is there for whoever asks.
        if os.environ.get("TIDINGS_DEBUG"):
            raise
        print(
            f"tidings: an unexpected {type(error).__name__} ({str(error).splitlines()[0] if str(error) else 'no message'}); "
            "this is a defect: set TIDINGS_DEBUG=1 for the trace and report it.",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
