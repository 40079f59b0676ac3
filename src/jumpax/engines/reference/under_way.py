"""Delayed reactions of one path that are under way, in a heap."""

import heapq
from typing import Any

import numpy as np

from jumpax.engines.completions import schedule_of
from jumpax.engines.program import Program
from jumpax.engines.reference.words import Words
from jumpax.networks.delay import STREAM, Draw

Pair = tuple[Any, Any]


class UnderWay:
    """Completions to come, the earliest first.

    Args:
        program: what runs.
        key: words of the path.
        index: number of the path.
        log: logarithm of a number in (0, 1], as the engines compute it.
    """

    def __init__(self, program: Program, key: tuple[int, int], index: int, log: Any):
        self.program, self.schedule, self.log = program, schedule_of(program.network), log
        self.words, self.heap, self.begun = Words(key, index, STREAM), list[tuple[Pair, int, int]](), 0

    @property
    def due(self) -> Pair | None:
        """Time of the earliest completion."""
        return self.heap[0][0] if self.heap else None

    @property
    def full(self) -> bool:
        """Whether no more can begin."""
        return len(self.heap) >= self.program.queue

    def delay(self, reaction: int, theta: dict[str, Any]) -> Any:
        """A delay for a reaction that fires, or None if it has none."""
        if reaction not in self.schedule.reactions:
            return None
        law, real = self.schedule.delays[self.schedule.reactions.index(reaction)], self.program.dtype.type
        numbers = [real(theta[rate]) if isinstance(rate, str) else real(rate) for rate in law.rates.values()]
        while True:
            value, taken = law.sample(numbers, [self._draw() for _ in range(self.schedule.draws)][: law.draws])
            if taken:
                return min(real(value), np.finfo(real).max / 4)

    def begin(self, reaction: int, due: Pair) -> None:
        """A reaction is under way; of two that complete at one time the one that began first is first."""
        self.begun += 1
        heapq.heappush(self.heap, (due, self.begun, self.schedule.reactions.index(reaction)))

    def complete(self) -> list[int]:
        """What the earliest completion adds to each count."""
        position = heapq.heappop(self.heap)[2]
        return [row[position] for row in self.schedule.ends]

    def _draw(self) -> Draw:
        word, real = self.words.draw(), self.program.dtype.type
        if self.program.precision == "float32":
            unit, uniform, least = (
                (np.float32(word) + np.float32(0.5)) * np.float32(2.0**-32),
                (word >> 8) * 2.0**-24,
                2.0**-26,
            )
        else:
            low = self.words.draw()
            whole, least = word * 2.0**21 + (low >> 11), 2.0**-54
            unit, uniform = (whole + 0.5) * 2.0**-53, whole * 2.0**-53
        exponential = max(-real(self.log(real(unit))), real(least))
        return Draw(exponential, real(uniform))
