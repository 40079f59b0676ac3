"""The hidden Markov filter on a finite set of states, and its derivatives by one pass backwards."""

from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Bool, Float

from jumpax._base.memory import check_memory
from jumpax.exact.fault import ChainFault
from jumpax.exact.first_order import check_propensities
from jumpax.exact.generator import advice
from jumpax.filters.counted import CountedSpace
from jumpax.filters.uniformized import Uniformized
from jumpax.records import Records

MOST_STEPS = 1_000_000
"""Products with the matrix that one pass may take."""
_RARE = np.log(1e-9)
"""Records less probable than this are computed with all terms of the tails."""
_LARGEST = 690.0
"""Of a logarithm, so that its exponential is a number."""
_SMALL = 192
"""Up to so many states sums are products with a full matrix."""
_OFTEN = 3
"""Intervals of one length from which their matrix is worth while."""


class Inputs(NamedTuple):
    """What the filter depends on."""

    rates: Float[np.ndarray, "reactions states"]
    """Propensities in the states without counters."""
    log_density: Float[np.ndarray, "times cells groups"]
    """Of the records at each time, by what they see of a state."""
    start: Float[np.ndarray, " states"]
    """Probabilities at the start; what they lack of 1 has leaked."""


class Pass(NamedTuple):
    """The filter, from the first record to the last; laws before the first record are of all cells together: one column."""

    log_likelihood: Float[np.ndarray, " cells"]
    leak: Float[np.ndarray, "times cells"]
    """Probability, given all records before, to have left the space since the last of them."""
    chain: Uniformized
    wide: list[bool]
    starts: list[Float[np.ndarray, "_ cells"]]
    """Laws at the start of each interval, with the sink."""
    predicted: list[Float[np.ndarray, "size cells"]]
    """Laws at its end, before the record."""
    factors: list[Float[np.ndarray, "groups cells"]]
    """Density of the records over their probability: what laws are multiplied by."""


class Slopes(NamedTuple):
    """Derivatives of each cell's log-likelihood."""

    rates: Float[np.ndarray, "cells reactions states"]
    log_density: Float[np.ndarray, "times cells groups"]
    """They are the smoothed probabilities of the groups."""
    start: Float[np.ndarray, "cells states"]


