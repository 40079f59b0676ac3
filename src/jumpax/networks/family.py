"""A family of reactions: many under one law, given by arrays."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax._base.memory import check_memory
from jumpax.networks.combinations import Combinations

Shape = tuple[int, ...]
_MOST_CHANGES = 16
"""Species that one reaction may change: each is a pass over all species at every event."""


@final
@dataclass(frozen=True, eq=False)
class Family:
    """Reactions whose propensities are one JAX function of counts and of parameters that may be arrays.

        a = propensities(counts, theta)              counts: (species,), floating; a: (reactions,), 1/time
        a = propensities(counts, theta, u)           with u = W @ counts, W = features(theta)

    `u`, of shape (features,), is kept up to date at each firing (one column of W is added), so that a layer of neural
    regulation costs as many additions as there are features, and not a matrix product, per event.

    Part of a `Network`. Static, without numbers of theta in it, hashable; equal if stoichiometry, names and shapes are
    equal and so are the functions. Compilation takes seconds, however many reactions there are.

    Args:
        stoichiometry: what one firing of each reaction (column) adds to each count (row); few entries per column.
        propensities: as above. Written for one path; it may return a tuple of arrays in place of one, whose entries are
            the reactions in order: faster where groups of reactions have laws of their own. Slices of `counts` are fast,
            indexing by an array is not. Needs a smooth extension to real counts for gradients, with finite slopes at zero
            counts too. It may not read the time.
        species: names of the rows, default x0, x1, ...
        parameters: what the functions read of theta: the shape of each by name (an int for one axis), or names of numbers.
        features: a function of theta that gives W, (features, species). It reads what all paths share.
        name: for people; default `family`.

    Raises:
        InputError: everything that is wrong with the arguments, or with the shapes that the functions return.

    Examples:
        >>> import jax, numpy as np
        >>> def rates(counts, theta, u):
        ...     return theta["beta"] * jax.nn.sigmoid(u + theta["b"]), theta["gamma"] * counts
        >>> genes = Family(
        ...     np.hstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)]), rates,
        ...     parameters={"beta": 3, "b": 3, "gamma": (), "W": (3, 3)}, features=lambda theta: theta["W"],
        ... )
        >>> genes.reactions, genes.species
        (6, ('x0', 'x1', 'x2'))
    """

    stoichiometry: Int[np.ndarray, "species reactions"]
    propensities: Callable[..., Float[Array, " reactions"] | Sequence[Float[Array, " group"]]]
    species: tuple[str, ...] = ()
    parameters: Mapping[str, int | Shape] | Iterable[str] = ()
    features: Callable[[Mapping[str, Any]], Float[Array, "features species"]] | None = None
    name: str = "family"

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
        shapes, wrong = _shapes(self.parameters)
        if faults := faults + wrong:
            told = "\n".join(f"- {fault}" for fault in faults)
            raise InputError(f"the family {self.name!r} of reactions cannot be built:\n{told}")
        matrix.setflags(write=False)
        object.__setattr__(self, "stoichiometry", matrix)
        object.__setattr__(self, "species", names)
        object.__setattr__(self, "parameters", shapes)
        self._check_functions()

    @classmethod
    def mass_action(
        cls,
        reactants: Int[np.ndarray, "species reactions"],
        products: Int[np.ndarray, "species reactions"],
        rates: str,
        species: Iterable[str] = (),
        name: str = "family",
    ) -> "Family":
        """Reactions by mass action, from how many molecules each one (column) takes and makes of each species (row).

            a_r = k_r * prod_i x_i (x_i - 1) ... (x_i - n_ir + 1) / n_ir!

        Args:
            reactants: molecules taken, n_ir.
            products: molecules made.
            rates: name of the array k, (reactions,).
            species: names of the rows, default x0, x1, ...
            name: for people.

        Raises:
            InputError: as `Family`.

        Examples:
            >>> import numpy as np
            >>> ring = Family.mass_action(np.eye(4, dtype=int), np.roll(np.eye(4, dtype=int), 1, 0), "hop")
            >>> ring.reactions, ring.shapes
            (4, {'hop': (4,)})
        """
        taken, made = np.asarray(reactants), np.asarray(products)
        if taken.shape != made.shape or taken.ndim != 2 or not (taken >= 0).all() or not (made >= 0).all():
            raise InputError(
                "reactants and products must be arrays (species, reactions) of one shape, with whole numbers, 0 or more; "
                f"got shapes {taken.shape} and {made.shape}"
            )
        law = Combinations.of(taken, rates)
        return cls(made - taken, law, tuple(species), {rates: (taken.shape[1],)}, name=name)

    @property
    def reactions(self) -> int:
        """How many reactions there are."""
        return self.stoichiometry.shape[1]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shapes of the parameters by name."""
        return dict(self.parameters)  # type: ignore[call-overload]  # pairs by now

    @functools.cached_property
    def width(self) -> int:
        """How many features there are."""
        return 0 if self.features is None else self._shape_of_features()[0]

    def of(self, counts: Mapping[str, Any], theta: Mapping[str, Any]) -> tuple[Float[Array, ""], ...]:
        """One propensity per reaction of one path: as the definition says, with nothing kept up to date."""
        kind = jnp.result_type(next(iter(counts.values())), jnp.float32)
        x = jnp.stack([jnp.asarray(counts[name], kind) for name in self.species])
        own = {name: jnp.asarray(theta[name], x.dtype) for name in self.shapes}
        inputs = () if self.features is None else (jnp.asarray(self.features(own), x.dtype) @ x,)
        made = self.propensities(x, own, *inputs)
        groups = made if isinstance(made, tuple | list) else (made,)
        return tuple(a for group in groups for a in jnp.asarray(group, x.dtype))

    def _abstract(self, species: bool = False) -> Any:
        """Shapes of theta, or of the counts, as JAX has them."""
        real = jnp.zeros((), float).dtype
        if species:
            return jax.ShapeDtypeStruct((len(self.species),), real)
        return {name: jax.ShapeDtypeStruct(shape, real) for name, shape in self.shapes.items()}

    def _shape_of_features(self) -> Shape:
        return np.shape(_traced(self, self.features, (self._abstract(),), "features"))

    def _check_functions(self) -> None:
        """Whether the functions return what they should."""
        given_counts, theta = self._abstract(species=True), self._abstract()
        arguments = (given_counts, theta)
        if self.features is not None:
            shape = self._shape_of_features()
            if len(shape) != 2 or shape[1] != len(self.species):
                raise InputError(f"features must give an array (features, {len(self.species)} species); got {shape}")
            arguments = (*arguments, jax.ShapeDtypeStruct(shape[:1], given_counts.dtype))
        made = _traced(self, self.propensities, arguments, "propensities")
        sizes = [np.shape(group) for group in (made if isinstance(made, tuple | list) else (made,))]
        if any(len(s) != 1 for s in sizes) or sum(s[0] for s in sizes) != self.reactions:
            raise InputError(
                f"propensities must give one number per reaction, {self.reactions} in all, in one array or a tuple of "
                f"arrays with one axis; got shapes {', '.join(map(str, sizes))}"
            )

    @functools.cached_property
    def _identity(self) -> tuple:
        matrix = self.stoichiometry
        return (
            matrix.shape,
            matrix.tobytes(),
            self.species,
            self.parameters,
            self.propensities,
            self.features,
            self.name,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Family) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)


