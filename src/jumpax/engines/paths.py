"""The result of a simulation."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from jumpax._base.errors import InputError, SimulationError, unknown_name
from jumpax._base.status import FIRST_FAULT, Status
from jumpax.engines.event_log import EventLog


@dataclasses.dataclass(frozen=True)
class Paths:
    """Counts of every path at every stop, and how each path ended.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0, 2.0], paths=100, key=0)
        >>> paths.counts.shape, paths["X"].shape, paths.mean().shape
        ((100, 2, 1), (100, 2), (2, 1))
    """

    species: tuple[str, ...]
    counts: Int[np.ndarray, "paths stops species"]
    """Molecules; -1 after the end of a faulty path (see `valid`)."""
    stops: Float[np.ndarray, " stops"] | Int[np.ndarray, " stops"]
    """Times of the stops, or numbers of events where the stops were `steps`."""
    status: Int[np.ndarray, " paths"]
    """Codes of `jumpax.Status`."""
    events: Int[np.ndarray, " paths"]
    """Reactions fired."""
    end_counts: Int[np.ndarray, "paths species"]
    end_times: Float[np.ndarray, " paths"]
    """Time of the last event; of networks with continuous variables, at which the last step of these ended."""
    redrawn: Bool[np.ndarray, " paths"]
    """Which paths were drawn again in float64, because float32 could not follow them: exact as the others."""
    values: Mapping[str, Float[np.ndarray, "paths stops"]]
    """Parameters that flow or that events change, by name; also `paths[name]`."""
    records: PyTree
    """Records of the folds asked for by `record`; every leaf (paths, stops)."""
    log: EventLog | None
    """Every event, if `record=Events()` was asked for."""
    provenance: Mapping[str, Any]
    """Key, versions, precision, engine, hash of the network."""

    def __getitem__(self, species: str) -> Int[np.ndarray, "paths stops"]:
        """Counts of one species; or values of a parameter that changes along a path."""
        if species in self.values:
            return self.values[species]  # type: ignore[return-value]
        if species not in self.species:
            raise InputError(unknown_name("species", species, self.species))
        return self.counts[..., self.species.index(species)]

    @property
    def faulty(self) -> Bool[np.ndarray, " paths"]:
        """Which paths could not be followed to their last stop."""
        return self.status >= FIRST_FAULT

    @property
    def valid(self) -> Bool[np.ndarray, "paths stops"]:
        """Which counts were reached."""
        if not self.faulty.any():
            return np.ones(self.counts.shape[:2], bool)
        return self.counts[..., 0] >= 0 if self.species else ~np.isnan(next(iter(self.values.values())))

    def mean(self, allow_truncated: bool = False) -> Float[np.ndarray, "stops species"]:
        """Mean over paths.

        Raises:
            SimulationError: when paths are truncated, unless `allow_truncated` says to average over those that are left.
        """
        return np.nanmean(self._values(allow_truncated), 0)

    def variance(self, allow_truncated: bool = False) -> Float[np.ndarray, "stops species"]:
        """Variance over paths, with n - 1; errors as in `mean`."""
        return np.nanvar(self._values(allow_truncated), 0, ddof=1)

    def _values(self, allow_truncated: bool) -> Float[np.ndarray, "paths stops species"]:
        if self.faulty.any() and not allow_truncated:
            raise SimulationError(
                f"{int(self.faulty.sum())} of {len(self.status)} paths end before their last stop "
                f"({', '.join(sorted(Status(s).name for s in np.unique(self.status[self.faulty])))}), so statistics over "
                "paths would be biased; pass allow_truncated=True to use the rest all the same"
            )
        return np.where(self.valid[..., None], self.counts, np.nan)
