"""The documentation is whole: every public name has a page, links lead somewhere, versions and addresses agree, guides are notebooks.

That the site builds without a warning is checked by `mkdocs build --strict` in .ci/run; that its blocks run, by test_documents.py.
"""

import importlib
import re
import tomllib
import types
from pathlib import Path

import jupytext
import nbclient
import pytest

import jumpax

ROOT = Path(__file__).parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *(file for folder in ("docs", "papers") for file in (ROOT / folder).rglob("*.md"))}
)
ROOMS = [name for name in jumpax.__all__ if isinstance(getattr(jumpax, name), types.ModuleType)]


def found(name):
    """What a dotted name stands for."""
    room, _, last = name.rpartition(".")
    top, _, rest = room.partition(".")
    home = getattr(jumpax, rest) if rest in ROOMS else importlib.import_module(room)
    return getattr(home if top else jumpax, last)


def documented(page):
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def public():
    """All public names of jumpax and of its rooms."""
    names = [f"jumpax.{name}" for name in jumpax.__all__ if name not in ROOMS]
    for room in sorted(ROOMS):
        home = getattr(jumpax, room) if room in ROOMS else importlib.import_module(f"jumpax.{room}")
        own = [n for n in dir(home) if not n.startswith("_") and not isinstance(getattr(home, n), types.ModuleType)]
        made = [n for n in own if n.isupper() or getattr(getattr(home, n), "__module__", "").startswith("jumpax")]
        names += [f"jumpax.{room}.{name}" for name in made]
    return names


def test_every_public_name_has_a_page():
    shown = {id(found(name)) for page in PAGES for name in documented(page)}
    assert [name for name in public() if id(found(name)) not in shown] == []


def test_every_page_of_the_reference_shows_an_example_that_runs():
    bare = [
        page.name
        for page in PAGES
        if "```python" not in page.read_text() and not any(">>>" in (found(n).__doc__ or "") for n in documented(page))
    ]
    assert bare == []


def test_examples_of_docstrings_are_shown_as_such():
    """The reference takes `>>>` without the head `Examples:` for a quotation."""
    things = [found(name) for name in public()]
    parts = [part for thing in things if isinstance(thing, type) for part in vars(thing).values()]
    methods = [part for part in parts if isinstance(part, types.FunctionType | classmethod | staticmethod | property)]
    texts = [thing.__doc__ or "" for thing in (*things, *methods)]
    assert [text for text in texts if ">>>" in text and not re.search(r"^ *Examples:$", text, re.MULTILINE)] == []


def links(file):
    """Targets of the links of a document that stand outside of blocks."""
    text = re.sub(r"^ *```.*?^ *```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text))


@pytest.mark.parametrize("file", DOCUMENTS, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_links_lead_to_files(file):
    inside = re.compile(rf"{re.escape(REPOSITORY)}/(?:blob|tree)/main/(.+)")
    lost = []
    for link in links(file):
        target = link.split("#")[0]
        if known := inside.fullmatch(target):
            target = str(ROOT / known[1])
        if target and "://" not in target and not (file.parent / target).exists():
            lost.append(link)
    assert lost == []


def test_addresses_and_versions_agree():
    version = jumpax.__version__
    cited, site = ((ROOT / name).read_text() for name in ("CITATION.cff", "mkdocs.yml"))
    assert f"version: {version}\n" in cited
    assert f"version = {{{version}}}" in (ROOT / "docs" / "citation.md").read_text()
    assert f"repository-code: {REPOSITORY}\n" in cited
    assert f"repo_url: {REPOSITORY}\n" in site
    assert f"site_url: {PROJECT['urls']['Documentation']}\n" in site
    own = re.compile(r"https://(?:raw\.githubusercontent|github)\.com/\w+/jumpax")
    texts = [file.read_text(encoding="utf-8") for file in (*DOCUMENTS, ROOT / "pyproject.toml")]
    assert {found.replace("raw.githubusercontent", "github") for text in texts for found in own.findall(text)} == {
        REPOSITORY
    }


def test_where_there_is_no_repository_readme_has_absolute_links():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for change in SETTINGS["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert len(targets) > 20
    assert [target for target in targets if not target.startswith("https://")] == []


def cells(file):
    """The code cells of a guide as a notebook."""
    return [cell.source for cell in jupytext.read(file).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda file: file.stem)
def test_guides_are_notebooks(guide):
    blocks = re.findall(r"^```python\n(.*?)\n```$", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert cells(guide) == [block.strip("\n") for block in blocks]
    assert f'"{guide.stem}.png"' in "".join(blocks)


def test_a_notebook_shows_its_figure(tmp_path, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")  # notebooks have one of their own
    notebook = jupytext.read(ROOT / "docs" / "guides" / "own_loss.md")
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    assert any("image/png" in one for one in shown)
    bar, paths = (one["text/html"] for one in shown if "text/html" in one)
    assert bar == '<progress value="1.000" max="1"></progress> 500 of 500 paths'
    assert "Paths(500 paths of off, on, M, 4 times from 2 to 8; all REACHED)" in paths
    assert "data:image/png;base64," in paths
