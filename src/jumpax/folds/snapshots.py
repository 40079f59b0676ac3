"""Snapshots: the counts at every stop."""

import dataclasses

from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import ALL


@dataclasses.dataclass(frozen=True)
class Snapshots(AbstractFold):
    """Records the counts of all species at every stop: a tuple of int32, one per species. Exact.

    The state is right-continuous: an event at the very time of a stop is included.
    """

    passive = True
    treats = ALL

    def size(self, network) -> Size:
        return Size(len(network.species), 0, 0)

    def init(self, counts, theta, now) -> tuple[()]:
        return ()

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, counts
