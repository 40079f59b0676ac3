"""Which part of jumpax treats what a network may need: `python tests/contract/needs.py` writes the table of docs/needs.md."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np

import jumpax
from jumpax.engines.choice import engine_named
from jumpax.gradients.audits import ESTIMATORS
from jumpax.networks import Need, Network
from jumpax.observables import Activity, PathSums
from tables import FOLDS

DOCUMENT = Path(__file__).parents[2] / "docs" / "needs.md"
BEGIN, END = "<!-- written by tests/contract/needs.py -->\n", "<!-- end -->\n"
BIRTH = jumpax.Reaction("0 -> A", jumpax.MassAction("b"), name="birth")
NETWORKS = {
    Need.TIME: Network([jumpax.Reaction("0 -> A", lambda b, t: b / (1.0 + t), name="birth")]),
    Need.DELAY: Network(
        [jumpax.Reaction("0 -> A", jumpax.MassAction("b"), delay=jumpax.ExponentialDelay(0.7), name="birth")]
    ),
    Need.MOMENT: Network([BIRTH], events=[jumpax.Event.at(0.5, {"b": lambda b: 3 * b}, name="more")]),
    Need.TRIGGER: Network([BIRTH], events=[jumpax.Event.when(lambda A: A >= 5, {"b": 0.0}, name="enough")]),
    Need.POSTPONED: Network(
        [BIRTH], events=[jumpax.Event.when(lambda A: A >= 5, {"b": 0.0}, name="enough", delay=0.7)]
    ),
    Need.FLOW: Network([jumpax.Reaction("0 -> A", lambda b: b, name="birth")], flows={"b": lambda b: -b}),
    Need.FAMILY: Network(
        families=[jumpax.Family(np.array([[1]]), lambda counts, theta: theta["b"][None], ("A",), ["b"], name="birth")]
    ),
}
"""Births at rate b, with one need each: their laws are known."""
PLAIN = jumpax.zoo.birth_death()
ENGINES = {name: engine_named(name) for name in ("cpu", "gpu_on_host", "xla", "arrays", "tables", "reference")}
PARTLY = {("engine `tables`", Need.FAMILY): "of mass action"}
"""Cells that say more than yes or no."""
MADE = {name: make(PLAIN) for name, make in FOLDS.items() if name not in ("Capped", "Score of the choices")} | {
    "PathSums": PathSums(Activity(PLAIN.network))
}
CHOSEN = {
    "auto": jumpax.gradients.Automatic(),
    **ESTIMATORS,
    "exact gradient": jumpax.ExactGradient(),
    "tangent, reverse mode": jumpax.TrapezoidalTangent(reverse=True),
}


def rows() -> dict[str, frozenset[Need]]:
    """What each part says that it treats."""
    engines = {f"engine `{name.removesuffix('_on_host')}`": engine.offers for name, engine in ENGINES.items()}
    folds = {f"fold `{name}`": fold.treats for name, fold in MADE.items()}
    return engines | folds | {f"gradient: {name}": estimator.treats for name, estimator in CHOSEN.items()}


def table() -> str:
    """The table in Markdown."""
    lines = ["| | " + " | ".join(need.value for need in Need) + " |", "|---|" + "---|" * len(Need)]
    for name, treats in rows().items():
        cells = [PARTLY.get((name, need), "yes" if need in treats else "refused") for need in Need]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    head, rest = text.split(BEGIN)
    DOCUMENT.write_text(head + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1])
