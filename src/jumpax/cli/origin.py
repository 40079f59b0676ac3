"""Where a result of the command line comes from: the words that were given, the files that were read."""

import contextvars
import hashlib
import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_WORDS: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("words", default=())


def note_words(words: Sequence[str]) -> None:
    """Remember the words after the name of the program."""
    _WORDS.set(tuple(words))


def origin(file: Path) -> dict[str, Any]:
    """The command, and SHA-256 of a problem file and of all files beside it that it names."""
    named = {file.name: file, **{name: file.parent / name for name in _strings(_document(file))}}
    sums = {name: hashlib.sha256(place.read_bytes()).hexdigest() for name, place in named.items() if _is_file(place)}
    return {"command": shlex.join(["jumpax", *_WORDS.get()]), "sha256": sums}


def onward() -> str:
    """How the command of this process goes on after an interruption, if it has left a file that it can go on from; else nothing."""
    words = _WORDS.get()
    given = dict(itertools.pairwise(words)) | dict(word.split("=", 1) for word in words if "=" in word)
    place = given.get("--save")
    if "--at-once" in given and "--out" in given:
        place = f"{given['--out']}.parts"
    if place is None or not Path(place).exists():
        return ""
    return f"; {place} holds what was done: the same command with --resume {place} goes on from there"


def _document(file: Path) -> Any:
    if file.suffix.lower() == ".toml":
        from jumpax.cli.entries import (
            toml_of,  # which needs what may be missing, and this file is loaded before that is told
        )

        return toml_of(file)
    import yaml

    return yaml.safe_load(file.read_text(encoding="utf-8-sig"))


def _strings(value: Any) -> Iterator[str]:
    """All texts in a document, its headings left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)


def _is_file(place: Path) -> bool:
    try:
        return place.suffix != "" and place.is_file()
    except (OSError, ValueError):  # a text that is no name of a file
        return False
