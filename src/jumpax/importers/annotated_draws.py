"""Functions of SBML files that an annotation makes draws: https://sbml.org/annotations/distribution, older than the package `distrib`."""

from typing import Any

from jumpax._base.errors import UnsupportedError
from jumpax.networks.draw import LAWS

_ANNOTATION = "http://sbml.org/annotations/distribution"


def annotated_law(definition: Any) -> str | None:
    """The law that a function draws from, by its annotation; None for an ordinary function.

    What stands in its body, often the mean or no number, is for software that does not know the annotation.

    Args:
        definition: `libsbml.FunctionDefinition`.

    Raises:
        UnsupportedError: a law that is not drawn from.
    """
    annotation = definition.getAnnotation()
    children = [] if annotation is None else [annotation.getChild(i) for i in range(annotation.getNumChildren())]
    for child in children:
        if child.getName() == "distribution" and child.getURI() == _ANNOTATION:
            return _law(definition.getId(), child.getAttrValue("definition"))
    return None


def _law(function: str, address: str) -> str:
    """From an address such as http://en.wikipedia.org/wiki/Truncated_normal_distribution."""
    name = address.rsplit("/", 1)[-1].lower().replace("-", "").replace("_(continuous)", "")
    name = name.removesuffix("_distribution").removeprefix("truncated_").replace("chisquared", "chisquare")
    if name not in LAWS:
        raise UnsupportedError(
            f"the function {function!r} draws from {address!r}, by its annotation, which is not read; read are {', '.join(LAWS)}"
        )
    return name
