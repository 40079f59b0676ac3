"""Laws carried along, and functions carried back, by uniformization; and what couples the two along each reaction."""

import math
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int

from jumpax.exact.generator import Sparse
from jumpax.exact.power_series import Window, poisson_window

WIDE = 1e-290
"""Weights that are kept where tails matter: probabilities are sums of positive terms, accurate however small they are."""
_DENSE = 192
"""Up to so many states matrices are full: for few, that is faster."""
_SMALL = 48
"""Up to so many, the matrix of a whole interval is made."""
_TERMS = 32
"""Of the series of a short interval: what is left out has probability 1e-36."""
_NEAR = 2**17
"""Numbers that are worked on at once: they should stay in the cache."""


@final
class Uniformized:
    """The chain of uniformization, `P = 1 + Q / L`: exp(Q t) = sum_k Poisson(k; L t) P^k, for any L above all exit rates.

    Laws are columns (size + 1, columns): the states and the sink.

    Args:
        targets: (reactions, size): as in `CountedSpace`.
        rates: (reactions, size): propensities.
    """

    rate: float
    size: int

    def __init__(self, targets: Int[np.ndarray, "reactions size"], rates: Float[np.ndarray, "reactions size"]):
        self.size, self._targets = targets.shape[1], targets
        # what cannot fire is as good as lost; and each state by itself
        self._ends = [*np.where(targets < 0, self.size, targets).astype(np.intp), np.arange(self.size)]
        exits = np.where(targets >= 0, rates, 0.0).sum(0)
        self.rate = 1.01 * float(exits.max(initial=0.0)) or 1.0
        reaction, source = np.nonzero((targets >= 0) & (rates != 0))
        every = np.arange(self.size + 1)
        stay = np.append(1.0 - exits / self.rate, 1.0)
        entries = np.concatenate([rates[reaction, source] / self.rate, stay])
        places = np.concatenate([targets[reaction, source], every]), np.concatenate([source, every])
        step = _matrix(entries, places, self.size + 1)
        self._step: Any = step
        self._back: Any = step.T.copy() if isinstance(step, np.ndarray) else step.T.tocsr()
        self._whole = dict[float, np.ndarray]()

    def window(self, time: float, wide: bool) -> Window:
        """The terms of the series."""
        return poisson_window(self.rate * time, WIDE) if wide else poisson_window(self.rate * time)

    def forward(self, laws: Float[np.ndarray, "_ columns"], time: float, wide: bool, often: bool) -> np.ndarray:
        """exp(Q t) on laws; `often`: the same time is asked for again and again."""
        if often and self.size <= _SMALL:
            return self._matrix(time) @ laws
        return _series(self._step, laws, self.window(time, wide))

    def backward(self, values: Float[np.ndarray, "_ columns"], time: float, wide: bool, often: bool) -> np.ndarray:
        """Its transpose, on functions of the state."""
        if often and self.size <= _SMALL:
            return self._matrix(time).T @ values
        return _series(self._back, values, self.window(time, wide))

    def _matrix(self, time: float) -> np.ndarray:
        """The transition matrix of an interval, by doubling a short one: all entries are sums of positive terms."""
        if time not in self._whole:
            mean = self.rate * time
            doublings = max(0, int(np.ceil(np.log2(mean)))) if mean > 1 else 0
            mean /= 2.0**doublings
            term = np.exp(-mean) * np.eye(self.size + 1)
            total = term.copy()
            for k in range(1, _TERMS):
                term = (mean / k) * (self._step @ term)
                total += term
            for _ in range(doublings):
                total = total @ total
            self._whole[time] = total
        return self._whole[time]

    def edges(
        self,
        laws: Float[np.ndarray, "_ columns"],
        values: Float[np.ndarray, "_ columns"],
        window: Window,
        cells: Int[np.ndarray, " columns"],
        many: int,
    ) -> Float[np.ndarray, "cells reactions size"]:
        """The derivative of `sum values . exp(Q t) laws` with respect to every propensity, added up over the columns of each cell.

        It is `(1 / L) sum_k v_k(x) (u_{k+1}(y) - u_{k+1}(x))` for a reaction from x to y, with `v_{k+1} = P v_k` and
        `u_k = w_k values + P^T u_{k+1}`: exact, for the law does not depend on L.

        Args:
            laws: at the start of the interval.
            values: at its end, 0 in the sink.
            window: weights w of the series.
            cells: of each column, in order.
            many: how many cells there are.
        """
        found = np.zeros((len(self._targets) + 1, self.size, many))
        columns = laws.shape[1]
        at_once = int(np.clip(_NEAR // (2 * self.size), 1, columns))
        for low in range(0, columns, at_once):
            block = slice(low, low + at_once)
            own, first = np.unique(cells[block], return_index=True)
            made = self._pairs(laws[:, block], values[:, block], window)
            found[:, :, own] += np.add.reduceat(made, first, -1)
        slopes = (found[:-1] - found[-1:]) / self.rate
        return np.where((self._targets >= 0)[..., None], slopes, 0.0).transpose(2, 0, 1)

    def _pairs(self, laws: np.ndarray, values: np.ndarray, window: Window) -> Float[np.ndarray, "_ size columns"]:
        """Sums over k of v_k(x) u_{k+1}(y), for the target y of each reaction, and for x itself."""
        steps, shape = window.stop - 1, laws.shape
        found = np.zeros((len(self._ends), shape[1], self.size))
        length = max(1, min(_NEAR // laws.size, steps), math.isqrt(steps))
        marks, v = [], laws  # every so many steps, from which the others are made again
        for k in range(steps):
            if k % length == 0:
                marks.append(v)
            if k < (steps - 1) // length * length:
                v = self._step @ v
        u, near = _weight(window, steps) * values, max(1, _NEAR // laws.size)  # u_K
        for part in range(len(marks) - 1, -1, -1):
            low, high = part * length, min((part + 1) * length, steps)
            # states last: so they are gathered fastest
            ahead, behind = (np.empty((high - low, shape[1], shape[0])) for _ in range(2))
            v = marks[part]
            for j in range(high - low):
                v = self._step @ v if j else v
                ahead[j] = v.T
            for k in range(high - 1, low - 1, -1):
                behind[k - low] = u.T
                u = self._back @ u
                if k >= window.first:
                    u += _weight(window, k) * values
            for first in range(0, high - low, near):
                self._contract(found, ahead[first : first + near], behind[first : first + near])
        return found.transpose(0, 2, 1)

    def _contract(self, found: np.ndarray, ahead: np.ndarray, behind: np.ndarray) -> None:
        """Add products of laws and functions of successive steps."""
        laws = ahead[..., :-1]
        products = np.empty(laws.shape)
        for r, targets in enumerate(self._ends):
            np.take(behind, targets, -1, products, "clip")
            products *= laws
            found[r] += products.sum(0)


def _matrix(entries: np.ndarray, places: tuple[np.ndarray, np.ndarray], size: int) -> Sparse | np.ndarray:
    """The sum of entries at places, sparse unless it is small."""
    if size <= _DENSE:
        full = np.zeros((size, size))
        np.add.at(full, places, entries)
        return full
    import scipy.sparse as sp

    return sp.csr_array(sp.coo_array((entries, places), shape=(size, size)))


def _weight(window: Window, k: int) -> float:
    return float(window.weights[k - window.first]) if window.first <= k < window.stop else 0.0


def _series(step: Any, start: Float[np.ndarray, "_ columns"], window: Window) -> np.ndarray:
    """sum_k w_k step^k start."""
    total, power = np.zeros(start.shape), start
    for k in range(window.stop):
        if k:
            power = step @ power
        if k >= window.first:
            total += window.weights[k - window.first] * power
    return total
