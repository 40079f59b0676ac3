"""Martingale control variates: what a path did beyond expectation, subtracted from its gradient contribution.

For an estimator with per-path contributions g, carry `Martingale(network, edges)` beside the estimator's own fold, with the edges
of the stops that it is given; then

    m = controls(chunk, record)          # mean zero, exactly
    g = controlled(g, m, chunk.sound)    # the same mean, less variance where that pays
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jumpax.gradients.chunk import Chunk
from jumpax.gradients.linear_solve import solve

LAGS = tuple(2.5**-k for k in range(1, 7))
"""Knots before an asked time, as parts of the time from the start to it."""
RIDGE = 1e-2
"""Added to the correlation matrix of the controls."""
HEAVY = 0.02
"""Largest share of one path in the sum of squares of a control."""
TYPICAL = 16.0
"""With few paths: largest square of a control, in units of the mean square (the largest of a few is a large share)."""
JUMP = 1.0
"""Square of what one event can add to a control, in molecules: if there was hardly one, the next would be an outlier."""
GAIN = 0.7
"""Variance that must be left, at most, for a correction to be kept."""
ROWS = 8
"""Fewest paths per control."""


@dataclasses.dataclass(frozen=True)
class Edges:
    """Stops that part the time from `start` to each of some times, 2.5 times finer each time towards it.

    They lie at t - (t - start) 2.5^-k: scale-free, since stops cannot follow theta. Where another stop is near enough it
    serves instead; at most `len(LAGS)` more stops for each time.
    """

    start: float = 0.0

    def __call__(self, times: Sequence[float]) -> tuple[float, ...]:
        """The additional stops, in order."""
        known, extra = list(times), []
        for t in times:
            for lag in LAGS:
                width = (t - self.start) * lag
                if width > 0 and np.abs(np.array(known) - (t - width)).min() > width / 4:
                    known.append(t - width)
                    extra.append(t - width)
        return tuple(sorted(extra))


def hats(stops: Sequence[float], keep: np.ndarray, begin: float) -> np.ndarray:
    """Hat functions on the knots before each asked time, at the start and at all stops: (asked, hats, stops + 1).

    Knots are the start, the stop nearest to t - (t - begin) lag for each lag, and t itself. Each hat is 1 at its own knot,
    0 at the others and after t, linear between; they add up to 1.
    """
    ends = np.array([begin, *stops])
    out = np.zeros((len(keep), len(LAGS) + 2, len(ends)))
    for row, last in enumerate(np.asarray(keep) + 1):
        width = ends[last] - begin
        near = {int(np.abs(ends[:last] - (ends[last] - width * lag)).argmin()) for lag in LAGS}
        knots = sorted({0, *near, int(last)})
        for number, unit in enumerate(np.eye(len(knots))):
            out[row, number, : last + 1] = np.interp(ends[: last + 1], ends[knots], unit)
    return out


def controls(chunk: Chunk, record: tuple) -> Float[Array, "paths asked controls"]:
    """Integrals of the hat functions over the martingales of the independent species up to each asked time.

    Their mean is zero, exactly, and a sum of them follows any smooth memory of the path: exp(-s/T') to 0.4 % of its square
    for memories T' from t/300 up, with six extra stops.

    Args:
        chunk: of a run with stops at times.
        record: of the fold `Martingale`, or the difference of two such records (of coupled paths).

    Shapes: `len(LAGS) + 2` hats times the independent species; hats that do not exist are 0. Units: molecules.
    """
    whole, area = (jnp.stack(leaves, -1) for leaves in record)
    whole, area = (jnp.where(chunk.sound[:, None, None], leaf, 0) for leaf in (whole, area))
    stops = tuple(chunk.stops.values)
    lengths = np.diff([chunk.begin, *stops])
    inverse = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1), 0)
    values = hats(stops, chunk.keep, chunk.begin)
    before = (np.arange(len(stops)) <= np.asarray(chunk.keep)[:, None])[:, None]
    ends = jnp.asarray(values[..., 1:] * before, whole.dtype)
    falls = jnp.asarray((values[..., :-1] - values[..., 1:]) * inverse * before, whole.dtype)
    made = jnp.einsum("tbs,rsd->rtbd", ends, whole) + jnp.einsum("tbs,rsd->rtbd", falls, area)
    return made.reshape(*made.shape[:2], -1)


def controlled(
    per_path: Float[Array, "paths asked entries parameters"],
    controls: Float[Array, "paths asked controls"],
    sound: Bool[Array, " paths"],
) -> Float[Array, "paths asked entries parameters"]:
    """Contributions less a linear combination of controls (molecules), with coefficients from the *other* half of the paths.

    g_i - c . m_i, c by ridge regression. All that is decided about one half of the paths (rows of even number, of odd
    number) is decided on the other half, so the mean stays what it was, exactly:

    1. the coefficients c;
    2. a ridge of 1e-2 on the correlations of the controls, which also parts collinear ones;
    3. a control is dropped if one path, or one jump of one molecule, has more than 2 % of its sum of squares, and more
       than 16 times its mean square (of a few normal numbers, the largest has more than 2 %);
    4. a component is corrected only if that lowers its variance, by leave-one-out residuals, by more than 30 %;
    5. nothing is done with fewer than 8 paths for each control.
    """
    paths, asked = per_path.shape[:2]

    def halves(rows: Array) -> Array:
        known = jnp.where(sound.reshape(-1, *[1] * (rows.ndim - 1)), rows, jnp.zeros((), rows.dtype))
        even = jnp.pad(known, [(0, paths % 2), *[(0, 0)] * (rows.ndim - 1)])
        return even.reshape(-1, 2, *rows.shape[1:])

    flat, controls = halves(per_path.reshape(paths, asked, -1)), halves(controls)
    slope = jax.vmap(_slopes, in_axes=1)(flat, controls, halves(sound.astype(flat.dtype)))
    out = flat - jnp.einsum("rhtj,htjg->rhtg", controls, slope[::-1])
    return out.reshape(-1, *per_path.shape[1:])[:paths]


def _slopes(
    flat: Float[Array, "paths asked components"],
    controls: Float[Array, "paths asked controls"],
    weight: Float[Array, " paths"],
) -> Float[Array, "asked controls components"]:
    """Regression coefficients from the rows of weight 1; zero where a guard refuses them."""
    many, width = jnp.maximum(weight.sum(), 2), controls.shape[-1]
    row, one = weight[:, None, None], jnp.eye(width, dtype=flat.dtype)[None]
    g, m = (row * (x - ((row * x).sum(0) / many)[None]) for x in (flat, controls))
    energy = (m**2).sum(0)
    use = jnp.maximum((m**2).max(0), JUMP) < jnp.maximum(HEAVY, TYPICAL / many) * energy
    scale = jnp.where(use, 1 / jnp.sqrt(jnp.where(use, energy, 1)), 0)
    unit = m * scale[None]
    matrix = jnp.einsum("rtj,rtk->tjk", unit, unit) + RIDGE * one
    right = jnp.einsum("rtj,rtg->tjg", unit, g)
    both = solve(matrix, jnp.concatenate([right, jnp.broadcast_to(one, matrix.shape)], -1))
    slope, inverse = both[..., : right.shape[-1]], both[..., right.shape[-1] :]
    leverage = 1 / many + (jnp.einsum("rtj,tjk->rtk", unit, inverse) * unit).sum(-1)
    left = (g - jnp.einsum("rtj,tjg->rtg", unit, slope)) / (1 - leverage)[..., None]
    pays = (left**2).sum(0) < GAIN * ((g * many / (many - 1)) ** 2).sum(0)
    enough = 2 * many >= ROWS * use.sum(-1)
    return jnp.where((pays & enough[:, None])[:, None, :], slope * scale[..., None], 0)
