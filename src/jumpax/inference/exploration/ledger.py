"""What a search spends."""

from typing import Any, final

import jax
from jaxtyping import PRNGKeyArray


@final
class Ledger:
    """Counts the paths of all conditions, and gives each call a key of its own.

    Args:
        budget: most paths.
        key: of all of them.
        most_events: that a path is followed for.
    """

    def __init__(self, budget: float, key: PRNGKeyArray, most_events: int):
        self.budget, self.most_events, self.cap = budget, most_events, most_events
        """The last: events after which a path is given up now."""
        self.drawn = self.lost = 0
        """Paths, and those of them that could not be followed."""
        self._key, self._calls = key, 0

    @property
    def left(self) -> int:
        """Paths that may still be drawn."""
        return int(min(max(self.budget - self.drawn, 0), 2**31))

    def enter(self, paths: int) -> Any:
        """So many paths are drawn: their key."""
        self.drawn += paths
        self._calls += 1
        return jax.random.fold_in(self._key, self._calls)
