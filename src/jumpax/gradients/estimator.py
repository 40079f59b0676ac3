"""The contract of a gradient estimator."""

import abc

from jumpax._base.errors import UnsupportedError
from jumpax._base.types import ParameterValues, Word
from jumpax.gradients.chunk import AbstractRule, Sums
from jumpax.gradients.sampled import sample
from jumpax.gradients.sampling import Sampling
from jumpax.networks import PLAIN, Need


class AbstractEstimator(abc.ABC):
    """Estimates d E[f(x(t))] / d theta, in the natural coordinates of theta.

    Final subclasses are frozen dataclasses with value equality: equal estimators share compiled programs.
    """

    @property
    def treats(self) -> frozenset[Need]:
        """What networks may need beyond the plain process, so that the estimate still means what it says."""
        return PLAIN

    @property
    @abc.abstractmethod
    def unbiased(self) -> bool:
        """Whether the expectation of the estimate is the gradient, for every network and observable that it takes."""

    def check(self, wrt: tuple[str, ...], theta: ParameterValues) -> None:
        """Refuse values of theta at which there is no estimate; asked where theta is numbers, not inside `jax.jit`.

        Raises:
            InputError: naming the parameters.
        """
        return

    def check_sampling(self, sampling: Sampling, wrt: tuple[str, ...] = ()) -> None:
        """Refuse what this estimator cannot differentiate, before anything is simulated.

        By default: what is gathered along paths, and parameters of the law of the start.

        Raises:
            UnsupportedError: naming what else there is.
        """
        if sampling.gathered is not None:
            raise UnsupportedError(
                f"{self!r} needs an observable that is a function of the counts at the stops, which {type(sampling.observable).__name__} "
                "is not: it is gathered along paths. Use gradient='auto', ScoreFunction() or CoupledDifference()"
            )
        if moving := [] if sampling.x0 is None else [name for name in wrt if name in sampling.x0.scored]:
            raise UnsupportedError(
                f"{self!r} has no derivative with respect to {', '.join(moving)}, of which the law of the counts at the start depends: "
                "use ScoreFunction() or CoupledDifference(), or differentiate by other parameters only (wrt=...)"
            )

    def simulated(self, paths: int, wrt: tuple[str, ...]) -> int:
        """How many paths are simulated in all, where the values of `paths` are averaged."""
        return paths

    @abc.abstractmethod
    def sums(self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        """Values and gradients, summed over the paths of `sampling`; traceable, with values those of the plain paths.

        Args:
            sampling: what is to be expected, and how many paths there are.
            wrt: names of the parameters that move; if there are none, gradients have a last axis of length 0.
            theta: scalars.
            words: of the key.

        Raises:
            UnsupportedError: this estimator cannot treat such a network, observable or such stops.
        """


class AbstractFoldEstimator(AbstractEstimator, AbstractRule):
    """An estimator that gathers a fold along the very paths whose values are averaged."""

    def sums(self, sampling: Sampling, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        """Sums over paths that carry the fold."""
        return sample(sampling, self, wrt, theta, words)
