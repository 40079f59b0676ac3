"""The estimator of an expectation: given, or chosen when a derivative is first asked for."""

import contextvars
import functools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax

from jumpax._base.errors import JumpaxWarning
from jumpax._base.host import is_traced
from jumpax._base.types import ParameterValues, Word
from jumpax.gradients.automatic import Automatic, Choice, stale
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import ExactGradient
from jumpax.gradients.guarded import Guarded
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction


class Chosen:
    """Which estimator an expectation uses. Equal to itself only, for it may change."""

    def __init__(self, given: AbstractEstimator | Automatic):
        self._given = given
        self._choice: Choice | None = None
        self._warned = False

    @property
    def choice(self) -> Choice | None:
        """The automatic choice, without what has failed in a call since; None before."""
        if self._choice is not None:
            self._choice = self._choice.revised()
        return self._choice

    @property
    def estimator(self) -> AbstractEstimator | None:
        """The one in use; None before an automatic choice."""
        if isinstance(self._given, AbstractEstimator):
            return self._given
        return None if self.choice is None else self.choice.estimator

    @property
    def judge(self) -> AbstractEstimator | None:
        """The estimator that gives values too, not only derivatives; None where values are those of plain paths."""
        return self.estimator if isinstance(self.estimator, ExactGradient) else None

    def choose(
        self,
        sampling: Sampling,
        wrt: tuple[str, ...],
        theta: ParameterValues,
        words: tuple[Word, Word],
        before: Choice | None = None,
    ) -> Choice:
        """Choose at theta, numbers; `before` is a choice for an equal expectation, if this one has made none."""
        if isinstance(self._given, AbstractEstimator):
            return Choice(self._given, f"{self._given!r}: it was asked for", {}, wrt)
        made = _aside(functools.partial(self._given.choose, sampling, wrt, theta, words, before or self.choice))
        self._choice = made
        return made

    def at(
        self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]
    ) -> AbstractEstimator:
        """The estimator for theta, which may be traced: then the last choice stands. Guarded, if it was chosen."""
        if isinstance(self._given, AbstractEstimator):
            return self._given
        traced = is_traced((theta, words))
        choice = self.choice
        if not traced and wrt and (choice is None or stale(choice, wrt, theta)):
            choice = self.choose(sampling, wrt, theta, words)
        if choice is not None:
            return choice.guarded
        if traced and wrt and not self._warned and not sampling.network.needs:
            self._warned = True
            warnings.warn(
                "the gradient of an expectation is traced before its estimator was chosen, so the score function is used, "
                "which is unbiased but often noisy. Call expected.choose(theta, key) once before jax.jit, or name an "
                "estimator: expectation(..., gradient=...).",
                JumpaxWarning,
                stacklevel=2,
            )
        return Guarded(ScoreFunction())


def _aside(work: Callable[[], Choice]) -> Choice:
    """Done in another thread: in this one JAX may be in the middle of a transformation, and would trace the pilot."""
    wide = jax.config.read("jax_enable_x64")

    def inside() -> Choice:
        with jax.enable_x64(wide):
            return work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, inside).result()
