"""Free, fixed and derived parameters, and the unconstrained numbers behind the free ones."""

import dataclasses
import functools
import inspect
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError, first_few, unknown_name
from jumpax._base.types import Numeric, ParameterValues
from jumpax.inference.priors import AbstractPrior, LogUniform
from jumpax.networks import Network

Scale: TypeAlias = Literal["identity", "log", "log_below", "logit", "log_box"]
LOG_BOX: Scale = "log_box"
"""The logit of the logarithm between those of two positive bounds."""


def free_faults(value: Any, lower: Any, upper: Any) -> list[str]:
    """What is wrong with a start and its bounds, in words."""
    start, low, high = (_number(number) for number in (value, lower, upper))
    faults = [f"{what} must be a number, not {given!r}" for what, given, number in
              (("the start", value, start), ("the lower bound", lower, low), ("the upper bound", upper, high))
              if math.isnan(number)]  # fmt: skip
    if faults:
        return faults
    if not low < high or low == math.inf or high == -math.inf:
        return [f"no number lies between the bounds {low:g} and {high:g}"]
    if math.isinf(start):
        return ["the start must be finite"]
    if low < start < high:
        return []
    free = " (lower=-math.inf for a parameter that may be negative)" if low == 0 and start <= 0 else ""
    return [f"the start {start:g} is not between the bounds {low:g} and {high:g}, which are excluded{free}"]


def _prior_faults(prior: Any, lower: float, upper: float) -> list[str]:
    """What is wrong with a prior between bounds."""
    if prior is None:
        return []
    if not isinstance(prior, AbstractPrior):
        return [f"the prior must be one of jumpax.priors, such as LogNormal(1.0, 0.5), not {prior!r}"]
    low, high = prior.support
    if max(low, lower) < min(high, upper):
        return []
    return [f"the prior has no value between the bounds {lower:g} and {upper:g}"]


def _number(given: Any) -> float:
    """As a float; NaN for what is none."""
    try:
        return math.nan if isinstance(given, bool | str) else float(given)
    except (TypeError, ValueError):
        return math.nan


@dataclasses.dataclass(frozen=True)
class Free:
    """A parameter to be found, with its start value and bounds (excluded).

    It is searched on an unconstrained scale: the logarithm of the distance to a single bound, the logit between two,
    the value itself without any. The default, a positive number, is searched by its logarithm.

    Args:
        value: where the search starts, between the bounds.
        lower: bound; -infinity for none.
        upper: bound; infinity for none.
        unit: for people.
        logarithmic: between two positive bounds: whether its logarithm is searched, as for orders of magnitude. A fit with a
            `budget` searches all of such a box evenly (see `Free.box`).
        prior: what is believed of it before the data are seen (`jumpax.priors`), for `log_density`; `fit` does not heed it. Between
            the bounds; what of the law lies beyond them is cut off.

    Raises:
        InputError: a start on or beyond the bounds, bounds that leave no room, or what is no number.

    Examples:
        >>> Free(2.0).scale, Free(0.5, 0.0, 1.0).scale, Free(0.0, -math.inf).scale
        ('log', 'logit', 'identity')
    """

    value: float
    lower: float = 0.0
    upper: float = math.inf
    unit: str = ""
    logarithmic: bool = False
    prior: AbstractPrior | None = None

    def __post_init__(self):
        faults = free_faults(self.value, self.lower, self.upper)
        if not faults:
            faults += _prior_faults(self.prior, self.lower, self.upper)
        if self.logarithmic and not (self.lower > 0 and math.isfinite(self.upper)):
            faults.append("a logarithmic scale between bounds needs two positive, finite ones")
        if faults:
            raise InputError(f"Free({self.value!r}, lower={self.lower!r}, upper={self.upper!r}): {'; '.join(faults)}")

    @property
    def scale(self) -> Scale:
        """The unconstrained scale."""
        if self.logarithmic:
            return LOG_BOX
        if math.isinf(self.lower):
            return "identity" if math.isinf(self.upper) else "log_below"
        return "log" if math.isinf(self.upper) else "logit"

    @property
    def believed(self) -> AbstractPrior | None:
        """The prior; of a box without one it is log-uniform."""
        return LogUniform(self.lower, self.upper) if self.prior is None and self.logarithmic else self.prior

    @classmethod
    def box(cls, lower: float, upper: float, unit: str = "") -> "Free":
        """A parameter known to lie between two positive numbers, its order of magnitude being unknown: log-uniform.

        Examples:
            >>> Free.box(0.01, 100.0).value
            1.0
        """
        if not 0 < lower < upper < math.inf:
            raise InputError(f"a box needs two positive numbers, the smaller first; got {lower!r} and {upper!r}")
        return cls(math.sqrt(lower * upper), lower, upper, unit, logarithmic=True)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A parameter that keeps its value."""

    value: float
    unit: str = ""


@dataclasses.dataclass(frozen=True)
class Derived:
    """A parameter, or a number to report, that follows from others.

    Args:
        formula: function of other parameters, written with `jax.numpy` if it needs more than arithmetic.
        reads: their names; default the names of the formula's arguments.
        unit: for people.

    Examples:
        >>> Derived(lambda burst_size, k_off: burst_size * k_off).names
        ('burst_size', 'k_off')
        >>> Derived.ratio("k_tx", "k_off").names
        ('k_tx', 'k_off')
    """

    formula: Callable[..., Numeric]
    reads: tuple[str, ...] | None = None
    unit: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it is computed from."""
        return tuple(inspect.signature(self.formula).parameters) if self.reads is None else self.reads

    @classmethod
    def product(cls, *names: str, unit: str = "") -> "Derived":
        """Product of several parameters."""
        return cls(_product, names, unit)

    @classmethod
    def ratio(cls, over: str, under: str, unit: str = "") -> "Derived":
        """One parameter divided by another."""
        return cls(operator.truediv, (over, under), unit)


