"""What the rules find for and against an instrument in one text: words, stated moves, results, events, deals."""

from __future__ import annotations

from dataclasses import dataclass, field

from research.tone_deals import of_suit

__all__ = ["HEADLINE_WEIGHT", "KINDS", "Evidence"]

#: what evidence there is
KINDS = ("word", "move", "result", "event", "deal")
#: what the headline says weighs so much
HEADLINE_WEIGHT = 2.0


@dataclass(slots=True)
class Evidence:
    """The pieces of evidence of one instrument in one text, summed up.

    ``score`` and ``absolute`` are the weighted sums of the scores and of their sizes, ``weight`` that of the weights; ``reasons`` what each
    explanation adds to the score; ``kinds`` how much speaks for and against it by kind, and how often; ``moves`` the stated moves,
    weighted, in order of appearance; ``headline`` what the headline adds. ``suing``: a suit is not held against who brings it.
    """

    suing: bool = False
    score: float = 0.0
    weight: float = 0.0
    absolute: float = 0.0
    headline: float = 0.0
    reasons: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, list[float]] = field(default_factory=dict)
    moves: list[float] = field(default_factory=list)

    def add(self, score: float, weight: float, why: str, kind: str = "word") -> None:
        """Add one piece: its score in [-1, 1], its weight, how it is explained, and what it is, one of :data:`KINDS`."""
        if self.suing and of_suit(why):
            return
        worth = score * weight
        self.score += worth
        self.weight += weight
        self.absolute += abs(worth)
        self.reasons[why] = self.reasons.get(why, 0.0) + worth
        of_kind = self.kinds.setdefault(kind, [0.0, 0.0, 0.0])
        of_kind[worth < 0] += abs(worth)
        of_kind[2] += 1
        if kind == "move":
            self.moves.append(worth)
        if weight >= HEADLINE_WEIGHT:
            self.headline += worth

    def explanation(self, more: float = 0.0) -> str:
        """Return the strongest reasons with what they were worth; ``more`` is what the words around the name add."""
        reasons = {**self.reasons, "words around": more} if abs(more) >= _LEAST_TOLD else self.reasons
        strongest = sorted(reasons.items(), key=lambda item: (-abs(item[1]), item[0]))[:_MOST_TOLD]
        return "; ".join(f"{why}{value:+.1f}" for why, value in strongest)


#: reasons that are told, and the least worth of what the words around a name add
_MOST_TOLD, _LEAST_TOLD = 6, 0.2
