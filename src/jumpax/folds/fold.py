"""The contract of a fold: what is gathered along a path."""

import abc
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from jaxtyping import PyTree

from jumpax._base.shares import Chance
from jumpax._base.types import Count, Flag, Real, Word
from jumpax.networks import Need, Network

Counts = tuple[Count, ...]
Propensities = Sequence[Real]
Theta = Mapping[str, Real]


class Jump(NamedTuple):
    """What happened at an event, and the random numbers behind it.

    `fired` has one flag per reaction; all are false while a parked path waits for its fold (`ready`), and at null events,
    which only folds with `nulls` see. With a bound the numbers are those of the last candidate, drawn from the bound.
    """

    fired: tuple[Flag, ...]
    exponential: Real
    """The unit exponential of the wait that ended here."""
    chance: Chance
    """The random numbers that chose the reaction, by inverse CDF in the order of the reactions (`shares.thresholds`)."""
    words: tuple[Word, ...]
    """The fold's own random words, as many as its `words`; of a stream that the path never reads."""
    counts: Counts = ()
    """After the event, for folds with `lands`."""
    delay: Real | None = None
    """How long the reaction takes to complete, if it has a delay; for networks with delays only."""


class Change(NamedTuple):
    """What changed counts or parameters, without a reaction that fires."""

    events: tuple[Flag, ...]
    """One flag per event of the network; none at the completion of a delayed reaction."""
    counts: Counts
    """Before it."""
    theta: Theta
    """Before it."""


class Stretch(NamedTuple):
    """What a path lives through of one step of its continuous variables, with counts as they are (see `networks.motion.step`)."""

    now: Real
    """Time at which the step begins."""
    length: Real
    begin: Real
    """The part of the step that has gone by already, from 0 to 1."""
    end: Real
    """The part of it after the stretch."""
    moves: Flag
    """Whether the next step begins at the end."""


class Size(NamedTuple):
    """How large a fold is, about: what compilation and records grow with. Found from counts, with nothing traced."""

    numbers: float
    """Of a record."""
    carried: float
    """Numbers in its carry."""
    operations: float
    """Of all its hooks."""


class AbstractFold(abc.ABC):
    """A few small functions that the engine calls as the path goes by.

    All are scalar (one path), branch-free and elementwise, so that one lane per path can run them side by side. A fold is
    a frozen dataclass with value equality: two equal folds share one compiled program. `counts` are int32 in species
    order, `propensities` floating in reaction order and non-negative, `theta` a mapping of floating scalars.

    The hooks below `stop` do nothing unless a fold says otherwise; the traits tell the engine which ones count.
    """

    words: ClassVar[int] = 0
    """Random words drawn per event, from the folds' own stream: adding a fold never changes a path."""
    samples: ClassVar[bool] = False
    """Whether `sample` counts."""
    caps: ClassVar[bool] = False
    """Whether `cap` limits how far one `advance` goes."""
    waits: ClassVar[bool] = False
    """Whether `ready` may hold a path at a stop."""
    ends: ClassVar[bool] = False
    """Whether `done` may end a path before its last stop."""
    passive: ClassVar[bool] = False
    """Whether the fold only looks at stops, and would let another fold end the path."""
    nulls: ClassVar[bool] = False
    """Whether `event` is called at null events too: for folds that need waits drawn from a bound."""
    lands: ClassVar[bool] = False
    """Whether `event` reads `Jump.counts`."""
    direct: ClassVar[bool] = False
    """Whether the fold reads `Jump.exponential` or `Jump.uniform` as the direct method does: not with a bound."""

    treats: ClassVar[frozenset[Need]] = frozenset({Need.TIME})
    """What networks may need beyond the plain process, so that the record still means what it says.

    With families of reactions among it, hooks take one array (species, lanes) for the tuple of counts too, and one (reactions, lanes)
    for the flags of a jump, as the engine `arrays` has them; propensities, theta and random numbers are not given there.
    """

    @property
    def advances(self) -> bool:
        """Whether time between events matters to the fold: whether it has an `advance` of its own."""
        return self.samples or type(self).advance is not AbstractFold.advance

    @property
    def weights(self) -> tuple[tuple[float, ...], ...] | None:
        """Numbers by reaction, if the record is pairs of their sum over events and of the integral of propensities times them."""
        return None

    def size(self, network: Network) -> Size:
        """About how large it is; a fold that does not say so is taken to be small, with a number for each species."""
        species = float(len(network.species))
        return Size(species, species, 4 * species)

    @abc.abstractmethod
    def init(self, counts: Counts, theta: Theta, now: Real) -> PyTree:
        """Carry at the start of the path, which is at time `now`: any pytree of scalars."""

    @abc.abstractmethod
    def stop(self, carry: PyTree, counts: Counts, theta: Theta, index: Count) -> tuple[PyTree, PyTree]:
        """Carry and record (a pytree of scalars) at stop number `index`; the state includes an event at that very time."""

    def stops(self, times: Sequence[float]) -> tuple[float, ...]:
        """More stop times that the fold wants beside the times asked for."""
        return ()

    def advance(
        self, carry: PyTree, counts: Counts, propensities: Propensities, theta: Theta, now: Real, dt: Real
    ) -> PyTree:
        """Carry after `dt` more time in the state `counts`, from time `now` on: before an event, a stop, or at a cap.

        With `dt` = 0, as for a parked path, it must return the carry as it is. The propensities hold over `dt`: to read one
        that depends on time raises (`Lasting`). What it adds up to is for `sample`.
        """
        return carry

    def sample(
        self,
        carry: PyTree,
        counts: Counts,
        propensities: Propensities,
        theta: Theta,
        now: Real,
        dt: Real,
        words: tuple[Word, ...],
    ) -> PyTree:
        """Carry after time as in `advance`, with the random words of the event to come: for folds that sample the time.

        They stay the same until that event, however many stops and caps part the time before it. So each part of it is
        sampled without bias, if not independently of the parts beside it. `share` makes a moment of them; the rates there
        are `network.propensities(levels(counts, dt), theta, now + share * dt)`.
        """
        return carry

    def flowed(self, carry: PyTree, counts: Counts, theta: Theta, stretch: Stretch) -> PyTree:
        """Carry after a stretch of a step of continuous variables, before what happens at its end; theta is that where the step begins."""
        return carry

    def event(
        self, carry: PyTree, counts: Counts, propensities: Propensities, theta: Theta, now: Real, jump: Jump
    ) -> PyTree:
        """Carry after the event at time `now`; counts and propensities are those before the jump."""
        return carry

    def changed(self, carry: PyTree, counts: Counts, theta: Theta, now: Real, change: Change) -> PyTree:
        """Carry after an event of the network, or a completion, at time `now`; counts and theta are those after it."""
        return carry

    def cap(self, carry: PyTree, counts: Counts, propensities: Propensities, theta: Theta) -> Real:
        """Longest time that one `advance` may cover in this state; propensities as there."""
        raise NotImplementedError

    def ready(self, carry: PyTree) -> Flag:
        """Whether the path may leave the stop at which it is parked."""
        raise NotImplementedError

    def done(self, carry: PyTree) -> Flag:
        """Whether nothing more is wanted of this path: its state is held for the stops that are left."""
        raise NotImplementedError
