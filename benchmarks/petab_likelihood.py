"""The negative log-likelihood of PEtab problems at the values of their tables: `python benchmarks/petab_likelihood.py problem.yaml`.

With the solution of the rate equation in the place of mean counts, which is what other tools of PEtab compute: their numbers are to come out,
as far as counts are large and `mean_field` is accurate.
"""

import argparse
import math
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np


def likelihood(file: Path, molecules_per_unit: float | None, settle: float | None) -> float:
    """Of all conditions."""
    import jumpax

    found = jumpax.read_petab(
        file, cells=math.inf, round_counts=True, molecules_per_unit=molecules_per_unit, settle=settle
    )
    problem = found.problem
    total = 0.0
    for part, own in problem.split(problem.structure.unconstrained(problem.start_values, problem.numbers)):
        values = {name: float(value) for name, value in part.values(own).items()}
        read = (*part.network.parameters, *(part.law.parameters if part.law else ()))
        times = part.loss.times or (part.settle,)
        solved = jumpax.mean_field(part.network, times, theta={n: values[n] for n in read}, x0=part.x0)
        means = np.stack([solved[s] for s in part.loss.species], -1)
        seen = part.loss.seen(jnp.asarray(means)[None, ..., None], values)[0]
        total += float(part.loss.value(seen, values, 1))
    return total


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--molecules-per-unit", type=float)
    parser.add_argument("--settle", type=float)
    given = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    for file in given.files:
        print(f"{file.stem}: {likelihood(file, given.molecules_per_unit, given.settle):.5f}")


if __name__ == "__main__":
    main()
