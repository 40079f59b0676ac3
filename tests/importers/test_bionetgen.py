"""Networks of BioNetGen: parameters with formulas, groups, functions, and the counting of equal reactants."""

import jax.numpy as jnp
import numpy as np
import pytest
from model_files import formulas, written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.infix import parse
from jumpax.networks import MassAction
from jumpax.networks.expressions.expression import Name, evaluate_host

NET = """# Created by BioNetGen
begin parameters
    1 k      0.5  # Constant
    2 V      2 + 2
    3 kV     k/V  # ConstantExpression
    4 total  10*2
end parameters
begin functions
    1 rate() k*Free/(total + Free)
end functions
begin species
    1 A(b) total
    2 A(b!1).A(b!1) 0
    3 $S() 7
end species
begin reactions
    1 1,1 2 0.5*kV #_R1
    2 2 1,1 k #_R2
    3 1,3 3 kV #_R3
    4 0 1 rate #_R4
    5 3 1,3 2*k #_R5
end reactions
begin groups
    1 Free                 1
    2 All                  1,2*2
end groups
"""


def test_what_is_read(tmp_path):
    model = jumpax.read(written(tmp_path, "m.net", NET))
    dimer = "A(b!1).A(b!1)"
    assert model.network.species == ("A(b)", dimer)
    assert model.x0 == {"A(b)": 20, dimer: 0}
    assert model.theta == {"k": 0.5, "V": 4.0, "S()": 7.0, "total": 20.0}
    assert [r.equation for r in model.network.reactions] == [
        f"2 A(b) -> {dimer}", f"{dimer} -> 2 A(b)", "A(b) -> ∅", "∅ -> A(b)", "∅ -> A(b)"
    ]  # fmt: skip
    counts, theta = (jnp.float32(6.0), jnp.float32(3.0)), {n: jnp.float32(v) for n, v in model.theta.items()}
    a = [float(x) for x in model.network.propensities(counts, theta, jnp.float32(0.0))]
    # 0.5 k/V x (x - 1): the half of a pair stands in the file
    np.testing.assert_allclose(
        a, [0.5 * 0.125 * 6 * 5, 0.5 * 3, 0.125 * 6 * 7, 0.5 * 6 / (20 + 6), 2 * 0.5 * 7], rtol=1e-6
    )
    assert model.network.reactions[1].law == MassAction("k")
    assert float(model.observables["All"]({"A(b)": np.array(4), dimer: np.array(3)})) == 10.0
    assert formulas(model)


def test_all_that_is_not_read_is_named_at_once(tmp_path):
    text = (
        NET.replace("0.5*kV", "Arrhenius k V")
        .replace("k #_R2", "nothing")
        .replace("10*2", "0.25")
        .replace("2*2", "2*9")
    )
    with pytest.raises(UnsupportedError) as caught:
        jumpax.read(written(tmp_path, "m.net", text))
    for part in ("rate law Arrhenius", "unknown name 'nothing'", "0.25 is not a whole", "species number '9'"):
        assert part in str(caught.value)


def test_definitions_in_a_circle(tmp_path):
    with pytest.raises(InputError, match="circle"):
        jumpax.read(written(tmp_path, "m.net", NET.replace("2 + 2", "kV")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4^2/2", 26.0), ("-2^2", -4.0), ("2*-3", -6.0), ("if(x>=2 && !(x==5), 1, 2)", 1.0), ("(1-2)-3", -4.0),
        ("1-2-3", -4.0), ("8/4/2", 1.0), ("ln(_e)+exp(0)", 2.0), ("1e-3*1.5E+3", 1.5), ("min(3, x, 4)", 3.0), (".5", 0.5),
        ("sum(x, 1)*avg(2, x, 4)", 12.0), ("asin(1)*2-_pi", 0.0),
        ("sinh(x)-(exp(x)-exp(-x))/2", 0.0), ("acosh(cosh(x))", 3.0), ("rint(2.5)+sign(-x)", 2.0), ("log10(100)", 2.0), ("log2(8)", 3.0), ("_pi()-_pi", 0.0), ("x != 3 || x < 4", 1.0),
    ],
)  # fmt: skip
def test_formulas(text, value):
    np.testing.assert_allclose(evaluate_host(parse(text, Name), {"x": 3.0}), value, rtol=1e-15)


@pytest.mark.parametrize("text", ["", "2 +", "(2", "2 3", "f(1,", "2^3^2", "a $ b", "2)", "1 < x < 2", "x == x < 2"])
def test_formulas_that_cannot_be_read(text):
    with pytest.raises(InputError):
        parse(text, Name)


@pytest.mark.parametrize("text", ["(" * 5000 + "1", "-" * 5000 + "1", "tfun(1)", "log(2)", "-".join("x" * 5000)])
def test_formulas_that_are_refused(text):
    with pytest.raises(UnsupportedError):
        parse(text, Name)


HEADERS = """setOption("SpeciesLabel","HNauty")
version("2.2.6")
substanceUnits("Number");
begin compartments
  c 3 1
end compartments
begin reaction rules
  R1: \\
  A() -> 0 k
end reaction rules
"""
WHOLE = """begin parameters
  1 k 0.5
  2 K 4
  3 n 3
end parameters
begin functions
  1 t() K+k
  2 clock() t()*time()+0*time
end functions
begin species
  1 A() 9
  2 B() 5
  3 @c::$S() 7
end species
begin reactions
  1 1,1,2 2 0.5*Sat k K K #R
  2 1,1 0 Sat k K #R
  3 1,2 2 2*Hill k K n #R
  4 1,2,3 2 MM k K #R
  5 2,1 2 MM k K #R
  6 1 0 Ele k #R
  7 1,3 0 t #R
end reactions
begin groups
  1 All 1,3
end groups
"""


