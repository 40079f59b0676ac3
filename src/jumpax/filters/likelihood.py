"""The filter as a JAX function of parameters, differentiable in reverse mode."""

from collections.abc import Callable
from typing import Any, TypeAlias, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from jumpax._base.errors import JumpaxError, UnsupportedError
from jumpax._base.host_call import call_back
from jumpax._base.types import ParameterValues
from jumpax.exact.fault import ChainFault, Guard, Refuse, as_fault, unsound
from jumpax.filters.adjoint import HiddenChain, Inputs
from jumpax.networks.starts import AbstractStart

Start: TypeAlias = Float[np.ndarray, " states"] | AbstractStart


@final
class Likelihood:
    """The log-likelihood of the records of every cell.

    Everything is computed in float64, whatever the x64 flag. A derivative takes one pass forward and one backward, whatever the
    number of parameters, and is ready when the value is: `jax.grad` and `jax.vjp` work, `jit` and `vmap` too. There are no second
    derivatives and no forward mode.

    Args:
        chain: network, space and records.
        start: probabilities of the states at the start, or their law.
        tolerance: largest leak.
    """

    def __init__(self, chain: HiddenChain, start: Start, tolerance: float):
        self.chain, self.start, self.tolerance = chain, start, tolerance
        own = start.parameters if isinstance(start, AbstractStart) else ()
        space = chain.counted.space
        self.names: tuple[str, ...] = tuple(dict.fromkeys((*space.network.parameters, *chain.records.parameters, *own)))
        self.inputs = jax.jit(self._inputs)
        self._pull = jax.jit(self._pulled)

    def __call__(self, values: ParameterValues, guard: Guard | None = None) -> Float[Array, " cells"]:
        """By cell.

        Args:
            values: a number for each of `names`.
            guard: told of points without a likelihood, which then is -inf, with derivative 0; None: they raise ChainFault.
        """
        ordered = tuple(jnp.asarray(values[name], float) for name in self.names)
        refuse, point, sound = (None, (), True) if guard is None else guard
        return self._differentiable(refuse)(ordered, jnp.asarray(point, float), jnp.asarray(sound, float))

    def _differentiable(self, refuse: Refuse | None) -> Callable[..., Float[Array, " cells"]]:
        @jax.custom_vjp
        def found(values: tuple, point: Array, sound: Array) -> Float[Array, " cells"]:
            return self._call(refuse, False, values, point, sound)[0]

        def forward(values: tuple, point: Array, sound: Array) -> tuple[Array, Any]:
            level, *slopes = self._call(refuse, True, values, point, sound)
            return level, (values, point, jnp.isfinite(level).any(), slopes)

        def backward(kept: Any, along: Float[Array, " cells"]) -> tuple:
            values, point, possible, (rates, density, start) = kept
            largest = _largest()
            with jax.enable_x64(True):
                along = jnp.asarray(along, jnp.float64)
                vector = self._pull(_wide(values), along, rates, density, start)
                (vector,) = _run(
                    _Clean(self, refuse, largest), [_like(vector.shape)], (vector, _point(point), possible)
                )
                made = tuple(vector[i].astype(value.dtype) for i, value in enumerate(values))
            return made, jnp.zeros_like(point), jnp.zeros((), float)

        found.defvjp(forward, backward)
        return found

    def _call(self, refuse: Refuse | None, slopes: bool, values: tuple, point: Array, sound: Array) -> list[Array]:
        """The filter now if the numbers are known, else when the compiled program gets there."""
        self.chain.check_size(slopes)
        largest = _largest()
        kind, space, cells = jnp.result_type(float), self.chain.counted.space, self.chain.cells
        with jax.enable_x64(True):
            inputs = self.inputs(_wide(values))
            shapes = [(cells,)]
            if slopes:
                shapes += [(cells, *space.targets.shape), inputs[1].shape, (cells, space.size)]
            level, *rest = _run(
                _Follow(self, refuse, slopes, largest),
                [_like(shape) for shape in shapes],
                (*inputs, _point(point), sound > 0),
            )
            return [level.astype(kind), *rest]

    def _pulled(
        self, values: tuple, along: Float[Array, " cells"], rates: Array, density: Array, start: Array
    ) -> Float[Array, " parameters"]:
        """Derivatives with respect to the parameters, of those with respect to inputs, added up over cells with weights."""
        pull = jax.vjp(self._inputs, values)[1]
        (found,) = pull((jnp.tensordot(along, rates, 1), density * along[None, :, None], along @ start))
        return jnp.stack(found) if found else jnp.zeros(0, jnp.float64)

    def _inputs(self, values: tuple[Float[Array, ""], ...]) -> tuple[Array, Array, Array]:
        """Propensities, density of the records, and probabilities at the start."""
        chain, space = self.chain, self.chain.counted.space
        named = dict(zip(self.names, values, strict=True))
        states = jnp.asarray(space.states, jnp.float64)
        theta = {name: named[name] for name in space.network.parameters}
        all_rates = space.network.propensities(tuple(states.T), theta, jnp.zeros((), states.dtype))
        rates = jnp.stack([jnp.broadcast_to(rate, (space.size,)) for rate in all_rates])
        shape = (chain.cells, len(chain.counted.signals))
        signals = [jnp.broadcast_to(jnp.asarray(column)[None], shape) for column in chain.counted.signals.T]
        density = jax.vmap(lambda measured: chain.records.log_density(measured, signals, named))(
            jnp.asarray(chain.records.measured)
        )
        if isinstance(self.start, AbstractStart):
            start = self.start.probabilities(states, {name: named[name] for name in self.start.parameters})
        else:
            start = jnp.asarray(self.start)
        return rates, jnp.broadcast_to(density, (len(chain.gaps), *shape)), start


