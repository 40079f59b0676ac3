"""Names that a format allows, for those of a model."""

import re
from collections.abc import Collection

from jumpax._base.doubt import doubt
from jumpax._base.errors import listed

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def is_identifier(name: str) -> bool:
    """Whether it is a letter or _ followed by letters, digits and _."""
    return _IDENTIFIER.fullmatch(name) is not None


class Names:
    """Gives each name of a model one that is a letter or _ followed by letters, digits and _, itself where it can.

    Args:
        reserved: what the format takes for something else.
    """

    def __init__(self, reserved: Collection[str] = ()):
        self.reserved = {*reserved}
        self.taken: dict[str, str] = {}
        """By name of the file: the name in the model."""
        self.renamed: dict[str, str] = {}

    def new(self, name: str, *, tell: bool = True) -> str:
        """A name of the file that is not in use yet.

        Args:
            name: in the model.
            tell: whether a change of it is worth a word.
        """
        made = re.sub(r"\W+", "_", name.strip(), flags=re.ASCII).strip("_") if not is_identifier(name) else name
        if not is_identifier(made):
            made = f"_{made}"
        while made in self.taken or made in self.reserved:
            made += "_"
        self.taken[made] = name
        if tell and made != name:
            self.renamed[name] = made
        return made

    def warn(self, kind: str) -> None:
        """Say what could not keep its name.

        Warns:
            JumpaxWarning: if there is something.
        """
        if self.renamed:
            pairs = listed([f"{old!r} is {new}" for old, new in self.renamed.items()])
            doubt(f"names that {kind} cannot have, or has taken, are others: {pairs}")
