"""An estimator whose every call judges its own tails."""

import dataclasses
import functools
import warnings
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool

from jumpax._base.errors import JumpaxWarning
from jumpax._base.host_call import call_host
from jumpax._base.types import ParameterValues, Word
from jumpax.gradients import failures, tails
from jumpax.gradients.batches import over_batches
from jumpax.gradients.chunk import Sums
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction
from jumpax.gradients.tails import Tail
from jumpax.networks import Need

SCORES = (ScoreFunction, ControlledScore)
"""Estimators whose contributions are products with a score: a degree more in what is about normal. Their tails are held against
them neither here nor in a pilot: none lighter is left to fall back on."""
HALF, TENTH = 0.5, 0.1
"""Share of one path, at least, from which the standard error of a score, of another estimator that was named, is called in doubt."""

ALIKE = 0.9
"""Share of the score, over that of the estimator, from which it counts as no smaller."""


@dataclasses.dataclass(frozen=True)
class Guarded(AbstractEstimator):
    """The numbers of an estimator, unless one path carries too much of their variance: then those of the score function.

    Where, in a component, the share of one path in the squared deviations is larger than light tails allow (`tails.limit`),
    the call runs again along the same paths with the score; its gradient is given back unless its own shares are as large. Scores
    themselves never run again; they are in doubt from a share of one half, other estimators that were named from one tenth.
    That takes one `lax.cond` for a whole batch, inside `jax.jit`, `jax.grad` and `jax.vmap` too, so a good call costs a look
    at some sums. Failures are told to `failures`, and tails that remain are warned of: by `report` outside `jax.jit`, by a
    callback inside, which runs only then.

    Args:
        estimator: what is guarded.
        again: whether a call that fails runs again; else it keeps its numbers, with a warning.
        aloud: whether the compiled program itself reports what failed; else the caller does, by `Sums.tail`.
        looking: whether it only says that something failed, by `Tail.suspect`; then the caller runs it again without this.
    """

    estimator: AbstractEstimator
    again: bool = True
    aloud: bool = False
    looking: bool = False

    @property
    def replaceable(self) -> bool:
        """Whether another estimator takes over where this one fails."""
        return self.again and not isinstance(self.estimator, SCORES)

    @property
    def treats(self) -> frozenset[Need]:
        """As the estimator."""
        return self.estimator.treats

    @property
    def unbiased(self) -> bool:
        """As the estimator; when it fails, as the score function."""
        return self.estimator.unbiased

    def check(self, wrt: tuple[str, ...], theta: ParameterValues) -> None:
        """As the estimator."""
        self.estimator.check(wrt, theta)

    def check_sampling(self, sampling: Sampling, wrt: tuple[str, ...] = ()) -> None:
        """As the estimator."""
        self.estimator.check_sampling(sampling, wrt)

    def simulated(self, paths: int, wrt: tuple[str, ...]) -> int:
        """As the estimator, while nothing fails."""
        return self.estimator.simulated(paths, wrt)

    def sums(self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        """Sums with `tail`, which says what happened."""
        if not wrt:
            return self.estimator.sums(sampling, wrt, theta, words)
        return over_batches(functools.partial(self._judged, sampling, wrt))(dict(theta), words)

    def _judged(
        self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]
    ) -> Sums:
        """For a batch of theta and words."""
        moving = jnp.stack([theta[name] for name in wrt], -1)

        def by(estimator: AbstractEstimator, theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
            return _each(functools.partial(estimator.sums, sampling, wrt), theta, words)

        def heavy(sums: Sums, score: bool) -> Bool[Array, "batch stops entries parameters"]:
            components = int(np.prod(sums.gradient.shape[1:]))
            least = HALF if score else 0.0 if self.again else TENTH
            most = tails.limit(sampling.paths, components, 3 if score else 2)
            return tails.heavy(sums, max(most, least), moving)

        first, score = by(self.estimator, theta, words), isinstance(self.estimator, SCORES)
        failed, share = heavy(first, score), tails.shares(first)
        good, suspect = jnp.zeros(len(failed), bool), failed.any((1, 2, 3))

        def resolve(first: Sums, theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
            told = failed & jnp.isfinite(first.gradient)  # what is no number says so itself
            kept = first._replace(tail=Tail(good, told, share, suspect))
            if self.replaceable:
                kept = first._replace(tail=Tail(good, heavy(first, True), share, suspect))
                second = by(ScoreFunction(), theta, words)
                worse = (failed & (tails.shares(second) < ALIKE * share)).any((1, 2, 3))
                other = first._replace(
                    gradient=second.gradient, gradient_square=second.gradient_square, gradient_peak=second.gradient_peak,
                    tail=Tail(~good, heavy(second, True), share, suspect),
                )  # fmt: skip
                kept = jax.tree.map(lambda a, b: jnp.where(worse.reshape(-1, *[1] * (a.ndim - 1)), a, b), other, kept)
            if self.aloud:
                like = jax.ShapeDtypeStruct(kept.paths.shape, kept.paths.dtype)
                (nothing,) = call_host(_Report(self, sampling, wrt), [like], jax.tree.leaves(kept.tail))
                kept = kept._replace(paths=kept.paths + nothing)  # so that the call is not left out
            return kept

        def fine(first: Sums, theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
            return first._replace(tail=Tail(good, failed, share, suspect))

        if self.looking:
            return fine(first, theta, words)
        return lax.cond(failed.any(), resolve, fine, first, theta, words)


def _each(work: Callable[..., Sums], theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
    """`work` for each row of a batch; for a single one without `jax.vmap`, for parameters that all paths share are cheaper."""
    if len(words[0]) > 1:
        return jax.vmap(work)(theta, words)
    made = work(*jax.tree.map(lambda leaf: leaf[0], (theta, words)))
    return jax.tree.map(lambda leaf: leaf[None], made)


def report(guarded: Guarded, sampling: Sampling, wrt: tuple[str, ...], tail: Tail) -> None:
    """Remember what failed, and warn of what is left in doubt; for one call or a batch of them."""
    replaced, doubtful, share, _ = (np.asarray(leaf) for leaf in tail)
    doubtful, share = (leaf.reshape(-1, *leaf.shape[-3:]) for leaf in (doubtful, share))
    replaced = replaced.reshape(-1)
    if replaced.any():
        component, most = _worst(sampling, wrt, share[replaced])
        failures.remember(sampling.problem, failures.Failure(guarded.estimator, component, most, sampling.paths))
    if doubtful.any():
        kept = doubtful & ~replaced[:, None, None, None]
        used = guarded.estimator if kept.any() else ScoreFunction()
        component, most = _worst(sampling, wrt, np.where(doubtful, share, 0))
        carried = f"{most:.0%}" if kept.any() else "too much"
        remedy = "more paths" if isinstance(used, SCORES) or guarded.again else "gradient='auto' or ScoreFunction()"
        warnings.warn(
            f"{used!r}: one of {sampling.paths:,} paths carries {carried} of the variance of the derivative of {component}, so its "
            f"standard error is not to be trusted; take {remedy}",
            JumpaxWarning,
            stacklevel=4,
        )


@dataclasses.dataclass(frozen=True)
class _Report:
    """`report`, from a compiled program; gives zeros."""

    guarded: Guarded
    sampling: Sampling
    wrt: tuple[str, ...]

    def __call__(self, tail: list[np.ndarray], zeros: list[np.ndarray]) -> None:
        zeros[0][...] = 0
        report(self.guarded, self.sampling, self.wrt, Tail(*tail))  # type: ignore[arg-type]


def _worst(sampling: Sampling, wrt: tuple[str, ...], share: np.ndarray) -> tuple[str, float]:
    """The component with the largest share, in words, and that share."""
    _, stop, entry, parameter = np.unravel_index(int(share.argmax()), share.shape)
    return f"{sampling.component(int(stop), int(entry))} with respect to {wrt[parameter]}", float(share.max())
