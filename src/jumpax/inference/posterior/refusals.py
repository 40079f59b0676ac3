"""Points without a density, counted by cause."""

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, final

import numpy as np
from jaxtyping import Float

from jumpax.exact.fault import ChainFault

_KEPT = 1000


class Refusal(NamedTuple):
    """A point without a density."""

    cause: str
    message: str
    u: Float[np.ndarray, " free"]
    """On the unconstrained scale."""


@final
class Refusals:
    """Counts of all, and the last of them; any thread may add to it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last: deque[Refusal] = deque(maxlen=_KEPT)

    def __call__(self, fault: ChainFault, point: Float[np.ndarray, " free"]) -> None:
        """Take note."""
        with self._lock:
            self._counts[fault.cause] += 1
            self._last.append(Refusal(fault.cause, str(fault), np.array(point)))

    def add(self, counts: Mapping[str, int], last: Sequence[Refusal]) -> None:
        """What came of the same evaluations before."""
        with self._lock:
            self._counts.update(counts)
            self._last.extend(last)

    @property
    def counts(self) -> Counter[str]:
        """By cause."""
        with self._lock:
            return Counter(self._counts)

    @property
    def last(self) -> tuple[Refusal, ...]:
        """The last thousand, the latest at the end."""
        with self._lock:
            return tuple(self._last)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._counts.clear()
            self._last.clear()
