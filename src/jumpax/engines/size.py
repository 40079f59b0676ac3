"""How large something is before it starts: long compilation is announced, what does not fit into memory is refused.

All of it comes from counts of reactions, species, folds, parameters, paths and stops: nothing is traced, for to trace a program
of thousands of reactions takes minutes itself.
"""

import functools
import warnings
from typing import NamedTuple

from jumpax._base.errors import JumpaxWarning
from jumpax._base.memory import allowed, check_memory, in_gb
from jumpax.engines.program import Program
from jumpax.networks import Network

LONG = 60.0
"""Seconds of compilation from which it is announced."""
COPIES = 2.5
"""Peak memory of a run over that of its records: parts of threads and their union, or those of a device and of the host."""

BYTES = 48
"""Memory for each event of a log without its counts, while logs of rounds are put in the order of paths."""

FEWER = (
    "Ask for fewer paths (paths=...) or times; jumpax.results.stream writes paths to a file part by part (--at-once), and the means of "
    "jumpax.expectation hold none"
)


class Compilation(NamedTuple):
    """What it takes to compile a program, about."""

    operations: float
    """Of one turn of the loop."""
    seconds: float
    """Processor time."""
    memory: float
    """Bytes."""


def check_records(program: Program, paths: int, stops: int, remedy: str = FEWER) -> None:
    """Whether the records of a run fit.

    Raises:
        TooLargeError: they do not.
    """
    each = numbers(program)
    check_memory(
        f"{paths:,} paths x {stops:,} stops x {each:,.0f} numbers",
        COPIES * paths * stops * each * program.dtype.itemsize,
        remedy,
    )


def check_log_size(events: int, finished: int, paths: int, each: int = BYTES) -> None:
    """Whether a log of events still fits; how long it will be is not known beforehand.

    Raises:
        TooLargeError: it does not.
    """
    check_memory(
        f"The log of {events:,} events, of which {finished:,} of {paths:,} paths have come to their end,",
        float(each * events),
        "Ask for fewer paths at once (with keys of their own), or for less time; folds keep no events",
        started=True,
    )


def check_queue(program: Program, paths: int) -> None:
    """Whether the queues of reactions under way fit.

    Raises:
        TooLargeError: they do not.
    """
    lanes = min(paths, 2048)
    check_memory(
        f"The queues of {program.queue:,} places for {lanes:,} paths in flight",
        COPIES * lanes * program.queue * (program.dtype.itemsize + 4),
        "A queue for as many as are under way in one path at once takes less",
    )


def numbers(program: Program) -> float:
    """How many numbers a record has, those of the counts included."""
    return program.fold.size(program.network).numbers


def operations(network: Network) -> float:
    """About how many operations a turn of a network has, without folds."""
    return 460 + 9 * len(network.reactions) + 2.6 * network.links


def compilation(program: Program, engine: str) -> Compilation:
    """What it takes to compile a program.

    Compilers copy what leads to a number of a path's state into the code of that number, XLA more than the printed loops of `cpu`
    and `gpu`: so time and memory grow with operations times numbers, and for XLA with their square. Measured on rings of 25 to
    1,000 reactions, networks of 300 to 1,200 reactions over fewer species, and gradients; within a factor of two there.
    """
    fold, wide = program.fold.size(program.network), 1.5 if program.precision == "float64" else 1.0
    many = wide * (operations(program.network) + fold.operations)
    if engine == "reference":  # it compiles laws, and nothing else
        return Compilation(many, 1 + 3e-4 * len(program.network.reactions) ** 2, 3e8)
    product = many * (len(program.network.species) + fold.carried)
    if engine == "xla":
        return Compilation(many, 5 + 3e-5 * product + 2e-7 * many**2, 3e8 + 1.1e3 * product + 10 * many**2)
    return Compilation(many, 0.3 + 2e-4 * many + 7e-7 * product, 3e8 + 6e3 * many)


def check_program(program: Program, engine: str, alone: bool = False) -> None:
    """Announce a long compilation, once; refuse one that does not fit. Costs nothing when it was done before.

    Args:
        program: to be compiled.
        engine: by which.
        alone: whether no other engine can do it.

    Raises:
        TooLargeError: it does not fit.

    Warns:
        JumpaxWarning: it takes about a minute or more.
    """
    _check_program(program, engine, alone, allowed())


@functools.lru_cache(maxsize=512)
def _check_program(program: Program, engine: str, alone: bool, limit: float) -> None:
    made, network = compilation(program, engine), program.network
    gathered = made.operations > 2 * operations(network)
    what = f"Compilation of {len(network.reactions):,} reactions over {len(network.species):,} species"
    what += (
        f", with all that is gathered along their paths, for engine {engine!r}"
        if gathered
        else f" for engine {engine!r}"
    )
    remedy = _remedy(program, engine, gathered, alone)
    check_memory(what, made.memory, f"(It would also take about {in_words(made.seconds)}.) {remedy}")
    if made.seconds > LONG:
        warnings.warn(
            f"{what} will take about {in_words(made.seconds)} and {in_gb(made.memory)}, once in this process. {remedy}",
            JumpaxWarning,
            stacklevel=5,
        )


def _remedy(program: Program, engine: str, gathered: bool, alone: bool) -> str:
    """What else could be done."""
    if gathered:
        return "Fewer numbers to gather take less: differentiate with respect to fewer parameters (wrt=...), or by ScoreFunction()"
    printed = compilation(program, "cpu")
    quick = (
        engine == "xla"
        and not alone
        and not program.delayed
        and printed.memory < allowed()
        and printed.seconds < compilation(program, engine).seconds
    )
    other = f", or engine='cpu', in about {in_words(printed.seconds)} and {in_gb(printed.memory)}" if quick else ""
    return f"Families of reactions (jumpax.Family) are compiled in seconds whatever their size{other}"


def in_words(seconds: float) -> str:
    """A time for people."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:,.0f} hours" if seconds < 4e5 else "days"
