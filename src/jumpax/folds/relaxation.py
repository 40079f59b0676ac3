"""Relaxed choices: how the choice of a reaction is taken to move when the propensities move."""

import dataclasses
import functools
import operator
from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp

from jumpax._base.errors import InputError
from jumpax._base.math import exp, log
from jumpax._base.types import Flag, Real
from jumpax.folds.derivatives import chosen

Relaxed = Literal["gumbel", "conditional", "propensity", "reinmax"]
Changes = list[tuple[Real, ...]]
"""One row per reaction, one entry per parameter."""


@dataclasses.dataclass(frozen=True)
class Relaxation:
    """The derivative that is given to a one-hot choice e_j, j drawn with probabilities p = a / a_0.

    With l = ln a, dl its derivative (0 where a = 0: such a reaction is masked, never ln(a + eps)) and
    J(y) v = y (v - y . v), the derivative of the choice is

        gumbel       J(y) dl / tau, y = softmax((l + g) / tau)
        conditional  the same, averaged over some draws of g; its limit at tau = 0, averaged over all, is `reinmax`
        propensity   J(p) dl
        reinmax      2 J((p + e_j) / 2) dl - J(p) dl / 2 = 1/2 sum_q p_q (dl_j - dl_q) (e_j - e_q)

    The Gumbel numbers g are drawn given that j won. As a race, exp(-l - g) are arrival times: that of the winner is
    E_j / a_0, that of each other reaction later by E_q / a_q, all E unit exponentials. The relaxed choice is then
    y_q ~ (a_q E_j / (a_0 E_q + a_q E_j))^(1/tau), y_j ~ 1: the choice itself is never touched.

    Bias of one choice where the rest is linear: none for `propensity`, `reinmax` and `conditional` with tau = 0; for two
    reactions of equal propensity 6 % at tau = 0.3 and 33 % at tau = 1 with `gumbel`. From tau = 1 on, the mask of
    impossible reactions matters, as y dl ~ a^(1/tau - 1).

    Args:
        kind: one of the four.
        temperature: tau, positive; 0 is allowed for `conditional`; not used by `propensity` and `reinmax`.
        draws: how many draws `conditional` averages.

    Raises:
        InputError: for anything else.

    Source: Jang, Gu & Poole 2017, arXiv:1611.01144; Paulus, Maddison & Krause 2021, arXiv:2010.04838 (conditional);
    Liu et al. 2023, arXiv:2304.08612 (ReinMax); Vilar & Saiz 2026, arXiv:2608.25631 (propensity).
    """

    kind: Relaxed = "gumbel"
    temperature: float = 0.5
    draws: int = 4

    def __post_init__(self):
        known = ("gumbel", "conditional", "propensity", "reinmax")
        faults = [] if self.kind in known else [f"relaxation must be one of {', '.join(known)}; got {self.kind!r}"]
        least = "zero or positive" if self.kind == "conditional" else "positive"
        if not (self.temperature > 0 or (self.temperature == 0 and self.kind == "conditional")):
            faults.append(f"temperature must be {least} for {self.kind!r}; got {self.temperature!r}")
        if not (isinstance(self.draws, int) and self.draws >= 1):
            faults.append(f"draws must be a whole number, at least 1; got {self.draws!r}")
        if faults:
            raise InputError("; ".join(faults))

    @property
    def rounds(self) -> int:
        """How many sets of Gumbel numbers are drawn at an event."""
        if self.kind == "gumbel":
            return 1
        return self.draws if self.kind == "conditional" and self.temperature > 0 else 0

    def changes(
        self,
        won: Sequence[Flag],
        propensities: Sequence[Real],
        slopes: Sequence[Sequence[Real]],
        exponentials: Sequence[Real],
    ) -> Changes:
        """Derivatives of the choice, one row per reaction.

        Args:
            won: which reaction was chosen: one flag per reaction.
            propensities: a, one per reaction.
            slopes: derivatives of a, one row per reaction, one entry per parameter.
            exponentials: unit exponentials, `rounds` times as many as there are reactions.
        """
        dl = [_ratio(row, a) for row, a in zip(slopes, propensities, strict=True)]
        total = functools.reduce(operator.add, propensities)
        if self.rounds:
            many = len(propensities)
            parts = [
                _softmax(self._race(won, propensities, total, exponentials[first : first + many]), dl)
                for first in range(0, many * self.rounds, many)
            ]
            return _mean(parts, self.temperature * self.rounds)
        p = [a / total for a in propensities]
        if self.kind == "propensity":
            return _softmax(p, dl)
        return _pairs(won, p, dl)

    def _race(self, won, propensities, total, exponentials) -> list[Real]:
        """Relaxed choice, not normalised, from unit exponentials."""
        first = chosen(won, exponentials, total)
        weights = []
        for flag, a, e in zip(won, propensities, exponentials, strict=True):
            ahead = a * first
            share = ahead / (total * e + ahead)
            weights.append(jnp.where(flag, jnp.ones_like(a), exp(log(share) * a.dtype.type(1 / self.temperature))))
        return weights


def _ratio(row: Sequence[Real], a: Real) -> list[Real]:
    """Derivatives of ln a; 0 where a = 0."""
    some = a > 0
    return [jnp.where(some, d / jnp.where(some, a, jnp.ones_like(a)), jnp.zeros_like(a)) for d in row]


def _softmax(weights: Sequence[Real], dl: Sequence[Sequence[Real]]) -> Changes:
    """The product J(y) dl, with y the weights, normalised."""
    total = functools.reduce(operator.add, weights)
    y = [w / total for w in weights]
    means = _means(y, dl)
    return [tuple(q * (d - m) for d, m in zip(row, means, strict=True)) for q, row in zip(y, dl, strict=True)]


def _means(y: Sequence[Real], dl: Sequence[Sequence[Real]]) -> list[Real]:
    """The products y . dl."""
    return [
        functools.reduce(operator.add, [q * d for q, d in zip(y, column, strict=True)])
        for column in zip(*dl, strict=True)
    ]


def _pairs(won: Sequence[Flag], p: Sequence[Real], dl: Sequence[Sequence[Real]]) -> Changes:
    """The limit of low temperature, averaged over the Gumbel numbers that let j win."""
    winner = [chosen(won, column, p[0]) for column in zip(*dl, strict=True)]
    rise = [0.5 * (d - m) for d, m in zip(winner, _means(p, dl), strict=True)]
    return [
        tuple(
            jnp.where(flag, up, jnp.zeros_like(up)) - 0.5 * q * (best - d)
            for up, best, d in zip(rise, winner, row, strict=True)
        )
        for flag, q, row in zip(won, p, dl, strict=True)
    ]


def _mean(parts: Sequence[Changes], over: float) -> Changes:
    """Sum of the parts over a number."""
    return [
        tuple(
            functools.reduce(operator.add, entries) * entries[0].dtype.type(1 / over)
            for entries in zip(*rows, strict=True)
        )
        for rows in zip(*parts, strict=True)
    ]
