"""The exact lattice tangent: neighbouring states weighed along the path."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.engines.program import Steps, Times
from jumpax.folds import AbstractFold
from jumpax.folds.carriers import Carriers
from jumpax.folds.lattice_weights import LatticeWeights
from jumpax.gradients.chunk import Chunk
from jumpax.gradients.pathwise import AbstractPathwise, Control, wrong_options
from jumpax.networks import Network


@dataclasses.dataclass(frozen=True)
class LatticeTangent(AbstractPathwise):
    """g = mean over paths of sum_k w_k(t) [f(x(t) + eta_k) - f(x(t))], with weights w_k carried along the path.

    The eta_k are the jumps of the reactions; the rules of the weights are in `jumpax.folds.LatticeWeights`. No derivative in x
    is taken, of propensities or of f: f may be an indicator, a histogram, any function of counts, and is only read at states
    that the network can be in.

    Unbiased for every observable, provided that the network is covered: no path meets a state where a weighted neighbour
    could do what no rule accounts for. `lattice_coverage` finds out, and says which reactions to `split`; a network with
    populations that die out is not covered by any carriers.

    The relative standard deviation falls with the copy number N as N^-1/2, that of the score function does not: per path a
    hundredth of its variance at a hundred molecules. Where one molecule changes a propensity by O(1) for long (strong
    binding, slow switches), products of ratios give weights with heavy tails: no better than the score function, or worse.

    Args:
        split: names of reactions whose jump shall not share a weight with its reverse, as `lattice_coverage` says. Each one
            that does not need it adds variance.
        control: `martingale` subtracts martingale control variates, which helps for smooth f; see `AbstractPathwise`.
        reach: longest step of the weights between events, see `jumpax.folds.LatticeWeights`. It leaves a relative error of
            about reach^5 / 100: 3e-5 for the default, the only one there is on a covered network.

    Raises:
        InputError: for another control, or a reach that is not positive; when the gradient is taken, for a name that is no reaction.
        UnsupportedError: for stops after numbers of events, and rates that depend on time explicitly.

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> many = jumpax.expectation(
        ...     lambda n: n["X"] >= 63, model.network, model.x0, [1.0], paths=10_000, gradient=jumpax.LatticeTangent()
        ... )
        >>> slope = jax.grad(lambda theta: many(theta, jax.random.key(0))[0])(model.theta)["birth"]
        >>> bool(abs(slope - 0.0316) < 0.002)   # (1 - 1/e) times the probability of 62
        True
    """

    split: tuple[str, ...] = ()
    control: Control = None
    reach: float = 0.3

    def __post_init__(self):
        if faults := wrong_options(self.control, self.reach):
            raise InputError("; ".join(faults))
        object.__setattr__(self, "split", (self.split,) if isinstance(self.split, str) else tuple(self.split))

    @property
    def unbiased(self) -> bool:
        """For every network that is covered, see `lattice_coverage`."""
        return True

    def carried(self, network: Network, wrt: tuple[str, ...], stops: Times | Steps) -> AbstractFold:
        """The weights."""
        if isinstance(stops, Steps):
            raise UnsupportedError(
                "the lattice tangent holds at times, not after numbers of events; use ScoreFunction() for steps=..."
            )
        return LatticeWeights(network, wrt, self.reach, self.split)

    def along(self, chunk: Chunk) -> Float[Array, "paths asked entries parameters"]:
        """w_k [f(x + eta_k) - f(x)]; f is read at x where a weight is zero."""
        total = jnp.zeros((*chunk.values.shape, len(chunk.wrt)), chunk.values.dtype)
        directions = Carriers(chunk.network, self.split).directions
        for eta, row in zip(directions, chunk.record[0], strict=True):
            weight = jnp.stack([chunk.asked(leaf) for leaf in row], -1)
            counts = chunk.counts
            there = jnp.any(weight != 0, -1, keepdims=True)
            neighbour = jnp.where(there, counts + np.array(eta, counts.dtype)[None, None], counts)
            change = jax.vmap(jax.vmap(chunk.observe))(neighbour) - chunk.values
            total = total + jnp.where(there, change, 0)[..., None] * weight[:, :, None, :]
        return total
