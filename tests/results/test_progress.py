"""How far a work is, is told where one looks: in terminals and files of messages; in notebooks, see test_site.py."""

import io
import sys

import pytest
from rich.console import Console

import jumpax
from jumpax._base.progress import telling
from jumpax.engines import Progress
from jumpax.inference import FitProgress, SearchProgress
from jumpax.inference.progress import PosteriorProgress
from jumpax.results import progress as shown


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_shares_and_words():
    assert (Progress(25, 100, 2.0).share, str(Progress(25, 100, 2.0))) == (0.25, "25 of 100 paths  about 6 s left")
    assert str(Progress(1_000, 1_000, 2.0)) == "1,000 of 1,000 paths"
    step = FitProgress(1, 4, 4, 10, 3.0, 0.1, 1.0, 0.1, 1.0, 2.0)
    assert step.share == (1 + 5 / 10) / 4
    assert SearchProgress(50, 200, {"k": 1.0}, 3.0).share == 0.25
    assert PosteriorProgress("draws", 0.5).share == 0.5


def test_lines_where_nothing_is_written_over(capsys, monkeypatch):
    with telling(True) as tell:
        for finished in (1, 2, 3):
            tell(Progress(finished, 3, 1.0))
    assert capsys.readouterr().err.splitlines() == ["1 of 3 paths  about 2 s left", "3 of 3 paths"]
    with telling(False) as tell:
        tell(Progress(1, 3, 1.0))
    seen = []
    with telling(seen.append) as tell:
        tell(1)
    assert (seen, capsys.readouterr().err) == ([1], "")
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # there is no rich
    with telling(True) as tell:
        tell(Progress(1, 2, 1.0))
    assert sys.stderr.getvalue() == "1 of 2 paths  about 1 s left\n"


def test_a_terminal_has_a_bar_that_is_gone_afterwards(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    jumpax.simulate(jumpax.zoo.birth_death(), times=[1.0], paths=300, key=0, progress=True)
    written = sys.stderr.getvalue()
    assert "300 of 300 paths" in written
    assert "100%" in written
    assert written.endswith("\x1b[2K")  # the line is wiped
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with shown.rich_bar(console) as bar:
        bar.add_task("[red]not markup", total=1.0)
    assert "[red]not markup" in console.file.getvalue()


@pytest.mark.parametrize("name", ["plots", "results"])
def test_rooms_are_reached_and_load_nothing(name):
    assert name in jumpax.__all__
    assert getattr(jumpax, name).__name__ == f"jumpax.{name}"
