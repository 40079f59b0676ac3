"""Files as other tools and people write them: each is read with the right law, or refused with what to do."""

import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
from model_files import antimony, formulas, written
from test_units import declared

import jumpax
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.exact import StateSpace, distribution, stationary
from jumpax.importers import kinetics
from jumpax.importers.functions import FUNCTIONS, apply
from jumpax.importers.infix import parse
from jumpax.networks import MassAction
from jumpax.networks.expressions.expression import Name, evaluate_host

OTHERS = Path(__file__).parent / "data" / "others"


def mean(model, time):
    """Of the counts, by the master equation."""
    with jax.enable_x64(True):
        law = distribution(StateSpace.reachable(model.network, model.x0), model.theta, [time])
        return dict(zip(model.network.species, np.asarray(law.mean())[0].tolist()))


@pytest.mark.parametrize(
    ("file", "species", "start", "rate"),
    [
        ("amounts_in_nmol.xml", "A", 60, 0.5),
        ("decay_written_by_bionetgen.xml", "S1", 10, 0.5),
        ("empty_list.xml", "A", 10, 1.0),
        ("level1.xml", "A", 10, 1.0),
        ("fractional_amount.net", "A()", 6, 1.0),
    ],
)
def test_decays(file, species, start, rate):
    """Molecules that decay on their own: a mean of start exp(-rate t)."""
    model = jumpax.read(OTHERS / file, round_counts=file.endswith(".net"))
    assert model.x0[species] == start
    assert mean(model, 0.7)[species] == pytest.approx(start * np.exp(-0.7 * rate), rel=1e-6)


@pytest.mark.parametrize("file", ["backward_term_first.ant", "forward_term_first.ant"])
def test_a_backward_term_first(file):
    """At rest A is binomial(40, 3/4): 30 ± 2.74."""
    model = jumpax.read(OTHERS / file)
    assert [r.law for r in model.network.reactions] == [MassAction("kf"), MassAction("kr")]
    with jax.enable_x64(True):
        law = stationary(StateSpace.reachable(model.network, model.x0), model.theta)
        np.testing.assert_allclose(np.asarray(law.mean()), [30.0, 10.0], rtol=1e-9)
        np.testing.assert_allclose(np.asarray(law.covariance())[0, 0], 40 * 0.75 * 0.25, rtol=1e-9)


NET_LAWS = [
    "kf*A - kr*B", "-kr*B + kf*A", "-(kr*B) + kf*A", "kf*A + (-kr)*B", "kf*A + -1*kr*B", "0 - kr*B + kf*A", "-(kr*B - kf*A)",
    "(kf*A - kr*B)*c/c", "c*(-kr*B + kf*A)/c", "-c*(kr*B - kf*A)/c", "(2*kf*A - 2*kr*B)/2", "(kr*B - kf*A)/(-1)",
    "kf*A - (kr*B/2 + kr*B/2)", "(1 + c)*(kf*A - kr*B)/(1 + c)", "-(-kf*A) - kr*B", "kf*(A - B*kr/kf)", "kf*A*(1 - B*kr/(kf*A))",
    "(kf*A + 0) - (0 + kr*B)", "-(c*(kr*B - kf*A))/c",
]  # fmt: skip


@pytest.mark.parametrize("law", NET_LAWS)
def test_every_way_to_write_a_net_law(law):
    ways = kinetics.halves(parse(law, Name), ["A"], ["B"])
    assert ways is not None
    for a, b in ((3.0, 5.0), (7.0, 0.0), (2.0, 1.0)):
        values = {"kf": 1.5, "kr": 0.25, "c": 4.0, "A": a, "B": b}
        got = [evaluate_host(way, values) for way in ways]
        assert got == pytest.approx([1.5 * a, 0.25 * b], rel=1e-12)


def test_no_backward_rate_is_lost_where_the_reactant_is_gone():
    forward, backward = kinetics.halves(parse("kf*A*(1 - B*kr/(kf*A))", Name), ["A"], ["B"])
    values = {"kf": 1.5, "kr": 0.25, "A": 0.0, "B": 4.0}
    assert (evaluate_host(forward, values), evaluate_host(backward, values)) == (0.0, 1.0)


