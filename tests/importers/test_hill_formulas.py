"""Hill functions of files, in every spelling: right in float32 where powers of counts are infinite, derivatives too."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_files import antimony, sbml, written
from scipy.integrate import solve_ivp
from scipy.stats import norm

import jumpax
from jumpax.importers.formula import Formula
from jumpax.importers.infix import parse
from jumpax.networks.expressions.expression import Call, Name, text
from jumpax.networks.expressions.hill import steady

UP = (
    "v*A^n/(K^n + A^n)", "v*A^n/(A^n + K^n)", "A^n*v/(K^n + A^n)", "v*(A^n/(K^n + A^n))", "A^n/(K^n + A^n)*v",
    "v/(1 + (K/A)^n)", "v/((K/A)^n + 1)", "v*(A/K)^n/(1 + (A/K)^n)", "(A/K)^n/(1 + (A/K)^n)*v", "v*A^n/K^n/(1 + (A/K)^n)",
    "v*(A^n/K^n)/(1 + A^n/K^n)", "v*(A/K)^n/(1 + A^n/K^n)", "v/(1 + K^n/A^n)", "v/(1 + (A/K)^(-n))", "v*(1 + (K/A)^n)^(-1)",
    "v*1/(1 + (K/A)^n)", "2*v*A^n/(2*(K^n + A^n))", "-(-v*A^n/(K^n + A^n))", "0 + v*A^n/(K^n + A^n)",
)  # fmt: skip
DOWN = (
    "v*K^n/(K^n + A^n)", "v/(1 + (A/K)^n)", "v*(K/A)^n/(1 + (K/A)^n)", "v/(1 + A^n/K^n)", "K^n*v/(A^n + K^n)",
    "v/(1 + (K/A)^(-n))", "v*(K^n/(K^n + A^n))",
)  # fmt: skip
BASAL = (
    "b + v*A^n/(K^n + A^n)", "v*A^n/(K^n + A^n) + b", "(b*K^n + (b + v)*A^n)/(K^n + A^n)", "(b + (b + v)*(A/K)^n)/(1 + (A/K)^n)",
    "b/(1 + (A/K)^n) + (b + v)*(A/K)^n/(1 + (A/K)^n)",
)  # fmt: skip
COUNTS = np.array([0.0, 1.0, 7.0, 300.0, 19_999.0, 20_000.0, 20_001.0, 30_000.0, 2.0e9])
THETA = {"v": 10.0, "K": 20_000.0, "n": 9.0, "b": 0.5}


def up(A, v, K, n, b):
    return v / (1 + jnp.exp(n * (jnp.log(K) - jnp.log(A))))


def down(A, v, K, n, b):
    return v / (1 + jnp.exp(n * (jnp.log(A) - jnp.log(K))))


def basal(A, v, K, n, b):
    return b + up(A, v, K, n, b)


ROWS = [(text, law) for texts, law in ((UP, up), (DOWN, down), (BASAL, basal)) for text in texts]


def truth(law, counts, theta):
    """Values and derivatives by A, v, K, n in float64; at A = 0 their limits."""
    with jax.enable_x64(True):
        held = jnp.asarray(np.where(counts > 0, counts, 1e-12))
        values = {name: jnp.full(len(counts), x) for name, x in theta.items()}
        value = law(held, **values)
        slopes = [
            jax.jvp(lambda a: law(a, **values), (held,), (jnp.ones_like(held),))[1],
            *(
                jax.jvp(lambda x, p=p: law(held, **{**values, p: x}), (values[p],), (jnp.ones_like(held),))[1]
                for p in ("v", "K", "n")
            ),
        ]
        return np.asarray(value), np.asarray(slopes)


def found(expression, counts, theta):
    """The same of a formula in float32."""
    law = Formula(expression, ("A",))
    held = jnp.asarray(counts, jnp.float32)
    values = {name: jnp.full(len(counts), x, jnp.float32) for name, x in theta.items()}

    def value(A, **theta):
        return jnp.asarray(law.propensity({"A": A}, theta, jnp.zeros_like(held), ()), jnp.float32)

    slopes = [
        jax.jvp(lambda a: value(a, **values), (held,), (jnp.ones_like(held),))[1],
        *(
            jax.jvp(lambda x, p=p: value(held, **{**values, p: x}), (values[p],), (jnp.ones_like(held),))[1]
            for p in ("v", "K", "n")
        ),
    ]
    return np.asarray(value(held, **values)), np.asarray(slopes)


def agree(expression, law, theta, many=4):
    got, slopes = found(expression, COUNTS, theta)
    value, wanted = truth(law, COUNTS, theta)
    # rounding of the ratio, n units in the last place, and of the slopes once more
    np.testing.assert_allclose(got, value, rtol=4e-6, atol=1e-30)
    slopes, wanted = slopes[:many], wanted[:many]
    scale = np.abs(wanted).max(1, keepdims=True)
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes / scale, wanted / scale, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(("formula", "law"), ROWS, ids=[text for text, _ in ROWS])
def test_every_spelling_in_float32(formula, law):
    agree(parse(formula, Name), law, THETA)
    for exponent in (12.0, 2.5):  # written as a number
        numbered = parse(formula.replace("n", f"{exponent:g}"), Name)
        agree(numbered, law, THETA | {"n": exponent}, 3)
    whole = parse(formula.replace("K", "20000").replace("n", "9"), Name)
    np.testing.assert_allclose(found(whole, COUNTS, THETA)[0], truth(law, COUNTS, THETA)[0], rtol=4e-6, atol=1e-30)


@pytest.mark.parametrize("n", [0.5, 1.0, 0.0, -3.0])
def test_other_exponents(n):
    counts = COUNTS[1:]
    for formula, law in ROWS[:: len(UP) // 3]:
        got, slopes = found(parse(formula, Name), counts, THETA | {"n": n})
        value, wanted = truth(law, counts, THETA | {"n": n})
        np.testing.assert_allclose(got, value, rtol=4e-6)
        scale = np.abs(wanted).max(1, keepdims=True) + 1e-30
        np.testing.assert_allclose(slopes / scale, wanted / scale, rtol=2e-5, atol=2e-6)
    got, slopes = found(parse(UP[0], Name), np.zeros(1), THETA | {"n": 0.5})
    assert got == 0
    assert np.isfinite(slopes).all()


def test_several_in_one_product():
    made = parse("v*A^n/(K^n + A^n)/(1 + (A/K)^n)*A^2/(9 + A^2)/A", Name)
    got, _ = found(made, COUNTS[1:], THETA)
    a = COUNTS[1:]
    wanted = truth(up, a, THETA)[0] * truth(down, a, THETA)[0] / 10 * a / (9 + a**2)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-30)
    assert text(steady(made)).count("hill") == 3


@pytest.mark.parametrize(
    "formula",
    ["v*A/(K + A)", "v*A^n", "v/(K^n + A^n)", "v*A^n/(K^m + A^n)", "v*A^n/(1 + K + A^n)", "v*A^n/(K^n - A^n)"],
)
def test_what_is_none_stays_as_it_is(formula):
    made = parse(formula, Name)
    assert steady(made) == made


def test_bases_that_are_negative_keep_their_value():
    made = parse("(A - B)^2/(9 + (A - B)^2)", Name)
    law = Formula(made, ("A", "B"))
    for a, b in ((1.0, 5.0), (1.0, 2.0), (8.0, 1.0)):
        got = law.propensity({"A": jnp.float32(a), "B": jnp.float32(b)}, {}, jnp.float32(0), ())
        np.testing.assert_allclose(got, (a - b) ** 2 / (9 + (a - b) ** 2), rtol=1e-6)


def hill_of(model, reaction=0):
    """The propensity of a reaction in float32 where counts are large."""
    network = model.network
    counts = tuple(jnp.float32(30_000 if s == "A" else 0) for s in network.species)
    theta = {name: jnp.float32(value) for name, value in model.theta.items()}
    return float(network.propensities(counts, theta, jnp.float32(0))[reaction])


def test_all_formats(tmp_path):
    want = 10 / (1 + (2 / 3) ** 9)
    numbers = "A = 30000; B = 0; v = 10; K = 20000; n = 9"
    for formula in ("v*A^n/(K^n + A^n)", "v*pow(A, n)/(pow(K, n) + pow(A, n))", "v/(1 + pow(K/A, n))"):
        model = antimony(tmp_path, f"species A, B; -> B; {formula}; {numbers}")
        assert hill_of(model) == pytest.approx(want, rel=4e-6)
        assert "hill" not in model.network.describe()  # people see what they wrote
    sized = antimony(
        tmp_path, f"compartment c = 2; species A in c, B in c; -> B; v*A^n/(10000^n + A^n); {numbers}; A = 15000"
    )
    assert hill_of(sized) == pytest.approx(want, rel=4e-6)
    apply = "<apply><{0}/>{1}</apply>".format
    power = apply("power", "<ci>{}</ci><ci>n</ci>").format
    share = apply("divide", apply("times", "<ci>v</ci>" + power("A")) + apply("plus", power("K") + power("A")))
    fixed = 'constant="true"'
    body = f"""<listOfCompartments><compartment id="c" size="1" {fixed}/></listOfCompartments><listOfSpecies>{
        "".join(
            f'<species id="{s}" compartment="c" initialAmount="{x}" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>'
            for s, x in (("A", 30000), ("B", 0))
        )
    }</listOfSpecies><listOfParameters>{
        "".join(f'<parameter id="{p}" value="{x}" {fixed}/>' for p, x in (("v", 10), ("K", 20000), ("n", 9)))
    }</listOfParameters>
    <listOfReactions><reaction id="r" reversible="false" fast="false"><listOfProducts><speciesReference species="B"
    stoichiometry="1" {fixed}/></listOfProducts><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{
        share
    }</math>
    </kineticLaw></reaction></listOfReactions>"""
    assert hill_of(jumpax.read(written(tmp_path, "m.xml", sbml(body)))) == pytest.approx(want, rel=4e-6)
    net = """begin parameters\n 1 v 10\n 2 K 20000\n 3 n 9\nend parameters\nbegin functions\n 1 f() v*G^n/(K^n+G^n)\nend functions
