"""Observables of whole paths: a fold, and a function of its record."""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from jaxtyping import PyTree

from jumpax._base import given
from jumpax._base.errors import InputError
from jumpax._base.types import Real
from jumpax.engines import Events
from jumpax.folds import AbstractFold
from jumpax.networks import Network


class AbstractPathObservable(abc.ABC):
    """An observable that is gathered along the path, up to each stop: what a fold records there, and a number made of it.

    An expectation has its value at every stop, and its derivatives by `ScoreFunction` (unbiased) and `CoupledDifference`: by the
    automatic choice among them too. Other estimators need a function of the counts at the stops.

    Final subclasses are frozen dataclasses with value equality: equal ones share compiled programs.
    """

    times_only: ClassVar[bool] = False
    """Whether it is for stops at times, not after numbers of events."""

    @abc.abstractmethod
    def fold(self, network: Network) -> AbstractFold:
        """What is gathered along each path of a network.

        Raises:
            InputError: the network does not have what the observable names.
        """

    @abc.abstractmethod
    def value(self, record: PyTree, stop: Real) -> Any:
        """A number, array or pytree of one record of the fold.

        Args:
            record: scalars, as the fold gives them at one stop.
            stop: the time of the stop, or its number of events.
        """


def _as_it_is(record: PyTree) -> Any:
    return record


@dataclasses.dataclass(frozen=True)
class PathObservable(AbstractPathObservable):
    """A function of what any fold records: E[function(record)], with derivatives.

    `TimeAverage`, `PassageTime` and `ReactionCount` are ready ones. Where parameters show in the record beside the path, as in an
    integral of propensities, `ScoreFunction` adds the derivative at the fixed path; where they change it in steps, as in whether such
    an integral has passed a level, there is none, and `CoupledDifference` alone is right.

    Args:
        gathers: the fold, as of `simulate(..., record=...)`.
        function: of its record at one stop, whose leaves are scalars, with JAX, to a number, array or pytree; default the record.
            A value at a stop may depend on the path up to that stop only, which a fold takes care of.

    Raises:
        InputError: no fold, or no function.

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> births = jumpax.PathObservable(
        ...     jumpax.observables.PathSums(jumpax.observables.Current(model.network, model.network.reactions[0].name)),
        ...     lambda record: record[0].events / 10.0,   # net births per time until the stop at 10
        ... )
        >>> current = jumpax.expectation(births, model.network, {"X": 0}, [10.0], paths=4000)
        >>> bool(abs(current({"birth": 5.0, "death": 1.0}, 0)[0] - 0.5) < 0.02)   # the mean is 5 after 10
        True
    """

    gathers: AbstractFold
    function: Callable[[Any], Any] = _as_it_is

    def __post_init__(self):
        if isinstance(self.gathers, type) or not isinstance(self.gathers, AbstractFold):
            log = " (the log of events is kept by simulate only)" if isinstance(self.gathers, Events) else ""
            raise InputError(
                f"PathObservable takes a fold, such as TimeAverages(network), not {given.shown(self.gathers)}{log}"
            )
        given.check_function(
            self.function, "the function of a record", "As in PathObservable(fold, lambda record: ...)"
        )

    def fold(self, network: Network) -> AbstractFold:
        """The one that was given.

        Raises:
            InputError: it was made for another network.
        """
        owner = getattr(self.gathers, "network", network)
        if not owner.alike(network):
            raise InputError(
                f"the observable: {type(self.gathers).__name__} was made for another network, {owner!r}; make it for this one"
            )
        return self.gathers

    def value(self, record: PyTree, stop: Real) -> Any:
        """The function of the record."""
        return given.call(self.function, (record,), "the function of a record")
