"""A bar that shows how far a work is: in notebooks, in terminals, and in files of messages."""

import contextlib
import html
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from jumpax._base.progress import Step

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Tell = Callable[[Step], None]
PAUSE, LONG = 0.2, 10.0
"""Seconds between two looks of a notebook, and between two lines where nothing can be written over."""


def bar() -> contextlib.AbstractContextManager[Tell]:
    """The bar that suits where one looks at it; in a terminal without rich, plain lines."""
    if in_notebook():
        return _cell()
    if sys.stderr.isatty() and importlib.util.find_spec("rich") is not None:
        return _terminal()
    return _lines()


def in_notebook() -> bool:
    """Whether the code runs in a kernel that shows HTML."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


@contextlib.contextmanager
def _terminal() -> Iterator[Tell]:
    """A line at the foot of standard error, which is gone afterwards."""
    from rich.console import Console

    with rich_bar(Console(stderr=True)) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda step: shown.update(task, completed=step.share, description=str(step))


def rich_bar(console: object) -> "RichProgress":
    """Bar, share, and what is told."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    told = TextColumn("{task.description}", markup=False)
    return Progress(BarColumn(30), TaskProgressColumn(), told, console=console, transient=True)  # type: ignore[arg-type]


@contextlib.contextmanager
def _cell() -> Iterator[Tell]:
    """A line of HTML below the cell; it stays as it was at the end."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    assert handle is not None  # since it was asked for
    last: list[Step] = []
    seen = [-PAUSE]

    def show(step: Step) -> None:
        share = min(max(step.share, 0.0), 1.0)
        handle.update(HTML(f'<progress value="{share:.3f}" max="1"></progress> {html.escape(str(step))}'))

    def tell(step: Step) -> None:
        last[:] = [step]
        if time.monotonic() - seen[0] >= PAUSE:
            seen[0] = time.monotonic()
            show(step)

    try:
        yield tell
    finally:
        if last:
            show(last[0])


@contextlib.contextmanager
def _lines() -> Iterator[Tell]:
    """Lines on standard error: at the first step, then one now and then, and the last one."""
    last: list[Step] = []
    seen = [-LONG]

    def tell(step: Step) -> None:
        last[:] = [step]
        if time.monotonic() - seen[0] >= LONG:
            seen[0] = time.monotonic()
            print(last.pop(), file=sys.stderr, flush=True)

    try:
        yield tell
    finally:
        if last:
            print(last[0], file=sys.stderr, flush=True)
