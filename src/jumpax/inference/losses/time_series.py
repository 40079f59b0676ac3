"""Means measured along time."""

import warnings
from collections.abc import Mapping, Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, JumpaxWarning
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import errors_behind, half_square, whitened
from jumpax.inference.losses.standardised import ENOUGH, Standardised, of_differences, of_estimated_covariance
from jumpax.inference.observed import errors_of, numbers, of_one_path, path_count, rows, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Moments


@final
class TimeSeries(AbstractLoss):
    """Time series of means of independent paths at each time.

    loss = sum over times and species of ((E[x] - mean) / standard error)^2 / 2. Exact if the errors are Gaussian and those of
    different times independent: means of many cells, and of others at each time. The simulated noise adds a bias
    O(1/paths).

    Not for one path, as one outbreak or one cell that is followed: its numbers do not scatter around the mean independently,
    so that estimates are off by many of the standard errors that come out.

    Args:
        times: when, increasing.
        means: for each species its measured mean at each time, in molecules.
        standard_errors: of those means: for each species a number, or one per time.
        paths: of how many paths these are the means, if known: goodness of fit then takes the standard errors for estimates from
            so many. If not, they are judged: a column of five or more means,
            three of them different, looks like one path if all are whole numbers and their standard errors look made by a
            rule, in that they nowhere fall where the mean rises.

    Raises:
        InputError: times out of order, missing numbers, standard errors that are not positive; with row numbers.

    Warns:
        JumpaxWarning: the means are those of one path, or look like it.

    Examples:
        >>> loss = TimeSeries([1.0, 2.0], {"A": [36.9, 13.4]}, {"A": [0.5, 0.3]})
        >>> print(loss.notes(None, 8000)["data"])
        2 means, taken as those of independent paths at each time
    """

    species: tuple[str, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    measured: Float[np.ndarray, "times species"]
    root: Float[np.ndarray, "times species species"]
    paths: Float[np.ndarray, ""] | None
    """Of how many these are the means."""
    doubt: str = eqx.field(static=True)
    """Why the means look like one path; empty if they do not."""

    def __init__(
        self,
        times: Column,
        means: Mapping[str, Column],
        standard_errors: Mapping[str, Column],
        *,
        paths: int | None = None,
    ):
        paths = path_count(paths)
        when = numbers(times, "times")
        faults = rows("time is missing or not finite", ~np.isfinite(when))
        faults += rows("time does not increase", np.append(False, np.diff(when) <= 0), when)
        if not means:
            raise InputError("means must name at least one species")
        columns, errors = [], []
        for name, column in means.items():
            column = numbers(column, f"mean of {name!r}")
            if len(column) != len(when):
                raise InputError(f"{len(column)} means of {name!r} for {len(when)} times")
            error = errors_of("mean", standard_errors, name, len(when))
            faults += rows(f"mean of {name!r} is missing or not finite", ~np.isfinite(column))
            faults += rows(f"mean of {name!r} is negative", column < 0, column)
            faults += rows(f"standard error of {name!r} is not positive", ~(error > 0), error)
            columns.append(column)
            errors.append(error)
        if faults:
            raise InputError("the observed data cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.species, self.times = tuple(means), tuple(float(t) for t in when)
        self.measured, self.paths = np.stack(columns, 1), None if paths is None else np.array(float(paths))
        self.root = np.stack([np.diag(1 / row) for row in np.stack(errors, 1)])
        suspects = [n for n, mean, error in zip(means, columns, errors, strict=True) if of_one_path(mean, error)]
        self.doubt = _doubt(suspects if paths is None else self.species if paths == 1 else (), paths)
        if self.doubt:
            warnings.warn(self.doubt, JumpaxWarning, stacklevel=3)

    def observable(self, network: Network) -> Moments:
        """The means of the species."""
        return Moments(*self.species)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults(self.species, network) + time_faults(self.times, start)

    def value(
        self, expected: Float[Numbers, "times species moments"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """Half the sum of squares."""
        return half_square(expected[..., 0] - self.measured, self.root)

    @property
    def linear(self) -> AbstractLoss:
        """Itself."""
        return self

    @property
    def reads(self) -> tuple[frozenset[str], ...]:
        """One species each."""
        return tuple(frozenset({name}) for name in self.species)

    def residuals(self, expected: Float[Numbers, "times species moments"]) -> Float[Array, "times species"]:
        """(E[x] - mean) / standard error."""
        return jnp.einsum("tij,tj->ti", self.root, expected[..., 0] - self.measured)

    def whitened(
        self, expected: object, jacobian: Float[Numbers, "batches times species moments free"], paths: Numeric
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the means, in units of their standard errors."""
        return whitened(jacobian[..., 0, :], self.root)

    def standardised(
        self,
        expected: Float[np.ndarray, "times species moments"],
        jacobian: Float[np.ndarray, "times species moments columns"],
    ) -> tuple[Standardised, ...]:
        """Means over their standard errors, taken to be independent; none for what looks like one path.

        Errors are taken for those that as many paths have told, if their number is known; none from fewer than seven.
        """
        known, many = self.paths is None, np.count_nonzero(self.root)
        made = (np.ones(1), 0.0) if known else of_estimated_covariance(np.full(many, self.paths), 1)
        if self.doubt or made is None or not many:
            return ()
        data, root = f"{self.measured.size} means of {', '.join(map(repr, self.species))}", self.root * made[0][0]
        return (of_differences(data, expected[..., 0] - self.measured, jacobian[..., 0, :], root, made[1]),)

    def compared(self, expected: Float[np.ndarray, "times species moments"]) -> tuple[Compared, ...]:
        """The means of each species."""
        errors = errors_behind(self.root)
        return tuple(
            series(f"mean of {name}", name, self.times, self.measured[:, i], errors[:, i], expected[:, i, 0])
            for i, name in enumerate(self.species)
        )

    def notes(self, expected: object, paths: float) -> dict[str, object]:
        """Number of means, and what they are taken for."""
        data = f"{self.measured.size} means, taken as those of independent paths at each time"
        few = self.paths is not None and 1 < self.paths < ENOUGH
        judged = {"goodness": f"not judged: {self.paths:.0f} paths hardly tell how they scatter"} if few else {}
        return {"data": data, **judged, **({"doubt": self.doubt} if self.doubt else {})}


def _doubt(species: Sequence[str], paths: int | None) -> str:
    """That means are those of one path, in words; nothing if none are suspected."""
    if not species:
        return ""
    named = ", ".join(map(repr, species))
    seen = (
        "are those of one path"
        if paths == 1
        else "are whole numbers, with standard errors made by a rule, as of one path"
    )
    remedy = "" if paths == 1 else " If they are means, say of how many paths, paths = ..."
    return (
        f"the means of {named} {seen}; this loss is for means of many independent paths at each time. One path (one outbreak, "
        "one cell that is followed) does not scatter around the mean independently at each time: the estimates are off by "
        f"many of the standard errors that come out.{remedy}"
    )
