"""How vendors are asked, against clocks and counts."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from itertools import pairwise

import pytest

from research.sources.vendor import Caller, Pace, brief, each, quiet

FAST = Pace(attempts=3, wait=0.0, timeout=5.0, workers=3, per_second=0)


def caller(pace: Pace = FAST, **options: object) -> Caller:
    return Caller(pace, passing=lambda error: isinstance(error, ValueError), **options)  # type: ignore[arg-type]


def failing(times: int, error: type[Exception] = ValueError) -> tuple[list[float], object]:
    """A request that fails some times and then answers 7; and when it was sent."""
    sent: list[float] = []

    def request() -> int:
        sent.append(time.monotonic())
        if len(sent) <= times:
            raise error("busy")
        return 7

    return sent, request


def test_a_passing_failure_is_tried_again_and_no_other_is() -> None:
    sent, request = failing(2)
    assert caller().ask(request) == 7 and len(sent) == 3  # type: ignore[arg-type]
    sent, request = failing(3)
    with pytest.raises(ValueError, match="busy"):
        caller().ask(request)  # type: ignore[arg-type]
    assert len(sent) == 3
    sent, request = failing(1, KeyError)
    with pytest.raises(KeyError):
        caller().ask(request)  # type: ignore[arg-type]
    assert len(sent) == 1


def test_pauses_grow_and_what_the_client_remembers_is_dropped() -> None:
    forgotten: list[int] = []
    sent, request = failing(3)
    pace = Pace(attempts=4, wait=0.04, workers=1, per_second=0)
    caller(pace, forget=lambda: forgotten.append(1)).ask(request)  # type: ignore[arg-type]
    pauses = [later - before for before, later in pairwise(sent)]
    # 0.04, 0.08, 0.16 and up to 0.04 of jitter on each.
    assert len(forgotten) == 3
    assert all(pause >= least for pause, least in zip(pauses, (0.04, 0.08, 0.16), strict=True))


def test_requests_are_spread_over_time() -> None:
    sent: list[float] = []
    one = caller(Pace(wait=0.0, workers=4, per_second=40))
    each(range(6), lambda n: one.ask(lambda: sent.append(time.monotonic())), workers=4, reason=lambda n, error: "")
    sent.sort()
    assert sent[-1] - sent[0] >= 5 / 40 - 0.005


def test_a_refusal_holds_everybody_back() -> None:
    one = caller(Pace(attempts=2, wait=0.4, workers=2, per_second=0), limited=lambda error: True)
    sent, request = failing(1)
    other: list[float] = []
    thread = threading.Thread(target=lambda: one.ask(request))  # type: ignore[arg-type]
    thread.start()
    while not sent or one._next < time.monotonic() + 0.01:
        time.sleep(0.001)
    one.ask(lambda: other.append(time.monotonic()))
    thread.join()
    assert other[0] - sent[0] >= 0.39


def test_a_request_that_hangs_is_given_up() -> None:
    free = threading.Event()
    one, other = (Caller(Pace(attempts=1, timeout=seconds), passing=lambda error: False) for seconds in (0.05, 20.0))
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        one.ask(free.wait, bounded=True)
    free.set()
    assert other.ask(lambda: 3, bounded=True) == 3


def test_at_most_so_many_run_at_once_and_results_keep_their_order() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    def task(n: int) -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.01 * (5 - n % 5))
        with lock:
            running[0] -= 1
        if n % 4 == 1:
            raise RuntimeError(f"no {n}")
        return n

    done: list[int] = []
    found, failed = each(range(12), task, workers=3, reason=lambda n, error: f"{n}: {brief(error)}", advance=done.append)
    assert most[0] == 3
    assert found == [n for n in range(12) if n % 4 != 1]
    assert failed == [(n, f"{n}: RuntimeError: no {n}") for n in (1, 5, 9)]
    assert done == [1] * 12


def test_an_interruption_begins_nothing_new() -> None:
    begun: list[int] = []

    def advance(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each(range(50), lambda n: (begun.append(n), time.sleep(0.02)), workers=2, reason=lambda n, error: "", advance=advance)
    time.sleep(0.1)
    assert len(begun) < 40


def test_clients_are_quiet_and_progress_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    def task(n: int) -> None:
        print("noise")
        print("noise", file=sys.stderr)
        warnings.warn("noise", stacklevel=1)

    each(range(2), task, workers=1, reason=lambda n, error: "", advance=lambda n: sys.stderr.write("done "))
    with quiet():
        print("noise")
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == "done done "


def test_an_error_is_told_in_a_line() -> None:
    assert brief(ValueError("a\n b " + "x" * 300)) == "ValueError: a b " + "x" * 116
    assert brief(KeyError()) == "KeyError"
