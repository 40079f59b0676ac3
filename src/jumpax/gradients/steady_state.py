"""`steady_state`: averages over long paths as differentiable JAX functions of theta."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import core
from jax.custom_derivatives import SymbolicZero
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PRNGKeyArray, PyTree

from jumpax._base.errors import InputError, SimulationError, UnsupportedError, unknown_name
from jumpax._base.types import ParameterValues, Precision, Real, Word
from jumpax.gradients.expectation import Estimate, expectation
from jumpax.gradients.poisson_score import PoissonScore
from jumpax.networks import NONE, ModelLike, Network, check_network, numbers_of
from jumpax.networks.starts import Start
from jumpax.observables import Observable, check_observable


class SteadyState:
    """Steady-state average of an observable, as a function of `(theta, key)`; made by `steady_state`."""

    def __init__(self, score: PoissonScore, arguments: Callable[..., tuple[dict[str, Real], tuple[Word, Word]]]):
        self.score, self._arguments = score, arguments

    def __call__(self, theta: ParameterValues, key: PRNGKeyArray | int) -> PyTree[Array]:
        """Average over time and paths, of the structure of the observable; NaN or an error as with `expectation`."""
        flat = _average(self.score, *self._arguments(theta, key))
        self._judge(flat)
        return self._shaped(flat)

    def estimate(self, theta: ParameterValues, key: PRNGKeyArray | int, wrt: Sequence[str] | None = None) -> Estimate:
        """Value, gradient and standard errors from one simulation; trees of the structure of the observable.

        Args:
            theta: a value per parameter.
            key: the same key gives the same paths as calling the average itself.
            wrt: parameters to differentiate with respect to; default all.
        """
        known = self.score.sampling.network.parameters
        names = tuple(known if wrt is None else wrt)
        if wrong := [n for n in names if n not in known]:
            raise InputError("; ".join(unknown_name("parameter", n, known) for n in wrong))
        value, error, gradient, gradient_error = _compiled(self.score, names, *self._arguments(theta, key))
        self._judge(value)
        slopes, errors = ({n: self._shaped(x[..., p]) for p, n in enumerate(names)} for x in (gradient, gradient_error))
        return Estimate(self._shaped(value), self._shaped(error), slopes, errors)

    def _shaped(self, flat: Real) -> PyTree[Array]:
        sampling = self.score.sampling
        return ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, sampling.precision), sampling.shape))[1](
            flat
        )

    def _judge(self, flat: Real) -> None:
        if not isinstance(flat, core.Tracer) and bool(jnp.isnan(flat).any()):
            raise SimulationError(
                "the average is not a number: a path was faulty, or the observable gives NaN. "
                "jumpax.simulate with the same network, theta and key names the path, the reaction and the state."
            )


def _run(
    score: PoissonScore, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]
) -> tuple[Array, ...]:
    """Means and standard errors of value and gradient."""
    made = score.averages(wrt, theta, words)
    root = jnp.sqrt(jnp.asarray(score.sampling.paths, made.value.dtype))
    return tuple(x for leaf in made for x in (leaf.mean(0), leaf.std(0, ddof=1) / root))


_compiled = jax.jit(_run, static_argnums=(0, 1))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _average(score: PoissonScore, theta: ParameterValues, words: tuple[Word, Word]) -> Array:
    return _compiled(score, (), theta, words)[0]


@functools.partial(_average.defjvp, symbolic_zeros=True)
def _average_jvp(
    score: PoissonScore, primals: tuple[ParameterValues, tuple[Word, Word]], tangents: Any
) -> tuple[Array, Array]:
    moving = tuple(name for name, t in tangents[0].items() if not isinstance(t, SymbolicZero))
    value, _, gradient, _ = jax.lax.stop_gradient(_compiled(score, moving, *primals))
    moved = sum((gradient[..., p] * tangents[0][name] for p, name in enumerate(moving)), jnp.zeros_like(value))
    return value, moved


def steady_state(
    observable: Observable,
    network: Network | ModelLike,
    x0: Start | None = None,
    *,
    settle: float,
    time: float,
    paths: int,
    window: float | None = None,
    order: Literal[1, 2] = 2,
    engine: Literal["cpu", "gpu", "xla", "tables"] | None = None,
    precision: Precision | None = None,
    max_events: int = 10_000_000,
    round_counts: bool = False,
) -> SteadyState:
    """Steady-state average of an observable as a JAX function of `(theta, key)`, differentiable in theta.

    The average over `time`, after `settle`, of `paths` independent paths. Its gradient is that of the score with a control
    in the Poisson form: exact without any score for means (order 1) and second moments (order 2) of first-order networks,
    where the control explains all.

    Bias: that of paths which have not settled after `settle`, and of memories longer than `window`, both exponentially small
    in units of the relaxation time; six of them are enough. A network that is caught in one of several states for longer
    has no steady state that this finds.

    Args:
        observable: function of a mapping species -> count to a number, array or pytree.
        network: what reacts; rates that do not depend on time explicitly.
        x0: counts at the start.
        settle: time before averaging begins.
        time: over which each path is averaged.
        paths: how many; two at least, and tens for trustworthy standard errors.
        window: memory of the score; default `settle`.
        order: of the polynomial psi that is fitted: 1 counts, 2 their products too (more variance kept out, more work).
        engine: `cpu`, `gpu` or `xla`; default is the faster one that can run the network.
        precision: `float32` or `float64`; default follows JAX's x64 flag.
        max_events: events after which a path is given up as exploding.
        round_counts: round fractional x0 instead of refusing it.

    Returns:
        `SteadyState`: call it, differentiate it, or ask it for an `estimate` with standard errors.

    Raises:
        InputError: everything that is wrong with the input.
        UnsupportedError: explicitly time-dependent rates.

    Source: Milias-Argeitis, Lygeros & Khammash 2014, J. Chem. Phys. 141 (the control); Glynn & L'Ecuyer 1995,
    doi:10.2307/1427934 (the window).

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> mean = jumpax.steady_state(
        ...     lambda counts: counts["X"], model.network, model.x0, settle=80.0, time=400.0, paths=64
        ... )
        >>> slope = jax.grad(lambda theta: mean(theta, jax.random.key(0)))(model.theta)
        >>> bool(abs(slope["birth"] * model.theta["death"] - 1) < 0.05)   # the mean is birth / death
        True
    """
    faults = [
        f"{name} must be a positive time; got {value!r}"
        for name, value in (("settle", settle), ("time", time), ("window", settle if window is None else window))
        if not 0 < value < float("inf")
    ]
    if window is not None and window > settle:
        faults.append(f"window = {window} is longer than settle = {settle}: the score needs so much of the path before")
    if order not in (1, 2):
        faults.append(f"order must be 1 or 2; got {order!r}")
    if isinstance(paths, int) and paths < 2:
        faults.append(f"paths must be 2 or more: each half of them is the other's judge; got {paths}")
    if faults:
        raise InputError("; ".join(faults))
    network, _, x0 = numbers_of(network, NONE, x0)
    check_network(network, who="jumpax.steady_state")
    check_observable(observable)
    whole = expectation(
        observable, network, x0, [settle + time], paths=paths, engine=engine, precision=precision,
        max_events=max_events, round_counts=round_counts,
    )  # fmt: skip
    if whole.sampling.x0 is not None:
        raise UnsupportedError("a steady state has forgotten its start: give x0 as counts, not as a law of them")
    length = float(settle if window is None else window)
    return SteadyState(PoissonScore(whole.sampling, float(settle), float(time), length, order), whole.arguments)
