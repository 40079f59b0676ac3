"""Propensities of what is read beside the reaction rates of libroadrunner: `python benchmarks/reaction_rates.py FOLDER`.

Of each SBML file in a folder that is read, at random states and times: a propensity (forward less backward where a law is split) is
the reaction rate times molecules per unit of substance, and the conversion factor; and what flows has the rates of change of the rate
rules. Needs `pip install libroadrunner`. Exits with the number of files
that differ.
"""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import jax
import libsbml
import numpy as np

import jumpax
from jumpax.importers import FileModel
from jumpax.networks.expressions.expression import evaluate

TOLERANCE = 1e-8
"""Relative to the largest rate of a reaction at all states: both tools work in float64, in another order, and rates may be differences."""


def states(model: FileModel, number: int, seed: int) -> np.ndarray:
    """Counts near those at the start, and where these are few, a few."""
    start = np.asarray([model.x0[name] for name in model.without_events.species])
    draw = np.random.default_rng(seed)
    return np.floor(start * draw.uniform(0.3, 2.0, (number, start.size)) + draw.integers(0, 30, (number, start.size)))


def flowing(model: FileModel, number: int, seed: int) -> dict[str, np.ndarray]:
    """Values of what flows, near those at the start; by name."""
    draw, names = np.random.default_rng(seed + 2), model.without_events.flowing
    return {n: (model.theta[n] or 1.0) * draw.uniform(0.3, 2.0, number) for n in names}


def rates(
    model: FileModel, counts: np.ndarray, moving: dict[str, np.ndarray], times: np.ndarray
) -> list[dict[str, float]]:
    """Propensities by state and reaction, and rates of change of what flows by name with a dash, in float64: what engines are given."""
    network = model.without_events
    with jax.enable_x64(True):
        theta = {name: np.full(len(times), model.theta[name]) for name in network.parameters} | moving
        made = list(network.propensities(tuple(counts.T), theta, times))
        known = {**theta, **dict(zip(network.species, counts.T))}
        made += [evaluate(flow.rate, known, times) for flow in network.flows]
        table = np.array([np.broadcast_to(rate, len(times)) for rate in made])
    names = [*(str(r.name) for r in network.reactions), *(f"{name}'" for name in network.flowing)]
    return [dict(zip(names, column)) for column in table.T.tolist()]


class Peer:
    """One file in libroadrunner."""

    def __init__(self, path: Path):
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        text = path.read_text(encoding="utf-8-sig")
        self.document = libsbml.readSBMLFromString(text)
        self.runner = roadrunner.RoadRunner(self._with_rates(text))
        self.model: Any = self.runner.model

    def _with_rates(self, text: str) -> str:
        """The file with a parameter for each rate rule, which an assignment rule gives the value of its formula."""
        model, self.moving = self.document.getModel(), {}
        for rule in [rule for rule in model.getListOfRules() if rule.isRate()]:
            name = f"rate_of_{rule.getVariable()}"
            parameter, copy = model.createParameter(), model.createAssignmentRule()
            parameter.setId(name)
            parameter.setConstant(False)
            copy.setVariable(name)
            copy.setMath(rule.getMath())
            self.moving[rule.getVariable()] = name
        return libsbml.writeSBMLToString(self.document) if self.moving else text

    def rates(self, amounts: dict[str, float], moving: dict[str, float], time: float) -> dict[str, float]:
        """Reaction rates, and rates of rate rules, at amounts in the units of the file."""
        self.model.setTime(time)
        model = self.document.getModel()
        for name in sorted(moving, key=lambda name: model.getCompartment(name) is None):  # sizes first
            species = model.getSpecies(name)
            concentration = species is not None and not species.getHasOnlySubstanceUnits()
            self.model[f"[{name}]" if concentration else name] = moving[name]
        for name, amount in amounts.items():
            self.model[name] = amount
        found = dict(zip(self.model.getReactionIds(), map(float, self.model.getReactionRates())))
        return found | {f"{name}'": float(self.model[rate]) for name, rate in self.moving.items()}

    def factor(self, reaction: str) -> float:
        """The conversion factor of the species that it changes."""
        model = self.document.getModel()
        used = model.getReaction(reaction)
        for reference in (*used.getListOfReactants(), *used.getListOfProducts()):
            species = model.getSpecies(reference.getSpecies())
            name = species.getConversionFactor() or model.getConversionFactor()
            if name and not species.getBoundaryCondition():
                return float(self.model[name])
        return 1.0


def differences(path: Path, options: dict[str, Any], number: int = 5, seed: int = 0) -> list[str] | None:
    """Where they differ; None if the file is not read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = jumpax.read(path, **options)
    except jumpax.JumpaxError:
        return None
    peer, network = Peer(path), model.without_events
    times = np.random.default_rng(seed + 1).uniform(0.0, 50.0, number)
    listed = {s.getId() for s in peer.document.getModel().getListOfSpecies()}
    change = {r.name: r.change for r in network.reactions}
    pairs: dict[str, list[tuple[float, float, float, float]]] = {}
    drawn, moving = states(model, number, seed), flowing(model, number, seed)
    for place, (counts, time, own) in enumerate(zip(drawn, times, rates(model, drawn, moving, times))):
        there = {name if name in peer.moving else name.rstrip("_"): values[place] for name, values in moving.items()}
        given = dict(zip(network.species, counts))  # one that is called as the time is has a _ more
        amounts = {n if n in listed else n.rstrip("_"): x / model.molecules[n] for n, x in given.items()}
        for reaction, rate in peer.rates(amounts, there, time).items():
            if reaction in own:
                flows = reaction.endswith("'")
                unit = 1.0 if flows else model.molecules[next(iter(change[reaction]))] * peer.factor(reaction)
                back = own.get(f"{reaction}_reverse", 0.0)
                size = max(abs(own[reaction]), abs(back), abs(rate * unit))
                pairs.setdefault(reaction, []).append((own[reaction] - back, rate * unit, size, time))
    return [
        f"{reaction}: {got:.12g} here, {wanted:.12g} there, at time {time:.4g}"
        for reaction, seen in pairs.items()
        for got, wanted, _, time in seen
        if not (
            abs(got - wanted) <= TOLERANCE * np.nanmax([s for _, _, s, _ in seen])
            or (np.isnan(got) and np.isnan(wanted))
        )
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--round", action="store_true")
    parser.add_argument("--molecules-per-unit", type=float)
    given = parser.parse_args()
    options = {"round_counts": given.round, "molecules_per_unit": given.molecules_per_unit}
    files = [given.folder] if given.folder.is_file() else sorted(given.folder.rglob("*.xml"))
    read = bad = 0
    for path in files:
        found = differences(path, options)
        read += found is not None
        if found:
            bad += 1
            print(f"{path.name}: {len(found)} differences", *found[:5], sep="\n  ")
    print(f"{read} of {len(files)} files are read; {read - bad} have the reaction rates of libroadrunner")
    sys.exit(min(bad, 100))


if __name__ == "__main__":
    main()
