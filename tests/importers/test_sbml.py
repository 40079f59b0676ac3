"""SBML as a discrete model: what each element means, and that nothing is passed over."""

import jax.numpy as jnp
import numpy as np
import pytest
from model_files import CASES, MATH, antimony, formulas, sbml, written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.networks import MassAction

NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


@pytest.mark.parametrize("case", NAMES)
def test_all_levels_and_versions_are_one_network(case):
    models = [jumpax.read(file) for file in sorted((CASES / case).glob("*.xml"))]
    assert len(models) >= 6
    first = models[0]
    for other in models[1:]:
        assert other.without_events == first.without_events
        assert other.without_events.digest == first.without_events.digest
        assert (other.theta, other.x0) == (first.theta, first.x0)
        assert dict(other.observables) == dict(first.observables)
        assert [(e.trigger, e.assignments) for e in other.events] == [(e.trigger, e.assignments) for e in first.events]


def l3(case):
    return jumpax.read(CASES / case / f"{case}-sbml-l3v1.xml")


@pytest.mark.fault(6, 28, 29, 31, 33)
def test_what_the_suite_asks_for():
    assert formulas(l3("00011")) == {"Birth": "Lambda * (X / Cell)", "Death": "Mu * (X / Cell)"}
    assert l3("00011").theta["Cell"] == 2.0
    assert formulas(l3("00015"))["Birth"] == "Lambda * X"  # Lambda (X / 2) / 0.5, without integer division
    assert l3("00027").theta == {"Immigration.k": 1.0, "Death.k": 0.1}  # hides a global k = 2
    assert [r.equation for r in l3("00025").network.reactions] == ["∅ -> X", "X -> Sink"]  # Source is a boundary
    assert float(l3("00025").observables["Source"]({"X": jnp.float32(3.0)})) == 0.0
    assert l3("00019").observables["y"]({"X": np.array([3, 4])}).tolist() == [6.0, 8.0]
    assert l3("00031").network.reactions[0].law == MassAction("k1")  # k1 P (P - 1) / 2 of 2 P -> P2
    assert l3("00039").network.stoichiometry.tolist() == [[100, -1]]


@pytest.mark.fault(33)
def test_amounts_and_concentrations(tmp_path):
    text = "compartment V = 4; species A in V = 2.5; substanceOnly species B in V; B = 3; const species C in V = 0.5\n"
    model = antimony(tmp_path, text + "A -> B; k * A * C; B -> A; k * B; k = 2")
    assert model.x0 == {"A": 10, "B": 3}
    assert model.theta == {"k": 2.0, "C": 2.0, "V": 4.0}  # C, held fixed, is a number: its amount
    counts = tuple(jnp.float32(n) for n in (10, 3))
    propensities = model.network.propensities(counts, {n: jnp.float32(v) for n, v in model.theta.items()}, 0.0)
    assert [float(a) for a in propensities] == [2 * (10 / 4) * 0.5, 2 * 3]


def test_rules_functions_and_initial_assignments(tmp_path):
    text = """
    function mm(s, v, K) v * s / (K + s) end
    species A, B; A = 7; B = 2 * A + 1
    total := A + B; twice := 2 * total; k = 3 * base; base = 0.5
    r: A -> B; mm(A, k, 10) + 0 * twice
    s: B -> ; base * piecewise(B, B > 3, 0)
    """
    model = antimony(tmp_path, text)
    assert model.x0 == {"A": 7, "B": 15}
    assert model.theta == {"base": 0.5}  # k follows base
    assert model.observables["twice"]({"A": np.array(1), "B": np.array(2)}) == 6.0
    assert formulas(model)["s"] == "base * if(B > 3, B, 0)"
    a = model.network.propensities((jnp.float32(7.0), jnp.float32(3.0)), {"base": jnp.float32(0.5)}, jnp.float32(0.0))
    np.testing.assert_allclose([float(x) for x in a], [1.5 * 7 / 17, 0.0], rtol=1e-6)


@pytest.mark.fault(30)
def test_names_that_mean_something_elsewhere(tmp_path):
    names = ["Lambda", "lambda", "E", "I", "pi2", "if", "jnp", "t", "S", "N", "class", "beta", "gamma", "None"]
    species = "".join(
        f'<species id="{n}" compartment="c" initialAmount="{i}" hasOnlySubstanceUnits="true" boundaryCondition="false" '
        'constant="false"/>' for i, n in enumerate(names)
    )  # fmt: skip
    rates = "".join(f"<ci>{n}</ci>" for n in names)
    time = '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">time</csymbol>'
    body = f"""<listOfCompartments><compartment id="c" constant="true"/></listOfCompartments>
    <listOfSpecies>{species}</listOfSpecies><listOfReactions><reaction id="for" reversible="false" fast="false">
    <listOfReactants><speciesReference species="if" stoichiometry="1" constant="true"/></listOfReactants>
    <kineticLaw><math {MATH}><apply><times/><ci>if</ci><apply><plus/>{rates}{time}</apply></apply></math></kineticLaw></reaction></listOfReactions>"""
    model = jumpax.read(written(tmp_path, "names.xml", sbml(body)))
    assert model.network.time_dependent
    assert set(model.network.species) == {*names, "t_"} - {"t"}  # t is the time where a rate reads the time
    counts = tuple(jnp.float32(model.x0[s]) for s in model.network.species)
    assert float(model.network.propensities(counts, {}, jnp.float32(0.5))[0]) == 5 * (sum(range(len(names))) + 0.5)


