"""Hostile files, found before a library written in C++ sees them."""

import re
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from jumpax._base.errors import InputError, UnsupportedError

LARGEST_XML, LARGEST_TEXT = 64 * 2**20, 2 * 2**20
"""Bytes of a file in XML, and of one in plain text."""
DEEPEST = 150
"""Levels of XML elements, or of parentheses; libSBML itself crashes at some thousands."""
LONGEST = 10_000
"""Characters of one statement of plain text, and arguments on the way into a formula: parsers recurse over them."""
MOST_TAKEN, MOST_MADE = 1_000, 1_000_000
"""Molecules of one species that a reaction may take, and make."""
_MARKS = re.compile(r"[()\[\]{};]")
_SIGNS = re.compile(r"(?:[-+!~^&|]\s*){20,}")


def load(path: Path, largest: int) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: it cannot be read.
        UnsupportedError: it is too large.
    """
    try:
        if not path.is_file():
            raise InputError(f"the model {path} cannot be read: {'not a file' if path.exists() else 'no such file'}")
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except OSError as fault:
        raise InputError(f"the model {path} cannot be read: {fault.strerror or fault}") from fault
    if len(content) > largest:
        raise UnsupportedError(f"{path} is larger than {largest / 2**20:g} MiB, the most that is read")
    return content


def check_xml(content: bytes, origin: str) -> str:
    """The text of an XML file without document types, entities of its own, or deep nesting.

    Everything is found by a streaming parse that keeps nothing and stops at the first such thing.

    Raises:
        InputError: it is not UTF-8, or not XML (with line and column).
        UnsupportedError: it has a document type (the home of entity bombs and of references to other files), or is
            nested deeper than any model.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputError(f"{origin} is not UTF-8: {fault.reason} at byte {fault.start}") from None
    declared = re.match(r"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)", text)
    if declared and declared.group(1).upper() not in ("UTF-8", "UTF8", "US-ASCII", "ASCII"):
        raise UnsupportedError(f"{origin} is in {declared.group(1)}; save it in UTF-8")
    parser = expat.ParserCreate("utf-8")
    path: list[tuple[bool, int]] = []  # of the open elements: whether a formula, and arguments on the way to it

    def refuse(*_) -> NoReturn:
        raise UnsupportedError(
            f"{origin}, line {parser.CurrentLineNumber}: a document type or entities (<!DOCTYPE, <!ENTITY), which models "
            "have no use for and attacks do; take it out"
        )

    def start(name: str, _: object) -> None:
        formula, arguments = path[-1] if path else (False, 0)
        if formula:
            path[-1] = (formula, arguments := arguments + 1)
        path.append((name.rpartition(":")[2] in ("apply", "piecewise"), arguments))
        if len(path) > DEEPEST or arguments > LONGEST:
            raise UnsupportedError(
                f"{origin}, line {parser.CurrentLineNumber}: elements nested more than {DEEPEST} deep, or a formula of "
                f"more than {LONGEST} arguments; write it with intermediate rules"
            )

    def end(_: str) -> None:
        path.pop()

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as fault:
        raise InputError(f"{origin} is not XML: {fault}") from None
    return text


def check_text(content: bytes, origin: str, longest: int = LONGEST) -> str:
    """The text of a model in plain text without deep parentheses, endless statements, or references to other files.

    Raises:
        InputError: it is not UTF-8 text.
        UnsupportedError: any of these.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputError(f"{origin} is not UTF-8: {fault.reason} at byte {fault.start}") from None
    if "\0" in text:
        raise InputError(f"{origin} is not text: it has a zero byte")
    if (signs := _SIGNS.search(text)) is not None:
        line = text.count("\n", 0, signs.start()) + 1
        raise UnsupportedError(f"{origin}, line {line}: a row of signs without anything between them")
    depth = length = 0
    for number, line in enumerate(text.splitlines(), 1):
        if "import" in line and re.match(r"\s*import\b", line):
            raise UnsupportedError(f"{origin}, line {number}: an import of another file; write one file")
        if depth <= 0 and len(line) <= longest and not _MARKS.search(line):
            continue  # as nearly all lines of a large network are
        for character in line:
            length = 0 if character == ";" else length + 1
            depth += (character in "([{") - (character in ")]}")
            if depth > DEEPEST:
                raise UnsupportedError(f"{origin}, line {number}: parentheses nested more than {DEEPEST} deep")
            if length > longest:
                raise UnsupportedError(f"{origin}, line {number}: a statement of more than {longest} characters")
        length = 0 if depth <= 0 else length
    return text
