"""Reaction equations and the Reaction object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jumpax._base.errors import InputError
from jumpax.networks import Function, MassAction, Reaction
from jumpax.networks.equation import parse, write


@pytest.mark.parametrize(
    ("text", "reactants", "products", "reversible"),
    [
        ("A + 2 B -> C", (("A", 1), ("B", 2)), (("C", 1),), False),
        ("2A<->D", (("A", 2),), (("D", 1),), True),
        ("A+A->A", (("A", 2),), (("A", 1),), False),
        ("∅ -> X", (), (("X", 1),), False),
        ("0 -> X", (), (("X", 1),), False),
        ("X ->", (("X", 1),), (), False),
        ("  E +  S -> E+P ", (("E", 1), ("S", 1)), (("E", 1), ("P", 1)), False),
        ("12 lambda -> if + E", (("lambda", 12),), (("if", 1), ("E", 1)), False),
        ("3 X1 -> 2 x_y.z'", (("X1", 3),), (("x_y.z'", 2),), False),
    ],
)
def test_equations_are_read(text, reactants, products, reversible):
    assert parse(text) == (reactants, products, reversible)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("A + -> B", 4),
        ("A B -> C", 0),
        ("A", 1),
        ("A -> B -> C", 7),
        ("2.5 A -> B", 1),
        ("A -> 3", 5),
        ("A + 0 -> B", 4),
        ("0 A -> B", 0),
        ("A <- B", 6),
        ("A => B", 6),
        ("A → B", 5),
        ("A -> 2 *B", 7),
    ],
)
def test_unreadable_equations_show_the_text_and_the_place(text, column):
    with pytest.raises(InputError) as caught:
        parse(text)
    _, shown, mark = str(caught.value).split("\n")
    assert shown == f"    {text}"
    assert mark == f"    {' ' * column}^"


def _is_name(text):
    return text[0] not in "0123456789.*-∅" and not any(part in text for part in ("->", "<-", "=>", "→", "⇌"))


# whatever can be printed, save white space, plus and the signs of an arrow
_NAMES = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters="+<>"), min_size=1, max_size=6).filter(
    _is_name
)
_SIDES = st.dictionaries(_NAMES, st.integers(1, 30), max_size=4).map(lambda side: tuple(side.items()))


@given(_SIDES, _SIDES, st.booleans())
def test_an_equation_written_and_read_is_the_same(reactants, products, reversible):
    assert parse(write(reactants, products, reversible)) == (reactants, products, reversible)


def test_reactions_that_are_written_differently_are_equal():
    law = MassAction("k")
    assert Reaction("2A -> B", law) == Reaction(" A + A->B", law)
    assert hash(Reaction("2A -> B", law)) == hash(Reaction("A + A -> B", law))
    assert Reaction("2A -> B", law) != Reaction("2A -> B", MassAction("c"))


def test_reversible_reactions_make_two_channels():
    forward, backward = Reaction("2 A <-> D", MassAction("on"), MassAction("off"), name="r").channels()
    assert (forward.name, forward.equation, forward.law) == ("r", "2 A -> D", MassAction("on"))
    assert (backward.name, backward.equation, backward.law) == ("r_reverse", "D -> 2 A", MassAction("off"))


def test_change_leaves_catalysts_out():
    assert Reaction("E + 2 S -> E + P + S", MassAction("k")).change == {"S": -1, "P": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("A <-> B", MassAction("k")), "second law"),
        (("A -> B", MassAction("k"), MassAction("c")), "<->"),
        (("A -> A", MassAction("k")), "changes nothing"),
        (("A -> B", "k"), r"MassAction\('k'\)"),
        (("A -> B", None), "a law or a function"),
        ((3, MassAction("k")), "written as text"),
    ],
)
def test_laws_must_fit_the_arrow(arguments, words):
    with pytest.raises(InputError, match=words):
        Reaction(*arguments)


def test_a_function_becomes_a_law():
    def rate(A, k):
        return k * A

    assert Reaction("A -> B", rate).law == Function(rate)