@final
class HiddenChain:
    """A network on a space, and when which of its cells was measured.

    Args:
        counted: states and counters.
        records: what was measured.
        start: time at the start.
    """

    def __init__(self, counted: CountedSpace, records: Records, start: float):
        import scipy.sparse as sp

        self.counted, self.records = counted, records
        self.gaps = _alike(np.diff(records.times, prepend=start))
        self.cells = len(records.cells)
        seen = [records.columns[i].seen for i in counted.columns]
        self.seen: Bool[np.ndarray, "times counters cells"] = (
            np.stack(seen, 0).transpose(2, 0, 1) if seen else np.zeros((len(self.gaps), 0, self.cells), bool)
        )
        groups, size = len(counted.signals), counted.size
        collect = sp.csr_array((np.ones(size), (counted.group, np.arange(size))), shape=(groups, size))
        self.collect: Any = collect.toarray() if size <= _SMALL else collect
        numbers, often = np.unique(self.gaps, return_counts=True)
        self.often = {float(gap): bool(times >= _OFTEN) for gap, times in zip(numbers, often, strict=True)}

    def check_size(self, slopes: bool) -> None:
        """Whether what is kept of a pass fits into memory.

        Raises:
            TooLargeError: it does not.
        """
        counted, times = self.counted, len(self.gaps)
        laws = times * self.cells * (counted.size * (3 if slopes else 2) + 4 * len(counted.signals))
        more = self.cells * len(counted.targets) * counted.size * 2 if slopes else 0
        check_memory(
            f"Following {self.cells:,} cells through {times:,} records on {counted.size:,} states",
            8.0 * (laws + more), "Give smaller limits, or fewer cells at once",
        )  # fmt: skip

    def follow(self, inputs: Inputs, tolerance: float) -> Pass:
        """The filter: a law is carried to the next record, multiplied by the density of that record, and normalised.

        Raises:
            ChainFault: inputs that make no sense, too many steps, more leak than the tolerance.
        """
        check_inputs(self.counted, inputs)
        counted, size = self.counted, self.counted.size
        chain = Uniformized(counted.targets, counted.of_base(inputs.rates))
        steps = chain.rate * float(self.gaps.sum())
        if not steps <= MOST_STEPS:
            raise ChainFault(
                "too many steps",
                f"the filter would take {steps:.1e} steps of uniformization, for the fastest state is left {chain.rate:.3g} "
                "times per unit of time; use a smaller space",
            )
        law = np.append(counted.started(inputs.start), max(0.0, 1.0 - inputs.start.sum()))[:, None]
        made = Pass(np.zeros(self.cells), np.zeros((len(self.gaps), self.cells)), chain, [], [], [], [])
        for k, gap in enumerate(self.gaps.tolist()):
            weights, often = inputs.log_density[k].T, self.often[gap]
            for wide in (False, True):
                ahead = chain.forward(law, gap, wide, often)
                level, factor = _weigh(self.collect @ ahead[:size], weights)
                if wide or (level > weights.max(0) + _RARE).all():
                    made.wide.append(wide)
                    break
            made.log_likelihood[:] += level
            made.leak[k] = ahead[size]
            made.starts.append(law)
            made.predicted.append(ahead[:size])
            made.factors.append(factor)
            law = np.zeros((size + 1, self.cells))
            law[:size] = counted.emptied(ahead[:size] * factor[counted.group], self.seen[k])
        if np.isnan(made.log_likelihood).any():
            raise ChainFault(
                "range of numbers", "the log-likelihood is not a number: probabilities left the range of numbers"
            )
        self._check_leak(made, inputs.rates, tolerance)
        return made

    def _check_leak(self, made: Pass, rates: np.ndarray, tolerance: float) -> None:
        leak = made.leak.sum(0)
        if leak.max() <= tolerance:
            return
        worst = int(leak.argmax())
        when = self.records.times[int(made.leak[:, worst].argmax())]
        names = [self.records.columns[i].name for i in self.counted.columns]
        firings = f", or give firings= of {', '.join(names)}" if names else ""
        raise ChainFault(
            "leak",
            f"{leak[worst]:.2e} of the probability has left the state space between the records of cell "
            f"{self.records.cells[worst]!r}, most of it before time {when:g}, more than the tolerance of {tolerance:g}; "
            f"{advice(self.counted.space, rates) if (self.counted.space.targets == self.counted.space.size).any() else ''}{firings}",
        )

    def smooth(self, made: Pass) -> tuple[list[np.ndarray], Float[np.ndarray, "size cells"]]:
        """For every record `p(later records | state) / p(later records)` just before it and with it; and that at the start.

        The product of these with the predicted laws are the smoothed ones.
        """
        counted, size = self.counted, self.counted.size
        value, found = np.ones((size, self.cells)), []
        for k in range(len(self.gaps) - 1, -1, -1):
            gap = float(self.gaps[k])
            ends = np.zeros((size + 1, self.cells))
            ends[:size] = counted.before(value, self.seen[k]) * made.factors[k][counted.group]
            found.append(ends)
            value = made.chain.backward(ends, gap, made.wide[k], self.often[gap])[:size]
        return found[::-1], value

    def slopes(self, made: Pass) -> Slopes:
        """Derivatives of the log-likelihood of every cell, whatever the number of parameters behind them."""
        counted, size, cells = self.counted, self.counted.size, self.cells
        ends, first = self.smooth(made)
        density = np.stack([(self.collect @ (q * u[:size])).T for q, u in zip(made.predicted, ends, strict=True)])
        rates = np.zeros((cells, *counted.targets.shape))
        for gap in self.often:
            for wide in set(made.wide):
                which = [k for k in np.flatnonzero(self.gaps == gap).tolist() if made.wide[k] == wide]
                if which and gap > 0:
                    # columns by cell, and by interval within it
                    laws = np.stack([np.broadcast_to(made.starts[k], (size + 1, cells)) for k in which], -1)
                    values = np.stack([ends[k] for k in which], -1)
                    window = made.chain.window(gap, wide)
                    owner = np.repeat(np.arange(cells), len(which))
                    rates += made.chain.edges(
                        laws.reshape(size + 1, -1), values.reshape(size + 1, -1), window, owner, cells
                    )
        start = first.reshape(counted.space.size, -1, cells)[:, 0].T
        return Slopes(counted.over_counters(rates), density, start)


def check_inputs(counted: CountedSpace, inputs: Inputs) -> None:
    """Raise ChainFault unless the numbers can be those of a chain and of records."""
    check_propensities(counted.space, inputs.rates)
    if not (np.isfinite(inputs.start).all() and (inputs.start >= 0).all() and inputs.start.sum() <= 1 + 1e-6):
        raise ChainFault("law of the start", "the law of the counts at the start gives no probabilities: set bounds")
    if not (inputs.log_density < np.inf).all():
        raise ChainFault(
            "law of measurement", "the density of a record is infinite or not a number: set bounds of its parameters"
        )


def _weigh(
    masses: Float[np.ndarray, "groups _"], log_density: Float[np.ndarray, "groups cells"]
) -> tuple[Float[np.ndarray, " cells"], Float[np.ndarray, "groups cells"]]:
    """Logarithm of the probability of the records, and the factor that a law is multiplied by."""
    with np.errstate(divide="ignore"):
        joint = np.log(masses) + log_density
    top = joint.max(0)
    possible = np.isfinite(top)
    level = np.where(possible, top, 0.0)
    level = level + np.log(np.exp(joint - level).sum(0), where=possible, out=np.full(top.shape, -np.inf))
    factor = np.exp(np.minimum(log_density - np.where(possible, level, 0.0), _LARGEST))
    return level, np.where(possible, factor, 0.0)


def _alike(gaps: Float[np.ndarray, " times"]) -> Float[np.ndarray, " times"]:
    """Those that differ by rounding made equal."""
    unit = float(np.abs(gaps).max()) or 1.0
    _, where = np.unique(np.round(gaps / unit, 11), return_inverse=True)
    where = where.reshape(-1)
    return (np.bincount(where, gaps) / np.bincount(where))[where]
