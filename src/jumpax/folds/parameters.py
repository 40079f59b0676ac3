"""Parameters at every stop."""

import dataclasses

from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import FLOWING


@dataclasses.dataclass(frozen=True)
class Parameters(AbstractFold):
    """Records parameters at every stop, for those that events change: a tuple of reals in the order of the names. Exact."""

    names: tuple[str, ...]
    passive = True
    treats = FLOWING

    def size(self, network) -> Size:
        return Size(len(self.names), 0, 0)

    def init(self, counts, theta, now) -> tuple[()]:
        return ()

    def stop(self, carry, counts, theta, index) -> tuple:
        return carry, tuple(theta[name] for name in self.names)
