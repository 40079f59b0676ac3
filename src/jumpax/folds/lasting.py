"""Propensities that hold for a while, and those that do not."""

from collections.abc import Sequence
from typing import overload

from jumpax._base import random
from jumpax._base.errors import UnsupportedError
from jumpax._base.types import Real, Word
from jumpax.folds.fold import Propensities
from jumpax.networks import Network


class Lasting(Sequence[Real]):
    """The propensities of a network as they hold between two events; to read one that depends on time raises.

    Raises:
        UnsupportedError: on access to such a one, by the name of its reaction.
    """

    def __init__(self, network: Network, propensities: Propensities):
        self._network, self._propensities = network, propensities

    def __len__(self) -> int:
        return len(self._propensities)

    @overload
    def __getitem__(self, index: int) -> Real: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Real, ...]: ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(self[place] for place in range(len(self))[index])
        if not self._network.lasts(index):
            raise UnsupportedError(
                f"a fold reads the propensity of {self._network.reactions[index].name!r} where time goes by (advance, sample or cap), but that one "
                "depends on time and does not hold so long; integrate it in `sample`, at a moment drawn from the fold's own "
                "words, as folds.Martingale does, or read it in `event`"
            )
        return self._propensities[index]


def share(words: Sequence[Word], like: Real) -> Real:
    """Uniform in (0, 1) from the first word: which part of a stretch of time lies before the moment to be sampled."""
    return random.uniform(words[0], None, like.dtype) + like.dtype.type(2.0**-25)  # the middle of its 2^24 steps
