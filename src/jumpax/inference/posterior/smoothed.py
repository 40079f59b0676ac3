"""Paths that may lie behind records, with parameters of a posterior."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from jumpax._base import random
from jumpax._base.errors import InputError
from jumpax.engines.program import check_positive
from jumpax.inference.posterior.chains import Keys
from jumpax.inference.posterior.filter_target import FilterTarget
from jumpax.inference.posterior.result import Posterior
from jumpax.inference.record_problem import RecordProblem

AT_ONCE, MEMORY = 64, 2.0**29
"""Most draws whose filters run beside each other, and bytes that their particles may take."""


@dataclasses.dataclass(frozen=True)
class Smoothed:
    """Paths given all records, at their times, one for each draw of the parameters."""

    times: Float[np.ndarray, " times"]
    cells: tuple[str, ...]
    counts: Mapping[str, Int[np.ndarray, "draws cells times"]]
    """Of each species."""
    measured: Mapping[str, Float[np.ndarray, "draws cells times"]]
    """What would be measured in each column, if it were again."""
    left_out: int
    """Draws at which the filter found no path."""

    def quantiles(
        self, name: str, levels: Sequence[float] = (0.05, 0.5, 0.95)
    ) -> Float[np.ndarray, "levels cells times"]:
        """Of a column, or else of a species: bands with the uncertainty of the parameters."""
        values = self.measured[name] if name in self.measured else self.counts[name]
        return np.quantile(values, levels, axis=0)


def smoothed(
    problem: RecordProblem,
    found: Posterior,
    *,
    draws: int = 200,
    particles: int | None = None,
    key: PRNGKeyArray | int = 0,
    max_events: int = 1_000_000,
) -> Smoothed:
    """Draws of the hidden paths given all records: p(path | data), with parameters from the posterior.

    For draws of the posterior, evenly chosen, a particle filter is run, and one of its paths is taken by weight. The bands tell where the
    hidden counts were, and between which numbers a measurement would lie if it were repeated on the same path. To first order in
    1/particles.

    Args:
        problem: of records.
        found: its posterior.
        draws: how many.
        particles: of each filter and cell; default as many as the posterior took, 200 at least.
        key: of the paths.
        max_events: of one path between two records.

    Raises:
        InputError: the posterior is that of another problem.

    Source: Andrieu, Doucet & Holenstein 2010, doi:10.1111/j.1467-9868.2009.00736.x.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> trace = jumpax.Records([1.0, 2.0, 3.0], {"X": [7.1, 13.5, 9.2]}, jumpax.records.Normal(1.0))
        >>> rates = {"birth": jumpax.Free.box(1.0, 50.0), "death": jumpax.Fixed(1.0)}
        >>> problem = jumpax.RecordProblem(model.network, {"X": 0}, trace, rates)
        >>> found = jumpax.posterior(problem, key=0, method="pmmh", chains=4, draws=20, warm_up=20, particles=50)
        >>> jumpax.inference.smoothed(problem, found, draws=50).quantiles("X").shape
        (3, 1, 3)
    """
    if not isinstance(problem, RecordProblem):
        raise InputError(f"smoothed needs a RecordProblem, not {type(problem).__name__}")
    _check_same(problem, found)
    points = found.unconstrained.reshape(-1, len(problem.free))
    many = min(check_positive("draws", draws), len(points))
    points = points[np.linspace(0, len(points) - 1, many).round().astype(int)]
    usual = max(200, int(found.notes.get("particles", 0)))
    target = FilterTarget(
        problem,
        usual if particles is None else check_positive("particles", particles),
        None,
        {"max_events": max_events},
    )
    words: Any = tuple(np.atleast_1d(np.uint32(word)) for word in random.key_words(key))
    keys, width = Keys(words, AT_ONCE), _width(target)
    parts = [_some(target, points[first : first + width], keys) for first in range(0, many, width)]
    counts, measured = (
        {name: np.concatenate([part[i][name] for part in parts]) for name in parts[0][i]} for i in (0, 1)
    )
    sound = np.all([(values >= 0).all((1, 2)) for values in counts.values()], 0)
    return Smoothed(
        problem.records.times, problem.records.cells, {name: values[sound] for name, values in counts.items()},
        {name: values[sound] for name, values in measured.items()}, int((~sound).sum()),
    )  # fmt: skip


def _check_same(problem: RecordProblem, found: Posterior) -> None:
    """Whether the draws are those of this problem: by name, order and scale.

    Raises:
        InputError: they are not.
    """
    if tuple(found.draws)[: len(problem.free)] != problem.free or found.unconstrained.shape[2] != len(problem.free):
        raise InputError(
            f"the posterior is that of {', '.join(found.draws)}, and the problem has {', '.join(problem.free)} free"
        )
    last = found.unconstrained[-1, -1]
    values = problem.values(last)
    if wrong := [n for n in problem.free if not np.isclose(float(values[n]), found.draws[n][-1, -1], rtol=1e-3)]:
        raise InputError(f"the posterior is that of a problem with other bounds of {', '.join(wrong)}")


def _width(target: FilterTarget) -> int:
    """How many draws fit into memory side by side."""
    records, species = target.problem.records, len(target.problem.network.species)
    each = len(records.cells) * target.particles * len(records.times) * (4.0 * species + 24 * len(records.columns) + 24)
    return int(np.clip(MEMORY // each, 1, AT_ONCE))


def _some(
    target: FilterTarget, points: Float[np.ndarray, "some free"], keys: Keys
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One path of each draw, and what would be measured along it."""
    own = keys.take(len(points))
    filtered = target.filtered(points, own)
    paths, measured = filtered.paths(1), filtered.remeasured(1)
    return {name: own[:, :, 0] for name, own in paths.items()}, {name: own[:, :, 0] for name, own in measured.items()}