@pytest.mark.fault(34)
def test_reversible_laws_are_split_where_their_form_allows(tmp_path):
    text = "species A, B, C; A = 5; B = 5; C = 1; k = 1; g = 2; K = 3\n"
    model = antimony(tmp_path, text + "a: A -> B; k * A - g * B; b: A -> B; C * (k * A - g * B) / (1 + A / K)")
    assert formulas(model) == {
        "a": "k * A", "a_reverse": "g * B",
        "b": "C * (k * A) / (1 + A / K)", "b_reverse": "C * (g * B) / (1 + A / K)",
    }  # fmt: skip
    whole = antimony(
        tmp_path, text + "a: 2 A -> ; k * A * (A - 1) / 2; b: A -> 2 A; k * A * (10 - A); c: -> A; k * (9 - A)"
    )
    assert formulas(whole) == {"a": "k * A * (A - 1) / 2", "b": "k * A * (10 - A)", "c": "k * 9", "c_reverse": "k * A"}


@pytest.mark.fault(27)
def test_all_that_is_not_read_is_named_at_once(tmp_path):
    text = """
    species A, B, C; A = 5; B = 0.5; k = 1
    A -> B; k * A; 0.5 A -> C; k; A -> C; k * unknown
    at -3 after time > 5: A = 3
    """
    with pytest.raises(UnsupportedError) as caught:
        antimony(tmp_path, text)
    for part in (
        "the delay of an event must not be negative; got -3",
        "stoichiometry 0.5 of 'A'",
        "'unknown'",
        "0.5 is not a whole",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("<listOfRules><algebraicRule><math {m}><ci>A</ci></math></algebraicRule></listOfRules>", "algebraic rule"),
        ("<listOfConstraints><constraint><math {m}><true/></math></constraint></listOfConstraints>", "constraint"),
        ('<listOfReactions><reaction id="r" reversible="false" fast="true"/></listOfReactions>', "fast"),
        ('<listOfReactions><reaction id="r" reversible="false" fast="false"/></listOfReactions>', "no kinetic law"),
    ],
)
@pytest.mark.fault(27, 32)
def test_elements_that_are_refused(tmp_path, element, message):
    body = '<listOfCompartments><compartment id="c" constant="true"/></listOfCompartments>' + element.format(m=MATH)
    with pytest.raises((UnsupportedError, InputError), match=message):
        jumpax.read(written(tmp_path, "m.xml", sbml(body)))


def test_definitions_in_a_circle(tmp_path):
    rules = "".join(
        f'<assignmentRule variable="{a}"><math {MATH}><ci>{b}</ci></math></assignmentRule>' for a, b in ("pq", "qp")
    )
    body = f"""<listOfParameters><parameter id="p" constant="false"/><parameter id="q" constant="false"/></listOfParameters>
    <listOfRules>{rules}</listOfRules>"""
    with pytest.raises(InputError, match=r"circle of definitions: p -> q -> p|cannot be read"):
        jumpax.read(written(tmp_path, "m.xml", sbml(body)))


def test_names_that_are_used_twice(tmp_path):
    text = (CASES / "00001" / "00001-sbml-l3v1.xml").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="unique"):
        jumpax.read(written(tmp_path, "m.xml", text.replace('id="Death"', 'id="Birth"')))


@pytest.mark.parametrize("amount", ["NaN", "INF", "0.5", "-3"])
def test_amounts_that_are_no_counts(tmp_path, amount):
    text = (CASES / "00001" / "00001-sbml-l3v1.xml").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=r"whole number|negative"):
        jumpax.read(written(tmp_path, "m.xml", text.replace('initialAmount="100"', f'initialAmount="{amount}"')))


@pytest.mark.fault(32)
def test_a_missing_compartment_size_matters_only_where_it_is_read():
    assert "Cell" not in l3("00001").theta


@pytest.mark.fault(32)
@pytest.mark.parametrize(
    ("given", "missing", "message"),
    [
        (' stoichiometry="1"', "", r"line \d+: reaction 'Birth': the stoichiometry of 'X' is missing"),
        (' initialAmount="100"', "", r"line \d+: species 'X': .* no finite value at the start"),
        (' value="0.1"', "", r"parameter 'Lambda': .* no finite value at the start"),
        ("<times/>", "<times/><ci>Cell</ci>", r"the compartment 'Cell' is read, but has no .* give it a size"),
    ],
)
def test_what_is_missing_is_told_where_it_is_needed(tmp_path, given, missing, message):
    text = (CASES / "00001" / "00001-sbml-l3v1.xml").read_text(encoding="utf-8")
    assert given in text
    with pytest.raises(InputError, match=message):
        jumpax.read(written(tmp_path, "m.xml", text.replace(given, missing)))
