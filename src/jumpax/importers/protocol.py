"""Runs one after another, as the actions of BioNetGen ask for them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base.types import Precision
from jumpax.engines import Paths, Progress, simulate
from jumpax.importers.model import FileModel


@final
@dataclass(frozen=True)
class Run:
    """One simulation of a protocol.

    Attributes:
        name: of its results, as BioNetGen calls its files: `model_suffix`.
        model: the network with the parameters of this run, and the counts at the start of one that follows no other.
        times: when to look; the first is the start.
        method: what the file asks for; exact paths are drawn all the same.
        follows: the name of the run at whose end it begins, path by path; None for the start of the model.
        parameters: those that actions have changed by then.
        counts: what actions have set since that end.
        added: what actions have added since then.
    """

    name: str
    model: FileModel
    times: tuple[float, ...]
    method: str = "ssa"
    follows: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    added: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        changes = [f"{name} = {value:g}" for name, value in {**self.parameters, **self.counts}.items()]
        changes += [f"{name} + {number:g}" for name, number in self.added.items()]
        begin = "the start" if self.follows is None else f"the end of {self.follows}"
        looks = f"{self.times[0]:g} to {self.times[-1]:g} ({len(self.times)} times)"
        return f"{self.name}: {looks} from {begin}" + (f"; {', '.join(changes)}" if changes else "")

    def start(self, done: Mapping[str, Paths]) -> dict[str, Any]:
        """The counts at the start: numbers, or one for each path."""
        if self.follows is None:
            return dict(self.model.x0)
        before = done[self.follows]
        ends = {name: before.counts[:, -1, i] for i, name in enumerate(before.species)}
        moved = {name: ends[name] + number for name, number in self.added.items()}
        return {**ends, **moved, **{name: np.int64(number) for name, number in self.counts.items()}}


@final
@dataclass(frozen=True)
class Protocol:
    """Runs in their order; `jumpax.read_protocol` reads one from the actions of a file.

    A run that follows another goes on from the counts of each of its paths, which is one path of the process, exactly: the
    counts at a time tell all that is to come, whatever was before.

    Attributes:
        runs: what is drawn.
        notes: what was assumed, and the actions that draw nothing and are left out.

    Examples:
        >>> import jumpax
        >>> base = jumpax.zoo.birth_death()
        >>> model = FileModel(base.network, base.theta, {"X": 0})
        >>> first, second = Run("rest", model, (0.0, 5.0)), Run("more", model, (5.0, 6.0), follows="rest", added={"X": 7})
        >>> print(Protocol((first, second)))
        rest: 0 to 5 (2 times) from the start
        more: 5 to 6 (2 times) from the end of rest; X + 7
        >>> paths = Protocol((first, second)).run(paths=3, key=0)
        >>> (paths["more"]["X"][:, 0] - paths["rest"]["X"][:, -1]).tolist()
        [7, 7, 7]
    """

    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self.runs))

    def run(
        self,
        *,
        paths: int,
        key: PRNGKeyArray | int,
        engine: Literal["cpu", "gpu", "xla", "tables", "reference"] | None = None,
        precision: Precision | None = None,
        threads: int | None = None,
        max_events: int = 10_000_000,
        progress: bool | Callable[[Progress], None] | None = None,
    ) -> dict[str, Paths]:
        """Draw exact paths of all runs.

        Args:
            paths: how many, of each run.
            key: `jax.random.key(seed)` or an int; run number i draws with `jax.random.fold_in(key, i)`.
            engine: as the others, of each `jumpax.simulate`.
            precision: of times and propensities.
            threads: how many to spread the paths over.
            max_events: of one path in one run.
            progress: True for a bar, or a function.

        Returns:
            The paths of each run by its name, in order.

        Raises:
            InputError: a number that does not fit, such as a count below zero.
            SimulationError: a path cannot be followed.
        """
        return dict(
            self.drawn(
                paths=paths, key=key, engine=engine, precision=precision, threads=threads, max_events=max_events,
                progress=progress,
            )
        )  # fmt: skip

    def drawn(self, *, key: PRNGKeyArray | int, **settings: Any) -> Iterator[tuple[str, Paths]]:
        """The same, run by run."""
        root, done = jax.random.key(key) if isinstance(key, int) else key, dict[str, Paths]()
        for number, run in enumerate(self.runs):
            own = jax.random.fold_in(root, number)
            done[run.name] = simulate(
                run.model, x0=run.start(done), times=run.times, start=run.times[0], key=own, **settings
            )
            yield run.name, done[run.name]