def test_minus_signs_of_mathml_and_rules(tmp_path):
    text = "species A = 40, B = 0; kf = 1; kr = 3; v := -kr*B + kf*A; c = 2; "
    function = "function net(p, S, q, P) -q*P + p*S end; "
    for law in ("v", "c*v/c", "net(kf, A, kr, B)", "2*net(kf, A, kr, B)/2", "v/3 - (-v)*2/3"):
        model = antimony(tmp_path, f"{function}{text}r: A -> B; {law}")
        channels = {r.name: r.equation for r in model.network.reactions}
        assert channels == {"r": "A -> B", "r_reverse": "B -> A"}, law
        with jax.enable_x64(True):
            rates = model.network.propensities(
                (np.float64(3.0), np.float64(5.0)), {n: np.float64(v) for n, v in model.theta.items()}, 0.0
            )
            assert float(rates[0]) - float(rates[1]) == pytest.approx(3.0 - 15.0), law


@pytest.mark.parametrize(
    ("reaction", "hint"),
    [("r: A => B; kf*A - kr*B", "mark it reversible"), ("r: A -> B; (2 - c)*(kf*A - kr*B)", "write two reactions")],
)
@pytest.mark.fault(34)
def test_a_net_law_that_is_not_split_is_warned_about(tmp_path, reaction, hint):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        antimony(tmp_path, f"species A = 40, B = 0; kf = 1; kr = 3; c = 1; {reaction}")
    first = told[0]
    assert issubclass(first.category, JumpaxWarning)
    assert "reads like forward minus backward" in str(first.message)
    assert hint in str(first.message)


def test_inhibition_by_a_product_is_not_warned_about(tmp_path):
    model = antimony(tmp_path, "species A = 4, B = 0; k = 1; K = 9; r: A => B; k*A*(1 - B/K)")
    assert formulas(model) == {"r": "k * A * (1 - B / K)"}


EMPTY = (
    "listOfFunctionDefinitions", "listOfUnitDefinitions", "listOfParameters", "listOfInitialAssignments", "listOfRules",
    "listOfConstraints", "listOfEvents",
)  # fmt: skip


@pytest.mark.parametrize("level", [(2, 3), (2, 4), (2, 5), (3, 1), (3, 2)])
def test_empty_lists_say_nothing(tmp_path, level):
    text = declared("", level=level)
    inner = "listOfParameters" if level[0] == 2 else "listOfLocalParameters"
    text = text.replace("</math></kineticLaw>", f"</math><{inner}></{inner}></kineticLaw>")
    text = text.replace("</listOfReactants>", "</listOfReactants><listOfProducts></listOfProducts>")
    for name in EMPTY:
        place = {"listOfEvents": "</model>"}.get(name, "<listOfReactions>")
        place = "<listOfCompartments>" if name in EMPTY[:2] else place
        text = text.replace(place, f"<{name}></{name}>{place}", 1)
    model = jumpax.read(written(tmp_path, "m.xml", text))
    assert (model.x0, formulas(model)) == ({"A": 10}, {"r": "0.5 * A"})


def test_an_empty_unit_and_an_event_that_does_nothing(tmp_path):
    unit = '<listOfUnitDefinitions><unitDefinition id="u"><listOfUnits></listOfUnits></unitDefinition></listOfUnitDefinitions>'
    for level in ((2, 1), (2, 4), (3, 1)):
        text = declared("", level=level).replace("<listOfCompartments>", f"{unit}<listOfCompartments>")
        text = text.replace("level2/version1", "level2") if level == (2, 1) else text
        assert jumpax.read(written(tmp_path, "m.xml", text)).x0 == {"A": 10}


def level1(body: str, version: int = 2) -> str:
    """A document of Level 1."""
    return f'<sbml xmlns="http://www.sbml.org/sbml/level1" level="1" version="{version}"><model name="m">{body}</model></sbml>'


