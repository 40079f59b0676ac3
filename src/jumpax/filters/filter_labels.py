"""Names for the arrays of particle filters."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from jumpax._base.labelled import Labelled, Variable

if TYPE_CHECKING:
    from jumpax.filters.filtered import Filtered

LEVELS = (0.05, 0.5, 0.95)


def labelled(found: "Filtered") -> Labelled:
    """Likelihoods along `chain` and `cell`, what is known after each record along `time`; if particles were kept, means and predictions."""
    rows, ends = ("chain", "cell", "time"), ("chain", "cell")
    variables = {
        "effective": Variable(rows, found.effective, {"long_name": "effective number of particles after the record"}),
        "draws": Variable(rows, found.draws, {"long_name": "paths drawn for the record"}),
        "log_likelihood": Variable(ends, found.log_likelihood, {"long_name": "of all records of the cell"}),
        "extinct": Variable(ends, found.extinct, {"long_name": "record at which no particle was left; -1 where some were"}),
        **{f"gradient_{name}": Variable(ends, values) for name, values in found.gradient.items()},
        **{f"lost_{name}": Variable(ends, values) for name, values in found.lost.items()},
    }  # fmt: skip
    columns = {name: name for name in ("effective", "draws", "log_likelihood")}
    coordinates = {
        "chain": Variable(("chain",), np.arange(len(found.log_likelihood))),
        "cell": Variable(("cell",), np.array(found.cells, object)),
        "time": Variable(("time",), found.times, {"long_name": "time"}),
    }
    if found.history is not None:
        species = found.history.question.network.species
        means = {
            f"mean_{name}": Variable(rows, found.mean(name), {"long_name": "given the records so far"})
            for name in species
        }
        variables |= {
            **means,
            "standard_error": Variable(ends, found.standard_error, {"long_name": "of the log-likelihood"}),
        }
        columns |= {name: name for name in means}
        variables |= {f"record_{name}": Variable(("cell", "time"), values) for name, values in found.seen.items()}
        told = {"long_name": "quantiles of the record, given those before"}
        foreseen = found.foreseen(LEVELS)
        variables |= {f"predicted_{n}": Variable(("level", *rows), values, told) for n, values in foreseen.items()}
        coordinates["level"] = Variable(("level",), np.array(LEVELS))
    about = {
        "particles": found.particles, "events": found.events, "engine": found.engine, "seconds": found.seconds[0],
        "refused": {str(chain): why for chain, why in found.refused.items()},
    }  # fmt: skip
    return Labelled("filter", variables, coordinates, rows, columns, about)


def foreseen(found: "Filtered", levels: Sequence[float]) -> dict[str, Float[np.ndarray, "levels chains cells times"]]:
    """What was predicted of the columns, as far as particles were kept and measurements can be drawn."""
    kept = found.history
    if kept is None or not all(column.law.draws for column in kept.question.records.columns):
        return {}
    return found.predicted(levels)
