"""A table of states to start in."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jumpax._base.errors import InputError, first_few, unknown_name
from jumpax._base.status import FIRST_FAULT
from jumpax.networks.starts.amount import Amount, as_amount, names_of, value_of
from jumpax.networks.starts.start import AbstractStart


@dataclasses.dataclass(frozen=True, init=False)
class StartTable(AbstractStart):
    """One of some states, with probabilities in proportion to weights: any law of the counts at the start, correlated ones too.

    P(state i) = w_i / sum w. The score of a weight that is a parameter is that of the states drawn. Exact to 2^-52.

    Args:
        states: counts by species, each a list with one number per state; or an array (states, species) in the order of the network.
        weights: one per state, numbers, names of parameters or functions of parameters; default equal.

    Raises:
        InputError: columns of different lengths, no state, counts that are not whole or negative, weights that are.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.telegraph()
        >>> start = jumpax.StartTable({"off": [1, 0], "on": [0, 1], "M": [0, 0]}, weights=[3, "odds"])
        >>> theta = {**model.theta, "odds": 1.0}
        >>> paths = jumpax.simulate(model.network, theta, start, times=[0.0], paths=4000, key=0)
        >>> bool(abs(paths["on"].mean() - 0.25) < 0.03)
        True
    """

    species: tuple[str, ...] | None
    states: bytes
    width: int
    weights: tuple[Amount, ...] | None

    def __init__(self, states: Mapping[str, Sequence[int]] | Any, weights: Sequence[Amount] | np.ndarray | None = None):
        named = isinstance(states, Mapping)
        columns = [np.atleast_1d(np.asarray(column)) for column in states.values()] if named else []
        if named and len({column.shape for column in columns}) > 1:
            raise InputError(
                f"StartTable: columns have lengths {[len(column) for column in columns]}; give one count per state"
            )
        rows = np.stack(columns, -1) if columns else np.asarray(states)
        if rows.ndim != 2 or not rows.size or rows.dtype == object or not np.issubdtype(rows.dtype, np.number):
            raise InputError(
                f"StartTable: states must be columns of counts by species, or (states, species); got {states!r}"
            )
        if not ((rows >= 0) & (rows == np.floor(rows)) & (rows < 2**31)).all():
            raise InputError("StartTable: counts must be whole numbers from 0 to 2^31 - 1")
        object.__setattr__(self, "species", tuple(states) if named else None)
        object.__setattr__(self, "states", rows.astype(np.int32).tobytes())
        object.__setattr__(self, "width", rows.shape[1])
        made = None if weights is None else tuple(as_amount("StartTable", "a weight", w) for w in list(weights))
        object.__setattr__(self, "weights", made)
        if made is not None and len(made) != len(rows):
            raise InputError(f"StartTable: {len(made)} weights for {len(rows)} states")
        if made is not None and not any(not isinstance(w, float) or w > 0 for w in made):
            raise InputError("StartTable: all weights are zero")

    @classmethod
    def of_ends(cls, paths: Any) -> "StartTable":
        """The states in which other paths ended, each as likely: to go on from there, with the past forgotten.

        Args:
            paths: what `simulate` returned.

        Raises:
            InputError: no paths, or some that could not be followed to their end.

        Examples:
            >>> import jumpax
            >>> model = jumpax.zoo.birth_death()
            >>> settled = jumpax.simulate(model, times=[50.0], paths=1000, key=0)
            >>> later = jumpax.simulate(model, x0=StartTable.of_ends(settled), times=[0.0], paths=3, key=1)
            >>> bool((later.counts > 20).all())
            True
        """
        if not all(hasattr(paths, name) for name in ("species", "end_counts", "status")):
            raise InputError(f"StartTable.of_ends takes the paths of jumpax.simulate, not {type(paths).__name__}")
        if faulty := int((np.asarray(paths.status) >= FIRST_FAULT).sum()):
            raise InputError(
                f"StartTable.of_ends: {faulty} of {len(paths.status)} paths were not followed to their end"
            )
        return cls(dict(zip(paths.species, np.asarray(paths.end_counts).T, strict=True)))

    @property
    def rows(self) -> np.ndarray:
        """The states, (states, species)."""
        return np.frombuffer(self.states, np.int32).reshape(-1, self.width)

    def ordered(self, species: Sequence[str]) -> "StartTable":
        """The table with its columns in the order of a network.

        Raises:
            InputError: it has other species.
        """
        known = tuple(species) if self.species is None else self.species
        given, asked = set(known), set(species)
        faults = first_few(
            (name for name in known if name not in asked), lambda name: unknown_name("species", name, species)
        )
        faults += first_few(
            (name for name in species if name not in given), lambda name: f"the counts of {name!r} are missing"
        )
        if faults or self.width != len(species):
            raise InputError("StartTable: " + "; ".join(faults or [f"{self.width} columns for {len(species)} species"]))
        rows = dict(zip(known, self.rows.T, strict=True))
        return StartTable({name: rows[name] for name in species}, self.weights)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the weights."""
        return tuple(dict.fromkeys(name for weight in self.weights or () for name in names_of(weight)))

    @property
    def scored(self) -> tuple[str, ...]:
        """All."""
        return self.parameters

    def numbers(self, theta) -> tuple:
        """The weights that have parameters in them."""
        return tuple(value_of(weight, theta) for weight in self.weights or () if names_of(weight))

    def faults(self, numbers):
        """Weights that are negative, or all zero."""
        negative = sum((~(np.asarray(n) >= 0)).astype(int) for n in numbers) if numbers else np.zeros((), int)
        if np.any(negative > 0):
            yield "a weight is negative or not a number", negative > 0
        elif np.any(bad := ~(self._heights(numbers)[..., -1] > 0)):
            yield "all weights are zero", bad

    def expected(self, theta):
        """Of the states, by their weights."""
        weights = jnp.stack([jnp.asarray(value_of(w, theta), float) for w in self.weights or (1.0,) * len(self.rows)])
        return tuple((weights / weights.sum()) @ jnp.asarray(self.rows, weights.dtype))

    @property
    def many(self) -> int:
        """One."""
        return 1

    @property
    def species_drawn(self) -> int:
        """All."""
        return self.width

    def draw(self, uniform, numbers):
        """By inversion of the sums of the weights."""
        heights = self._heights([np.asarray(n, np.float64) for n in numbers])
        total = heights[..., -1]
        if heights.ndim == 1:
            place = np.searchsorted(heights, uniform[0] * total, side="right")
        else:
            place = (heights <= (uniform[0] * total)[:, None]).sum(-1)
        out = self.rows[np.minimum(place, len(self.rows) - 1)].astype(np.int64)
        for _, bad in self.faults(numbers):
            out[np.broadcast_to(bad, len(out))] = -1
        return out

    def _heights(self, numbers) -> np.ndarray:
        """Sums of weights, (states,) or (paths, states)."""
        if self.weights is None:
            return np.arange(1.0, len(self.rows) + 1)
        moving = iter(numbers)
        values = [np.asarray(next(moving) if names_of(w) else w, np.float64) for w in self.weights]
        return np.cumsum(np.stack(np.broadcast_arrays(*values), -1), -1)

    def log_probability(self, counts, theta):
        """Of the weights of all rows that are these counts, over those of all."""
        values = jnp.stack(
            [jnp.asarray(value_of(w, theta), counts.dtype) for w in self.weights or (1.0,) * len(self.rows)]
        )
        equal = (jnp.asarray(self.rows, counts.dtype) == counts[None]).all(1)
        return jnp.log(jnp.where(equal, values, 0).sum()) - jnp.log(values.sum())

    def probabilities(self, states, theta):
        """Weights of the rows that are each state, over those of all."""
        values = jnp.stack(
            [jnp.asarray(value_of(w, theta), states.dtype) for w in self.weights or (1.0,) * len(self.rows)]
        )
        kinds, where = np.unique(self.rows, axis=0, return_inverse=True)
        shares = jnp.zeros(len(kinds), states.dtype).at[where.reshape(-1)].add(values) / values.sum()
        equal = (states[:, None] == jnp.asarray(kinds, states.dtype)[None]).all(-1)
        return jnp.where(equal, shares[None], 0).sum(1)
