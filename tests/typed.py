"""A plugin of pytest: all functions of jumpax look at what they are given and give back, by their types and shapes.

    python -m pytest -p typed tests/folds

`tests/test_types.py` does it for some files. Files that give wrong things on purpose fail: they are refused sooner.
"""

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception
from jaxtyping import install_import_hook

looking = beartype(conf=BeartypeConf(is_pep484_tower=True))  # whole numbers may stand for real ones


def check(function):
    """The function that looks at its types; those that give back `Self` do not, since beartype has no class at hand."""
    try:
        return looking(function)
    except BeartypeDecorHintPep673Exception:
        return function


hook = install_import_hook("jumpax", "typed.check")
