"""`expectation`: E[observable] as a differentiable JAX function of theta."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import core
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from jumpax._base import random
from jumpax._base.devices import Devices, check_devices
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax._base.host import array_of, library_of
from jumpax._base.types import ParameterValues, Precision, Real, Word
from jumpax.engines.choice import check_large
from jumpax.engines.past import check_past
from jumpax.engines.prepared import check_delays, check_precision, places_for
from jumpax.engines.program import Steps, check_positive
from jumpax.engines.stops import stops_of
from jumpax.folds import Snapshots
from jumpax.gradients.automatic import Automatic, Choice
from jumpax.gradients.baseline_simulations import BaselineSimulations
from jumpax.gradients.chosen import Chosen
from jumpax.gradients.compiled import sample_sums
from jumpax.gradients.estimate import Estimate
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import ExactGradient
from jumpax.gradients.no_number import why_no_number
from jumpax.gradients.reverse import expected as reverse
from jumpax.gradients.reverse.values import PathValues, check_reverse
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent
from jumpax.networks import (
    ALL,
    NONE,
    ModelLike,
    Need,
    Network,
    check_counts,
    check_needs,
    check_network,
    check_theta,
    numbers_of,
)
from jumpax.networks.ceiling import check_ceilings
from jumpax.networks.starts import Start, check_start, start_of
from jumpax.observables import AbstractPathObservable, Observable, check_observable


class Expectation:
    """E[observable] at the stops, as a function of `(theta, key)`; made by `expectation`."""

    def __init__(
        self,
        sampling: Sampling,
        gradient: AbstractEstimator | Automatic,
        baseline: BaselineSimulations | None = None,
    ):
        self.sampling, self.baseline = sampling, baseline
        self._gradient = Chosen(gradient)

    @property
    def estimator(self) -> AbstractEstimator | None:
        """The estimator in use; None while the automatic choice has not been made."""
        return self._gradient.estimator

    @property
    def choice(self) -> Choice | None:
        """What the automatic choice was, and why."""
        return self._gradient.choice

    def choose(
        self,
        theta: ParameterValues,
        key: PRNGKeyArray | int,
        wrt: Sequence[str] | None = None,
        before: Choice | None = None,
    ) -> Choice:
        """Choose the estimator at theta, for all calls from now on, those inside `jax.jit` included.

        Only an expectation with `gradient="auto"` can choose. Called outside `jax.jit` it does so by itself, and again
        when theta has moved by more than 0.3 in a log parameter.

        Args:
            theta: numbers.
            key: of the pilot.
            wrt: parameters that will be differentiated; default all.
            before: what an equal expectation chose elsewhere, tried first; default the last choice of this one.
        """
        names = self._names(wrt)
        values, words = self.arguments(theta, key)
        return self._gradient.choose(self.sampling, names, values, words, before)

    def __call__(self, theta: ParameterValues, key: PRNGKeyArray | int) -> PyTree[Array]:
        """Mean of the observable over paths: its own structure, with a leading axis of stops.

        Under a transformation of JAX a faulty path makes the result NaN; called with plain numbers it raises.

        Raises:
            InputError: theta does not fit the network.
            SimulationError: a path could not be followed to its end (only outside jit).
        """
        values, words = self.arguments(theta, key)
        if self.in_reverse:
            flat = reverse.expected(self.sampling, self.estimator, values, words)
        else:
            flat = _expected(self.sampling, self._gradient, self.baseline, values, words)
        self._judge(flat, values)
        return self._shaped(flat)

    @property
    def in_reverse(self) -> bool:
        """Whether derivatives come in reverse mode."""
        return getattr(self.estimator, "reverse", False)

    def values(self, theta: ParameterValues, key: PRNGKeyArray | int) -> PathValues:
        """The observable along each path, with derivatives: for losses of single paths, such as of data that come one by one.

        Parameters may have a value for each path, along a first axis of paths; their derivatives come back path by path, those
        of shared ones summed. A faulty path has NaN for values: see `PathValues`.

        Raises:
            UnsupportedError: the estimator does not work in reverse mode.

        Examples:
            >>> import jax, jumpax, numpy as np
            >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
            >>> gradient = jumpax.TrapezoidalTangent(reverse=True)
            >>> mean = jumpax.expectation(jumpax.Moments("A"), decay, {"A": 100}, [1.0], paths=64, gradient=gradient)
            >>> slopes = jax.grad(lambda k: mean.values({"k": k}, 0).values[:, 0, 0, 0].sum())(np.ones(64))
            >>> slopes.shape, bool(abs(slopes.mean() + 100 * 0.3679) < 1.5)   # d/dk 100 exp(-k) = -36.8
            ((64,), True)
        """
        reverse.check_values(self.estimator)
        flat, events, status = reverse.values_of(self.sampling, self.estimator, *self.arguments(theta, key, own=True))
        return PathValues(jax.vmap(self._shaped)(flat), events, status)

    def estimate(self, theta: ParameterValues, key: PRNGKeyArray | int, wrt: Sequence[str] | None = None) -> Estimate:
        """Value, gradient and standard errors from one simulation.

        Args:
            theta: a value per parameter.
            key: the same key gives the same paths as calling the expectation itself.
            wrt: parameters to differentiate with respect to; default all.
        """
        names = self._names(wrt)
        values, words = self.arguments(theta, key)
        if self.in_reverse:
            return self._estimate_in_reverse(names, values, words)
        estimator = self._gradient.at(self.sampling, names, values, words)
        sums = sample_sums(self.sampling, estimator, self.baseline, names, values, words)
        self._judge(sums.value, values)
        library = library_of(sums)
        if library is np:
            sums = jax.tree.map(np.asarray, sums)
        n = sums.paths
        scale = 1 / library.sqrt(n * library.maximum(n - 1, 1))

        def by_name(tensor: Real) -> dict[str, PyTree[Array]]:
            return {name: self._shaped(tensor[..., p]) for p, name in enumerate(names)}

        tail = sums.tail
        return Estimate(
            self._shaped(sums.value / n), self._shaped(library.sqrt(sums.square) * scale),
            by_name(sums.gradient / n), by_name(library.sqrt(library.maximum(sums.gradient_square, 0)) * scale),
            *((False, False) if tail is None else (tail.replaced, tail.doubtful.any())), sums.redrawn,
        )  # fmt: skip

    def _estimate_in_reverse(
        self, names: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]
    ) -> Estimate:
        value, error, *slopes = reverse.estimated(self.sampling, self.estimator, names, theta, words)
        self._judge(value, theta)
        gradient, errors = ({name: self._shaped(leaf) for name, leaf in part.items()} for part in slopes)
        return Estimate(self._shaped(value), self._shaped(error), gradient, errors)

    def _names(self, wrt: Sequence[str] | None) -> tuple[str, ...]:
        known = self.sampling.parameters
        names = tuple(known if wrt is None else wrt)
        if wrong := [n for n in names if n not in known]:
            raise InputError("; ".join(unknown_name("parameter", n, known) for n in wrong))
        return names

    def arguments(
        self, theta: ParameterValues, key: PRNGKeyArray | int, own: bool = False
    ) -> tuple[dict[str, Real], tuple[Word, Word]]:
        """Checked parameters in the precision of the expectation, `own` ones of each path too, and the words of the key.

        Raises:
            InputError: theta or the key make no sense.
        """
        network, start = self.sampling.network, self.sampling.x0
        traced = {k: v for k, v in theta.items() if isinstance(v, core.Tracer)} if isinstance(theta, Mapping) else {}
        plain = {**theta, **{k: np.ones(jnp.shape(v)) for k, v in traced.items()}} if traced else theta
        more = () if start is None else start.parameters
        checked = check_theta(network, plain, self.sampling.paths if own else None, more=more)
        if start is not None and not set(start.parameters) & set(traced):
            check_start(start, checked)
        if not traced:
            check_delays(network, checked)
        check_past(network, checked, self.sampling.start, unknown=traced)
        batched = [] if own else [k for k, v in checked.items() if v.ndim > len(network.shapes.get(k, ()))]
        if batched:
            raise InputError(f"parameters {batched} are arrays; use jax.vmap over theta for several values")
        kind = np.dtype(self.sampling.precision)
        return {k: array_of(traced.get(k, v), kind) for k, v in checked.items()}, random.key_words(key)

    def _shaped(self, flat: Real) -> PyTree[Array]:
        """A row for each stop, as the observable has them; further axes stay the last."""
        leaves, structure = jax.tree.flatten(self.sampling.shape)
        ends = np.cumsum([int(np.prod(leaf.shape)) for leaf in leaves])
        parts = [flat] if len(leaves) == 1 else [flat[:, end - leaf.size : end] for leaf, end in zip(leaves, ends)]
        rows = [part.reshape(len(flat), *leaf.shape, *flat.shape[2:]) for part, leaf in zip(parts, leaves, strict=True)]
        return jax.tree.unflatten(structure, map(jnp.asarray, rows))

    def _judge(self, flat: Real, theta: ParameterValues) -> None:
        if not isinstance(flat, core.Tracer) and np.isnan(np.asarray(flat)).any():
            raise why_no_number(self.sampling, theta)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _expected(
    sampling: Sampling,
    gradient: Chosen,
    baseline: BaselineSimulations | None,
    theta: ParameterValues,
    words: tuple[Word, Word],
) -> Float[Array, "stops entries"]:
    sums = sample_sums(sampling, gradient.judge, baseline, (), theta, words)
    return sums.value / sums.paths


@functools.partial(_expected.defjvp, symbolic_zeros=True)
def _expected_jvp(
    sampling: Sampling,
    gradient: Chosen,
    baseline: BaselineSimulations | None,
    primals: tuple[ParameterValues, tuple[Word, Word]],
    tangents: Any,
) -> tuple[Real, Real]:
    theta, words = primals
    moving = tuple(name for name, t in tangents[0].items() if not isinstance(t, SymbolicZero))
    estimator = gradient.at(sampling, moving, theta, words)
    sums = sample_sums(sampling, estimator, baseline, moving, theta, words)
    if library_of(sums) is np:
        sums = jax.tree.map(np.asarray, sums)
    return sums.value / sums.paths, _moved(sums.gradient / sums.paths, tuple(tangents[0][name] for name in moving))


@jax.jit
def _moved(slope: Float[Array, "stops entries parameters"], by: tuple[Real, ...]) -> Float[Array, "stops entries"]:
    """What values change by; one program, transposed as one."""
    return sum((slope[..., p] * tangent for p, tangent in enumerate(by)), jnp.zeros(slope.shape[:-1], slope.dtype))


def expectation(
    observable: Observable | AbstractPathObservable,
    network: Network | ModelLike,
    x0: Start | None = None,
    times: object = None,
    *,
    steps: object = None,
    paths: int,
    gradient: AbstractEstimator | Automatic | Literal["auto"] = "auto",
    baseline: BaselineSimulations | None = None,
    engine: Literal["cpu", "gpu", "xla", "tables"] | None = None,
    precision: Precision | None = None,
    start: float = 0.0,
    bound: float | Sequence[float] | None = None,
    max_events: int = 10_000_000,
    round_counts: bool = False,
    queue: int = 64,
    devices: Devices = "one",
) -> Expectation:
    """E[observable(x(t))] as a JAX function of `(theta, key)`, differentiable in theta.

    The value is the mean over `paths` exact paths: unbiased, standard error O(paths^-1/2). Its derivatives, forward or
    reverse, are those of the chosen estimator, from the same paths; only the parameters that are differentiated cost
    anything. `jax.jit`, `jax.vmap` over theta or keys, and losses built on it work. Second derivatives are refused.

    Args:
        observable: function of a mapping species -> count to a number, array or pytree (`Moments`, `Histogram`, ...); or what is
            gathered along the path until the stop (`TimeAverage`, `PassageTime`, `ReactionCount`, or any fold: `PathObservable`),
            which has derivatives by `auto`, `ScoreFunction` and `CoupledDifference`.
        network: what reacts, or a model, of which it takes the counts at the start too.
        x0: counts at the start; of a model those that are to be others. Or laws of them, as `simulate` takes: their parameters are
            in theta, with derivatives by `auto`, `ScoreFunction` and `CoupledDifference`; of `StochasticRounding` by all but the last.
        times: stops; the result has a leading axis of their number.
        steps: stops after numbers of events, instead of times.
        paths: how many paths are averaged.
        gradient: an estimator, or `auto`: the best one for the problem, by a pilot when a derivative is first asked for at
            numbers (inside `jax.jit` there are none: call `.choose(theta, key)` before, or the score function is used).
            With families of reactions `auto` is `TrapezoidalTangent(reverse=True)`, the mode for any number of parameters; then the
            derivative is a reverse one only (`jax.grad`), and `Expectation.values` has single paths.
            `Expectation.choice` says what was chosen, why, and how large its bias may be. Each call judges its own tails: one
            that fails is answered by the score function along the same paths (`Estimate.replaced`). A named estimator keeps its
            numbers, and warns.
        baseline: more paths, without a gradient, that improve the value; see `BaselineSimulations`.
        engine: `cpu`, `gpu` or `xla`; default is the faster one that can run the network.
        precision: `float32` or `float64`; default follows JAX's x64 flag. float64 needs the flag.
        start: time at the start.
        bound: a number that the total propensity never exceeds, or one for each interval between times (`bound[i]` holds
            until `times[i]`). For rates that depend on time explicitly, of which `ScoreFunction` gives the derivatives; and
            one number for `StraightThrough(horizon="uniformization")`, which needs it. Paths are drawn from it, with null
            events, and are as exact; one that breaks it is faulty. By default it is found from the laws (see `simulate`).
        max_events: events after which a path is given up as exploding.
        round_counts: round fractional x0 instead of refusing it. What is rounded is a constant, with derivative zero: see
            `StochasticRounding` for a start at a real number.
        queue: as in `simulate`, for networks with delays.
        devices: among which paths are divided: `one` in each process; or `all` of all processes that `jax.distributed` joins, for
            which every process makes the same calls with the same numbers. Paths are the same, and values differ in last bits. Paths are
            summed in 8 parts or more (from 256 on), each with baselines and controls of its own, so that derivatives differ from
            those of `one` by a part of their standard error.

    Returns:
        `Expectation`: call it, differentiate it, or ask it for an `estimate` with standard errors.

    Raises:
        InputError: everything that is wrong with the input.
        UnsupportedError: explicitly time-dependent rates of which no largest value is found, without a bound; or with an
            estimator that does not treat them.

    Warns:
        JumpaxWarning: when derivatives are taken, and one path carries too much of the variance of one (inside `jax.jit` by a
            callback, only then).

    Examples:
        >>> import jax, jumpax
        >>> decay = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(lambda counts: counts["A"], decay, {"A": 100}, times=[1.0], paths=20_000)
        >>> slope = jax.grad(lambda k: mean({"k": k}, jax.random.key(0))[0])(1.0)
        >>> bool(abs(slope + 100 * 0.3679) < 1.5)   # d/dk 100 exp(-k) = -36.8
        True
    """
    network, _, x0 = numbers_of(network, NONE, x0)
    check_network(network, ALL)
    check_observable(observable, along=True)
    law = start_of(network, x0, round_counts)
    counts = check_counts(network, x0, round_counts=round_counts) if law is None else np.zeros(0, int)
    if counts.ndim == 2:
        raise InputError(
            "x0 must be one state or a law for an expectation: jumpax.StartTable(states) averages over several"
        )
    if bound is None and network.thinned:
        check_ceilings(network, counts if law is None else np.ones(len(network.species)))
    chosen = Automatic() if isinstance(gradient, str) and gradient == "auto" else gradient
    if isinstance(chosen, Automatic) and Need.FAMILY in network.needs:
        chosen = TrapezoidalTangent(reverse=True)  # the one that there is
    if not isinstance(chosen, AbstractEstimator | Automatic):
        raise InputError(f"gradient must be 'auto' or an estimator such as ScoreFunction(), not {gradient!r}")
    check_needs(network, chosen.treats, repr(chosen))
    _check_bound_of(chosen, network, bound, steps)
    kind = check_precision(precision)
    if kind == "float64" and not jax.config.read("jax_enable_x64"):
        raise InputError("an expectation in float64 needs jax.config.update('jax_enable_x64', True) before it is made")
    stops = stops_of(times, steps, start, Snapshots(), bound)
    sampling = Sampling(
        observable, network, tuple(int(c) for c in counts), stops,
        check_positive("paths", paths), kind, engine, float(start), check_positive("max_events", max_events, 2**31 - 2),
        places_for(network, queue), x0=law, devices=check_devices(devices),
    )  # fmt: skip
    _ = sampling.shape  # what is wrong with the observable shows here
    if sampling.gathered is not None:
        check_needs(network, sampling.gathered.treats, f"the fold {type(sampling.gathered).__name__}")
    if isinstance(stops, Steps) and getattr(observable, "times_only", False):
        raise UnsupportedError(f"{type(observable).__name__} needs stops at times: use times=... instead of steps=...")
    if getattr(chosen, "reverse", False):
        check_reverse(sampling, chosen, baseline)
    elif isinstance(chosen, AbstractEstimator):
        chosen.check_sampling(sampling)
    if not isinstance(chosen, ExactGradient):
        check_large(sampling.run(None, ()).program, engine)
    return Expectation(sampling, chosen, baseline)


def _check_bound_of(chosen: AbstractEstimator | Automatic, network: Network, bound: object, steps: object) -> None:
    """Whether bound, rates and estimator go together."""
    if network.time_dependent:
        return
    wanted = getattr(chosen, "horizon", None) == "uniformization" and steps is None
    if wanted != (bound is not None) or np.ndim(bound):  # type: ignore[arg-type]
        raise InputError(
            "bound=... goes with rates that depend on time explicitly, and with times and "
            "StraightThrough(horizon='uniformization'), which takes one number that the total propensity never exceeds"
        )