def test_level_1(tmp_path):
    """Formulas in text, rules, volumes (1 unless given), both versions, units."""
    body = """<listOfCompartments><compartment name="c"/><compartment name="d" volume="2"/></listOfCompartments>
    <listOfSpecies><species name="A" compartment="c" initialAmount="10"/><species name="B" compartment="d" initialAmount="4"/>
    <species name="S" compartment="c" initialAmount="3" boundaryCondition="true"/></listOfSpecies>
    <listOfParameters><parameter name="k" value="0.5"/><parameter name="y" value="0"/></listOfParameters>
    <listOfRules><parameterRule name="y" formula="2*A + pow(B, 2)"/></listOfRules>
    <listOfReactions><reaction name="r" reversible="false"><listOfReactants><speciesReference species="A" stoichiometry="2"/>
    <speciesReference species="S"/></listOfReactants><listOfProducts><speciesReference species="B"/></listOfProducts>
    <kineticLaw formula="k*A*(A - 1)/2"/></reaction>
    <reaction name="s" reversible="false"><listOfReactants><speciesReference species="B"/></listOfReactants>
    <kineticLaw formula="q*B*S"><listOfParameters><parameter name="q" value="3"/></listOfParameters></kineticLaw></reaction>
    </listOfReactions>"""
    model = jumpax.read(written(tmp_path, "m.xml", level1(body)))
    old = body.replace("<species ", "<specie ").replace("speciesReference species", "specieReference specie")
    assert jumpax.read(written(tmp_path, "old.xml", level1(old, 1))).network == model.network
    assert model.x0 == {"A": 10, "B": 4}
    assert model.network.reactions[0].law == MassAction("k")
    assert formulas(model)["s"] == "s.q * (B / d) * S"
    assert float(model.observables["y"]({"A": np.array(3.0), "B": np.array(4.0)})) == 6.0 + 4.0
    unit = """<listOfUnitDefinitions><unitDefinition name="substance"><listOfUnits><unit kind="mole" scale="-21"/></listOfUnits>
    </unitDefinition></listOfUnitDefinitions>"""
    zmol = level1(unit + body.replace("k*A*(A - 1)/2", "k*A*A"))
    with pytest.warns(JumpaxWarning, match="does not vanish at A = 1"):
        assert jumpax.read(written(tmp_path, "m.xml", zmol)).x0 == {"A": 6022, "B": 2409}
    moving = jumpax.read(written(tmp_path, "m.xml", level1(body.replace('pow(B, 2)"', 'pow(B, 2)" type="rate"'))))
    assert list(map(str, moving.network.flows)) == ["dy/dt = 2 * A + (B / d)^2"]


@pytest.mark.parametrize("level", [(2, 4), (3, 1), (3, 2)])
@pytest.mark.parametrize("law", ["<ci>k</ci><ci>A</ci>", "<ci>c</ci><ci>k</ci><ci>A</ci>"])
def test_compartments_without_dimensions(tmp_path, level, law):
    """There are no concentrations in them; where a law reads their size it is 1 (as libroadrunner takes it)."""
    text = declared("", level=level).replace('size="1"', 'spatialDimensions="0"').replace("<cn>0.5</cn>", "<cn>2</cn>")
    text = text.replace("<ci>c</ci>", "<ci>c</ci>" if "<ci>c</ci>" in law else "")
    model = jumpax.read(written(tmp_path, "m.xml", text))
    assert (model.x0, formulas(model)) == ({"A": 10}, {"r": "2 * A"})
    with pytest.raises(UnsupportedError, match="no dimensions, but a size"):
        jumpax.read(written(tmp_path, "m.xml", text.replace('spatialDimensions="0"', 'spatialDimensions="0" size="2"')))


CONSTANTS = {
    "arcsin(0.5)": np.arcsin(0.5), "arccos(0.5)": np.arccos(0.5), "arctan(2)": np.arctan(2), "sinh(1)": np.sinh(1),
    "cosh(1)": np.cosh(1), "tanh(1)": np.tanh(1), "sec(1)": 1 / np.cos(1), "csc(1)": 1 / np.sin(1), "cot(1)": 1 / np.tan(1),
    "sech(1)": 1 / np.cosh(1), "csch(1)": 1 / np.sinh(1), "coth(1)": 1 / np.tanh(1), "arccot(2)": np.arctan(0.5),
    "arcsec(2)": np.arccos(0.5), "arccsc(2)": np.arcsin(0.5), "arcsinh(1)": np.arcsinh(1), "arccosh(2)": np.arccosh(2),
    "arctanh(0.5)": np.arctanh(0.5), "arccoth(2)": np.arctanh(0.5), "arcsech(0.5)": np.arccosh(2), "arccsch(2)": np.arcsinh(0.5),
    "factorial(5)": 120.0, "factorial(n)": 6.0, "factorial(piecewise(2, 1 < 2, 9))": 2.0, "ceil(2.3)": 3.0, "floor(-2.3) + 9": 6.0, "log(2, 8)": 3.0, "log10(1000)": 3.0,
    "root(3, 27)": 3.0, "sqrt(2)": np.sqrt(2), "quotient(7, 2)": 3.0, "rem(7, 2)": 1.0, "rem(7, n)": 1.0, "max(1, n, 2)": 3.0,
    "piecewise(1, n > 2, 4)": 1.0, "avogadro / 6.02214179e23": 1.0, "twice(n) + exp(0)": 7.0, "n^2 / abs(-3)": 3.0,
    "min(n, 2)": 2.0, "pi": np.pi, "piecewise(2, !(n == 3) || true, 5)": 2.0, "ln(exponentiale)": 1.0, "A0 + 1": 10.0,
}  # fmt: skip
"""Values from NumPy, or by hand."""