begin species\n 1 A() 30000\n 2 B() 0\nend species\nbegin reactions\n 1 0 2 f\n 2 1 1,2 Hill v K n\nend reactions
begin groups\n 1 G 1\nend groups\n"""
    model = jumpax.read(written(tmp_path, "m.net", net))
    theta = {name: jnp.float32(value) for name, value in model.theta.items()}
    rates = model.network.propensities((jnp.float32(30_000), jnp.float32(0)), theta, jnp.float32(0))
    np.testing.assert_allclose(rates, [want, want], rtol=4e-6)
    np.testing.assert_allclose(model.observables["f"]({"A()": np.array([30_000])}), [want], rtol=4e-6)


def test_the_steep_switch_in_float32():
    """A has the variance 30,000 (1 - exp(-2 d t)) about its mean; that of the rate follows by quadrature over a normal law.

    |z| < 4: a false alarm once in 16,000 runs.
    """
    model = jumpax.read(Path(__file__).parent / "data" / "steep_hill.ant")
    paths = jumpax.simulate(
        model.network, model.theta, model.x0, times=[5.0], paths=600, key=20261129, precision="float32"
    )
    assert not paths.faulty.any()
    grid = np.linspace(-8, 8, 4001)

    def rate(t):
        a = 30_000 + np.sqrt(30_000 * (1 - np.exp(-0.02 * t))) * grid
        return np.trapezoid(norm.pdf(grid) * 10 / (1 + (20_000 / a) ** 9), grid)

    want = solve_ivp(lambda t, b: rate(t) - 0.01 * b, (0, 5), [0.0], rtol=1e-9, atol=1e-9).y[0, -1]
    found = paths["B"][:, 0]
    assert abs(found.mean() - want) < 4 * found.std(ddof=1) / np.sqrt(len(found))
    assert isinstance(model.network.reactions[0].law.expression, Call)
