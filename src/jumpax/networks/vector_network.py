"""Networks of hundreds to thousands of reactions, whose rates come from one function of whole arrays."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base.errors import InputError
from jumpax._base.memory import check_memory

Params = Mapping[str, Any]
"""Arrays, or pytrees of arrays, by name."""
_MOST_CHANGES = 16
"""Species that one reaction may change: each is a pass over all species at every event."""


@final
@dataclass(frozen=True, eq=False)
class VectorNetwork:
    """Reactions whose propensities are one JAX function of all counts and of arrays of parameters.

        a = propensities(counts, params)              counts: (species,), floating; a: (reactions,)
        a = propensities(counts, params, u)           with u = W @ counts, W = features(params)

    `u`, of shape (features,), is kept up to date at each firing (one column of W is added), so that a layer of neural
    regulation costs as many additions as there are features, and not a matrix product, per event.

    Static, without numbers of params in it, hashable; equal if stoichiometry and names are equal and the functions are
    the same objects.

    Args:
        stoichiometry: what one firing of each reaction (column) adds to each count (row); few entries per column.
        propensities: as above. Written for one path; it may return a tuple of arrays in place of one, whose entries are
            the reactions in order: faster where groups of reactions have laws of their own. Needs a smooth extension to
            real counts for gradients, with finite slopes at zero counts too. It may not read the time.
        features: a function of the params that all paths share, giving W, (features, species).
        species: names, default x0, x1, ...

    Raises:
        InputError: everything that is wrong with the arguments, at once.

    Example:
        >>> import jax, numpy as np
        >>> from jumpax.networks import VectorNetwork
        >>> def rates(counts, params, u):
        ...     return params["beta"] * jax.nn.sigmoid(u + params["b"]), params["gamma"] * counts
        >>> genes = VectorNetwork(np.hstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)]), rates, lambda p: p["W"])
        >>> genes.reactions, genes.species
        (6, ('x0', 'x1', 'x2'))
    """

    stoichiometry: Int[np.ndarray, "species reactions"]
    propensities: Callable[..., Float[Array, " reactions"] | Sequence[Float[Array, " group"]]]
    features: Callable[[Params], Float[Array, "features species"]] | None = None
    species: tuple[str, ...] = ()

    def __post_init__(self):
        matrix, faults = _whole(self.stoichiometry)
        names = tuple(self.species) or tuple(f"x{i}" for i in range(matrix.shape[0]))
        if matrix.size and len(names) != matrix.shape[0]:
            faults.append(f"{len(names)} names of species for {matrix.shape[0]} rows of the stoichiometry")
        if len(set(names)) < len(names):
            faults.append(f"names of species must differ; twice: {sorted({n for n in names if names.count(n) > 1})}")
        for name in ("propensities", "features"):
            value = getattr(self, name)
            if not (callable(value) or (name == "features" and value is None)):
                faults.append(f"{name} must be a function; got {type(value).__name__}")
        faults += _arguments(self.propensities, 2 if self.features is None else 3)
        if faults:
            raise InputError("the vector network cannot be built:\n" + "\n".join(f"- {fault}" for fault in faults))
        matrix.setflags(write=False)
        object.__setattr__(self, "stoichiometry", matrix)
        object.__setattr__(self, "species", names)

    @property
    def reactions(self) -> int:
        """How many reactions there are."""
        return self.stoichiometry.shape[1]

    @functools.cached_property
    def changes(self) -> tuple[tuple[Int[np.ndarray, " reactions"], Int[np.ndarray, " reactions"]], ...]:
        """The stoichiometry by slots: for each reaction a species that it changes, and by how much (0: no more)."""
        some = self.stoichiometry != 0
        out = []
        for slot in range(int(some.sum(0).max())):
            here = some & (np.cumsum(some, 0) == slot + 1)
            which = here.argmax(0)
            amount = np.where(here.any(0), self.stoichiometry[which, np.arange(self.reactions)], 0)
            out.append((which, amount))
        return tuple(out)

    @functools.cached_property
    def _identity(self) -> tuple:
        matrix = self.stoichiometry
        return matrix.shape, matrix.tobytes(), self.species, self.propensities, self.features

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VectorNetwork) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


def _whole(given: Any) -> tuple[np.ndarray, list[str]]:
    """The stoichiometry as integers, and what is wrong with it."""
    matrix = np.asarray(given)
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.dtype.kind not in "iuf":
        what = f"{matrix.dtype} of shape {matrix.shape}"
        return np.zeros((0, 0), np.int64), [f"stoichiometry must be an integer array (species, reactions); got {what}"]
    check_memory(
        f"A stoichiometry of {matrix.shape[0]:,} species and {matrix.shape[1]:,} reactions", 24.0 * matrix.size,
        "Simulate a smaller network",
    )  # fmt: skip
    whole = np.rint(matrix).astype(np.int64)
    faults = []
    if not np.array_equal(whole, matrix):
        faults.append("stoichiometry must have whole numbers")
    still = np.flatnonzero(~whole.any(0))
    if still.size:
        faults.append(f"reactions {_some(still)} change nothing: leave them out")
    wide = np.flatnonzero((whole != 0).sum(0) > _MOST_CHANGES)
    if wide.size:
        faults.append(
            f"reactions {_some(wide)} change more than {_MOST_CHANGES} species; write them as `Network`, or in steps"
        )
    return whole, faults


def _arguments(propensities: Any, many: int) -> list[str]:
    """What is wrong with the arguments that the propensities take."""
    try:
        inspect.signature(propensities).bind(*range(many))
    except TypeError as wrong:
        names = "(counts, params, u), as there are features" if many == 3 else "(counts, params): there are no features"
        return [f"propensities must take {names}, and no time; {wrong}"] if callable(propensities) else []
    except ValueError:  # a function that tells nothing of its arguments
        pass
    return []


def _some(numbers: np.ndarray) -> str:
    """The first few numbers."""
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
