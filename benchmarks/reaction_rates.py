"""Propensities of what is read beside the reaction rates of libroadrunner: `python benchmarks/reaction_rates.py FOLDER`.

Of each SBML file in a folder that is read, at random states and times: a propensity (forward less backward where a law is split) is
the reaction rate times molecules per unit of substance, and the conversion factor. Needs `pip install libroadrunner`. Exits with the number of files
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

TOLERANCE = 1e-8
"""Relative to the larger of the two rates of a reaction: both tools work in float64, in another order."""


def states(model: FileModel, number: int, seed: int) -> np.ndarray:
    """Counts near those at the start, and where these are few, a few."""
    start = np.asarray([model.x0[name] for name in model.without_events.species])
    draw = np.random.default_rng(seed)
    return np.floor(start * draw.uniform(0.3, 2.0, (number, start.size)) + draw.integers(0, 30, (number, start.size)))


def propensities(model: FileModel, counts: np.ndarray, time: float) -> dict[str, float]:
    """By reaction, in float64."""
    network = model.without_events
    with jax.enable_x64(True):
        theta = {name: np.float64(model.theta[name]) for name in network.parameters}
        values = network.propensities(tuple(map(np.float64, counts)), theta, np.float64(time))
        return {str(r.name): float(a) for r, a in zip(network.reactions, values)}


class Peer:
    """One file in libroadrunner."""

    def __init__(self, path: Path):
        import roadrunner

        roadrunner.Logger.setLevel(roadrunner.Logger.LOG_FATAL)
        text = path.read_text(encoding="utf-8-sig")
        self.runner = roadrunner.RoadRunner(text)
        self.model: Any = self.runner.model
        self.document = libsbml.readSBMLFromString(text)

    def rates(self, amounts: dict[str, float], time: float) -> dict[str, float]:
        """Reaction rates at amounts in the units of the file."""
        self.model.setTime(time)
        for name, amount in amounts.items():
            self.model[name] = amount
        return dict(zip(self.model.getReactionIds(), map(float, self.model.getReactionRates())))

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
    peer, found = Peer(path), []
    times = np.random.default_rng(seed + 1).uniform(0.0, 50.0, number)
    names = {name.rstrip("_"): name for name in model.without_events.species}  # a name that means the time has a _ more
    for counts, time in zip(states(model, number, seed), times):
        own = propensities(model, counts, time)
        given = dict(zip(model.without_events.species, counts))
        listed = {s.getId() for s in peer.document.getModel().getListOfSpecies()}
        named = {name if name in listed else name.rstrip("_"): value for name, value in given.items()}
        rates = peer.rates({n: x / model.molecules[names.get(n, n)] for n, x in named.items()}, time)
        unit = {n: model.molecules[n] for n in given}
        for reaction, rate in rates.items():
            if reaction not in own:
                continue
            change = next(r.change for r in model.without_events.reactions if r.name == reaction)
            wanted = rate * unit[next(iter(change))] * peer.factor(reaction)
            back = own.get(f"{reaction}_reverse", 0.0)
            got = own[reaction] - back
            size = max(abs(own[reaction]), abs(back), abs(wanted))
            if not (abs(got - wanted) <= TOLERANCE * size or (np.isnan(got) and np.isnan(wanted))):
                found.append(f"{reaction}: {got:.12g} here, {wanted:.12g} there, at time {time:.4g}")
    return found


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
