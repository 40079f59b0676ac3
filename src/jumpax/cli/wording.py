"""Messages of the library in the words of a command: options in place of arguments of Python."""

import dataclasses
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

from cyclopts import Parameter

_VALUE = r"(\.\.\.|True|'[^']*'|\[[^\]]*\]|[\w.+]*\w)"
_CALL = re.compile(r"(\b[\w.]+\([^()]*=[^()]*\))")
"""A call of Python, whose arguments are not options."""
_ELSEWHERE: tuple[tuple[str, str], ...] = (
    (r"\nWith throw=False [^\n]*", ""),
    (r" \(np\.unique sorts\)", ""),
    (
        r"; jumpax\.results\.stream writes paths to a file part by part \((--at-once)\), and the means of jumpax\.expectation hold none",
        r", or draw some at a time by \1",
    ),
    (r"jumpax\.simulate with the same network, theta and key", "jumpax simulate with these parameters"),
    (r"round_counts=True of jumpax\.read, --round of the commands, takes", "--round takes"),
    (
        r"molecules_per_unit=(\S+) of jumpax\.read, --molecules-per-unit \1 of the commands",
        r"--molecules-per-unit \1",
    ),
    (
        r"jumpax\.simulate draws the paths of such networks, and jumpax\.expectation has their gradients by ScoreFunction\(\)",
        "jumpax simulate draws the paths of such models, and their gradients are there in Python",
    ),
    (r", of reactions that of the call, of an event its own: dataclasses\.replace\(event, queue=\d+\)", ""),
    (r"give one a start, Free\(1\.0\)", "give one a start, { free = 1.0 } in [parameters]"),
    (r"test='Wald'", 'test = "Wald" in [compare]'),
    (r"give true_size=\.\.\.,", "give true_size = ... in [loss],"),
    (r"give observation=Capture\(\.\.\.\), too", "give capture = ... in [loss], too"),
    (r"parameter spread=\.\.\.", "parameter: spread = ... in [loss]"),
    (r"or own=\['([^']*)'\]", r"or own = true for \1"),
    (r"give settle=\.\.\.,", "give settle = ... in the file,"),
    (r"source=MasterEquation\(\.\.\.\)", "a table [exact] in the file"),
    (r"say by cell=\.\.\. which column names them", "say by cell = ... in the file which column names them"),
    (r", or give firings= of", ", or give firings in the file, of"),
    (r", or fewer firings=\.\.\. of a column", ", or fewer firings of a column in the file"),
    (r", or keep=False", ""),
    (r": call particle_filter with keep=True", ""),
    (r"method='(\w+)'", r"--method \1"),
    (r", or stationary\(\)", ", or --stationary"),
    (r"Use distribution\(\) at a late time", "Give a late time with --times"),
)
"""What is said in Python of things that no command has, and what a command says."""
_WITH: dict[str, tuple[tuple[str, str], ...]] = {
    "limits": ((r"\b(the|[Gg]ive|[Gg]ive smaller) limits\b", r"\1 --limits"),),
    "tolerance": ((r"the tolerance of", "the --tolerance of"),),
}
"""What is said of an argument without its sign of equality."""
_WITHOUT: dict[str, tuple[tuple[str, str], ...]] = {
    "bound": ((r"; give bound=\.\.\..*", "; --bound of jumpax simulate is for such rates"),),
    "engine": ((r", or engine='cpu', in about [^.]*? and [\d.,]+ GB", ""),),
    "precision": ((r"precision='float64'", "float64 (the environment variable JAX_ENABLE_X64=1)"),),
    "max_states": ((r", or a larger max_states", ""),),
    "max_events": ((r"raise max_events if", "raise max_events, in the file or in Python, if"),),
    "round_counts": ((r"; pass round_counts=True to round it", ""),),
    "queue": ((r"raise `queue`", "raise that of the event, which is there in Python"),),
    "wrt": ((r" \(wrt=\.\.\.\)", ""),),
    "paths": ((r" \(paths=\.\.\.\)", ""),),
    "at_once": ((r", or draw some at a time by --at-once", ""),),
}
"""What is said of an argument that a command has no option for."""


def in_options(message: str, command: str | None) -> str:
    """A message of the library as a command says it.

    Args:
        message: with arguments of Python, such as `bound=...` or `round_counts=True`.
        command: its name; None before one is known.

    Examples:
        >>> in_options("is not a whole number; use precision='float64' or raise max_events", "simulate")
        'is not a whole number; use --precision float64 or raise --max-events'
    """
    for pattern, words in _ELSEWHERE:
        message = re.sub(pattern, words, message)
    if command is None:
        return message
    known = options(importlib.import_module(f"jumpax.cli.{command}").run)
    for table, wanted in ((_WITHOUT, False), (_WITH, True)):
        for name, patterns in table.items():
            for pattern, words in patterns if (name in known) == wanted else ():
                message = re.sub(pattern, words, message)
    parts = _CALL.split(message)
    parts[::2] = [_translated(part, known) for part in parts[::2]]
    return "".join(parts)


def _translated(message: str, known: Mapping[str, str]) -> str:
    """Arguments as options, outside of calls."""
    for name, option in known.items():
        argument = rf"(?<![-\w./`]){name}={_VALUE}"
        message = re.sub(argument, lambda found, option=option: _given(option, found[1]), message)
        message = message.replace(f"`{name}`", option)
        if "_" in name:
            message = re.sub(rf"(?<![-\w.'\"]){name}\b(?!=)", option, message)
    return message


def _given(option: str, value: str) -> str:
    """An option with the value that an argument has."""
    return option if value in ("...", "True") else f"{option} {value.strip(chr(39)).strip('[]')}"


def options(run: Callable[..., Any]) -> dict[str, str]:
    """Options of a command by their name in Python; of a group of options, by those of its fields."""
    hints = typing.get_type_hints(run, include_extras=True)
    made = {}
    for name, argument in inspect.signature(run).parameters.items():
        if argument.kind is not argument.KEYWORD_ONLY:
            continue
        kind = getattr(hints[name], "__origin__", None)
        if kind is not None and dataclasses.is_dataclass(kind):
            fields = typing.get_type_hints(kind, include_extras=True)
            made |= {field.name: _option(field.name, fields[field.name]) for field in dataclasses.fields(kind)}
        else:
            made[name] = _option(name, hints[name])
    return made


def _option(name: str, hint: Any) -> str:
    named = [m.name for m in getattr(hint, "__metadata__", ()) if isinstance(m, Parameter) and m.name]
    flags = [flag for given in named for flag in ((given,) if isinstance(given, str) else given)]
    return flags[0] if flags else f"--{name.replace('_', '-')}"
