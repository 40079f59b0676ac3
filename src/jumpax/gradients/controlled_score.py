"""The score function with a martingale control: the part of f that a surrogate explains carries no score noise."""

import dataclasses
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.engines.program import Steps, Times
from jumpax.folds import Score, Together
from jumpax.folds.control_integrals import ControlIntegrals, Features
from jumpax.gradients.chunk import Chunk, Totals
from jumpax.gradients.estimator import AbstractFoldEstimator
from jumpax.gradients.linear_solve import solve
from jumpax.gradients.martingale import ROWS, Edges, hats
from jumpax.gradients.rate_equation import adjoint
from jumpax.gradients.sampling import Sampling
from jumpax.networks import Network

SURROGATES = {"adjoint": 1, "adjoint2": 2, "fitted": 1, "fitted2": 2}
"""Order of the features of each surrogate."""
RIDGE = 1e-3
"""Added to the correlation matrix of the regressors."""
SEEN = 50
"""Fewest paths on which a regressor has changed: until a rare reaction has fired, its drift alone explains anything."""
MOST = 2.0
"""Largest factor of a surrogate."""


class Bins(NamedTuple):
    """The records of the folds as arrays; one bin from each stop of the run to the next, and two ends of each bin.

    With the coefficients of a surrogate at both ends, linear between, sums over ends and features are its Z and I.
    """

    weight: Float[Array, " paths"]
    """1 for rows that count, else 0."""
    values: Float[Array, "paths asked entries"]
    score: Float[Array, "paths asked parameters"]
    martingale: Float[Array, "paths bins 2 features"]
    slope: Float[Array, "paths bins 2 features parameters"]
    """E[martingale score] = E[slope]."""
    counts: Float[Array, "paths bins 2 independent"]

    @property
    def many(self) -> Float[Array, ""]:
        """Number of rows that count."""
        return jnp.maximum(self.weight.sum(), 1)

    def mean(self, leaf: Float[Array, "paths ..."]) -> Float[Array, "..."]:
        """Over the rows that count."""
        return jnp.einsum("r,r...->...", self.weight, leaf) / self.many


