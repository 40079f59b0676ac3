"""Numbers of cells in groups of counts, against a law."""

import numpy as np
from jaxtyping import Float, Int

from jumpax.inference.losses.standardised import Standardised, together

LEAST = 5.0
"""Cells that a group of counts is expected to have, at least."""
ALONE = 20
"""Cells of one time (and size factor) from which on they are judged by themselves; fewer are put together."""
Law = Float[np.ndarray, "rows size"]


def of_cells(species: str, cells: Law, law: Law, slopes: Float[np.ndarray, "rows size columns"]) -> Standardised:
    """Numbers of cells by groups of counts, each row of the law being that of its cells.

    The groups are those of the probability integral transform: count n lies in group floor(M (F(n - 1) + p(n) / 2)), M about
    2 cells^0.4, and neighbours with fewer than 5 expected cells are joined (Mann and Wald 1942, doi:10.1214/aoms/1177731569).
    Rows with few cells share groups, so that each cell is judged under its own law.
    """
    many = cells.sum(1)
    pools = [np.flatnonzero(np.arange(len(many)) == row) for row in np.flatnonzero(many >= ALONE)]
    pools += [few] if (few := np.flatnonzero(many < ALONE)).size else []
    parts = [in_groups(cells[pool], law[pool], slopes[pool], _joined(cells[pool], law[pool])) for pool in pools]
    number = sum(len(part.values) + 1 for part in parts)
    return together(f"{int(many.sum())} counts of {species!r} in {number} groups", parts)


def _joined(cells: Law, law: Law) -> Int[np.ndarray, "rows size"]:
    """Group of each count."""
    total = cells.sum()
    most = max(2, int(min(total / LEAST, 2 * total**0.4)))
    below = np.cumsum(law, 1) - law / 2
    bins = np.clip((most * below / law.sum(1, keepdims=True)).astype(int), 0, most - 1)
    expected = np.zeros(most)
    np.add.at(expected, bins, cells.sum(1, keepdims=True) * law)
    place, group, held = np.zeros(most, int), 0, 0.0
    for one in range(most):
        place[one] = group
        held += expected[one]
        if held >= LEAST and expected[one + 1 :].sum() >= LEAST:
            group, held = group + 1, 0.0
    return place[bins]


def in_groups(
    cells: Law, law: Law, slopes: Float[np.ndarray, "rows size columns"], groups: Int[np.ndarray, "rows size"]
) -> Standardised:
    """Numbers of cells by group, whitened by their covariance: their sum of squares is Pearson's chi-square for one row."""
    number, many = int(groups.max()) + 1, cells.sum(1)
    inside = (groups[..., None] == np.arange(number)).astype(float)
    found = np.einsum("rs,rsg->g", cells, inside)
    p = np.einsum("rs,rsg->rg", np.asarray(law, np.float64), inside)
    p /= p.sum(1, keepdims=True)
    steep = np.einsum("r,rsc,rsg->gc", many, np.asarray(slopes, np.float64), inside)
    each = np.einsum("rg,gh->rgh", p, np.eye(number)) - p[:, :, None] * p[:, None, :]
    sizes, vectors = np.linalg.eigh(np.einsum("r,rgh->gh", many, each))
    kept = sizes > 1e-9 * max(sizes[-1], 1e-300)
    root = vectors[:, kept] / np.sqrt(sizes[kept])
    one = root.T @ each @ root
    squares = np.square(root[None] - (p @ root)[:, None]).sum(2)  # of one cell of each row, by its group
    fourth = (p * squares**2).sum(1) - 2 * np.einsum("rij,rij->r", one, one) - np.trace(one, axis1=1, axis2=2) ** 2
    return Standardised("", root.T @ (many @ p - found), root.T @ steep, float(many @ fourth))
