"""Networks of BioNetGen: parameters with formulas, groups, functions, and the counting of equal reactants."""

import jax.numpy as jnp
import numpy as np
import pytest
from model_files import formulas, written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.expression import Name, evaluate_host
from jumpax.importers.infix import parse
from jumpax.networks import MassAction

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
    text = NET.replace("0.5*kV", "MM k V").replace("k #_R2", "nothing").replace("10*2", "0.25").replace("2*2", "2*9")
    with pytest.raises(UnsupportedError) as caught:
        jumpax.read(written(tmp_path, "m.net", text))
    for part in ("rate law MM", "unknown name 'nothing'", "0.25 is not a whole", "species number '9'"):
        assert part in str(caught.value)


def test_definitions_in_a_circle(tmp_path):
    with pytest.raises(InputError, match="circle"):
        jumpax.read(written(tmp_path, "m.net", NET.replace("2 + 2", "kV")))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3*4^2/2", 26.0), ("-2^2", -4.0), ("2*-3", -6.0), ("if(x>=2 && !(x==5), 1, 2)", 1.0), ("(1-2)-3", -4.0),
        ("1-2-3", -4.0), ("8/4/2", 1.0), ("ln(_e)+exp(0)", 2.0), ("1e-3*1.5E+3", 1.5), ("min(3, x, 4)", 3.0), (".5", 0.5),
    ],
)  # fmt: skip
def test_formulas(text, value):
    np.testing.assert_allclose(evaluate_host(parse(text, Name), {"x": 3.0}), value, rtol=1e-15)


@pytest.mark.parametrize("text", ["", "2 +", "(2", "2 3", "f(1,", "2^3^2", "a $ b", "2)"])
def test_formulas_that_cannot_be_read(text):
    with pytest.raises(InputError):
        parse(text, Name)


@pytest.mark.parametrize("text", ["(" * 5000 + "1", "-" * 5000 + "1", "tfun(1)", "log(2)", "+".join("x" * 5000)])
def test_formulas_that_are_refused(text):
    with pytest.raises(UnsupportedError):
        parse(text, Name)
