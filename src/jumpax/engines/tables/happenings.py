"""Events of the network in the loop over tables: where a path stands, `engines.happening` says what happens, printed.

What it says is in the precision of the program, as on every engine; the clock and the propensities are in float64.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, final

import jax
import jax.numpy as jnp
import numpy as np

from jumpax._base.clock import Time
from jumpax._base.status import Status
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.engines.agenda import agenda_of
from jumpax.engines.happening import Happening, happen, parameters, prepared, watched
from jumpax.engines.lane import Lane, Stop
from jumpax.engines.native.operations import Number
from jumpax.engines.program import Program, precision_of
from jumpax.engines.tables.constants import names_of, value_of
from jumpax.engines.tables.interface import INT, REAL, WORD, Kernel
from jumpax.engines.tables.layout import Layout
from jumpax.engines.tables.life import Life
from jumpax.folds import Snapshots

_HELD = {"f": "happening_reals", "u": "happening_words"}
"""Where numbers of a path's events are kept, by the first letter of their type; elsewhere `happening_wholes`."""


@final
class Happenings:
    """Writes what events do to counts and parameters; all that is computed from these is then computed anew.

    Args:
        program: with a network with events.
        layout: of the network.
    """

    arrays: ClassVar = {
        "theta_now": REAL, "constants_here": REAL, "clock_now": REAL, "happening_reals": REAL, "happening_wholes": INT,
        "happening_words": WORD, "wakes": INT,
    }  # fmt: skip
    """State of a path, and which reactions change a count that events read."""

    def __init__(self, program: Program, layout: Layout):
        network = program.network
        self.program, self.network, self.layout = dataclasses.replace(program, fold=Snapshots()), network, layout
        assigned = {name for event in network.events for name, _ in event.assignments}
        self.species = tuple(number for number, name in enumerate(network.species) if name in assigned)
        self.moved = tuple(network.parameters.index(name) for name in network.moved)
        self.watched = agenda_of(network).watched
        touched = assigned | agenda_of(network).read
        self.known = tuple(number for number, name in enumerate(network.species) if name in touched)
        real, count, word = (jax.ShapeDtypeStruct((), kind) for kind in (program.dtype, np.int32, np.uint32))
        given: Any = ((count,) * len(self.known), dict.fromkeys(network.parameters, real), Time(real, real))  # type: ignore[arg-type]  # shapes
        with precision_of(program):
            self._begun, state = jax.make_jaxpr(self._begin, return_shape=True)((word, word), word, *given)
            self._stepped = jax.make_jaxpr(self._step)(*given, state)
            self._looked = jax.make_jaxpr(self._look)(*given, state) if self.watched else None
        leaves, structure = jax.tree.flatten(state)
        kept = [_HELD.get(np.dtype(leaf.dtype).kind, "happening_wholes") for leaf in leaves]
        self.places = [(array, kept[:i].count(array)) for i, array in enumerate(kept)]
        self.at: Any = jax.tree.unflatten(structure, self.places)
        order = sorted(range(len(network.parameters)), key=lambda i: network.parameters[i])  # as JAX flattens a dict
        self.state = [
            *(("counts", i) for i in self.known), *(("theta_now", i) for i in order),
            ("clock_now", 0), ("clock_now", 1),
        ]  # fmt: skip

    def made(self) -> dict[str, np.ndarray]:
        """Its arrays, for a run."""
        network, many = self.network, [array for array, _ in self.places]
        read = [network.numbers[name] for name in agenda_of(network).read if name in network.numbers]
        wakes = np.zeros(network.reaction_count, np.int32)
        wakes[network.changes.reactions[np.isin(network.changes.species, read)]] = 1
        sizes = {"theta_now": len(network.parameters), "constants_here": len(self.layout.constants), "clock_now": 2}
        empty = {
            name: np.zeros(sizes.get(name, many.count(name)) + 1, np.dtype(kind)) for name, kind in self.arrays.items()
        }
        return {**empty, "wakes": wakes}

    # what is traced, of one path

    def _lane(self, counts: tuple[Count, ...], time: Time, status: Status, happening: Happening | None = None) -> Lane:
        zero, nothing = jnp.zeros((), jnp.int32), jnp.zeros_like(time.high)
        known = dict(zip(self.known, counts, strict=True))
        every: Any = tuple(known.get(number) for number in range(len(self.network.species)))  # nothing reads the others
        stop = Stop(Time(nothing + np.inf, nothing), zero)  # those of the path are not its business
        return Lane(
            counts=every, time=time, since=nothing, events=zero, index=zero, target=stop, streams=(), carry=(),
            status=zero + np.int32(status), happening=happening,
        )  # fmt: skip

    def _begin(
        self, key: tuple[Word, Word], path: Word, counts: tuple[Count, ...], theta: Mapping[str, Real], time: Time
    ) -> Happening | None:
        lane = self._lane(counts, time, Status.RUNNING)
        return prepared(self.program, lane, theta, key, path).happening

    def _step(
        self, counts: tuple[Count, ...], theta: Mapping[str, Real], time: Time, happening: Happening
    ) -> tuple[list[Count], Happening | None, Flag, Count]:
        lane = self._lane(counts, time, Status.PARKED, happening)
        lane, more, number = happen(self.program, lane, theta, lane.target)
        return [lane.counts[species] for species in self.species], lane.happening, more, number

    def _look(
        self, counts: tuple[Count, ...], theta: Mapping[str, Real], time: Time, happening: Happening
    ) -> Happening:
        lane = self._lane(counts, time, Status.RUNNING)
        present = parameters(self.program, happening, theta)
        return watched(self.program, happening, lane.counts, present, time, time.high == time.high)

    # what is written

    def acting(self, kernel: Kernel) -> Number:
        """Whether events may happen where the path stands."""
        return kernel.w.do("ne", kernel.w.get(*self.at.acting), 0)

    def moment(self, kernel: Kernel) -> tuple[Number, Number]:
        """When a path has to stand next; never is infinite."""
        w = kernel.w
        high, low = (w.get(*place) for place in self.at.moment)
        if self.program.precision == "float64":
            return high, low
        both = w.do("add", high, low)
        return both, w.do("sub", low, w.do("sub", both, high))  # all bits, else the end of a delay might never come

    def begin(self, kernel: Kernel, keys: list[Number], path: Number) -> None:
        """At the start of a path, with its counts and its time: its own parameters, and what is due at once."""
        w, size = kernel.w, kernel.size
        for array, own, many in (
            ("theta", size.own_theta, size.parameters), ("constants", size.own_constants, size.constants)
        ):  # fmt: skip
            row = w.do("mul", w.do("mul", w.get("whole", 0), own), many)
            with w.span(0, many) as column:
                here = "theta_now" if array == "theta" else "constants_here"
                w.put(here, column, w.get(array, w.do("add", row, column)))
        self._tell_time(kernel, (w.get("time", 0), w.get("time", 1)))
        self._keep(kernel, kernel.called(self._begun, [*keys, path, *self.state]))

    def stand(self, kernel: Kernel) -> None:
        """At a moment."""
        array, index = self.at.acting
        kernel.w.put(array, index, kernel.w.long(1))

    def look(self, kernel: Kernel, now: tuple[Number, Number]) -> None:
        """After a reaction that changes what events read: whether the path has to stand."""
        assert self._looked is not None
        self._tell_time(kernel, now)
        self._keep(kernel, kernel.called(self._looked, [*self.state, *self.places]))

    def act(self, kernel: Kernel, life: Life) -> None:
        """Everything that happens at one moment, event by event; less if the budget ends, or a fold the path."""
        w, do, code, left, status = kernel.w, kernel.w.do, kernel.code, life.left, life.status
        now = life.time[0].value, life.time[1].value
        self._tell_time(kernel, now)
        some = w.variable(w.long(0))
        with code.repeat() as only_if:
            only_if(do("gt", left.value, 0))
            if (done := kernel.stops.done()) is not None:
                only_if(do("not_", done))
            made = kernel.called(self._stepped, [*self.state, *self.places])
            counts, state, (more, number) = made[: len(self.species)], made[len(self.species) : -2], made[-2:]
            happened = do("and_", more, do("ge", number, 0))
            with code.when(happened):
                for one in kernel.gathered:
                    one.happens(kernel, number, now)
                self._change(kernel, counts, state, now[0])
                some.value = w.long(1)
                left.value = do("sub", left.value, 1)
            self._keep(kernel, state)
            with code.when(happened):
                for one in kernel.gathered:
                    one.after(kernel, now[0])
            only_if(more)
        fault = w.get(*self.at.fault)
        status.value = do("select", do("ne", fault, 0), fault, status.value)
        with code.when(do("ne", some.value, 0)):
            self._anew(kernel, now[0])

    def _change(self, kernel: Kernel, counts: list[Number], state: list[Number], now: Number) -> None:
        """New counts and parameters."""
        w = kernel.w
        for species, count in zip(self.species, counts, strict=True):
            for one in kernel.gathered:
                one.leave_count(kernel, w.long(species), now)
            w.put("counts", species, count)
        for (array, index), value in zip(self.places, state, strict=True):
            if (array, index) in self.at.values:
                w.put("theta_now", self.moved[self.at.values.index((array, index))], value)

    def _anew(self, kernel: Kernel, now: Number) -> None:
        """All that is computed from counts and parameters."""
        w, parameters = kernel.w, self.network.parameters
        for number, constant in enumerate(self.layout.constants):
            read = names_of(constant)
            if set(read) & set(self.network.moved):
                values = [w.get("theta_now", parameters.index(name)) for name in read]
                made = kernel.printed(lambda *v, c=constant, r=read: [value_of(c, dict(zip(r, v)))], values)
                w.put("constants_here", number, made[0])
        kernel.compute(now)
        for one in kernel.gathered:
            one.happened(kernel)

    def _keep(self, kernel: Kernel, state: list[Number]) -> None:
        for place, value in zip(self.places, state, strict=True):
            kernel.w.put(*place, value)

    def _tell_time(self, kernel: Kernel, now: tuple[Number, Number]) -> None:
        """The time in the precision of the program."""
        w, (high, low) = kernel.w, now
        if self.program.precision == "float32":
            shown = w.real(w.to(high, "float32"))
            high, low = shown, w.do("add", w.do("sub", high, shown), low)
        w.put("clock_now", 0, high)
        w.put("clock_now", 1, low)