Parameter: TypeAlias = Free | Fixed | Derived


def _product(*values: Any) -> Any:
    return functools.reduce(operator.mul, values)


class Numbers(NamedTuple):
    """What may change without compiling again: bounds of the free parameters, values of the fixed ones."""

    lower: Float[np.ndarray, " free"]
    upper: Float[np.ndarray, " free"]
    fixed: dict[str, Float[np.ndarray, ""]]


@dataclasses.dataclass(frozen=True)
class Structure:
    """Which parameters are free, fixed and derived (in an order in which they can be computed); hashable."""

    network: tuple[str, ...]
    free: tuple[str, ...]
    scales: tuple[Scale, ...]
    fixed: tuple[str, ...]
    derived: tuple[tuple[str, Derived], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All names: free, fixed, derived."""
        return (*self.free, *self.fixed, *(name for name, _ in self.derived))

    def values(self, u: Float[Array, " free"], numbers: Numbers) -> dict[str, Numeric]:
        """Every named value at the unconstrained point `u`; differentiable."""
        found: dict[str, Numeric] = {
            name: _constrained(scale, u[i], numbers.lower[i], numbers.upper[i])
            for i, (name, scale) in enumerate(zip(self.free, self.scales, strict=True))
        } | dict(numbers.fixed)
        for name, derived in self.derived:
            found[name] = given.call(
                derived.formula, tuple(found[read] for read in derived.names), f"the formula of {name!r}"
            )
        return found

    def theta(self, values: ParameterValues) -> dict[str, Numeric]:
        """Those of the values that the network and the start read."""
        return {name: values[name] for name in self.network}

    def unconstrained(self, values: Mapping[str, float], numbers: Numbers) -> Float[np.ndarray, " free"]:
        """The point `u` of values of the free parameters, which lie between their bounds."""
        return np.array(
            [
                _unconstrained(scale, values[name], numbers.lower[i], numbers.upper[i])
                for i, (name, scale) in enumerate(zip(self.free, self.scales, strict=True))
            ]
        )


def _constrained(scale: Scale, u: Numeric, lower: Numeric, upper: Numeric) -> Numeric:
    if scale == "identity":
        return u
    if scale == "log":
        return lower + jnp.exp(u)
    if scale == "log_below":
        return upper - jnp.exp(u)
    if scale == LOG_BOX:
        return lower * jnp.exp(jnp.log(upper / lower) / (1 + jnp.exp(-u)))
    return lower + (upper - lower) / (1 + jnp.exp(-u))


def _unconstrained(scale: Scale, value: float, lower: float, upper: float) -> float:
    if scale == "identity":
        return value
    if scale == "log":
        return math.log(value - lower)
    if scale == "log_below":
        return math.log(upper - value)
    if scale == LOG_BOX:
        return math.log(math.log(value / lower) / math.log(upper / value))
    return math.log((value - lower) / (upper - value))


OFF, _TINY = 1e-6, 1e-30
"""Share of a box, or of a bound, by which a start is moved off it; off 0, by a number that single precision still holds."""


def off_bounds(scale: Scale, value: float, lower: float, upper: float) -> float:
    """A value that may have been rounded to a bound, between its bounds; moved on its own scale, and only where that is needed."""
    if scale in (LOG_BOX, "logit"):
        low, high, at = (np.log(x) if scale == LOG_BOX else x for x in (lower, upper, min(max(value, lower), upper)))
        share = (at - low) / (high - low)
        if OFF <= share <= 1 - OFF:
            return value
        moved = low + min(max(share, OFF), 1 - OFF) * (high - low)
        return float(np.exp(moved) if scale == LOG_BOX else moved)
    if scale == "log" and value <= lower:
        return lower + max(OFF * abs(lower), _TINY)
    if scale == "log_below" and value >= upper:
        return upper - max(OFF * abs(upper), _TINY)
    return value


LONGEST = 4.0
"""Largest unit: the scale of a box has no end, the box has."""


def factors(structure: Structure, numbers: Numbers, u: Float[np.ndarray, " free"]) -> Float[np.ndarray, " free"]:
    """How much of the unconstrained scale changes each parameter by a factor e; 1 where the scale is no logarithm."""
    found = np.ones(len(structure.free))
    for i, scale in enumerate(structure.scales):
        if scale == LOG_BOX:
            share = 1 / (1 + np.exp(-float(u[i])))
            width = np.log(numbers.upper[i] / numbers.lower[i])
            found[i] = min(1 / max(width * share * (1 - share), 1e-300), LONGEST)
    return found


def resolve(
    parameters: Mapping[str, Parameter], network: Network, start: tuple[str, ...] = (), seen: tuple[str, ...] = ()
) -> tuple[Structure, Numbers, dict[str, float]]:
    """Structure, numbers, and start values of the free parameters.

    Args:
        parameters: by name.
        network: reads some of them.
        start: those that the law of the counts at the start reads.
        seen: those that the loss reads, in the law of what is observed.

    Raises:
        InputError: everything that is wrong: missing parameters of the network, unknown names in formulas, circles,
            fixed values that are not finite, free parameters that nothing depends on.
    """
    owners = dict.fromkeys(seen, "data") | dict.fromkeys(start, "start") | dict.fromkeys(network.parameters, "network")
    faults = first_few(
        (n for n in owners if n not in parameters), lambda n: f"parameter {n!r} of the {owners[n]} is missing"
    )
    return joined(parameters, tuple(dict.fromkeys((*network.parameters, *start))), tuple(owners), faults)


def joined(
    parameters: Mapping[str, Parameter], network: tuple[str, ...], read: tuple[str, ...], faults: list[str]
) -> tuple[Structure, Numbers, dict[str, float]]:
    """The same for names that networks, and all that reads parameters, ask for, with faults that are known already."""
    wrong = [n for n, p in parameters.items() if not isinstance(p, Free | Fixed | Derived)]
    faults = [f"parameter {name!r} must be Free, Fixed or Derived, not {parameters[name]!r}" for name in wrong] + faults
    free = {n: p for n, p in parameters.items() if isinstance(p, Free)}
    fixed = {n: p for n, p in parameters.items() if isinstance(p, Fixed)}
    numbers = Numbers(
        np.array([p.lower for p in free.values()], float),
        np.array([p.upper for p in free.values()], float),
        {n: np.asarray(p.value, float) for n, p in fixed.items()},
    )
    faults += [
        f"parameter {name!r} is not a finite number: {p.value!r}"
        for name, p in fixed.items()
        if not math.isfinite(p.value)
    ]
    derived = {n: p for n, p in parameters.items() if isinstance(p, Derived)}
    order = _ordered(derived, {*free, *fixed}, faults)
    faults += _idle(free, derived, read)
    if faults:
        raise InputError("the parameters do not fit together:\n" + "\n".join(f"- {fault}" for fault in faults))
    scales: tuple[Scale, ...] = tuple(p.scale for p in free.values())
    structure = Structure(network, tuple(free), scales, tuple(fixed), order)
    return structure, numbers, {n: float(p.value) for n, p in free.items()}


def _ordered(derived: dict[str, Derived], known: set[str], faults: list[str]) -> tuple[tuple[str, Derived], ...]:
    """Derived parameters in an order in which each can be computed."""
    everything = [*known, *derived]
    unknown = {n: [r for r in p.names if r not in everything] for n, p in derived.items()}
    faults += [
        f"in {n!r}: {unknown_name('parameter', r, everything)}" for n, missing in unknown.items() for r in missing
    ]
    waiting, order = {n: p for n, p in derived.items() if not unknown[n]}, []
    while ready := [n for n, p in waiting.items() if known.issuperset(p.names)]:
        order += [(n, waiting.pop(n)) for n in ready]
        known = known.union(ready)
    if waiting and not any(unknown.values()):
        faults.append(f"derived parameters depend on each other in a circle: {', '.join(waiting)}")
    return tuple(order)


def _idle(free: Mapping[str, Free], derived: Mapping[str, Derived], read: tuple[str, ...]) -> list[str]:
    """Sentences about free parameters that nothing feels."""
    felt, found = set(read), True
    while found:
        found = {r for n, p in derived.items() if n in felt for r in p.names} - felt
        felt |= found
    return [f"nothing in the network depends on the free parameter {name!r}" for name in free if name not in felt]
