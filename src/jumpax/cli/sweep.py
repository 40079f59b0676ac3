"""Tables of parameter sets, each row of which is simulated."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from jaxtyping import Float

from jumpax._base.columns import Columns
from jumpax._base.errors import InputError, unknown_name
from jumpax.cli.output import print_table
from jumpax.engines import Paths
from jumpax.networks.zoo import Model

SHOWN = 20
"""Rows that are printed."""


@final
class Sweep(NamedTuple):
    """Rows of values by name, each for so many paths."""

    rows: dict[str, Float[np.ndarray, " rows"]]
    each: int
    """Paths of a row."""

    @classmethod
    def read(cls, file: Path, model: Model, each: int) -> "Sweep":
        """A table whose columns are parameters of a model, and species for their counts at the start.

        Raises:
            InputError: a file that cannot be used, names that the model does not have, numbers that miss.
        """
        table = Columns.read(file)
        known = (*model.theta, *model.network.species)
        if faults := [unknown_name("parameter or species", name, known) for name in table.head if name not in known]:
            raise InputError(f"{file}, the table of --sweep:\n" + "\n".join(f"- {fault}" for fault in faults))
        if each < 1:
            raise InputError(f"--paths must be 1 or more for each row of --sweep; got {each}")
        return cls(table.numbers(*table.head, needed=table.head), each)

    @property
    def paths(self) -> int:
        """Of all rows."""
        return self.each * len(next(iter(self.rows.values())))

    def numbers(self, model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters and counts at the start, where the table has them one for each path."""
        wide = {name: np.repeat(values, self.each) for name, values in self.rows.items()}
        theta, x0 = ({**old, **{n: wide[n] for n in old if n in wide}} for old in (model.theta, model.x0))
        return theta, x0

    def results(self, paths: Paths, first: int) -> Iterator[dict[str, Any]]:
        """Of each row of which there are paths: its numbers, how many paths, and their means with standard errors.

        Args:
            paths: what was drawn, all of it followed to the last stop.
            first: number of the first of them among all.
        """
        owner = (first + np.arange(len(paths.status))) // self.each
        for row, begin, many in zip(*np.unique(owner, return_index=True, return_counts=True), strict=True):
            some = paths.counts[begin : begin + many]
            error = some.std(0, ddof=1) / many**0.5 if many > 1 else np.full(some.shape[1:], np.nan)
            yield {
                "row": int(row),
                "given": {name: values[row] for name, values in self.rows.items()},
                "paths": int(many),
                "mean": dict(zip(paths.species, some.mean(0).T, strict=True)),
                "standard_error": dict(zip(paths.species, error.T, strict=True)),
            }


def show_rows(name: str, results: list[dict[str, Any]], times: Float[np.ndarray, " stops"]) -> None:
    """Means at the last time, of the first rows."""
    columns: dict[str, list[Any]] = {}
    for result in results[:SHOWN]:
        for given, value in result["given"].items():
            columns.setdefault(given, []).append(float(value))
        for species, mean in result["mean"].items():
            error = result["standard_error"][species][-1]
            told = f"{mean[-1]:.4g} ± {error:.2g}" if np.isfinite(error) else f"{mean[-1]:.4g}"
            columns.setdefault(f"{species} at {times[-1]:g}", []).append(told)
    more = f", the first {SHOWN} of {len(results):,} rows" if len(results) > SHOWN else ""
    print_table(f"{name}: mean ± standard error{more}", columns)


def of_model(model: Model, sweep: Sweep | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Parameters and counts at the start, with those of a sweep if there is one."""
    return (model.theta, model.x0) if sweep is None else sweep.numbers(model)