def _traced(family: Family, function: Any, arguments: tuple[Any, ...], what: str) -> Any:
    """Shapes of what a function of a family returns."""
    try:
        return jax.eval_shape(lambda *a: given.call(function, a, f"the function of {what}"), *arguments)
    except KeyError as missing:
        known = ", ".join(map(repr, family.shapes)) or "none"
        raise InputError(
            f"{what} of the family {family.name!r} look for theta[{missing}]; its parameters=... are: {known}"
        ) from missing


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
        faults.append(f"reactions {_some(wide)} change more than {_MOST_CHANGES} species; write them as `Reaction`")
    return whole, faults


def _arguments(propensities: Any, many: int) -> list[str]:
    """What is wrong with the arguments that the propensities take."""
    try:
        inspect.signature(propensities).bind(*range(many))
    except TypeError as wrong:
        names = "(counts, theta, u), as there are features" if many == 3 else "(counts, theta): there are no features"
        return [f"propensities must take {names}, and no time; {wrong}"] if callable(propensities) else []
    except ValueError:  # a function that tells nothing of its arguments
        pass
    return []


def _shapes(parameters: Any) -> tuple[tuple[tuple[str, Shape], ...], list[str]]:
    """Names with shapes, and what is wrong with them."""
    if isinstance(parameters, str):
        parameters = (parameters,)
    pairs = parameters.items() if isinstance(parameters, Mapping) else [(name, ()) for name in parameters]
    out, faults = [], []
    for name, shape in pairs:
        axes = (shape,) if isinstance(shape, int | np.integer) else shape
        sound = isinstance(axes, tuple | list) and all(isinstance(n, int | np.integer) and n > 0 for n in axes)
        if not (isinstance(name, str) and sound):
            faults.append(f"parameters must map names to shapes, as in {{'beta': (3,)}}; got {name!r}: {shape!r}")
            continue
        out.append((name, tuple(int(n) for n in axes)))
    return tuple(out), faults


def _some(numbers: np.ndarray) -> str:
    """The first few numbers."""
    return ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
