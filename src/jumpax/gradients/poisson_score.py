"""The gradient of a steady-state average in the Poisson form: a control that needs no horizon."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.status import FIRST_FAULT
from jumpax._base.types import ParameterValues, Word
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_for
from jumpax.engines.gathering import gather
from jumpax.engines.program import Program, Times
from jumpax.folds.poisson_integrals import PoissonIntegrals, PoissonRecord
from jumpax.gradients.entries import Entries
from jumpax.gradients.linear_solve import solve
from jumpax.gradients.sampling import Sampling
from jumpax.observables import AbstractPathObservable

PIECES = 8
"""Bins in a window, at least."""


class PathAverages(NamedTuple):
    """Of each path: the time average of f, and its contribution to the gradient; sums over those that are sound."""

    value: Float[Array, "paths entries"]
    gradient: Float[Array, "paths entries parameters"]


@dataclasses.dataclass(frozen=True)
class PoissonScore:
    """The gradient of a steady-state average, by bins of a long path; everything static about it.

    For any functions psi of the counts, with L psi = sum_r a_r Delta_r psi,

        d pi(f) / d theta = pi(sum_r (d a_r / d theta) Delta_r psi) + d pi(f + L psi) / d theta,   L psi held fixed,

    and the second term vanishes when psi solves the Poisson equation L psi = pi(f) - f. psi is a polynomial in the counts,
    fitted by least squares of f + L psi to a constant c, on the other half of the paths. What it leaves is estimated by the
    score of the last `window` before each time, (1/T) integral (f + L psi - c) (S_t - S_{t-w}) dt.
    """

    sampling: Sampling
    settle: float
    time: float
    window: float
    order: int

    @property
    def edges(self) -> tuple[tuple[float, ...], int]:
        """Ends of the bins, and how many of these lie in a window; the first bin is all before the first window."""
        many = int(np.ceil(self.time / self.window * PIECES - 1e-9))
        lead = int(self.window / self.time * many + 1e-9)
        width = self.time / many
        return tuple(float(self.sampling.start + self.settle + width * k) for k in range(-lead, many + 1)), lead

    def averages(self, wrt: tuple[str, ...], theta: ParameterValues, words: tuple[Word, Word]) -> PathAverages:
        """Values and contributions of all paths; NaN if one of them is faulty."""
        sampling, observable = self.sampling, self.sampling.observable
        assert not isinstance(observable, AbstractPathObservable)  # which `steady_state` has refused
        observe = Entries(observable, sampling.network.species)
        fold = PoissonIntegrals(sampling.network, wrt, observe, sampling.entries, self.order)
        program = Program(sampling.network, fold, sampling.precision, "times")
        inputs = make_inputs.make(
            program, Times(self.edges[0]), words, theta, np.array(sampling.counts), sampling.paths,
            start=sampling.start, max_events=sampling.max_events,
        )  # fmt: skip
        recorded = gather(engine_for(program, sampling.engine), program, inputs, sampling.paths)
        made = self._combine(fold, recorded.record)
        faulty = jnp.any(recorded.status >= FIRST_FAULT)
        return jax.tree.map(lambda leaf: jnp.where(faulty, jnp.nan, leaf), made)

    def _combine(self, fold: PoissonIntegrals, record: PoissonRecord) -> PathAverages:
        """Averages over the bins after the path has settled."""
        edges, lead = self.edges
        several, names, many = self.sampling.entries, len(fold.wrt), len(edges) - 1 - lead

        def bins(leaves: Sequence[Array]) -> Array:
            """(paths, bins, leaves) of the counted bins."""
            return jnp.stack(leaves, -1)[:, lead + 1 :]

        first = bins(record.first)
        value = first[..., :several].sum(1) / self.time
        if not names:
            return PathAverages(value, jnp.zeros((*value.shape, 0), value.dtype))
        past = jnp.cumsum(jnp.stack(record.score, -1)[:, 1:], 1)
        past = jnp.pad(past, ((0, 0), (1, 0), (0, 0)))
        window = past[:, lead : lead + many] - past[:, :many]
        cross = bins(record.cross).reshape(*first.shape, names) + first[..., None] * window[:, :, None]
        ones = (bins(record.score_area) + self.time / many * window).sum(1) / self.time
        zero = jnp.zeros_like(value[:, 0])
        slope = jnp.stack(
            [jnp.stack([_total(record.slope, (j, p), lead, zero) for p in range(names)], -1)
             for j in range(len(fold.features))], -2) / self.time  # fmt: skip
        second = bins(record.second).sum(1) / self.time
        average, cross = first.sum(1) / self.time, cross.sum(1) / self.time
        even = jnp.arange(len(value)) % 2 == 0
        out = jnp.zeros((*value.shape, names), value.dtype)
        for half in (even, ~even):
            c, level = _poisson(fold, average, second, (~half).astype(value.dtype))
            left = (
                cross[:, :several]
                + jnp.einsum("ef,rfp->rep", c, cross[:, several:])
                - level[None, :, None] * ones[:, None]
            )
            made = jnp.einsum("ef,rfp->rep", c, slope) + left
            out = jnp.where(half[:, None, None], made, out)
        return PathAverages(value, out)


def _total(leaves: dict[tuple[int, int], Array], at: tuple[int, int], lead: int, zero: Array) -> Array:
    """Sum over the counted bins; 0 for what is missing."""
    return leaves[at][:, lead + 1 :].sum(1) if at in leaves else zero


def _poisson(
    fold: PoissonIntegrals, average: Float[Array, "paths functions"], second: Float[Array, "paths pairs"], weight: Array
) -> tuple[Float[Array, "entries features"], Float[Array, " entries"]]:
    """Coefficients c and the constant that f + sum_j c_j L psi_j comes nearest to, over paths of weight 1."""
    several, total = fold.entries, fold.entries + len(fold.features)
    mean, moment = (jnp.einsum("r,r...->...", weight, x) / jnp.maximum(weight.sum(), 1) for x in (average, second))
    first, then = np.array(fold.pairs).T
    matrix = jnp.zeros((total, total), mean.dtype).at[first, then].set(moment).at[then, first].set(moment)
    matrix = matrix - mean[:, None] * mean[None]
    inner, right = matrix[several:, several:], matrix[several:, :several]
    size = jnp.diagonal(inner)
    scale = jnp.where(size > 0, 1 / jnp.sqrt(jnp.where(size > 0, size, 1)), 0)
    ridge = 4 * len(fold.features) * jnp.finfo(mean.dtype).eps
    unit = inner * scale[:, None] * scale[None] + ridge * jnp.eye(len(scale), dtype=mean.dtype)
    c = -(solve(unit, right * scale[:, None]) * scale[:, None]).T
    c = jnp.where(jnp.all(jnp.isfinite(c)), c, 0)
    return c, mean[:several] + c @ mean[several:]