def test_constants_by_any_function(tmp_path):
    """As values of parameters and of amounts, by initial assignments; a factorial of parameters is worked out, too."""
    names = [f"p{place}" for place in range(len(CONSTANTS))]
    values = "; ".join(f"{name} = {formula}" for name, formula in zip(names, CONSTANTS))
    text = f"function twice(x) 2 * x end; species A; n = 3; A0 = 9; A = factorial(4) - n; {values}; A => ; A * ({' + '.join(names)})"
    model = antimony(tmp_path, text)
    assert model.x0 == {"A": 21}
    got = sum(CONSTANTS.values())
    with jax.enable_x64(True):
        theta = {name: np.float64(value) for name, value in model.theta.items()}
        rate = float(model.network.propensities((np.float64(2.0),), theta, 0.0)[0])
    assert rate == pytest.approx(2.0 * got, rel=1e-12)
    alone = antimony(tmp_path, "species A; A = 9; k = factorial(5); A => ; k * A")
    assert (alone.theta, alone.network.reactions[0].law) == ({"k": 120.0}, MassAction("k"))  # it stays a parameter


def test_functions_of_counts_and_the_one_that_is_not_read(tmp_path):
    model = antimony(
        tmp_path, "species A; A = 9; A => ; A * (1 + arcsin(A / 99) + sinh(A / 50) + quotient(A, 2) + rem(A, 4))"
    )
    with jax.enable_x64(True):
        rate = float(model.network.propensities((np.float64(7.0),), {}, 0.0)[0])
    assert rate == pytest.approx(7 * (1 + np.arcsin(7 / 99) + np.sinh(7 / 50) + 3 + 3), rel=1e-12)
    with pytest.raises(UnsupportedError, match="factorial of what is not a constant"):
        antimony(tmp_path, "species A; A = 9; A => ; factorial(A)")
    with pytest.raises(InputError, match="whole number from 0 to 170"):
        antimony(tmp_path, "species A; A = 9; k = factorial(2.5); A => ; k * A")


def test_functions_take_as_many_arguments_as_they_take():
    for name in FUNCTIONS:
        with pytest.raises(InputError, match=r"does not take|no whole number"):
            apply(name, *[Name("x")] * 3) if name != "average" else apply(name)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("stochkit.xml", ("a model of StochKit", "Antimony", "A + B -> C; k*A*B")),
        ("decay.bngl", ("BNGL", "generate_network", "bionetgen run -i decay.bngl", "read out/decay.net")),
    ],
)
def test_formats_that_are_named_with_what_to_do(file, words, capsys, monkeypatch):
    from jumpax.cli.app import main

    monkeypatch.setattr("jumpax.importers.bngl._program", lambda: None)  # as where BioNetGen is not installed

    with pytest.raises(UnsupportedError) as fault:
        jumpax.read(OTHERS / file)
    for word in words:
        assert word in str(fault.value)
    assert main(["simulate", str(OTHERS / file), "--times", "1"]) == 3
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("m.cps", "<COPASI/>", "CopasiSE --exportSBML"),
        ("m.xml", '<?xml version="1.0"?><!-- <sbml> --><COPASI versionMajor="4"/>', "a file of COPASI"),
        ("m.xml", '<model xmlns="http://www.cellml.org/cellml/1.0#"/>', "CellML"),
        ("m.xml", '<s:sedML xmlns:s="http://sed-ml.org/"/>', "SED-ML"),
        ("m.omex", "PK", "COMBINE archive"),
        ("m.psc", "R1: A > $pool", "SBML with PySCeS"),
        ("m.ka", "%agent: A()", "Kappa"),
    ],
)
def test_other_formats(tmp_path, name, text, word):
    with pytest.raises(UnsupportedError) as fault:
        jumpax.read(written(tmp_path, name, text))
    assert word in str(fault.value)


def test_sbml_with_a_prefix_is_sbml(tmp_path):
    text = declared("", level=(3, 1))
    prefixed = text.replace("<sbml xmlns=", "<s:sbml xmlns:s=").replace("</sbml>", "</s:sbml>")
    for tag in ("model", "listOf", "compartment", "species", "reaction", "kineticLaw"):
        prefixed = prefixed.replace(f"<{tag}", f"<s:{tag}").replace(f"</{tag}", f"</s:{tag}")
    assert jumpax.read(written(tmp_path, "m.xml", prefixed)).x0 == {"A": 10}
