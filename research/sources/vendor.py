"""How a vendor is asked: a few requests at a time, not too often, again after a failure that may pass, each symbol on its own.

1. :class:`Pace` says how often, how long and how many at once;
2. :class:`Caller` sends one request: it waits for its turn, gives up one that hangs, and tries again with back-off and jitter (tenacity);
   a refusal for too many requests holds back every other request too;
3. :func:`each` runs a task for every item in a small pool; what fails becomes a line of the failures and costs the others nothing.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Caller", "Pace", "brief", "each", "quiet"]

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741

#: the longest pause between two tries, seconds
_LONGEST = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How a vendor is asked.

    Parameters
    ----------
    attempts
        How often a request is tried.
    wait
        The first pause after a failure in seconds; it doubles up to 30 s, and up to ``wait`` of jitter is added.
    timeout
        Seconds after which a request that hangs is given up.
    workers
        Requests under way at once.
    per_second
        Requests started in a second at most; 0 for no bound.
    """

    attempts: int = 3
    wait: float = 1.0
    timeout: float = 30.0
    workers: int = 4
    per_second: float = 4.0


class Caller:
    """Sends the requests of one run to one vendor; its methods may be called from several threads.

    Parameters
    ----------
    pace
        See :class:`Pace`.
    passing
        Whether another try may help after this error.
    limited
        Whether this error is a refusal for too many requests.
    forget
        Called before another try: what the vendor's client remembers of the last answer must go.
    """

    def __init__(
        self,
        pace: Pace,
        *,
        passing: Callable[[BaseException], bool],
        limited: Callable[[BaseException], bool] = lambda error: False,
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        self.pace, self._passing, self._limited, self._forget = pace, passing, limited, forget
        self._lock, self._next = threading.Lock(), 0.0

    def ask(self, request: Callable[[], T], *, bounded: bool = False) -> T:
        """Return the answer, or raise the last error; ``bounded`` runs a request that sets no time-out itself in a thread that may hang."""
        import tenacity

        pace = self.pace
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._passing),
            stop=tenacity.stop_after_attempt(pace.attempts),
            wait=tenacity.wait_exponential(multiplier=pace.wait, max=_LONGEST) + tenacity.wait_random(0, pace.wait),
            before=lambda state: self._turn(),
            before_sleep=self._failed,
            reraise=True,
        )
        return retrying(_bounded, request, pace.timeout) if bounded else retrying(request)

    def _turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next)
            self._next = at + (1 / self.pace.per_second if self.pace.per_second > 0 else 0.0)
        if at > now:
            time.sleep(at - now)

    def _failed(self, state: Any) -> None:
        self._forget()
        if self._limited(state.outcome.exception()):
            with self._lock:
                self._next = max(self._next, time.monotonic() + state.next_action.sleep)


def _bounded(request: Callable[[], T], timeout: float) -> T:
    outcome: dict[str, Any] = {}

    def run() -> None:
        try:
            outcome["answer"] = request()
        except Exception as error:
            outcome["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(timeout)
    if "error" in outcome:
        raise outcome["error"]
    if "answer" not in outcome:
        raise TimeoutError(f"no answer within {timeout:g} s")
    answer: T = outcome["answer"]
    return answer


def each(
    items: Iterable[I],
    task: Callable[[I], T],
    *,
    workers: int,
    reason: Callable[[I, Exception], str],
    advance: Callable[[int], object] = lambda n: None,
) -> tuple[list[T], list[tuple[I, str]]]:
    """Run ``task`` for every item, ``workers`` at a time, without what the vendors' clients print and warn.

    Returns
    -------
    tuple
        The results, and ``(item, reason)`` of every item whose task raised; both in the order of the items.
    """
    chosen = list(items)
    results: dict[int, T] = {}
    failed: dict[int, str] = {}
    shown = sys.stderr
    with quiet():
        pool = ThreadPoolExecutor(max_workers=max(1, workers))
        try:
            futures = {pool.submit(task, item): number for number, item in enumerate(chosen)}
            for future in as_completed(futures):
                number = futures[future]
                try:
                    results[number] = future.result()
                # Whatever a vendor's client raises for one item (there is no one error type), the others go on.
                except Exception as error:
                    failed[number] = reason(chosen[number], error)
                with contextlib.redirect_stderr(shown):
                    advance(1)
        finally:
            # After an interruption what has not begun never will.
            pool.shutdown(wait=False, cancel_futures=True)
    return [results[number] for number in sorted(results)], [(chosen[number], failed[number]) for number in sorted(failed)]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what the vendors' clients print and warn, for the whole process; begin it in the main thread."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def brief(error: BaseException) -> str:
    """Return an error as ``Type: text``, cut to a line."""
    text = " ".join(str(error).split())[:120]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