@dataclasses.dataclass(frozen=True)
class ControlledScore(AbstractFoldEstimator):
    """g = mean over paths of (f - c - s Z) S + s I, with S the score and Z, I from a surrogate V of E[f | state at t].

        Z = integral of sum_r Delta_r V dM_r          a martingale; M_r = N_r - integral of a_r dt
        I = integral of sum_r (d a_r / d theta) Delta_r V dt        E[Z S] = E[I]

    whatever V is, so a wrong one costs variance only; with V = E[f | state] only I is left, without any score. V is a
    polynomial in the counts, with coefficients that are linear in time over bins, finer towards each asked time:

        adjoint    p . x, from the adjoint of the rate equation; needs the slope of f, works with any number of paths
        adjoint2   the next order of it
        fitted     counts, fitted to f by regression; for indicators too; needs some 50 paths that feel each reaction
        fitted2    counts and their products

    The factor s, one for each parameter, is regressed on pilot values: a bad surrogate is switched off. Coefficients, s and
    the baseline c come from the *other* half of the paths, so the estimate is unbiased for every network and observable.

    A `window` keeps only the score of the last `window` units of time, but all of I: less variance where the horizon is much
    longer than the memory, at the price of a bias (1 to 4 % at |V'| decayed to 1e-3; 70 % on oscillators).

    Args:
        surrogate: `adjoint`, `adjoint2`, `fitted` or `fitted2`.
        window: length of the score's memory, in units of time; None for all of it.
        damped: whether s is regressed; else s = 1.

    Raises:
        InputError: for another surrogate, or a window that is not positive.
        UnsupportedError: for stops after numbers of events, and for explicitly time-dependent rates.

    Source: Henderson & Glynn 2002, Math. Oper. Res. 27, 253; Milias-Argeitis, Lygeros & Khammash 2014, J. Chem. Phys. 141;
    the windowed score: Glynn & L'Ecuyer 1995, doi:10.2307/1427934.

    Examples:
        >>> ControlledScore(surrogate="fitted").unbiased
        True
    """

    surrogate: Literal["adjoint", "adjoint2", "fitted", "fitted2"] = "adjoint"
    window: float | None = None
    damped: bool = True

    def __post_init__(self):
        faults = []
        if self.surrogate not in SURROGATES:
            faults.append(f"surrogate must be one of {', '.join(SURROGATES)}; got {self.surrogate!r}")
        if self.window is not None and not self.window > 0:
            faults.append(f"window must be a positive time or None; got {self.window!r}")
        if faults:
            raise InputError("; ".join(faults))

    @property
    def unbiased(self) -> bool:
        """Unless there is a window."""
        return self.window is None

    def check_sampling(self, sampling: Sampling, wrt: tuple[str, ...] = ()) -> None:
        """Take laws of the start, but nothing that is gathered along paths."""
        super().check_sampling(sampling)

    def fold(self, network: Network, wrt: tuple[str, ...], stops: Times | Steps) -> Together:
        """Scores, drifts and slopes in bins that are finer towards each asked time."""
        if isinstance(stops, Steps):
            raise UnsupportedError(
                "a martingale control needs stops at times, not after numbers of events; use ScoreFunction()"
            )
        extra = Edges(stops.start)(stops.values)
        if self.window is not None:
            extra += tuple(t - self.window for t in stops.values)
        return Together((Score(network, wrt), ControlIntegrals(network, wrt, SURROGATES[self.surrogate], extra)))

    def contributions(self, chunk: Chunk) -> Totals:
        """Sums of (f - c - s Z) S + s I."""
        features = Features(chunk.network, SURROGATES[self.surrogate])
        gathered, known = _gather(chunk, features, self.window), None
        if self.surrogate.startswith("adjoint"):
            known = _adjoint_coefficients(chunk, features)
            gathered = _centre(gathered, features, known[0])
        halves = _halves(gathered)

        def contributions(half: Array) -> Array:
            test, train = (jax.tree.map(lambda leaf: leaf[part], halves) for part in (half, 1 - half))  # noqa: B023
            return self._half(chunk, features, test, train, known)

        made = jax.lax.map(contributions, jnp.arange(2))  # a loop, so that it is compiled once
        return chunk.totals(jnp.moveaxis(made, 0, 1).reshape(-1, *made.shape[2:])[: len(chunk.sound)])

    def _half(self, chunk: Chunk, features: Features, test: Bins, train: Bins, known: Any) -> Array:
        """Contributions of the paths of one half; everything about them is decided by the others."""
        if known is not None:
            v, sums = known[1], _pilot(train, known[1])
        else:
            centre = jnp.einsum("r,rbed->bd", train.weight, train.counts) / (2 * train.many)
            test, train = (_centre(rows, features, centre) for rows in (test, train))
            v, pilots = self._fit(chunk, features, train), _halves(train)

            def pilot(half: Array) -> Any:
                rows, others = (jax.tree.map(lambda leaf: leaf[part], pilots) for part in (half, 1 - half))  # noqa: B023
                return _pilot(rows, self._fit(chunk, features, others))

            sums = jax.tree.map(lambda leaf: leaf.sum(0), jax.lax.map(pilot, jnp.arange(2)))
        factor = _factor(*sums)[None] if self.damped else 1
        plain, moved = _products(test, v, _means(train, v))
        return plain - factor * moved

    def _fit(self, chunk: Chunk, features: Features, rows: Bins) -> Float[Array, "asked entries bins 2 features"]:
        """Coefficients of the regression of f on the martingales of the bins before each asked time."""
        pieces = jnp.asarray(self._hats(chunk), chunk.values.dtype)
        m = jnp.einsum("thbe,rbef->rthf", pieces, rows.martingale)
        moved = rows.counts[:, :, 1] != rows.counts[:, :, 0]
        moved = jnp.concatenate([moved, *[(moved[..., a] | moved[..., b])[..., None] for a, b in features.pairs]], -1)
        touched = jnp.asarray(np.any(self._hats(chunk) > 0, -1), m.dtype)
        seen = jnp.einsum("thb,rbf->rthf", touched, moved.astype(m.dtype)) > 0
        enough = jnp.einsum("r,rthf->thf", rows.weight, seen.astype(m.dtype)) >= SEEN
        slope = _regress(m.reshape(*m.shape[:2], -1), enough.reshape(len(m[0]), -1), rows)
        return jnp.einsum("thbe,thfk->tkbef", pieces, slope.reshape(*m.shape[1:], -1))

    def _hats(self, chunk: Chunk) -> Float[np.ndarray, "asked hats bins 2"]:
        """Hat functions of time at both ends of each bin; 0 after the asked time and before the window."""
        ends = np.array(chunk.stops.values)
        nodes = hats(chunk.stops.values, chunk.keep, chunk.begin)
        inside = np.arange(len(ends)) <= chunk.keep[:, None]
        if self.window is not None:
            inside &= ends > (ends[chunk.keep] - self.window)[:, None] * (1 + 1e-9)
        return np.stack([nodes[..., :-1], nodes[..., 1:]], -1) * inside[:, None, :, None]


