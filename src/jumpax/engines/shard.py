"""Part of a run: some of its paths, for processes that need not meet."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jumpax._base.errors import InputError
from jumpax.networks import Network
from jumpax.networks.fingerprint import digest

OWN = ("shard", "paths_of_all_shards", "digest_of_theta", "digest_of_x0", "digest_of_record", "digest_of_observables")
"""Fields of the provenance that parts of a run have and the whole has not."""


class Shard(NamedTuple):
    """Paths `first` to `last - 1` of a run of `total`: part `number` of `parts`."""

    number: int
    parts: int
    total: int

    @property
    def first(self) -> int:
        """The first path."""
        return self.number * self.total // self.parts

    @property
    def paths(self) -> int:
        """How many."""
        return (self.number + 1) * self.total // self.parts - self.first

    def settings(self, theta: object, x0: object, record: object, observables: object) -> dict[str, object]:
        """For the provenance of a part: which one it is, and what the whole run is made of."""
        own = ([self.number, self.parts], self.total, digest(theta), digest(x0), digest(record), digest(observables))
        return dict(zip(OWN, own, strict=True))

    def of(
        self, network: Network, values: Mapping[str, np.ndarray], counts: Int[np.ndarray, "*paths species"]
    ) -> tuple[dict[str, np.ndarray], Int[np.ndarray, "*some species"]]:
        """Its parameters and counts at the start, where they are given path by path."""
        some = slice(self.first, self.first + self.paths)

        def part(array: np.ndarray, rank: int) -> np.ndarray:
            return array[some] if array.ndim > rank and len(array) == self.total else array

        shapes = network.shapes
        return {name: part(value, len(shapes.get(name, ()))) for name, value in values.items()}, part(counts, 1)


def shard_of(shard: tuple[int, int] | None, paths: int) -> Shard:
    """The part that is asked for; all, if none is.

    Raises:
        InputError: no such part, or it has no path.
    """
    if shard is None:
        return Shard(0, 1, paths)
    whole = isinstance(shard, tuple | list) and len(shard) == 2 and all(isinstance(n, int | np.integer) for n in shard)
    if not (whole and 0 <= shard[0] < shard[1]):
        raise InputError(f"shard must be (i, N) with whole numbers 0 <= i < N; got {shard!r}")
    found = Shard(int(shard[0]), int(shard[1]), paths)
    if not found.paths:
        raise InputError(
            f"shard {found.number} of {found.parts} has none of {paths} paths; take at most as many shards as paths"
        )
    return found
