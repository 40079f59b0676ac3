"""The time of a first passage, as an observable."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from jumpax._base import given
from jumpax._base.types import Count, Flag, Real
from jumpax.folds import AbstractFold, FirstPassage
from jumpax.networks import Network
from jumpax.observables.path_observable import AbstractPathObservable


class Passage(NamedTuple):
    """First passage up to a stop; of one path, or means over paths."""

    time: Any
    """min(T, t): when the condition first held, or the time of the stop where it has not yet."""
    reached: Any
    """Whether it has held; as a mean, P(T <= t), the share of paths for which `time` is the passage and not the stop."""


@dataclasses.dataclass(frozen=True)
class PassageTime(AbstractPathObservable):
    """When a condition on the counts first holds: E[min(T, t)] and P(T <= t) at each stop t, as a `Passage`.

    A path that has not got there by the stop counts with the time of the stop, and `reached` says how many have. Once nearly all have,
    `time` is the mean first-passage time; `reached` as a function of the stops is the distribution of T.

    The path ends at the passage, and so does its score: what comes later has no part in the value, and only adds noise. Exact;
    derivatives are unbiased.

    Args:
        condition: function of a mapping species -> count (elementwise JAX) to a truth value; also looked at in the start state,
            where T is the time at the start.

    Raises:
        InputError: no function; when the expectation is made, one that cannot be traced.
        UnsupportedError: stops after numbers of events, of which the time is not known.

    Source: Redner, A Guide to First-Passage Processes, 2001, doi:10.1017/CBO9780511606014; that a score may stop at a stopping
    time: Glynn 1990, doi:10.1145/84537.84552.

    Examples:
        >>> import jax, jumpax
        >>> birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
        >>> passage = jumpax.PassageTime(lambda counts: counts["N"] >= 6)
        >>> mean = jumpax.expectation(passage, birth, {"N": 0}, [20.0], paths=20_000)
        >>> got = mean.estimate({"k": 2.0}, jax.random.key(0))
        >>> bool(abs(got.value.time[0] - 3) < 0.05), bool(got.value.reached[0] > 0.999)   # 6 / k
        (True, True)
        >>> bool(abs(got.gradient["k"].time[0] + 1.5) < 0.1)   # -6 / k^2
        True
    """

    condition: Callable[[dict[str, Count]], Flag]
    times_only: ClassVar[bool] = True

    def __post_init__(self):
        given.check_function(self.condition, "the condition", "As in PassageTime(lambda counts: counts['A'] >= 20)")

    def fold(self, network: Network) -> AbstractFold:
        """The first passage."""
        return FirstPassage(network, self.condition)

    def value(self, record, stop: Real) -> Passage:
        """The time of the passage, or of the stop."""
        reached, when = record
        return Passage(jnp.where(reached, when, stop), reached)