@final
class _Follow:
    """The host's part: log-likelihood, and derivatives of it if wanted."""

    def __init__(self, of: Likelihood, refuse: Refuse | None, slopes: bool, largest: float):
        self.of, self.refuse, self.slopes, self.largest = of, refuse, slopes, largest

    def __call__(self, given: list[np.ndarray], made: list[np.ndarray]) -> None:
        with np.errstate(all="ignore"):  # what overflows shows in the result
            self._work(given, made)

    def _work(self, given: list[np.ndarray], made: list[np.ndarray]) -> None:
        *inputs, point, sound = given
        chain, refuse = self.of.chain, self.refuse
        try:
            if not sound:
                raise unsound()
            found = chain.follow(Inputs(*inputs), self.of.tolerance)
        except JumpaxError as error:
            if refuse is None:
                raise
            refuse(as_fault(error), point)
            made[0][...] = -np.inf
            for array in made[1:]:
                array[...] = 0.0
            return
        level = found.log_likelihood
        if refuse is not None and (np.isfinite(level) & (np.abs(level) > self.largest)).any():
            refuse(ChainFault("range of numbers", "the log-likelihood is beyond the range of numbers"), point)
            level = np.full(level.shape, -np.inf)
            found = found._replace(factors=[np.zeros(factor.shape) for factor in found.factors])
        made[0][...] = level
        if self.slopes:
            for array, one in zip(made[1:], chain.slopes(found), strict=True):
                array[...] = one
        if refuse is not None and np.isneginf(found.log_likelihood).any():
            cell = chain.records.cells[int(np.argmin(found.log_likelihood))]
            refuse(ChainFault("impossible records", f"the records of cell {cell!r} are impossible"), point)


@final
class _Clean:
    """Refuses derivatives that are not finite; those of points that have no likelihood anyway are 0."""

    def __init__(self, of: Likelihood, refuse: Refuse | None, largest: float):
        self.of, self.refuse, self.largest = of, refuse, largest

    def __call__(self, given: list[np.ndarray], made: list[np.ndarray]) -> None:
        vector, point, possible = given
        made[0][...] = np.where(possible, vector, 0.0)
        wrong = ~(np.abs(made[0]) <= self.largest)
        if wrong.any():
            names = ", ".join(repr(name) for name, bad in zip(self.of.names, wrong, strict=True) if bad)
            fault = ChainFault(
                "derivative not finite", f"the derivative of the log-likelihood with respect to {names} is not finite"
            )
            if self.refuse is None:
                raise fault
            self.refuse(fault, point)
            made[0][...] = 0.0


def _run(work: Callable[..., None], likes: list[jax.ShapeDtypeStruct], arguments: tuple[Array, ...]) -> list[Array]:
    """What a function of the host fills arrays with; it has no derivative."""

    @jax.custom_jvp
    def run(*arguments: Array) -> list[Array]:
        if any(isinstance(argument, Tracer) for argument in arguments):
            return call_back(work, likes, *arguments)
        made = [np.empty(like.shape, like.dtype) for like in likes]
        work([np.asarray(argument) for argument in arguments], made)
        return [jnp.asarray(array) for array in made]

    @run.defjvp
    def _(primals: tuple, tangents: tuple) -> tuple:
        raise UnsupportedError(
            "exact log-likelihoods have first derivatives in reverse mode only (jax.grad, jax.vjp, jax.jacrev); take finite "
            "differences of jax.grad for second ones"
        )

    return run(*arguments)


def _largest() -> float:
    """What a value or a derivative may be, so that products with it are numbers in JAX's floating type, too."""
    return float(jnp.finfo(jnp.result_type(float)).max) ** 0.8


def _wide(values: tuple) -> tuple[Float[Array, ""], ...]:
    return tuple(jnp.asarray(value, jnp.float64) for value in values)


def _point(point: Array) -> Float[Array, " point"]:
    return jnp.asarray(point, jnp.float64)


def _like(shape: tuple[int, ...]) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, np.dtype(np.float64))