def _gather(chunk: Chunk, features: Features, window: float | None) -> Bins:
    """Arrays from records; 0 in rows that are not sound."""
    scores, record = chunk.record
    sound = chunk.sound[:, None, None]

    def stacked(leaves: tuple[Array, ...]) -> Array:
        return jnp.where(sound, jnp.stack(leaves, -1), 0)

    def dense(leaves: dict[tuple[int, int], Array]) -> Array:
        """By feature and parameter; those that are missing are 0."""
        zero = jnp.zeros((*chunk.sound.shape, len(chunk.stops.values)), chunk.values.dtype)
        names = range(len(chunk.wrt))
        rows = [jnp.stack([leaves.get((j, p), zero) for p in names], -1) for j in range(len(features))]
        return jnp.where(sound[..., None], jnp.stack(rows, -2), 0)

    widths = np.diff(np.array(chunk.stops.values), prepend=chunk.begin)[None, :, None]
    martingale = _ends(stacked(record.martingale), stacked(record.area), widths)
    slope = _ends(dense(record.slope), dense(record.slope_area), widths[..., None])
    species, kind = list(features.species), chunk.values.dtype
    start = jnp.asarray(chunk.start, kind)[..., np.array(species)]
    start = start[:, None] if start.ndim == 2 else start
    after = stacked(tuple(record.counts[d] for d in species)).astype(kind)
    before = jnp.concatenate([jnp.broadcast_to(start, after[:, :1].shape), after[:, :-1]], 1)
    score = stacked(scores) if scores else jnp.zeros((*after.shape[:2], 0), kind)
    asked, old = score[:, chunk.keep], None
    if window is not None:
        ends = np.array(chunk.stops.values)
        first = np.abs(ends[None] - (ends[chunk.keep] - window)[:, None]).argmin(1)
        old = ends[chunk.keep] - window <= chunk.begin
        asked = asked - jnp.where(old[None, :, None], 0, score[:, first])
    return Bins(chunk.weight, chunk.values, chunk.scores(asked, old), martingale, slope, jnp.stack([before, after], 2))


def _ends(whole: Array, area: Array, widths: np.ndarray) -> Array:
    """Integrals over each bin with weights that fall from 1 to 0, and rise from 0 to 1; stacked on axis 2."""
    some = widths > 0
    early = jnp.where(some, area / jnp.asarray(np.where(some, widths, 1), area.dtype), 0)
    return jnp.stack([early, whole - early], 2)


def _centre(gathered: Bins, features: Features, centre: Float[Array, "bins independent"]) -> Bins:
    """The same for products of counts less a centre: those of products less combinations of those of counts."""
    several = len(features.species)
    m, slope = gathered.martingale, gathered.slope
    for j, (a, b) in enumerate(features.pairs, several):
        x, y = (centre[None, :, None, d] for d in (a, b))
        m = m.at[..., j].add(-x * m[..., b] - y * m[..., a])
        slope = slope.at[..., j, :].add(-x[..., None] * slope[..., b, :] - y[..., None] * slope[..., a, :])
    return gathered._replace(martingale=m, slope=slope)


