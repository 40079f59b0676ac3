"""The likelihood of several species counted in the same cells."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.distribution import FLOOR, missed
from jumpax.inference.losses.grouped_cells import in_groups
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import inverse_root
from jumpax.inference.losses.reference import log_by_moments
from jumpax.inference.losses.standardised import Standardised, of_differences, of_estimated_covariance, together
from jumpax.inference.observed import grouped, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import JointHistogram, Moments, Several

_FEW = 20.0
"""Joint counts that fewer paths than this reached are pooled in the information."""

_OFTEN = 8.0
"""Cells expected at a joint count that is judged by itself."""

Expected: TypeAlias = tuple[Float[Numbers, "times places"], Float[Numbers, "times species moments"]]
"""The joint law at the places, and raw moments."""


@final
class JointLogLikelihood(AbstractLoss):
    """Log-likelihood of counts of several species in the same cells, others at each time, under the joint law simulated there.

    loss = - sum over cells of ln max(p(counts), floor), with p = (R h + w q) / (R + w): h is the share of R paths that
    have those counts of all species, q the product of negative binomials with the simulated means and variances, w the
    weight of `smoothing` in paths. The law is held at the joint counts that were observed only. It is exact from the master
    equation. From R paths it needs R p well above 1 where the cells are: a joint law is spread over many more counts than
    its marginals, and where few paths reach the cells, q decides, which knows no correlation; `notes` counts them. Bias
    O(1/R) from the logarithm, and w / R.

    The information is that of the observed cells, the sum over them of d ln p (d ln p)^T: consistent in their number.

    Args:
        species: what was counted, two or more.
        counts: for each species one count per cell, in the same order of cells.
        times: time of each cell; None: all at steady state.
        smoothing: weight w of the reference law, in paths.

    Raises:
        InputError: columns of different lengths, counts that are negative, missing or fractional; with row numbers.

    Examples:
        >>> loss = JointLogLikelihood(["M", "P"], {"M": [0, 1, 1, 0], "P": [3, 4, 4, 2]})
        >>> loss.places
        ((0, 2), (0, 3), (1, 4))
    """

    density = True
    species: tuple[str, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    places: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    """The joint counts that were observed."""
    smoothing: float = eqx.field(static=True)
    cells: Float[np.ndarray, "times places"]
    """Number of cells by time and place."""

    def __init__(
        self,
        species: Sequence[str],
        counts: Mapping[str, Column | Mapping[float, Column]],
        times: Column | None = None,
        *,
        smoothing: float = 5.0,
    ):
        if isinstance(species, str) or len(set(species)) < 2:
            raise InputError("JointLogLikelihood is for two or more species; for one take LogLikelihood")
        if lost := [name for name in species if name not in counts]:
            raise InputError(f"the counts of {', '.join(map(repr, lost))} are missing")
        if not smoothing >= 0:
            raise InputError(f"smoothing must be 0 or more paths; got {smoothing!r}")
        if (
            len(lengths := {name: np.size(np.asarray(counts[name])) for name in species})
            and len(set(lengths.values())) > 1
        ):
            told = ", ".join(f"{many} of {name!r}" for name, many in lengths.items())
            raise InputError(f"the counts must be of the same cells, one of each species per cell; there are {told}")
        columns = [grouped(name, counts[name], times) for name in species]
        sizes = {name: [len(group) for group in groups] for name, (_, groups) in zip(species, columns, strict=True)}
        if any(when != columns[0][0] for when, _ in columns) or any(
            size != sizes[species[0]] for size in sizes.values()
        ):
            raise InputError(
                "the counts must be of the same cells: as many of each species at each time, and at the same times"
            )
        self.times = columns[0][0]
        groups = [np.stack(group, 1) for group in zip(*(groups for _, groups in columns), strict=True)]
        places, which = np.unique(np.concatenate(groups), axis=0, return_inverse=True)
        ends = np.cumsum([len(group) for group in groups])[:-1]
        self.species, self.smoothing = tuple(species), float(smoothing)
        self.places = tuple(tuple(int(n) for n in place) for place in places)
        parts = np.split(which.reshape(-1), ends)
        self.cells = np.stack([np.bincount(part, minlength=len(places)) for part in parts]).astype(float)

    def observable(self, network: Network) -> Several:
        """The joint law at the observed counts, and the moments of the reference."""
        return Several((JointHistogram(self.species, self.places), Moments(*self.species, order=2)))

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults(self.species, network) + time_faults(self.times, start)

    def value(self, expected: Expected, values: ParameterValues, paths: Numeric) -> Float[Array, ""]:
        """Minus the log-likelihood of all cells."""
        p = expected[0][:, :-1]
        if self.smoothing and not (isinstance(paths, float) and np.isinf(paths)):
            weight = self.smoothing / (paths + self.smoothing)
            p = (1 - weight) * p + weight * self._reference(expected[1])
        return -jnp.where(self.cells > 0, self.cells * jnp.log(jnp.maximum(p, FLOOR)), 0.0).sum()

    def _reference(self, moments: Float[Array, "times species 2"]) -> Float[Array, "times places"]:
        """Probabilities of the observed counts if the species were independent negative binomials."""
        mean = jnp.maximum(moments[:, None, :, 0], 1e-6)
        variance = moments[:, None, :, 1] - mean**2
        return jnp.exp(log_by_moments(jnp.asarray(self.places, mean.dtype)[None], mean, variance).sum(-1))

    def whitened(
        self,
        expected: Expected,
        jacobian: tuple[Float[Numbers, "batches times places free"], object],
        paths: Numeric,
    ) -> Float[Array, "batches entries free"]:
        """Rows sqrt(cells) dp / p; places that few paths reached are one."""
        p, slopes = expected[0][:, :-1], jacobian[0][:, :, :-1]
        rare = p * jnp.minimum(paths, 1e9) < _FEW

        def pooled(x: Float[Array | np.ndarray, "..."], where: Bool[Array, "..."], axis: int) -> Float[Array, "..."]:
            rest = jnp.where(where, x, 0.0).sum(axis, keepdims=True)
            return jnp.concatenate([jnp.where(where, 0.0, x), rest], axis)

        p, cells, rows = pooled(p, rare, 1), pooled(self.cells, rare, 1), pooled(slopes, rare[None, ..., None], 2)
        scale = jnp.where(p > 0, jnp.sqrt(cells) / jnp.where(p > 0, p, 1.0), 0.0)
        return (rows * scale[None, ..., None]).reshape(rows.shape[0], rows.shape[1] * rows.shape[2], rows.shape[3])

    def standardised(
        self,
        expected: tuple[Float[np.ndarray, "times places"], Float[np.ndarray, "times species moments"]],
        jacobian: tuple[Float[np.ndarray, "times places columns"], Float[np.ndarray, "times species moments columns"]],
    ) -> tuple[Standardised, ...]:
        """Numbers of cells at joint counts that are expected in `_OFTEN` of them; all others are one group.

        Where the law is spread too thin for that, the means of the species.

        Which counts have a place is known from the data; of those expected so often hardly one is missing there (e^-8).
        """
        p, slopes = np.asarray(expected[0], float), jacobian[0]
        counted = np.concatenate([self.cells, np.zeros((len(p), 1))], 1)
        often = p * counted.sum(1, keepdims=True) >= _OFTEN
        often[:, -1] = False
        groups = np.where(often, np.cumsum(often, 1), 0)
        rows = [slice(row, row + 1) for row in range(len(p))]
        parts = [in_groups(counted[r], p[r], slopes[r], groups[r]) for r in rows]
        number = sum(len(part.values) + 1 for part in parts)
        data = f"{int(self.cells.sum())} joint counts of {', '.join(map(repr, self.species))} in {number} groups"
        found = together(data, parts)
        return (found,) if found.values.size else self._means(expected[1], jacobian[1])

    def _means(
        self,
        moments: Float[np.ndarray, "times species moments"],
        slopes: Float[np.ndarray, "times species moments columns"],
    ) -> tuple[Standardised, ...]:
        """Means of the species, in units of the covariance of the cells; none where that is not known."""
        places, many = np.array(self.places, float), self.cells.sum(1)
        made = of_estimated_covariance(many, len(self.species))
        if made is None:
            return ()
        shares = self.cells / many[:, None]
        means = shares @ places
        left = places[None] - means[:, None]
        covariances = np.einsum("tp,tpi,tpj->tij", shares, left, left) / (many - 1)[:, None, None]
        if (np.linalg.matrix_rank(covariances) < len(self.species)).any():
            return ()
        root = np.stack([inverse_root(one) for one in covariances]) * made[0][:, None, None]
        data = f"{means.size} means of {', '.join(map(repr, self.species))}"
        return (of_differences(data, moments[..., 0] - means, slopes[..., 0, :], root, made[1]),)

    def notes(self, expected: tuple[Float[np.ndarray, "times places"], object], paths: float) -> dict[str, object]:
        """Number of cells, smoothing, and the cells that no path reached."""
        lost = np.where(np.asarray(expected[0])[:, :-1] == 0, self.cells, 0)
        reference = "product of negative binomials of the simulated means and variances"
        told = missed(int(self.cells.sum()), int(lost.sum()), self.smoothing, paths, reference)
        return told | {"places": len(self.places)}
