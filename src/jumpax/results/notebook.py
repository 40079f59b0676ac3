"""What notebooks show of a result."""

from html import escape

from jumpax._base.errors import JumpaxError
from jumpax._base.result import Glance
from jumpax.results.report import Section, fragment


def shown(title: str, glance: Glance) -> str:
    """A heading, a small table, lines below it and a picture, as HTML; where nothing can be drawn, the reason."""
    figures: dict[str, object] = {}
    told = list(glance.lines)
    try:
        figures[""] = glance.draw()
    except JumpaxError as fault:
        told.append(f"no picture: {fault}")
    body = fragment(Section("", "\n\n".join(told), glance.table, figures), dpi=80)
    return f"<div><p><b>{escape(title)}</b></p>\n{body}</div>"
