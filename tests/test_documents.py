"""What documents and docstrings show, runs.

All blocks of a document run, one after the other, in a folder with the files of `FILES` and what blocks before have written there: Python is
carried out, TOML is read as a model or a problem of `jumpax fit` or `jumpax infer`. Of commands, wherever they stand, the words and options exist. A block that is not run has a line before it with the reason:
<!-- not run: it takes an hour -->
"""

import doctest
import importlib
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

import jumpax
import petab_files
from jumpax.cli.app import make_app
from jumpax.cli.problem_file import read_problem
from jumpax.cli.record_file import read_record_file
from jumpax.networks.toml_model import load_model

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    file.relative_to(ROOT).as_posix()
    for file in (
        *ROOT.glob("*.md"),
        *(f for folder in ("docs", "papers", "benchmarks") for f in (ROOT / folder).rglob("*.md")),
    )
)
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(jumpax.__path__, "jumpax.") if not module.name.endswith("__main__")
)
LANGUAGES = ("python", "toml", "sh", "text")
MOST_LEFT_OUT = 3
"""Blocks that are not run, in all documents together."""
DIMERS = """begin parameters
 1 kdim 0.1
 2 kdeg 1
 3 kin 4
end parameters
begin species
 1 M() 10
 2 D() 0
end species
begin reactions
 1 0 1 kin
 2 1,1 2 kdim
 3 2 0 kdeg
end reactions
begin groups
 1 Dimers 2
end groups
"""
DECAY = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="decay">
<listOfCompartments><compartment id="c" size="1" spatialDimensions="3" constant="true"/></listOfCompartments>
<listOfSpecies><species id="X" compartment="c" initialAmount="5" hasOnlySubstanceUnits="true" boundaryCondition="false"
 constant="false"/></listOfSpecies>
<listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>
<listOfReactions><reaction id="r" reversible="false" fast="false">
<listOfReactants><speciesReference species="X" stoichiometry="1" constant="true"/></listOfReactants>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>X</ci></apply></math></kineticLaw>
</reaction></listOfReactions></model></sbml>
"""
FILES = {
    "docs/conditions.md": {"control.csv": "count\n3\n0\n7\n", "drug.csv": "count\n9\n12\n4\n"},
    "docs/models.md": {
        "model.xml": DECAY,
        "ode.xml": DECAY,
        "model.net": DIMERS,
        "counts.csv": "hours,number\n1,2\n1,3\n2,1\n2,4\n",
    },
    "docs/petab.md": petab_files.texts(petab_files.rows([1.0, 2.0, 4.0], [3.1, 4.4, 4.8])),
}
"""What documents take to be there."""


class Block(NamedTuple):
    """A fenced block."""

    language: str
    text: str
    line: int
    """Of its first line, from 0 on."""
    left_out: str | None
    """Why it does not run."""


def blocks(document):
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(lines) if line.lstrip().startswith("```")]
    assert len(fences) % 2 == 0, f"{document}: a block without an end"
    for begin, end in zip(fences[::2], fences[1::2], strict=True):
        marked = re.fullmatch(r"<!-- not run: (.+) -->", lines[begin - 1].strip()) if begin else None
        text = "\n".join(lines[begin + 1 : end])
        yield Block(lines[begin].strip().removeprefix("```"), text, begin + 1, marked and marked[1])


def commands(document):
    """Command lines in blocks, in indented lines and within the text."""
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = [line for block in blocks(document) if block.language == "sh" for line in block.text.splitlines()]
    shown += [line[4:] for line in text.splitlines() if re.match(r"    (jumpax|python) ", line)]
    shown += re.findall(r"`((?:jumpax|python) [^`\n]*)`", text)
    for line in shown:
        for part in re.split(r"&&|\|", line):
            words = shlex.split(part, comments=True)
            if words and words[0] in ("jumpax", "python"):
                yield words


def test_every_block_says_what_it_is_and_few_are_left_out():
    found = {(document, block) for document in DOCUMENTS for block in blocks(document)}
    assert {"README.md", "docs/models.md", "docs/time_dependent.md"} <= {document for document, _ in found}
    assert [(document, block.line) for document, block in found if block.language not in LANGUAGES] == []
    assert sum(block.left_out is not None for _, block in found) <= MOST_LEFT_OUT


RUN = [d for d in DOCUMENTS if any(b.language in ("python", "toml") and not b.left_out for b in blocks(d))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wide = jax.config.read("jax_enable_x64")
    yield tmp_path
    jax.config.update("jax_enable_x64", wide)


@pytest.mark.parametrize("document", RUN)
def test_blocks_run(document, folder):
    for name, text in FILES.get(document, {}).items():
        (folder / name).write_text(text)
    names = {}
    for block in blocks(document):
        if block.language == "python" and not block.left_out:
            code = "\n" * block.line + block.text  # with its lines in tracebacks
            exec(compile(code, str(ROOT / document), "exec"), names)
        elif block.language == "toml" and not block.left_out:
            problem, table = folder / f"problem{block.line}.toml", tomllib.loads(block.text)
            problem.write_text(block.text)
            if "network" in table and "parameters" not in table:
                assert load_model(problem).network.reactions
            else:
                assert (read_record_file if "records" in table else read_problem)(problem).problem.free


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if any(commands(d))])
def test_commands_have_these_words_and_options(document):
    for words in commands(document):
        if words[0] == "jumpax" and not words[1].isupper():  # `jumpax COMMAND --help`
            more = (
                ["model"] if len(words) == 2 and words[1] not in ("demo", "check") else []
            )  # a command by its name alone
            make_app().parse_args([*words[1:], *more], exit_on_error=False, print_error=False)
        elif words[0] == "python" and not words[1].startswith("-"):
            script = ROOT / words[1]
            sources = script.glob("*.py") if script.is_dir() else [script]
            text = "".join(source.read_text() for source in sources)
            assert text, words
            options = re.findall(r"--[a-z][-a-z]*", " ".join(words))
            assert [option for option in options if not re.search(rf'"({option}|{option[2:]})"', text)] == [], words


def test_the_words_of_the_table_are_where_it_says():
    rows = re.findall(r"^\| (.+) \| (.+) \| (`.+`) \|.*\|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert len(rows) > 20
    for words, _, places in rows:
        texts = []
        for place in re.findall(r"`([^`]+)`", places):
            folder = ROOT / "src" / "jumpax" / place
            assert folder.exists(), place
            texts += [file.read_text().lower() for file in (folder.glob("*.py") if folder.is_dir() else [folder])]
        for word in re.split(r", | and | of a network", words.lower().replace("`", "").removeprefix("to ")):
            assert any(word in text for text in texts), (word, places)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run(name):
    tests = [t for t in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)) if t.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in tests:
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
