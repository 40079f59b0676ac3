"""Several folds as one."""

import dataclasses
import functools
import operator
from typing import Any

import jax.numpy as jnp

from jumpax._base.types import Flag, Real
from jumpax.folds.fold import AbstractFold


@dataclasses.dataclass(frozen=True)
class Together(AbstractFold):
    """Runs several folds side by side; the record is the tuple of their records."""

    folds: tuple[AbstractFold, ...]

    @property
    def advances(self) -> bool:
        return any(fold.advances for fold in self.folds)

    @property
    def words(self) -> int:  # type: ignore[override]
        return sum(fold.words for fold in self.folds)

    @property
    def caps(self) -> bool:  # type: ignore[override]
        return any(fold.caps for fold in self.folds)

    @property
    def waits(self) -> bool:  # type: ignore[override]
        return any(fold.waits for fold in self.folds)

    @property
    def ends(self) -> bool:  # type: ignore[override]
        return any(fold.ends for fold in self.folds) and all(fold.ends or fold.passive for fold in self.folds)

    def init(self, counts, theta, now) -> tuple:
        return tuple(fold.init(counts, theta, now) for fold in self.folds)

    def stop(self, carry, counts, theta, index) -> tuple[tuple, tuple]:
        both = [fold.stop(c, counts, theta, index) for fold, c in zip(self.folds, carry, strict=True)]
        return tuple(c for c, _ in both), tuple(r for _, r in both)

    def stops(self, times) -> tuple[float, ...]:
        return tuple(sorted({t for fold in self.folds for t in fold.stops(times)}))

    def advance(self, carry, *args) -> tuple:
        return tuple(fold.advance(c, *args) for fold, c in zip(self.folds, carry, strict=True))

    def event(self, carry, counts, propensities, theta, now, jump) -> tuple[Any, ...]:
        out, used = [], 0
        for fold, c in zip(self.folds, carry, strict=True):
            own = jump._replace(words=jump.words[used : used + fold.words])
            out.append(fold.event(c, counts, propensities, theta, now, own))
            used += fold.words
        return tuple(out)

    def cap(self, carry, *args) -> Real:
        caps = [fold.cap(c, *args) for fold, c in zip(self.folds, carry, strict=True) if fold.caps]
        return functools.reduce(jnp.minimum, caps)

    def ready(self, carry) -> Flag:
        flags = [fold.ready(c) for fold, c in zip(self.folds, carry, strict=True) if fold.waits]
        return functools.reduce(operator.and_, flags)

    def done(self, carry) -> Flag:
        flags = [fold.done(c) for fold, c in zip(self.folds, carry, strict=True) if fold.ends]
        return functools.reduce(operator.and_, flags)
