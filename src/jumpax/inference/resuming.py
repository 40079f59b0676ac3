"""Fits and posteriors that are kept on disk: what a file says of its run, so that no other one goes on from it."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from jumpax._base.devices import differing_fields
from jumpax._base.errors import InputError
from jumpax.engines.journal import Fields, circumstances, field, journal
from jumpax.engines.kept import Files, files_of
from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.problem import Problem
from jumpax.inference.record_problem import RecordProblem
from jumpax.networks import check_counts

OTHERWISE = ("network", "x0", "parameters")
"""Parts of a problem that are told in their own way."""


@contextlib.contextmanager
def resuming(
    problem: AbstractProblem | RecordProblem,
    verb: str,
    settings: Mapping[str, Any],
    save: str | os.PathLike | None,
    resume: str | os.PathLike | None,
) -> Iterator[None]:
    """What is simulated inside is kept in the file `save`, or known from the file `resume`.

    Args:
        problem: of what kind it may be, the verb knows.
        verb: what is done with it.
        settings: with the key; those that are None are as by default.
        save: file to write.
        resume: file to go on from.

    Raises:
        InputError: as `journal`; or several processes share the run, and differ, or are to keep a file.
    """
    files = files_of(save, resume)
    if _is_shared(problem):
        _check_shared(fields(problem, verb, settings), verb, files)
    if files is None:
        yield
        return
    with journal(files, fields(problem, verb, settings)):
        yield


def _is_shared(problem: AbstractProblem | RecordProblem) -> bool:
    """Whether several processes draw the paths of one run."""
    return isinstance(problem, AbstractProblem) and any(part.source.shared for part in problem.parts.values())


def _check_shared(here: Fields, verb: str, files: Files | None) -> None:
    """Whether all processes do the same, and keep nothing: each would know another part."""
    if files is not None:
        raise InputError(
            f"save=... and resume=... keep what one process simulates, and {jax.process_count()} share this {verb}: leave them out, or "
            "run it in one process"
        )
    if differing := differing_fields({name: mark for name, (_, mark) in here.items()}):
        raise InputError(
            f"the {jax.process_count()} processes of this {verb} were given different {', '.join(differing)}: "
            "with devices='all' each of them makes the same call"
        )


def fields(problem: AbstractProblem | RecordProblem, verb: str, settings: Mapping[str, Any]) -> Fields:
    """Everything that the bits of a result depend on, by name."""
    found: dict[str, tuple[str, str]] = {}
    for condition, part in problem.parts.items() if isinstance(problem, AbstractProblem) else [("", problem)]:
        own = {f.name: field(getattr(part, f.name)) for f in dataclasses.fields(part) if f.name not in OTHERWISE}
        own |= {"network": (part.network.name or "one without a name", part.network.digest), "x0": field(_start(part))}
        found |= {f"{name} of condition {condition!r}" if condition else name: told for name, told in own.items()}
    found |= {f"parameter {name!r}": field(parameter) for name, parameter in problem.parameters.items()}
    return found | circumstances(verb, settings, ("optax", "blackjax") if verb == "posterior" else ("optax",))


def _start(part: Problem | RecordProblem) -> object:
    """Counts in the order of the species, or their law."""
    return part.law or tuple(map(int, check_counts(part.network, part.x0)))
