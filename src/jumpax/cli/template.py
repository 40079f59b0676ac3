"""Problem files to begin with."""

from importlib.resources import files
from pathlib import Path

from jumpax._base.errors import InputError
from jumpax.cli.output import Output, print_json

KINDS = {"fit": ("counts", "time_course", "conditions"), "infer": ("records",)}
"""By command; the first is the usual one."""


def with_kind(words: list[str]) -> list[str]:
    """The words of a command, where `--template` has got its kind."""
    if not words or words[0] not in KINDS or "--template" not in words:
        return words
    place = words.index("--template") + 1
    named = place < len(words) and not words[place].startswith("-")
    return words if named else [*words[:place], KINDS[words[0]][0], *words[place:]]


def template(kind: str) -> str:
    """A commented problem file."""
    return (files("jumpax.cli") / "templates" / f"{kind}.toml").read_text(encoding="utf-8")


def show(kind: str, command: str, output: Output) -> None:
    """Print it, or a document that has it."""
    if output.json:
        print_json({"command": command, "template": template(kind)})
    else:
        print(template(kind), end="")


def given(problem: Path | None, command: str) -> Path:
    """The problem file.

    Raises:
        InputError: there is none.
    """
    if problem is None:
        raise InputError(f"jumpax {command} needs a problem file; jumpax {command} --template prints one to begin with")
    return problem
