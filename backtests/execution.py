"""How orders are worked: at which price, sized by what, what becomes of the blocked part, and how much of the volume they may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from research.errors import UsageError

__all__ = ["Execution"]

Fill = Literal["open", "close", "vwap"]
Sizing = Literal["previous_close", "fill"]
Blocked = Literal["shrink", "wait", "die"]
Volume = Literal["trailing", "day"]


@dataclass(frozen=True, slots=True)
class Execution:
    """How the orders of a run are worked.

    Parameters
    ----------
    fill
        Price of the session after the decision: its ``open``; its ``close``; or ``vwap``, the session's amount over its volume.
    sizing
        ``previous_close``: shares are fixed before the open, from the net asset value and the price at the close before it.
        ``fill``: from value and price at the fill itself, which nobody knows when the order is sent.
    blocked
        What becomes of the part that a limit, a suspension, T+1 or the volume cap stops. ``shrink``: it is dropped; the next targets
        try again. ``wait``: it is tried in every following session until it is filled or new targets come. ``die``: an order that
        cannot be filled whole is not filled at all. Cash, lots and short sales that are not allowed always shrink (or die).
    participation
        Largest share of a name's volume an order may take (reason ``adv_cap``); None for no cap. Without a volume there is no cap.
    volume
        Of which volume: the mean of the ``trailing`` 20 sessions, known before the open, or that of the ``day``, known after it.
    on_tick
        Move fill prices away from the trader to the next tick, on bars whose price is a multiple of the tick.
    """

    fill: Fill = "open"
    sizing: Sizing = "previous_close"
    blocked: Blocked = "shrink"
    participation: float | None = None
    volume: Volume = "trailing"
    on_tick: bool = False

    def __post_init__(self) -> None:
        """Refuse a word that is not known, and a participation outside (0, 1]."""
        for name, words in (("fill", Fill), ("sizing", Sizing), ("blocked", Blocked), ("volume", Volume)):
            if getattr(self, name) not in get_args(words):
                raise UsageError(f"{name} came as {getattr(self, name)!r}; expected one of {', '.join(get_args(words))}.")
        if self.participation is not None and not 0 < self.participation <= 1:
            raise UsageError(
                f"participation came as {self.participation}; expected a share of the volume in (0, 1], such as 0.1, or None for no cap."
            )
