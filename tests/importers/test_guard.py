"""Hostile files end in an error, not in a crash, an endless run, or somebody else's file."""

import ast
from pathlib import Path

import pytest
from model_files import CASES, written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError

BASE = (CASES / "00001" / "00001-sbml-l3v1.xml").read_text(encoding="utf-8")
HEAD = "species A; A = 10; k = 1; A -> ; "

XML = {
    "entity bomb": (BASE.replace("<sbml", '<!DOCTYPE x [<!ENTITY a "b">]><sbml', 1), UnsupportedError, "document type"),
    "external entity": (
        BASE.replace("<sbml", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><sbml', 1), UnsupportedError, "document type"
    ),
    "deep": (BASE.replace("<apply>", "<apply><minus/>" * 10_000, 1), UnsupportedError, "nested more than"),
    "wide": (BASE.replace("<times/>", "<plus/>" + "<ci>X</ci>" * 200_000, 1), UnsupportedError, "more than 10000"),
    "another encoding": (BASE.replace("UTF-8", "UTF-16").encode("utf-16"), InputError, "not UTF-8"),
    "a declared encoding": (BASE.replace("UTF-8", "UTF-7"), UnsupportedError, "save it in UTF-8"),
    "half": (BASE[:1500], InputError, "not XML"),
    "empty": ("", InputError, "not XML"),
    "not a model": ('<?xml version="1.0" encoding="UTF-8"?><a/>', InputError, "not SBML"),
}  # fmt: skip
TEXT = {
    "a billion of one reactant": ("species A; A = 10; k = 1; 1000000000 A -> ; k * A", UnsupportedError, "above 1,000"),
    "a billion of one product": (
        "species A; A = 10; k = 1; A -> 1000000000 A; k * A",
        UnsupportedError,
        "above 1,000,000",
    ),
    "parentheses": (HEAD + "(" * 10_000 + "A" + ")" * 10_000, UnsupportedError, "parentheses nested"),
    "signs": (HEAD + "k * piecewise(1, " + "!" * 9_000 + "(A > 1), 0)", UnsupportedError, "row of signs"),
    "endless": (HEAD + "+".join("A" * 9_000), UnsupportedError, "10000 characters"),
    "another file": ('import "/etc/passwd"\n' + HEAD + "k", UnsupportedError, "import"),
    "no formula": (HEAD + "k *", InputError, "not Antimony"),
    "zero byte": (HEAD + "k\0", InputError, "zero byte"),
}


@pytest.mark.parametrize("name", XML)
@pytest.mark.fault(35, 36, 37)
def test_xml(tmp_path, name):
    text, kind, message = XML[name]
    with pytest.raises(kind, match=message):
        jumpax.read(written(tmp_path, "model.xml", text))


@pytest.mark.parametrize("name", TEXT)
def test_antimony(tmp_path, name):
    text, kind, message = TEXT[name]
    with pytest.raises(kind, match=message):
        jumpax.read(written(tmp_path, "model.ant", text))


def test_a_library_that_crashes_is_an_error(tmp_path, monkeypatch):
    from jumpax.importers import antimony

    monkeypatch.setattr(antimony, "_CHILD", "import os; os.abort()")
    with pytest.raises(InputError, match="crashes"):
        jumpax.read(written(tmp_path, "model.ant", HEAD + "k"))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        jumpax.read(tmp_path / "none.xml")
    with pytest.raises(InputError, match=r"ends in \.xml"):
        jumpax.read(tmp_path / "none.doc")


def test_size(tmp_path, monkeypatch):
    from jumpax.importers import guard

    monkeypatch.setattr(guard, "LARGEST_XML", 1000)
    with pytest.raises(UnsupportedError, match="larger than"):
        jumpax.read(written(tmp_path, "model.xml", BASE))


@pytest.mark.parametrize("room", sorted(path.name for path in Path(jumpax.__file__).parent.iterdir() if path.is_dir()))
@pytest.mark.fault(38)
def test_nothing_of_a_file_is_ever_run(room):
    """No call that would run text as Python, and no pickle, in any room."""
    for file in (Path(jumpax.__file__).parent / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            assert called not in ("eval", "exec", "compile", "__import__"), f"{file.name}: {called}"
            brought = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            brought += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "marshal", "shelve", "dill", "sympy"} & {*brought}, file.name
