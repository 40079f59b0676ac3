"""The reaction network: which reactions there are, and at what rate."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import chain
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Int

from jumpax._base import given
from jumpax._base.errors import InputError, JumpaxWarning, first_of, unknown_name
from jumpax._base.memory import check_memory
from jumpax._base.types import Numeric, Real
from jumpax.networks import describe, parts, structure
from jumpax.networks.changes import Changes, changes_of
from jumpax.networks.contradictions import contradictions
from jumpax.networks.delay import AbstractDelay
from jumpax.networks.doubts import doubts
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import names, reads_time
from jumpax.networks.family import Family, Shape
from jumpax.networks.fingerprint import digest
from jumpax.networks.flow import Flow
from jumpax.networks.laws import AbstractLaw
from jumpax.networks.needs import ALL, Need, check_needs
from jumpax.networks.reaction import Reaction


@final
@dataclass(frozen=True, init=False, repr=False)
class Network:
    """Reactions over a list of species. Static: no numbers of theta, hashable, equal when everything in it is equal.

    Args:
        reactions: reactions; a reversible one becomes two channels. At least one, or a family.
        species: their order; default is the order of first appearance. Every species of an equation must be there.
        name: for people.
        units: of parameters, species or "time", as text; for people and files, nothing is converted.
        events: what happens at times or when conditions come true, in the order in which those of one moment happen.
        families: blocks of reactions given by arrays, after the others; see `Family`.
        flows: rates of change of parameters that follow a differential equation between jumps, by name: numbers, names, or functions
            of species, parameters and the time `t`; see `Flow`. Then there need be no reactions.

    Raises:
        InputError: every contradiction in the names, at once.

    Warns:
        JumpaxWarning: for each reaction that could drive a count below zero (see `doubts`).

    Examples:
        >>> from jumpax.networks import MassAction
        >>> network = Network([Reaction("∅ -> X", MassAction("birth")), Reaction("X -> ∅", MassAction("death"))])
        >>> network.species, network.parameters
        (('X',), ('birth', 'death'))
        >>> network.stoichiometry
        array([[ 1, -1]])
    """

    species: tuple[str, ...]
    reactions: tuple[Reaction, ...]
    name: str
    _units: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    families: tuple[Family, ...]
    flows: tuple[Flow, ...]

    def __init__(
        self,
        reactions: Iterable[Reaction] = (),
        species: Iterable[str] | None = None,
        name: str = "",
        units: Mapping[str, str] | None = None,
        events: Iterable[Event] = (),
        families: Iterable[Family] = (),
        flows: Mapping[str, float | str | Callable[..., object]] | Iterable[Flow] = (),
    ):
        blocks, moving = parts.families(families), parts.flows(flows)
        channels = parts.channels(reactions, some=bool(blocks or moving))
        if species is None:
            found = chain((r.species() for r in channels), (family.species for family in blocks))
            species = dict.fromkeys(chain.from_iterable(found))
        object.__setattr__(self, "species", tuple(species))
        own = tuple(r.within(n, self.numbers) for r, n in zip(channels, parts.names(channels), strict=True))
        object.__setattr__(self, "reactions", own)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_units", tuple(sorted((units or {}).items())))
        object.__setattr__(self, "events", parts.events(events))
        object.__setattr__(self, "families", blocks)
        object.__setattr__(self, "flows", moving)
        if faults := first_of(contradictions(self)):
            raise InputError(f"the network {name!r} cannot be built:\n" + "\n".join(f"- {fault}" for fault in faults))
        for doubt in doubts(self):
            warnings.warn(doubt, JumpaxWarning, stacklevel=2)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The number of each species."""
        return {name: number for number, name in enumerate(self.species)}

    @cached_property
    def distinct_laws(self) -> tuple[AbstractLaw, ...]:
        """Its rate laws, one that several reactions share once: of tens of thousands of reactions there may be dozens."""
        return tuple({id(r.law): r.law for r in self.reactions}.values())

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of first appearance: those of laws, delays, families, flows, and events."""
        read = [name for law in self.distinct_laws for name in law.parameters]
        read += [rate for r in self.reactions if r.delay for rate in r.delay.rates.values() if isinstance(rate, str)]
        read += [name for family in self.families for name in family.shapes]
        read += [name for name in self.of_flows if name not in self.numbers]
        read += [name for event in self.events for name in event.names if name not in self.numbers]
        return tuple(dict.fromkeys(read))

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of each parameter for one path: () unless a family has it as an array."""
        return dict.fromkeys(self.parameters, ()) | {n: s for family in self.families for n, s in family.shapes.items()}

    @property
    def reaction_count(self) -> int:
        """How many reactions there are, those of families included."""
        return len(self.reactions) + sum(family.reactions for family in self.families)

    def reaction_name(self, number: int) -> str:
        """What a reaction is called, by its number; those of families come last, and are called by theirs."""
        if number < len(self.reactions):
            return str(self.reactions[number].name)
        number -= len(self.reactions)
        for family in self.families:
            if number < family.reactions:
                return f"{family.name}[{number}]"
            number -= family.reactions
        raise IndexError(f"the network has {self.reaction_count} reactions")

    @cached_property
    def beside(self) -> tuple[str, ...]:
        """Those of the parameters that only events read or change."""
        known = self.of_reactions | {*self.of_flows} | {name for family in self.families for name in family.shapes}
        return tuple(name for name in self.parameters if name not in known)

    @cached_property
    def of_reactions(self) -> frozenset[Any]:
        """What laws and delays read."""
        delays = (r.delay.rates.values() for r in self.reactions if r.delay)
        return frozenset(chain((name for law in self.distinct_laws for name in law.parameters), *delays))

    @cached_property
    def of_flows(self) -> tuple[str, ...]:
        """What flows change and read, species included."""
        return tuple(dict.fromkeys(chain.from_iterable((flow.name, *names(flow.rate)) for flow in self.flows)))

    @cached_property
    def flowing(self) -> tuple[str, ...]:
        """Those of the parameters that flow."""
        return tuple(flow.name for flow in self.flows)

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """Those of the parameters that change along a path: those that flow, then the others that events change."""
        assigned = (name for event in self.events for name, _ in event.assignments)
        return tuple(name for name in dict.fromkeys((*self.flowing, *assigned)) if name not in self.numbers)

    def reads_state(self, event: Event) -> bool:
        """Whether the trigger of an event reads counts, or what flows."""
        return any(name in self.numbers or name in self.flowing for name in names(event.trigger))

    @cached_property
    def nonnegative(self) -> tuple[str, ...]:
        """Those of the parameters that must not be negative."""
        return tuple(dict.fromkeys(name for law in self.distinct_laws for name in law.nonnegative))

    @property
    def units(self) -> dict[str, str]:
        """Units of parameters, species and time, as given."""
        return dict(self._units)

    @cached_property
    def changes(self) -> Changes:
        """What one firing of each reaction adds to each count, without zeros: for networks of any size."""
        return changes_of(self.reactions, self.families, self.numbers)

    @cached_property
    def stoichiometry(self) -> Int[np.ndarray, "species reactions"]:
        """What one firing of each reaction adds to each count; `changes` is the same for large networks."""
        size = len(self.species) * self.reaction_count
        check_memory(f"The stoichiometry of {self!r}", 8.0 * size, "Its `changes` have no zeros, and fit")
        matrix = np.zeros((len(self.species), self.reaction_count), dtype=np.int64)
        matrix[self.changes.species, self.changes.reactions] = self.changes.amounts
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def links(self) -> int:
        """How many species and parameters its laws read and its reactions change, each for itself: a measure of its size."""
        parameters = {id(law): len(law.parameters) for law in self.distinct_laws}
        reads = sum(len(r.law.species(r.reactants)) + parameters[id(r.law)] for r in self.reactions)
        return reads + int(self.changes.starts[len(self.reactions)])

    def with_delays(self, delays: Mapping[str, AbstractDelay]) -> "Network":
        """The same network, some reactions of which complete later; for networks that somebody else wrote.

        Args:
            delays: by name of reaction; without a name of its own, a reaction is called by its equation.

        Raises:
            InputError: everything that does not fit.
        """
        known = dict.fromkeys(str(r.name) for r in self.reactions)
        delays = {name if name in known else parts.standard(name): delay for name, delay in delays.items()}
        faults = [unknown_name("reaction", name, known) for name in delays if name not in known]
        for name, delay in delays.items():
            if not isinstance(delay, AbstractDelay):
                faults.append(f"{name!r}: a delay is needed, such as FixedDelay(2.0), not {delay!r}")
            else:
                faults += [f"the delay of {name!r}: {fault}" for fault in delay.misfits(self.numbers)]
        if faults:
            raise InputError("delays do not fit the network:\n" + "\n".join(f"- {fault}" for fault in faults))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JumpaxWarning)  # the doubts about the network have been told
            made = [
                Reaction.of(r.reactants, r.products, r.law, name=r.name, delay=delays.get(str(r.name), r.delay))
                for r in self.reactions
            ]
            return Network(made, self.species, self.name, self.units, self.events, self.families, self.flows)

    def with_events(self, events: Iterable[Event]) -> "Network":
        """The same network with other events, or none."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JumpaxWarning)
            return Network(self.reactions, self.species, self.name, self.units, events, self.families, self.flows)

    @cached_property
    def time_dependent(self) -> bool:
        """Whether some law reads the time."""
        return any(law.time_dependent for law in self.distinct_laws)

    @property
    def thinned(self) -> bool:
        """Whether waits need a bound on the total propensity: where laws read the time, unless rates are integrated along a flow."""
        return self.time_dependent and not self.flows

    def lasts(self, reaction: int) -> bool:
        """Whether the propensity of a reaction stays the same between two jumps."""
        law = self.reactions[reaction].law
        return not law.time_dependent and not {*self.flowing}.intersection(law.parameters)

    @cached_property
    def needs(self) -> frozenset[Need]:
        """What its paths need of an engine, a fold or an estimator beyond the plain process."""
        found = {
            Need.TIME: self.time_dependent,
            Need.DELAY: any(r.delay is not None for r in self.reactions),
            Need.MOMENT: any(reads_time(event.trigger) for event in self.events),
            Need.TRIGGER: any(map(self.reads_state, self.events)),
            Need.POSTPONED: any(event.delay is not None for event in self.events),
            Need.FAMILY: bool(self.families),
            Need.FLOW: bool(self.flows),
        }
        if self.events and not (found[Need.MOMENT] or found[Need.TRIGGER]):
            found[Need.MOMENT] = True  # what other events make true
        return frozenset(need for need, some in found.items() if some)

    def alike(self, other: "Network") -> bool:
        """Whether a fold or a log made for one is right for the other: the same things may happen, at rates written in other ways."""
        if self == other:
            return True
        alike = [(n.species, n.events, n.needs, n.flows, [r.stages for r in n.reactions]) for n in (self, other)]
        jumps = [[(f.species, f.stoichiometry.tolist()) for f in network.families] for network in (self, other)]
        return alike[0] == alike[1] and jumps[0] == jumps[1]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of species and reactions, the same in every process of one Python; name and units do not count."""
        others = [part for part in (self.events, self.families, self.flows) if part]
        return digest((self.species, self.reactions, *others))

    def propensities(
        self,
        counts: tuple[Numeric, ...],
        theta: Mapping[str, Real],
        time: Numeric,
    ) -> tuple[Real, ...]:
        """One propensity per reaction, 1/time, as the laws give them: nothing is clipped or checked.

        Args:
            counts: molecules in the order of the species, as floats: scalars, or arrays of one common shape. Scalars, if there
                are families.
            theta: scalars or arrays of that shape by name; arrays of their own shapes for families.
            time: scalar or array of that shape.

        Returns:
            Scalars or arrays of the common shape, in the floating type of the counts.
        """
        made = self.laws(counts, theta, time)
        if not self.families:
            return made
        values = dict(zip(self.species, counts, strict=True))
        return made + tuple(a for family in self.families for a in family.of(values, theta))

    def laws(
        self,
        counts: tuple[Numeric, ...],
        theta: Mapping[str, Real],
        time: Numeric,
    ) -> tuple[Real, ...]:
        """`propensities` of the reactions that have laws of their own."""
        if not self.reactions:
            return ()
        kind = jnp.result_type(counts[0], float)
        values = dict(zip(self.species, (jnp.asarray(x, kind) for x in counts), strict=True))
        shape = jnp.shape(counts[0])
        return tuple(_fit(r, r.propensity(values, theta, time), kind, shape) for r in self.reactions)

    def reads(self, reaction: int) -> tuple[str, ...]:
        """The species that the propensity of one reaction depends on."""
        chosen = self.reactions[reaction]
        return chosen.law.species(chosen.reactants)

    def dependency_graph(self) -> tuple[tuple[int, ...], ...]:
        """For each reaction the reactions whose propensity may change when it fires; not for families."""
        check_needs(self, ALL - {Need.FAMILY}, "dependency_graph")
        row = self.numbers
        reads = [[row[name] for name in self.reads(index)] for index in range(len(self.reactions))]
        return structure.dependency_graph(reads, [[row[name] for name in r.change] for r in self.reactions])

    def conservation_laws(self) -> Int[np.ndarray, "laws species"]:
        """Integer weights of the species whose weighted sums no reaction changes, under way or completed; nonnegative where possible."""
        if Need.DELAY not in self.needs:
            return structure.conservation_laws(self.changes.columns(), len(self.species))
        stages = [stage for reaction in self.reactions for stage in reaction.stages]
        columns = {
            tuple(sorted((self.numbers[n], change) for n, change in stage.items() if change)) for stage in stages
        }
        return structure.conservation_laws(columns, len(self.species))

    def describe(self, most: int | None = None) -> str:
        """Propensities as formulas, stoichiometry, conserved sums, parameters with units: text to be printed.

        Args:
            most: how many of each are shown; all without it.
        """
        return describe.describe(self, most)

    def __repr__(self) -> str:
        sizes = f"{len(self.species)} species, {self.reaction_count} reactions, {len(self.parameters)} parameters"
        return f"Network({self.name!r}: {sizes})"

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(self.__getstate__().values()))

    def __getstate__(self) -> dict[str, Any]:
        """Its fields alone: hashes of text are others in another process."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _fit(reaction: Reaction, value: Any, kind: Any, shape: tuple[int, ...]) -> Real:
    """The number of a law, as an array of the common shape."""
    one = not isinstance(value, tuple | list) and not jnp.iscomplexobj(value)
    try:
        array = jnp.asarray(value, kind) if one else None
    except (TypeError, ValueError):
        array = None
    if array is None or array.shape not in ((), shape):
        made = "nothing: is a return missing?" if value is None else f"{given.shown(value)}, not one real number"
        raise InputError(f"{reaction.law_in_words} returns {made}")
    return array if array.shape == shape else jnp.broadcast_to(array, shape)