def test_rate_laws_and_what_stands_outside_of_the_network(tmp_path):
    """The numbers follow `rxn_rate` of BioNetGen's simulator, written here once more."""
    model = jumpax.read(written(tmp_path, "m.net", HEADERS + WHOLE))
    assert model.network.species == ("A()", "B()")
    assert model.theta == {"k": 0.5, "K": 4.0, "n": 3.0, "@c::S()": 7.0}  # held, though $ is not its first character
    theta = {name: jnp.float32(value) for name, value in model.theta.items()}
    for a, b in ((9, 5), (0, 3), (1, 0), (2, 400), (700, 1)):
        got = model.network.propensities((jnp.float32(a), jnp.float32(b)), theta, jnp.float32(0.0))

        def bound(substrate, enzyme):
            known = substrate - 4.0 - enzyme
            free = (known + np.sqrt(known * known + 4 * substrate * 4.0)) / 2
            return 0.5 * enzyme * free / (4.0 + free)

        wanted = [
            0.5 * 0.5 * a / (4 + a) * (a - 1) / (4 + a) * b, 0.5 * a / (4 + a) * (a - 1), 2 * 0.5 * a**3 / (64 + a**3) * b,
            bound(a, b + 7), bound(b, a), 0.5 * a, 4.5 * a * 7,
        ]  # fmt: skip
        np.testing.assert_allclose([float(x) for x in got], wanted, rtol=2e-6, atol=1e-6)
    assert float(model.observables["All"]({"A()": np.array(2), "B()": np.array(0)})) == 9.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Sat k K #R\n  3", "Sat k #R\n  3", "Sat with 1 constants"), ("MM k K #R\n  6", "MM k #R\n  6", "MM with 1"),
        ("2*Hill k K n", "Hill k K", "Hill with 2"), ("2 K 4", "2 time 4", "means the time"),
        ('substanceUnits("Number")', 'substanceUnits("Concentration")', "outside of the blocks"),
        ("1 t() K+k", "1 t(x) K+x", "function 't"), ("K+k", "tfun('f',k)", "cannot be read"), ("Ele k", "Ele k K", "Ele"),
        ("1,3\nend groups", "B\nend groups", "species number 'B'"),
    ],
)  # fmt: skip
def test_networks_that_are_refused(tmp_path, old, new, message):
    assert old in HEADERS + WHOLE
    with pytest.raises((InputError, UnsupportedError), match=message):
        jumpax.read(written(tmp_path, "m.net", (HEADERS + WHOLE).replace(old, new)))


def test_amounts_are_rounded_on_request(tmp_path):
    """Halves upwards, as `run_network` does: floor(x + 0.5), for held species, too."""
    text = NET.replace("10*2", "20.5").replace("$S() 7", "$S() 6.2")
    with pytest.raises(InputError, match=r"20.5 is not a whole number.*round_counts=True.*takes 21"):
        jumpax.read(written(tmp_path, "m.net", text))
    model = jumpax.read(written(tmp_path, "m.net", text), round_counts=True)
    assert model.x0["A(b)"] == 21
    assert model.theta["S()"] == 6.0
    assert model.theta["total"] == 20.5  # the parameter itself is none
    assert model.notes == ("A(b) starts with 20.5 molecules, taken as 21", "S() starts with 6.2 molecules, taken as 6")


def test_rounding_to_nothing_is_warned_about(tmp_path):
    text = NET.replace("2 A(b!1).A(b!1) 0", "2 A(b!1).A(b!1) 1e-12")
    with pytest.raises(InputError, match="1e-12 is not a whole number"):
        jumpax.read(written(tmp_path, "m.net", text))
    with pytest.warns(jumpax.JumpaxWarning, match="1e-12 molecules is rounded to 0"):
        jumpax.read(written(tmp_path, "m.net", text), round_counts=True)


def test_a_group_called_like_a_parameter(tmp_path):
    """Rate constants and amounts read the parameter, observables are the group; a function would leave it open."""
    text = NET.replace("1 Free                 1", "1 Free 1\n    3 k 1,2*2").replace(
        "2 All                  1,2*2", ""
    )
    text = text.replace("3 k 1,2*2", "2 k 1,2*2")
    with pytest.raises(InputError, match=r"the function rate reads 'k', which is a parameter and a group"):
        jumpax.read(written(tmp_path, "m.net", text))
    clear = text.replace("1 rate() k*Free", "1 rate() V*Free")
    model = jumpax.read(written(tmp_path, "m.net", clear))
    assert model.theta["k"] == 0.5
    assert model.network.reactions[1].law == MassAction("k")
    assert float(model.observables["k"]({"A(b)": np.array(4), "A(b!1).A(b!1)": np.array(3)})) == 10.0
    with pytest.raises(InputError, match="defined twice"):
        jumpax.read(written(tmp_path, "m.net", text.replace("2 k 1,2*2", "2 rate 1,2*2")))
