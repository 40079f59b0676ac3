"""Exact log-likelihoods of single paths, by the master equation."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from jumpax._base.errors import InputError
from jumpax._base.types import Numeric, ParameterValues
from jumpax.exact import StateSpace
from jumpax.exact.state_space import check_space
from jumpax.filters.adjoint import HiddenChain, Inputs
from jumpax.filters.counted import CountedSpace
from jumpax.filters.exact_filtered import ExactFiltered
from jumpax.filters.likelihood import Likelihood, Start, _wide
from jumpax.networks import check_theta, starts
from jumpax.networks.starts import AbstractStart, check_start, start_of
from jumpax.records import Records


def exact_log_likelihood(
    space: StateSpace,
    records: Records,
    theta: ParameterValues,
    x0: starts.Start | None = None,
    *,
    initial: ArrayLike | None = None,
    start: float = 0.0,
    firings: Mapping[str, int] | None = None,
    tolerance: float = 1e-6,
) -> Float[Array, " cells"]:
    """Log-likelihood of the records of each cell: the hidden Markov filter of the master equation.

    A law p of the states is carried from record to record, `p <- exp(Q dt) p`, by uniformization; multiplied by the density
    g(y | x) of each record, and normalised by `c = sum_x p(x) g(y | x)`: the log-likelihood is the sum of ln c. Exact but for the
    leak, the probability of having left the space between the records, given those before: it is added up over the records.
    Computed in float64 whatever the x64 flag. Differentiable in reverse mode (`jax.grad`, `jax.vjp`), with one pass backwards
    whatever the number of parameters; `jit` and `vmap` work.

    Columns of `Firings` add a counter to every state, which is emptied where that column is recorded. It has a largest value:
    paths on which more is fired between two records have left the space, and count as leaked. (A column known exactly has no such
    limit: what is above all its records is one value more.)

    Args:
        space: states; its limits must lie far enough above what paths do.
        records: what was measured, of one or several cells.
        theta: value of each parameter of the network, of the laws of measurement, and of the law of the start; numbers of JAX.
        x0: counts at the start, or laws of them (`{"M": Poisson("m"), "P": 0}`, `StartTable(...)`); default the state that the
            space was grown from.
        initial: or probabilities (states,) at the start, not differentiated.
        start: time at the start.
        firings: for columns of `Firings`, the largest number between two records; default twice the largest record and 20 more.
        tolerance: refuse a larger leak.

    Returns:
        (cells,): -inf for records that the model cannot have.

    Raises:
        InputError: records, theta or the start do not fit the space.
        SimulationError: more leak than `tolerance`, propensities that are negative or not finite, more than a million steps.
            (Inside `jit` these reach the caller as JAX's own error, with the same text.)
        UnsupportedError: second derivatives.

    Source: Rabiner (1989), https://doi.org/10.1109/5.18626 for filters and what is carried backwards; Jensen (1953) for
    uniformization.

    Examples:
        >>> import jax, jumpax
        >>> from jumpax.exact import StateSpace
        >>> from jumpax.filters import exact_log_likelihood
        >>> model = jumpax.zoo.birth_death()
        >>> space = StateSpace.reachable(model.network, {"X": 0}, limits=60)
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [4.1, 9.3, 7.9]}, jumpax.records.Normal("sd"))
        >>> level = lambda k: exact_log_likelihood(space, trace, {"birth": k, "death": 1.0, "sd": 1.5})[0]
        >>> print(f"{level(10.0):.4f} {jax.grad(level)(10.0):.4f}")
        -6.5908 -0.2027
    """
    likelihood = likelihood_of(space, records, x0, initial, start, firings, tolerance)
    return likelihood(checked_values(likelihood, theta))


def exact_filter(
    space: StateSpace,
    records: Records,
    theta: ParameterValues,
    x0: starts.Start | None = None,
    *,
    initial: ArrayLike | None = None,
    start: float = 0.0,
    firings: Mapping[str, int] | None = None,
    tolerance: float = 1e-6,
) -> ExactFiltered:
    """The laws of the state at each record, given the records before it, up to it, and all of them.

    Args:
        space: as in `exact_log_likelihood`, like all that follows; but theta must be known numbers.
        records: what was measured.
        theta: value of each parameter.
        x0: the start.
        initial: the start.
        start: time at the start.
        firings: largest numbers of counters.
        tolerance: refuse a larger leak.

    Returns:
        Laws, with means and quantiles of counts.

    Raises:
        InputError, SimulationError: as `exact_log_likelihood`.

    Examples:
        >>> import jumpax
        >>> from jumpax.exact import StateSpace
        >>> from jumpax.filters import exact_filter
        >>> model = jumpax.zoo.birth_death()
        >>> space = StateSpace.reachable(model.network, {"X": 0}, limits=60)
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [4.1, float("nan"), 7.9]}, jumpax.records.Normal(1.5))
        >>> found = exact_filter(space, trace, {"birth": 10.0, "death": 1.0})
        >>> found.mean("X")[:, 0].round(2), found.quantiles("X", [0.95])[0, :, 0]
        (array([4.63, 8.03, 8.1 ]), array([ 7., 13., 10.]))
    """
    import jax

    likelihood = likelihood_of(space, records, x0, initial, start, firings, tolerance)
    values = checked_values(likelihood, theta)
    if traced := [name for name, value in values.items() if isinstance(value, Tracer)]:
        raise InputError(f"exact_filter takes known numbers, but {', '.join(traced)} are traced by jit or grad")
    with jax.enable_x64(True):
        inputs = likelihood.inputs(_wide(tuple(values[name] for name in likelihood.names)))
        chain = likelihood.chain
        chain.check_size(True)
        made = chain.follow(Inputs(*map(np.asarray, inputs)), tolerance)
    return ExactFiltered.of(chain, made, {name: float(value) for name, value in values.items()})


def likelihood_of(
    space: StateSpace,
    records: Records,
    x0: starts.Start | None = None,
    initial: ArrayLike | None = None,
    start: float = 0.0,
    firings: Mapping[str, int] | None = None,
    tolerance: float = 1e-6,
) -> Likelihood:
    """The function behind `exact_log_likelihood`; the last few are kept.

    Raises:
        InputError: what does not fit together.
    """
    check_space(space)
    if not isinstance(records, Records):
        raise InputError(f"records must be jumpax.Records(times, values, laws), not {type(records).__name__}")
    if faults := records.faults(space.network, start):
        raise InputError("the records do not fit the network:\n" + "\n".join(f"- {fault}" for fault in faults))
    law = _start(space, x0, initial)
    first = law if isinstance(law, AbstractStart) else law.tobytes()
    return _likelihood(space, records, first, float(start), tuple(sorted((firings or {}).items())), float(tolerance))


@functools.lru_cache(maxsize=8)
def _likelihood(
    space: StateSpace,
    records: Records,
    first: AbstractStart | bytes,
    start: float,
    firings: tuple[tuple[str, int], ...],
    tolerance: float,
) -> Likelihood:
    counted = CountedSpace(space, records, dict(firings))
    begin: Start = np.frombuffer(first) if isinstance(first, bytes) else first
    return Likelihood(HiddenChain(counted, records, start), begin, tolerance)


def _start(space: StateSpace, x0: Any, initial: ArrayLike | None) -> Start:
    """Probabilities of the states, or their law."""
    if x0 is not None and initial is not None:
        raise InputError("give either x0 or initial, not both")
    if isinstance(initial, Tracer):
        raise InputError("initial must be known numbers, not traced by jit or grad; a law in x0 may have parameters")
    law = None if x0 is None else start_of(space.network, x0)
    if law is not None:
        return law
    made = np.zeros(space.size)
    if initial is not None:
        made = np.array(initial, np.float64)
        if made.shape != (space.size,) or not (made >= 0).all() or made.sum() > 1.0 + 1e-6:
            raise InputError(f"initial must hold {space.size} probabilities, >= 0 and adding up to 1 at most")
    elif x0 is not None:
        made[space.index(x0)] = 1.0
    elif len(space.starts) > 1:
        raise InputError("the space was grown from several starts; say which by x0, or give initial probabilities")
    else:
        made[list(space.starts)] = 1.0
    return made


def checked_values(likelihood: Likelihood, theta: ParameterValues) -> dict[str, Numeric]:
    """The parameters, one number each; what is traced is checked when its number is known.

    Raises:
        InputError: names that are missing or unknown, numbers that no law has.
    """
    space, records = likelihood.chain.counted.space, likelihood.chain.records
    if not isinstance(theta, Mapping):
        raise InputError(f"theta must map the names of parameters to numbers, not be {type(theta).__name__}")
    if missing := [name for name in records.parameters if name not in theta]:
        raise InputError(f"theta lacks parameters of the laws of measurement: {', '.join(missing)}")
    traced = [name for name, value in theta.items() if isinstance(value, Tracer)]
    check_theta(space.network, {**theta, **dict.fromkeys(traced, 1.0)}, more=likelihood.names)
    if shaped := [name for name in likelihood.names if np.shape(theta[name])]:
        raise InputError(f"theta takes one number per parameter, but {', '.join(shaped)} are arrays; use jax.vmap")
    known = not any(name in traced for name in records.parameters)
    if wrong := records.wrong({name: float(theta[name]) for name in records.parameters}) if known else []:
        raise InputError("; ".join(wrong))
    law = likelihood.start
    if isinstance(law, AbstractStart) and not any(name in traced for name in law.parameters):
        check_start(law, {name: float(theta[name]) for name in law.parameters})
    return {name: theta[name] for name in likelihood.names}
