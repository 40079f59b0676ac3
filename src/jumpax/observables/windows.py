"""Averages over windows of time, by Gauss-Legendre quadrature of expectations at times."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Column


@dataclasses.dataclass(frozen=True)
class Windows:
    """Windows of time that follow each other, and the times and weights that average over them.

        mean over [a, b] of E[f(x(t))] dt  =  sum_q weight_q E[f(x(t_q))],  t_q = (a + b) / 2 + (b - a) / 2 node_q

    An expectation is smooth in time where single paths are not, so few nodes suffice: exact for polynomials of degree
    2 nodes - 1. The average over paths of the sums at the nodes has therefore the right mean; its noise is hardly more
    than that of the time integral where fluctuations last longer than the distance of the nodes.

    Args:
        edges: of the windows, increasing.
        nodes: times per window.

    Raises:
        InputError: edges that do not increase, fewer than two of them, or no node.

    Examples:
        >>> windows = Windows([0.0, 1.0, 3.0], nodes=2)
        >>> windows.mean(np.array(windows.times) ** 3).round(6).tolist()   # 1/4 and (81 - 1) / 4 / 2
        [0.25, 10.0]
    """

    edges: tuple[float, ...]
    nodes: int = 4

    def __init__(self, edges: Column, nodes: int = 4):
        values = np.asarray(edges, float)
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all() or (np.diff(values) <= 0).any():
            raise InputError(f"edges must be two or more increasing times; got {edges!r}")
        if nodes < 1:
            raise InputError(f"nodes must be 1 or more; got {nodes!r}")
        object.__setattr__(self, "edges", tuple(values.tolist()))
        object.__setattr__(self, "nodes", int(nodes))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def times(self) -> tuple[float, ...]:
        """When to stop: all nodes of all windows, in order."""
        nodes, edges = np.polynomial.legendre.leggauss(self.nodes)[0], np.array(self.edges)
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        return tuple((middle[:, None] + half[:, None] * nodes).ravel().tolist())

    def mean(self, values: Float[np.ndarray | Array, "..."], axis: int = -1) -> Float[Array, "..."]:
        """Averages over the windows.

        Args:
            values: at `times`; NumPy or JAX.
            axis: that of the times, which becomes that of the windows.
        """
        weights = np.polynomial.legendre.leggauss(self.nodes)[1] / 2
        rows = jnp.moveaxis(jnp.asarray(values), axis, -1)
        made = rows.reshape(*rows.shape[:-1], len(self), self.nodes) @ jnp.asarray(weights, rows.dtype)
        return jnp.moveaxis(made, -1, axis)
