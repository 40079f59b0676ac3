"""Several folds as one."""

import dataclasses
import functools
import itertools
import operator

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from jumpax._base.types import Flag, Real, Word
from jumpax.folds.fold import AbstractFold, Size
from jumpax.networks import ALL, Need


@dataclasses.dataclass(frozen=True)
class Together(AbstractFold):
    """Runs several folds side by side; the record is the tuple of their records.

    Args:
        folds: what runs.
        until: number of the fold that ends the path for all others too, if it ends paths at all: what they have gathered by then is
            held. By default a path ends only where all wish it that do not just look at stops.
    """

    folds: tuple[AbstractFold, ...]
    until: int | None = None

    @property
    def advances(self) -> bool:
        return any(fold.advances for fold in self.folds)

    @property
    def words(self) -> int:  # type: ignore[override]
        return sum(fold.words for fold in self.folds)

    @property
    def samples(self) -> bool:  # type: ignore[override]
        return any(fold.samples for fold in self.folds)

    @property
    def caps(self) -> bool:  # type: ignore[override]
        return any(fold.caps for fold in self.folds)

    @property
    def waits(self) -> bool:  # type: ignore[override]
        return any(fold.waits for fold in self.folds)

    @property
    def ends(self) -> bool:  # type: ignore[override]
        if self.until is not None:
            return self.folds[self.until].ends
        return any(fold.ends for fold in self.folds) and all(fold.ends or fold.passive for fold in self.folds)

    @property
    def nulls(self) -> bool:  # type: ignore[override]
        return any(fold.nulls for fold in self.folds)

    @property
    def lands(self) -> bool:  # type: ignore[override]
        return any(fold.lands for fold in self.folds)

    @property
    def direct(self) -> bool:  # type: ignore[override]
        return any(fold.direct for fold in self.folds)

    @property
    def treats(self) -> frozenset[Need]:  # type: ignore[override]
        return functools.reduce(operator.and_, [fold.treats for fold in self.folds], ALL)

    def size(self, network) -> Size:
        sizes = (Size(0, 0, 0), *(fold.size(network) for fold in self.folds))
        return Size(*map(sum, zip(*sizes, strict=True)))

    def init(self, counts, theta, now) -> tuple:
        return tuple(fold.init(counts, theta, now) for fold in self.folds)

    def stop(self, carry, counts, theta, index) -> tuple[tuple, tuple]:
        both = [fold.stop(c, counts, theta, index) for fold, c in zip(self.folds, carry, strict=True)]
        return tuple(c for c, _ in both), tuple(r for _, r in both)

    def stops(self, times) -> tuple[float, ...]:
        return tuple(sorted({t for fold in self.folds for t in fold.stops(times)}))

    def advance(self, carry, *args) -> tuple:
        return tuple(fold.advance(c, *args) for fold, c in zip(self.folds, carry, strict=True))

    def sample(self, carry, counts, propensities, theta, now, dt, words) -> tuple[PyTree, ...]:
        given = zip(self.folds, carry, self._shares(words), strict=True)
        return tuple(
            fold.sample(c, counts, propensities, theta, now, dt, own) if fold.samples else c for fold, c, own in given
        )

    def flowed(self, carry, *args) -> tuple:
        return tuple(fold.flowed(c, *args) for fold, c in zip(self.folds, carry, strict=True))

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple[PyTree, ...]:
        given = zip(self.folds, carry, self._shares(jump.words), strict=True)
        after = [fold.event(c, counts, propensities, theta, now, jump._replace(words=own)) for fold, c, own in given]
        if self.nulls:  # of others, which those without `nulls` do not see
            fired = functools.reduce(operator.or_, jump.fired)
            after = [
                new if fold.nulls or fold.waits else jax.tree.map(functools.partial(jnp.where, fired), new, old)
                for fold, new, old in zip(self.folds, after, carry, strict=True)
            ]
        return tuple(after)

    def changed(self, carry, *args) -> tuple:
        return tuple(fold.changed(c, *args) for fold, c in zip(self.folds, carry, strict=True))

    def _shares(self, words: tuple[Word, ...]) -> list[tuple[Word, ...]]:
        """The words of each fold."""
        ends = list(itertools.accumulate((fold.words for fold in self.folds), initial=0))
        return [words[first:last] for first, last in itertools.pairwise(ends)]

    def cap(self, carry, *args) -> Real:
        caps = [fold.cap(c, *args) for fold, c in zip(self.folds, carry, strict=True) if fold.caps]
        return functools.reduce(jnp.minimum, caps)

    def ready(self, carry) -> Flag:
        flags = [fold.ready(c) for fold, c in zip(self.folds, carry, strict=True) if fold.waits]
        return functools.reduce(operator.and_, flags)

    def done(self, carry) -> Flag:
        if self.until is not None:
            return self.folds[self.until].done(carry[self.until])
        flags = [fold.done(c) for fold, c in zip(self.folds, carry, strict=True) if fold.ends]
        return functools.reduce(operator.and_, flags)
