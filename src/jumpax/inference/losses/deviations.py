"""Standard deviations measured along time."""

from collections.abc import Mapping
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError
from jumpax._base.types import Column, Numbers, Numeric, ParameterValues
from jumpax.inference.losses.compared import Compared, series
from jumpax.inference.losses.loss import AbstractLoss
from jumpax.inference.losses.quadratic import errors_behind, half_square, whitened
from jumpax.inference.losses.standardised import Standardised, of_differences, of_estimated_deviations
from jumpax.inference.losses.time_series import TimeSeries
from jumpax.inference.losses.together import Together
from jumpax.inference.observed import errors_of, numbers, path_count, rows, species_faults, time_faults
from jumpax.networks import Network
from jumpax.observables import Moments

_LEAST = 1e-6
"""Least variance whose root is taken."""


@final
class Deviations(AbstractLoss):
    """Standard deviations of counts over independent paths, others at each time.

    loss = sum over times and species of ((sd[x] - deviation) / standard error)^2 / 2, sd[x] the square root of
    E[x^2] - E[x]^2. Exact if the errors are Gaussian. Bias O(1/paths), from squares of noise. With the means of the same cells
    in one likelihood: `means_and_deviations`.

    Args:
        times: when, increasing.
        deviations: for each species its measured standard deviation at each time, in molecules.
        standard_errors: of those: for each species a number, or one per time.
        means: measured means of these species at these times, if known: a fit with a budget searches by mean squares about them,
            which are linear in moments. They are no data of this loss.
        paths: how many they are the deviations of, if known: goodness of fit then takes them for those of so many Gaussian numbers.

    Raises:
        InputError: times out of order, missing numbers, numbers that are not positive; with row numbers.

    Examples:
        >>> Deviations([1.0, 2.0], {"A": [4.8, 3.4]}, {"A": 0.2}).measured.tolist()
        [[4.8], [3.4]]
    """

    species: tuple[str, ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)
    measured: Float[np.ndarray, "times species"]
    root: Float[np.ndarray, "times species species"]
    about: Float[np.ndarray, "times species"] | None
    """Measured means."""
    paths: Float[np.ndarray, ""] | None
    """Of how many these are the deviations."""

    def __init__(
        self,
        times: Column,
        deviations: Mapping[str, Column],
        standard_errors: Mapping[str, Column],
        *,
        means: Mapping[str, Column] | None = None,
        paths: int | None = None,
    ):
        when = numbers(times, "times")
        faults = rows("time is missing or not finite", ~np.isfinite(when))
        faults += rows("time does not increase", np.append(False, np.diff(when) <= 0), when)
        if not deviations:
            raise InputError("deviations must name at least one species")
        columns, errors, about = [], [], []
        for name, given in deviations.items():
            column = numbers(given, f"standard deviation of {name!r}")
            if len(column) != len(when):
                raise InputError(f"{len(column)} standard deviations of {name!r} for {len(when)} times")
            error = errors_of("standard deviation", standard_errors, name, len(when))
            faults += rows(
                f"standard deviation of {name!r} is not a positive number", ~((column > 0) & np.isfinite(column))
            )
            faults += rows(f"standard error of the deviation of {name!r} is not positive", ~(error > 0), error)
            if means is not None:
                about.append(_means(means, name, len(when)))
            columns.append(column)
            errors.append(error)
        if faults:
            raise InputError("the observed data cannot be used:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.species, self.times = tuple(deviations), tuple(float(t) for t in when)
        self.measured = np.stack(columns, 1)
        self.root = np.stack([np.diag(1 / row) for row in np.stack(errors, 1)])
        self.about = np.stack(about, 1) if about else None
        many = path_count(paths, 2)
        self.paths = None if many is None else np.array(float(many))

    def observable(self, network: Network) -> Moments:
        """The first two raw moments of the species."""
        return Moments(*self.species, order=2)

    def faults(self, network: Network, start: float) -> list[str]:
        """The species must exist, no time may lie before the start."""
        return species_faults(self.species, network) + time_faults(self.times, start)

    def value(
        self, expected: Float[Numbers, "times species moments"], values: ParameterValues, paths: Numeric
    ) -> Float[Array, ""]:
        """Half the sum of squares."""
        return half_square(_deviation(expected) - self.measured, self.root)

    @property
    def linear(self) -> AbstractLoss | None:
        """Itself, if means are known."""
        return None if self.about is None else self

    def residuals(self, expected: Float[Numbers, "times species moments"]) -> Float[Array, "times species"]:
        """(E[(x - mean)^2] - deviation^2) / (2 deviation x standard error): near mean and deviation, what the loss squares."""
        assert self.about is not None
        square = expected[..., 1] - 2 * self.about * expected[..., 0] + self.about**2
        return jnp.einsum("tij,tj->ti", self.root, (square - self.measured**2) / (2 * self.measured))

    def whitened(
        self,
        expected: Float[Numbers, "times species moments"],
        jacobian: Float[Numbers, "batches times species moments free"],
        paths: Numeric,
    ) -> Float[Array, "batches entries free"]:
        """Jacobian of the deviations at the mean over batches, linear in that of the raw moments."""
        mean, deviation = expected[None, ..., 0, None], _deviation(expected)[None, ..., None]
        slopes = (jacobian[:, :, :, 1] - 2 * mean * jacobian[:, :, :, 0]) / (2 * deviation)
        return whitened(slopes, self.root)

    def standardised(
        self,
        expected: Float[np.ndarray, "times species moments"],
        jacobian: Float[np.ndarray, "times species moments columns"],
    ) -> tuple[Standardised, ...]:
        """Deviations over their standard errors, taken to be independent; where the number of paths is known, their logarithms."""
        data = f"{self.measured.size} standard deviations of {', '.join(map(repr, self.species))}"
        found = np.asarray(_deviation(jnp.asarray(expected)))
        slopes = (jacobian[:, :, 1] - 2 * expected[..., 0, None] * jacobian[:, :, 0]) / (2 * found[..., None])
        if self.paths is None:
            return (of_differences(data, found - self.measured, slopes, self.root),)
        bias, wider, excess = of_estimated_deviations(float(self.paths))
        root, away = self.root * self.measured[:, None] / wider, np.log(found / self.measured) + bias
        return (of_differences(data, away, slopes / found[..., None], root, excess * np.count_nonzero(self.root)),)

    def compared(self, expected: Float[np.ndarray, "times species moments"]) -> tuple[Compared, ...]:
        """The deviations of each species."""
        errors, found = errors_behind(self.root), _deviation(jnp.asarray(expected))
        return tuple(
            series(f"standard deviation of {name}", "", self.times, self.measured[:, i], errors[:, i], found[:, i])
            for i, name in enumerate(self.species)
        )

    def notes(self, expected: object, paths: float) -> dict[str, object]:
        """Number of deviations."""
        return {"data": f"{self.measured.size} standard deviations, taken as those of independent paths at each time"}


def _means(means: Mapping[str, Column], name: str, many: int) -> Float[np.ndarray, " times"]:
    """One column."""
    if name not in means:
        raise InputError(f"the means of {name!r} are missing: give those of all species, or none")
    column = numbers(means[name], f"mean of {name!r}")
    if len(column) != many or not np.isfinite(column).all():
        raise InputError(f"needed is one mean of {name!r} at each of the {many} times")
    return column


def _deviation(expected: Float[Array, "times species 2"]) -> Float[Array, "times species"]:
    return jnp.sqrt(jnp.maximum(expected[..., 1] - expected[..., 0] ** 2, _LEAST))


def means_and_deviations(
    times: Column, means: Mapping[str, Column], deviations: Mapping[str, Column], cells: int
) -> Together:
    """Measured means and standard deviations of cells, others at each time, as one loss.

    The standard error of a mean is sd / sqrt(cells), that of a standard deviation sd / sqrt(2 (cells - 1)), as for Gaussian
    counts; for other laws give errors of your own: `Together(TimeSeries(...), Deviations(..., means=...))`.

    Args:
        times: when, increasing.
        means: for each species its mean at each time.
        deviations: of the same species.
        cells: how many were measured at each time.

    Raises:
        InputError: fewer than two cells, species without a mean or a deviation, and what the two losses refuse.

    Examples:
        >>> means_and_deviations([1.0], {"A": [36.8]}, {"A": [4.8]}, cells=100).times
        (1.0,)
    """
    if isinstance(cells, bool) or not isinstance(cells, int | np.integer) or cells < 2:
        raise InputError(f"cells must be a whole number, 2 or more; got {cells!r}")
    cells = int(cells)
    if odd := [name for name in {**means, **deviations} if name not in means or name not in deviations]:
        raise InputError(f"needed are mean and standard deviation of each species; {', '.join(odd)} has one of them")
    columns = {name: numbers(column, f"standard deviation of {name!r}") for name, column in deviations.items()}
    of_means = {name: column / np.sqrt(cells) for name, column in columns.items()}
    own = {name: column / np.sqrt(2 * (cells - 1)) for name, column in columns.items()}
    return Together(
        TimeSeries(times, means, of_means, paths=cells), Deviations(times, columns, own, means=means, paths=cells)
    )
