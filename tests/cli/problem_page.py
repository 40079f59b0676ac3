"""Tables of docs/formats/problem.md, from the schema: `python tests/cli/problem_page.py` writes them."""

import re
from pathlib import Path
from typing import get_args

import msgspec

from jumpax.cli import schema
from jumpax.cli.entries import in_words

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "problem.md"
MARK = re.compile(r"(?<=<!-- by tests/cli/problem_page\.py: )([\w ]+)( -->\n\n)(?:\|.*\n)*")
"""Before each table: the classes whose entries it has."""


LABELS = {
    **{made: f"`{kind}`" for kind, both in schema.LOSSES.items() for made in both},
    **{made: f"`{kind}`" for kind, made in schema.PARAMETERS.items()},
    schema.FitFile: "`jumpax fit`",
    schema.RecordFile: "`jumpax infer`",
}
"""What classes are for, in tables of several."""


def table(*kinds):
    """In Markdown: a row for each entry; an asterisk where it is needed."""
    rows = {}
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            takes, meaning, having = rows.setdefault(field.name, (in_words(field.type), [], []))
            meaning += [text for text in get_args(field.type)[1:] if isinstance(text, str)]
            having.append(LABELS.get(kind, "") + " *" * field.required)
    several = len(kinds) > 1
    lines = ["| entry | takes | " + "for | " * several + "meaning |", "|---|---|" + "---|" * several + "---|"]
    for name, (takes, meaning, having) in rows.items():
        told = ", ".join(having)
        if len(having) == len(kinds) and len({one.endswith("*") for one in having}) == 1:
            told = "all" + " *" * having[0].endswith("*")
        lines.append(
            f"| `{name}`{'' if several else having[0]} | {takes} | " + f"{told} | " * several + f"{meaning[0]} |"
        )
    return "\n".join(lines) + "\n"


def printed(text):
    """The page with its tables as the schema has them."""
    return MARK.sub(lambda m: f"{m[1]}{m[2]}{table(*(getattr(schema, name) for name in m[1].split()))}", text)


if __name__ == "__main__":
    DOCUMENT.write_text(printed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
