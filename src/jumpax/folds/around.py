"""Folds that run another fold."""

from collections.abc import Sequence

from jumpax.folds.fold import AbstractFold


class AbstractAround(AbstractFold):
    """A fold that runs `fold` in a way of its own, and has its traits."""

    fold: AbstractFold
    """What it runs; a field of final classes."""

    @property
    def words(self) -> int:  # type: ignore[override]
        return self.fold.words

    @property
    def samples(self) -> bool:  # type: ignore[override]
        return self.fold.samples

    @property
    def caps(self) -> bool:  # type: ignore[override]
        return self.fold.caps

    @property
    def waits(self) -> bool:  # type: ignore[override]
        return self.fold.waits

    @property
    def ends(self) -> bool:  # type: ignore[override]
        return self.fold.ends

    @property
    def nulls(self) -> bool:  # type: ignore[override]
        return self.fold.nulls

    @property
    def lands(self) -> bool:  # type: ignore[override]
        return self.fold.lands

    @property
    def direct(self) -> bool:  # type: ignore[override]
        return self.fold.direct

    @property
    def advances(self) -> bool:
        return self.fold.advances

    def stops(self, times: Sequence[float]) -> tuple[float, ...]:
        return self.fold.stops(times)