def _adjoint_coefficients(chunk: Chunk, features: Features) -> tuple[Array, Array]:
    """Centre (bins, independent) and coefficients (asked, entries, bins, 2, features) from the rate equation."""
    kind = chunk.values.dtype
    widths = np.diff(np.array(chunk.stops.values), prepend=chunk.begin)
    start = jnp.asarray(chunk.start, kind)
    if start.ndim == 2:  # the surrogate may be anything that the reactions have no part in
        start = jnp.einsum("r,rd->d", chunk.weight, start) / jnp.maximum(chunk.weight.sum(), 1)
    made = adjoint(chunk.network, chunk.theta, start, widths, chunk.keep, chunk.observe, features.order)
    embedding = jnp.asarray(features.embedding, kind)
    centre = made.centre[:, 0]
    moved = jnp.einsum("tkbexy,bey->tkbex", made.q, made.centre - centre[:, None])
    p = jnp.einsum("tkbex,xi->tkbei", made.p - moved, embedding)
    q = jnp.einsum("tkbexy,xi,yj->tkbeij", made.q, embedding, embedding)
    products = [q[..., a, b, None] / (2 if a == b else 1) for a, b in features.pairs]
    return centre[:, np.array(features.species)], jnp.concatenate([p, *products], -1)


def _means(rows: Bins, v: Array) -> tuple[Array, Array]:
    """Of f and of Z, (asked, entries)."""
    return rows.mean(rows.values), jnp.einsum("tkbef,bef->tk", v, rows.mean(rows.martingale))


def _products(rows: Bins, v: Array, means: tuple[Array, Array]) -> tuple[Array, Array]:
    """(f - mean) S, and (Z - mean) S - I, which has mean zero; (paths, asked, entries, parameters)."""
    z = jnp.einsum("tkbef,rbef->rtk", v, rows.martingale)
    slope = jnp.einsum("tkbef,rbefp->rtkp", v, rows.slope)
    score = rows.score[:, :, None]
    return (rows.values - means[0][None])[..., None] * score, (z - means[1][None])[..., None] * score - slope


def _halves(rows: Bins) -> Bins:
    """Paths of even and of odd number, with one more axis in front; a row of zeros is added if that is missing."""
    return jax.tree.map(
        lambda leaf: jnp.stack([leaf[::2], jnp.zeros_like(leaf[::2]).at[: len(leaf) // 2].set(leaf[1::2])]), rows
    )


def _pilot(rows: Bins, v: Array) -> tuple[Array, Array, Array]:
    """Sums over pilot paths, of whom the surrogate v knows nothing: products, squares, paths."""
    plain, moved = _products(rows, v, _means(rows, v))
    moved = (moved - rows.mean(moved)[None]) * rows.weight[:, None, None, None]
    return (moved * plain).sum(0), (moved**2).sum(0), rows.weight.sum()


def _factor(cross: Array, energy: Array, paths: Array) -> Float[Array, "asked entries parameters"]:
    """The factor of the surrogate that leaves the least variance over pilot paths."""
    some = (energy > 0) & (paths >= ROWS)
    return jnp.where(some, jnp.clip(cross / jnp.where(some, energy, 1), 0, MOST), 0)


def _regress(
    controls: Float[Array, "paths asked controls"], use: Bool[Array, "asked controls"], rows: Bins
) -> Float[Array, "asked controls entries"]:
    """Ridge coefficients of f on those controls that are of use; zero where there are fewer than `ROWS` / 2 paths per control."""
    m, f = (rows.weight[:, None, None] * (x - rows.mean(x)[None]) for x in (controls, rows.values))
    energy = (m**2).sum(0)
    use = use & (energy > 0)
    scale = jnp.where(use, 1 / jnp.sqrt(jnp.where(use, energy, 1)), 0)
    unit = m * scale[None]
    matrix = jnp.einsum("rtj,rtl->tjl", unit, unit) + RIDGE * jnp.eye(m.shape[-1], dtype=m.dtype)[None]
    slope = solve(matrix, jnp.einsum("rtj,rtk->tjk", unit, f)) * scale[..., None]
    return jnp.where((2 * rows.many >= ROWS * use.sum(-1))[:, None, None], slope, 0)
