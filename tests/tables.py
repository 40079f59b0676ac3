"""Tables of networks and folds that every engine is tried on: a new row enrols in all tests that read them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

import jumpax
from jumpax.engines.paths import Paths
from jumpax.folds import AbstractFold, FirstPassage, LatticeWeights, ReactionCounts, Score, TimeAverages
from jumpax.folds.alternative import Alternative
from jumpax.folds.alternative_chain import AlternativeChain
from jumpax.folds.control_integrals import ControlIntegrals
from jumpax.folds.fixed_path import FixedPath
from jumpax.folds.martingale import Martingale
from jumpax.folds.poisson_integrals import PoissonIntegrals
from jumpax.folds.relaxation import Relaxation
from jumpax.folds.relaxed_tangent import RelaxedTangent
from jumpax.folds.tangent import Tangent
from jumpax.observables import Activity, PathSums

HORIZONS = {
    "birth_death": 0.12,
    "pure_birth": 2.5,
    "dimerization": 0.25,
    "association": 0.15,
    "telegraph": 2.0,
    "telegraph_protein": 12.0,
    "repressilator": 1.0,
    "toggle_switch": 0.4,
    "schlogl": 0.008,
    "sir": 3.0,
    "seir": 5.0,
    "lotka_volterra": 0.2,
    "mm1_queue": 8.0,
    "driven_ring": 5.0,
    "asep": 8.0,
    "vilar_oscillator": 0.05,
}
"""Every model of the zoo, and a time in which it fires some ten or twenty reactions."""


@dataclasses.dataclass(frozen=True)
class Moved:
    """Whether the counts of all species together differ from a state by so much."""

    start: tuple[tuple[str, int], ...]
    by: int

    def __call__(self, counts):
        return functools.reduce(jnp.add, [jnp.abs(counts[s] - np.int32(n)) for s, n in self.start]) >= self.by


@dataclasses.dataclass(frozen=True)
class Capped(AbstractFold):
    """Chops time into pieces and consumes random words; its record is the number of pieces and a sum of words."""

    words = 3
    caps = True

    def init(self, counts, theta, now):
        return jnp.zeros_like(counts[0]), jnp.zeros_like(counts[0])

    def cap(self, carry, counts, propensities, theta):
        return 0.3 / (functools.reduce(jnp.add, propensities) + 1)

    def advance(self, carry, counts, propensities, theta, now, dt):
        return carry[0] + (dt > 0).astype(jnp.int32), carry[1]

    def event(self, carry, counts, propensities, theta, now, jump):
        return carry[0], carry[1] + (functools.reduce(jnp.bitwise_xor, jump.words) & np.uint32(1)).astype(jnp.int32)

    def stop(self, carry, counts, theta, index):
        return carry, carry


def _first(counts: Any) -> Any:
    return (counts[0],)


def _passage(model: Any) -> FirstPassage:
    return FirstPassage(model.network, Moved(tuple(model.x0.items()), 3))


FOLDS: dict[str, Callable[[Any], AbstractFold]] = {
    "TimeAverages": lambda model: TimeAverages(model.network),
    "ReactionCounts": lambda model: ReactionCounts(model.network),
    "FirstPassage": _passage,
    "Score": lambda model: Score(model.network, model.network.parameters),
    "Score of the choices": lambda model: Score(model.network, model.network.parameters, waiting=False),
    "Tangent": lambda model: Tangent(model.network, model.network.parameters[:1]),
    "LatticeWeights": lambda model: LatticeWeights(model.network, model.network.parameters[:1]),
    "Martingale": lambda model: Martingale(model.network),
    "Alternative": lambda model: Alternative(model.network, model.network.parameters[0]),
    "RelaxedTangent": lambda model: RelaxedTangent(
        model.network, model.network.parameters[:1], Relaxation("gumbel", 0.5), "exact"
    ),
    "AlternativeChain": lambda model: AlternativeChain(model.network, model.network.parameters[0]),
    "ControlIntegrals": lambda model: ControlIntegrals(
        model.network, model.network.parameters[:1], 2 if len(model.network.species) < 4 else 1
    ),
    "PoissonIntegrals": lambda model: PoissonIntegrals(model.network, model.network.parameters[:1], _first, 1, 1),
    "FixedPath": lambda model: FixedPath(
        model.network, PathSums(Activity(model.network)), model.network.parameters[:1]
    ),
    "Capped": lambda model: Capped(),
}
"""Every fold of the library but Snapshots, which `simulate` always adds; and one for tests."""


@functools.cache
def model(name: str) -> Any:
    return jumpax.zoo.MODELS[name]()


def run(name: str, folds: tuple[str, ...], precision: str, engine: str = "xla", paths: int = 3, **options) -> Paths:
    """A model of the zoo with folds of the table, to 0.4 of its horizon and to its horizon."""
    chosen, end = model(name), HORIZONS[name]
    if not {"times", "steps"} & set(options):
        options["times"] = [0.4 * end, end]
    record = [FOLDS[fold](chosen) for fold in folds]
    options = {"key": 20261120, "max_events": 5000} | options
    return jumpax.simulate(
        chosen.network,
        chosen.theta,
        chosen.x0,
        paths=paths,
        record=record,
        precision=precision,
        engine=engine,
        **options,
    )


def same_paths(first: Paths, second: Paths) -> None:
    """Bit equality of all that a path is: counts, number of events, status, end."""
    for name in ("counts", "events", "status", "end_counts", "end_times"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
