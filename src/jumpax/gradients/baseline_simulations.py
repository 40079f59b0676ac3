"""Paths without a gradient, beside those that carry one."""

import dataclasses
from typing import Literal

import jax.numpy as jnp

from jumpax._base import random
from jumpax._base.errors import InputError
from jumpax._base.types import ParameterValues, Word
from jumpax.engines.program import check_positive
from jumpax.gradients.chunk import Sums
from jumpax.gradients.sampled import sample
from jumpax.gradients.sampling import Sampling

SALT = 0x62617365
"""Makes the key of the baseline paths differ from that of the tracked ones."""


@dataclasses.dataclass(frozen=True)
class BaselineSimulations:
    """The value of an expectation from many cheap paths, its derivatives from the few that are tracked.

    A loss L(E[f]) has the gradient L'(E[f]) dE[f]. The factor L' needs an accurate mean but no derivative, so it may come
    from paths that carry nothing. With m_G, m_B the means over tracked and baseline paths and g the mean gradient over the
    n_G tracked ones (`paths` of the expectation), the value and the gradient of the expectation are

        C  independent (default)   m_B                              g
        B  pooled value            (n_G m_G + n_B m_B)/(n_G + n_B)  g
        A  pooled                  the same value                   n_G/(n_G + n_B) g

    Bias of the gradient of a loss, beyond that of the estimator: C none for a quadratic loss, else of order L''' Var f / n_B;
    B has L'' Cov(f, g)/(n_G + n_B) in addition; A shrinks the gradient by a constant factor, which an optimiser such as
    Adam does not see.

    Args:
        paths: number of baseline paths.
        form: `A`, `B` or `C`.

    Raises:
        InputError: for another form, or a number of paths that is not positive.

    Source: Mottes, Zhu & Brenner 2026, arXiv:2601.14183, who do not give the formula; the three forms are readings of it.

    Examples:
        >>> import jax, jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> mean = jumpax.expectation(
        ...     jumpax.Moments("X"), model.network, model.x0, [1.0], paths=64, baseline=jumpax.BaselineSimulations(4096)
        ... )
        >>> loss = lambda theta: (mean(theta, jax.random.key(0))[0, 0, 0] - 5.0) ** 2
        >>> sorted(jax.grad(loss)(model.theta))
        ['birth', 'death']
    """

    paths: int
    form: Literal["A", "B", "C"] = "C"

    def __post_init__(self):
        check_positive("paths", self.paths)
        if self.form not in ("A", "B", "C"):
            raise InputError(f"form must be 'A', 'B' or 'C'; got {self.form!r}")

    def combine(self, sampling: Sampling, tracked: Sums, theta: ParameterValues, words: tuple[Word, Word]) -> Sums:
        """Sums whose value is that of the chosen form and whose gradient is that of the tracked paths."""
        other = random.threefry2x32(words, (jnp.uint32(SALT), jnp.uint32(0)))
        plain = sample(dataclasses.replace(sampling, paths=self.paths), None, (), theta, other)
        mean, square, many = plain.value / plain.paths, plain.square / plain.paths, plain.paths
        if self.form != "C":
            many = tracked.paths + plain.paths
            own = tracked.value / tracked.paths
            pooled = (tracked.value + plain.value) / many
            spread = tracked.paths * (own - pooled) ** 2 + plain.paths * (mean - pooled) ** 2
            mean, square = pooled, (tracked.square + plain.square + spread) / many
        shrink = tracked.paths / many if self.form == "A" else jnp.ones_like(many)
        # `paths` stays that of the tracked ones, so sums are scaled to it; the value's error shrinks by its own number
        scaled = square * tracked.paths * (tracked.paths - 1) / jnp.maximum(many - 1, 1)
        return tracked._replace(
            value=mean * tracked.paths, square=scaled,
            gradient=tracked.gradient * shrink, gradient_square=tracked.gradient_square * shrink**2,
            gradient_peak=tracked.gradient_peak * shrink**2,
        )  # fmt: skip
