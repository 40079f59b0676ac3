"""The result of a simulation."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, final

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from jumpax._base.errors import InputError, SimulationError, unknown_name
from jumpax._base.labelled import Labelled
from jumpax._base.result import AbstractResult, Figure, Glance, room
from jumpax._base.status import FIRST_FAULT, Status
from jumpax.engines.event_log import EventLog
from jumpax.engines.path_labels import labelled

CountsByName: TypeAlias = Mapping[str, Any]
Observables: TypeAlias = Mapping[str, Callable[[CountsByName], Any]]
"""Functions of counts, which are given by the name of the species, by the name of what is observed."""

_FEW, _SEEN = 6, 2_000
"""Species and paths that are shown at a glance."""


@final
@dataclasses.dataclass(frozen=True)
class Paths(AbstractResult):
    """Counts of every path at every stop, and how each path ended.

    As a table (`to_dataframe()`, `.csv`) it has a row for each path and stop: `path`, `time` (`step` where the stops are numbers of
    events), a column for each species, parameter that changes and observable, `status`, and `given_...` for what was given path by path. What a lost
    path was not followed to is missing (NaN, an empty field) beside its status.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> paths = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0, 2.0], paths=100, key=0)
        >>> paths.counts.shape, paths["X"].shape, paths.mean().shape
        ((100, 2, 1), (100, 2), (2, 1))
        >>> paths
        Paths(100 paths of X, 2 times from 1 to 2; all REACHED)
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
    """Key, versions, precision, engine, hash and units of the network."""
    given: Mapping[str, Float[np.ndarray, " paths"]] = dataclasses.field(default_factory=dict)
    """Parameters, and counts of species at the start, that were given path by path: the rows of a sweep. Not what a law of the start has drawn."""
    observables: Observables = dataclasses.field(default_factory=dict)
    """Groups and rules of a model file, and others by `with_observables`; also `paths[name]`."""

    def __getitem__(self, species: str) -> Int[np.ndarray, "paths stops"]:
        """Counts of one species; or values of a parameter that changes along a path, or of an observable (NaN where not reached)."""
        if species in self.values:
            return self.values[species]  # type: ignore[return-value]
        if species in self.observables:
            return self._observed(species)  # type: ignore[return-value]
        if species not in self.species:
            raise InputError(unknown_name("species", species, (*self.species, *self.values, *self.observables)))
        return self.counts[..., self.species.index(species)]

    def __repr__(self) -> str:
        clock = "times" if self.timed else "numbers of events"
        unit = self.provenance.get("units", {}).get("time", "") if self.timed else ""
        span = (
            f"{len(self.stops)} {clock} from {self.stops[0]:g} to {self.stops[-1]:g}" if len(self.stops) else "no stops"
        )
        codes, many = np.unique(self.status, return_counts=True)
        ends = {Status(int(code)).name: int(n) for code, n in zip(codes, many, strict=True)}
        how = "all " * (len(ends) == 1) + ", ".join(
            n if len(ends) == 1 else f"{many:,} {n}" for n, many in ends.items()
        )
        names = ", ".join(self.species[:_FEW]) + (
            f" and {len(self.species) - _FEW:,} more" if len(self.species) > _FEW else ""
        )
        return (
            f"Paths({len(self.status):,} paths of {names or 'no species'}, {span}{f' {unit}' if unit else ''}; {how})"
        )

    @property
    def timed(self) -> bool:
        """Whether the stops are times; else they are numbers of events."""
        return np.issubdtype(self.stops.dtype, np.floating)

    def take(self, chosen: int | slice | Sequence[int] | Bool[np.ndarray, " paths"]) -> "Paths":
        """Some of the paths, without the log of events; they are numbered anew, from 0.

        Examples:
            >>> import jumpax
            >>> paths = jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0, 2.0], paths=100, key=0)
            >>> len(paths.take(3).status), len(paths.take(slice(0, 10)).status), len(paths.take(~paths.faulty).status)
            (1, 10, 100)
        """
        which = np.atleast_1d(np.arange(len(self.status))[chosen])
        names = ("counts", "status", "events", "end_counts", "end_times", "redrawn", "values", "records", "given")
        own = {name: jax.tree.map(lambda leaf: np.asarray(leaf)[which], getattr(self, name)) for name in names}
        known = {name: functools.partial(_known, self[name][which]) for name in self.observables}
        origin = {field: value for field, value in self.provenance.items() if field != "shard"}
        return dataclasses.replace(self, log=None, observables=known, provenance=origin, **own)

    def with_observables(self, observables: Observables) -> "Paths":
        """The same with more observables: functions of a mapping from species (and parameters that change) to arrays.

        Raises:
            InputError: a name that is taken.

        Examples:
            >>> import jumpax
            >>> paths = jumpax.simulate(jumpax.zoo.telegraph(), times=[1.0], paths=3, key=0)
            >>> paths.with_observables({"genes": lambda n: n["off"] + n["on"]})["genes"].tolist()
            [[1.0], [1.0], [1.0]]
        """
        taken = (*self.species, *self.values, *self.observables)
        if twice := [name for name in observables if name in taken]:
            raise InputError(f"observables need names of their own; taken: {', '.join(twice)}")
        return dataclasses.replace(self, observables={**self.observables, **observables})

    def _observed(self, name: str) -> Float[np.ndarray, "paths stops"]:
        """The values of an observable."""
        counts = {species: self.counts[..., i] for i, species in enumerate(self.species)}
        made = np.asarray(self.observables[name]({**counts, **self.values}), float)
        return np.where(self.valid, np.broadcast_to(made, self.counts.shape[:2]), np.nan)

    def labelled(self) -> Labelled:
        """All arrays with their names: axes `path`, `time` or `step`, `species`, and `event` for the log."""
        return labelled(self)

    def plot(
        self,
        species: str | Sequence[str] | None = None,
        *,
        shown: int = 3,
        band: float = 0.9,
        units: Mapping[str, str] | None = None,
    ) -> Figure:
        """Counts against time, a panel for each species: see `jumpax.plots.trajectory_panels`.

        Args:
            species: which ones; default all, of many the first.
            shown: number of single paths.
            band: share of the paths inside the band.
            units: default those of the network.

        Raises:
            InputError: unknown species.
            UnsupportedError: matplotlib is not installed.
        """
        return room("plots").trajectory_panels(self, species, shown=shown, band=band, units=units)

    def glance(self) -> Glance:
        """Mean and spread of the first species at the last stop, over the paths that were followed to it, and a picture of the first paths."""
        seen, names = self.take(slice(0, _SEEN)), self.species[:_FEW]
        lost = int(self.faulty.sum())
        lines = (
            [f"{lost:,} of {len(self.status):,} paths were lost and are left out of the table: see status"]
            if lost
            else []
        )
        lines += (
            [f"the table has the first {_FEW} of {len(self.species):,} species"] if len(self.species) > _FEW else []
        )
        lines += [f"the picture has the first {_SEEN:,} paths"] if len(self.status) > _SEEN else []
        draw = functools.partial(seen.plot, names)
        if not len(self.stops) or not self.valid[:, -1].any():
            return Glance({}, lines, draw)
        last = self.counts[self.valid[:, -1], -1, :_FEW]
        units = self.provenance.get("units", {})
        spread = [f"{value:.4g}" for value in last.std(0, ddof=1)] if len(last) > 1 else [""] * len(names)
        table = {
            "species": names,
            f"mean at {'time' if self.timed else 'event'} {self.stops[-1]:g}": [
                f"{value:.4g}" for value in last.mean(0)
            ],
            "standard deviation": spread,
            "unit": [units.get(name, "molecules") for name in names],
        }
        return Glance(table, lines, draw)

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


def _known(values: Float[np.ndarray, "paths stops"], counts: CountsByName) -> Float[np.ndarray, "paths stops"]:
    """An observable whose values were found before."""
    return values
