"""Models in arbitrary units: the user says how many molecules one unit of substance is."""

import re
import warnings

import numpy as np
import pytest
from model_files import MATH, antimony, sbml, written
from test_units import NMOL, propensities

import jumpax
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.cli.app import main
from jumpax.importers.counts import Counting

MODEL = "compartment c = 2; species A in c, B in c; A = 0.75; B = 0; k = 3; r: A + A -> B; c * k * A^2"


def test_a_law_by_hand(tmp_path):
    """The amount A is 1.5; with 1,000 molecules in a unit, x of them are x / 2000 per size: 1000 * 2 * 3 * (x / 2000)^2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)  # A^2 does not vanish at one molecule
        model = jumpax.read(written(tmp_path, "m.ant", MODEL), molecules_per_unit=1000)
    assert model.x0 == {"A": 1500, "B": 0}
    np.testing.assert_allclose(propensities(model, (900, 3))["r"], 1000 * 2 * 3 * (900 / 2000) ** 2, rtol=1e-12)
    assert "A [molecules, 1000 per unit]" in model.network.describe()
    assert "1 unit of the file is taken as 1000 molecules, as molecules_per_unit says" in model.notes[0]


def test_it_goes_before_what_the_file_declares(tmp_path):
    text = NMOL + "species A in c; A = 2e15; k = 0.5; r: A => ; c * k * A"
    with pytest.raises(InputError, match=r"2 nmol, is 1.2e\+15 molecules.*molecules_per_unit=1000"):
        antimony(tmp_path, text)
    model = jumpax.read(written(tmp_path, "m.ant", text), molecules_per_unit=50)
    assert model.x0 == {"A": 100}
    assert model.network.units["A"] == "molecules, 50 per nmol"
    assert "the file declares 6.02214179e+14" in model.notes[0]
    np.testing.assert_allclose(propensities(model, (64,))["r"], 32, rtol=1e-12)


@pytest.mark.parametrize("number", [0, -1, float("nan"), float("inf"), "many", True])
def test_numbers_that_are_none(tmp_path, number):
    with pytest.raises(InputError, match="molecules_per_unit must be a finite number above 0"):
        jumpax.read(written(tmp_path, "m.ant", MODEL), molecules_per_unit=number)


@pytest.mark.parametrize("number", [np.int64(1000), np.float32(1000)])
def test_numbers_of_numpy(number):
    made = Counting(per_unit=number).per_unit
    assert (made, type(made)) == (1000.0, float)


def test_more_molecules_than_are_counted_in_a_file_without_units(tmp_path):
    text = "A = 1e12; k = 1; r: A => ; k * A"
    remedy = r"is 1e\+12 molecules; at most 2,147,483,647 are counted. Say how many .* molecules_per_unit=1e-08 of"
    with pytest.raises(InputError, match=remedy):
        antimony(tmp_path, text)
    model = jumpax.read(written(tmp_path, "m.ant", text), molecules_per_unit=1e-8)
    assert model.x0 == {"A": 10_000}


@pytest.mark.parametrize("suffix", [".net", ".bngl"])
def test_networks_of_numbers_have_no_unit(tmp_path, suffix):
    """Told before the file is opened, and before BioNetGen runs."""
    with pytest.raises(InputError, match="numbers of molecules already; molecules_per_unit is for SBML and Antimony"):
        jumpax.read(tmp_path / f"not there{suffix}", molecules_per_unit=10)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("birth_death", "birth_death has numbers of molecules already; --molecules-per-unit is for SBML and Antimony"),
        ("m.net", "has numbers of molecules already; --molecules-per-unit is for SBML and Antimony"),
        ("m.cps", "a file of COPASI; export it there"),
        ("birth_deth", "Did you mean 'birth_death'?"),
    ],
)
def test_the_command_tells_of_a_unit_where_there_is_none_and_of_what_is_no_model(name, told, capsys):
    assert main(["check", name, "--no-speed", "--molecules-per-unit", "10"]) in (2, 3)
    assert told in capsys.readouterr().err


def test_what_events_set_is_rounded_on_request(tmp_path):
    text = "species A; A = 2.4; k = 1; r: A => ; k * A; at time >= 0.001: A = A / 2 + 10.3"
    model = jumpax.read(written(tmp_path, "m.ant", text), molecules_per_unit=1, round_counts=True)
    assert model.x0 == {"A": 2}
    assert "events round the counts that they set to whole numbers, halves upwards" in model.notes
    paths = jumpax.simulate(model, {"k": 0.0}, times=[0.01], paths=2, key=0, engine="reference")
    assert paths["A"].ravel().tolist() == [11, 11]  # 2 / 2 + 10.3


def test_a_negative_amount_near_zero_is_zero_if_it_may_be_rounded(tmp_path):
    file = written(tmp_path, "m.ant", "species A; A = -5e-11; => A; 1")
    with pytest.raises(InputError, match="is negative"):
        jumpax.read(file)
    with pytest.warns(JumpaxWarning, match="rounded to 0"):
        assert jumpax.read(file, round_counts=True).x0 == {"A": 0}
    with pytest.raises(InputError, match="is negative"):
        jumpax.read(written(tmp_path, "m.ant", "species A; A = -0.6; => A; 1"), round_counts=True)


def reaction(body: str, more: str = "") -> str:
    """A reaction A -> B of the rate k A, with conversion factors."""
    held = 'hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"'
    return sbml(
        f"""<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments><listOfSpecies>
        <species id="A" compartment="c" initialAmount="9" {held} {body}/><species id="B" compartment="c" initialAmount="1" {held}
        {more}/></listOfSpecies><listOfParameters><parameter id="k" value="0.5" constant="true"/><parameter id="f" value="4"
        constant="true"/></listOfParameters><listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>
        <speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><listOfProducts><speciesReference
        species="B" stoichiometry="1" constant="true"/></listOfProducts><kineticLaw><math {MATH}><apply><times/><ci>k</ci>
        <ci>A</ci></apply></math></kineticLaw></reaction></listOfReactions>"""
    )


def test_a_conversion_factor_is_a_parameter(tmp_path):
    factor = 'conversionFactor="f"'
    model = jumpax.read(written(tmp_path, "m.xml", reaction(factor, factor)))
    assert model.theta == {"k": 0.5, "f": 4.0}
    np.testing.assert_allclose(propensities(model, (7, 0))["r"], 4 * 0.5 * 7)
    with pytest.raises(UnsupportedError, match=r"line 7: reaction 'r': its species have different conversion factors"):
        jumpax.read(written(tmp_path, "m.xml", reaction(factor)))


@pytest.mark.fault(27)
def test_all_reasons_at_once_each_with_its_line(tmp_path):
    """One reaction with three faults, an event with two, a rate rule, an amount."""
    text = """species A, B, C; A = 0.5; C' = factorial(C); C = 3
    r: 0.5 A => 1.5 B; k * A * factorial(A)
    later: at delay(A, 1) after sin(time) > 0.5: A = factorial(A)"""
    with pytest.raises(UnsupportedError) as refusal:
        antimony(tmp_path, text)
    told = str(refusal.value)
    for reason in (
        r"line \d+: species 'A': its initial amount 0.5", r"line \d+: rate rule for 'C': the factorial", r"line \d+: reaction 'r': the stoichiometry 0.5 of 'A'",
        r"line \d+: reaction 'r': the stoichiometry 1.5 of 'B'", r"line \d+: reaction 'r': the factorial",
        r"line \d+: event 'later': delay\(", r"line \d+: event 'later': the factorial", r"line \d+: event 'later': a trigger that reads the time",
    ):  # fmt: skip
        assert len(re.findall(reason, told)) == 1, reason


def test_of_many_elements_with_one_fault_all_are_named(tmp_path):
    many = "".join(f"A{n} = 0.5; " for n in range(40))
    with pytest.raises(InputError) as refusal:
        antimony(tmp_path, f"species {', '.join(f'A{n}' for n in range(40))}; {many} => A0; 1")
    assert all(f"species 'A{n}'" in str(refusal.value) for n in range(40))
    assert "and 20 more of that kind: line" in str(refusal.value)


def test_models_in_models_that_never_end(tmp_path):
    comp = 'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1"'
    two = "".join(f'<comp:submodel comp:id="{i}{{0}}" comp:modelRef="m{{1}}"/>' for i in "ab")
    inner = "".join(
        f'<comp:modelDefinition id="m{n}"><comp:listOfSubmodels>{two.format(n, n + 1)}</comp:listOfSubmodels></comp:modelDefinition>'
        for n in range(30)
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" {comp} level="3" version="1" '
        f'comp:required="true"><model id="m"><comp:listOfSubmodels>{two.format("", 0)}</comp:listOfSubmodels></model>'
        f'<comp:listOfModelDefinitions>{inner}<comp:modelDefinition id="m30"/></comp:listOfModelDefinitions></sbml>'
    )
    with pytest.raises(InputError, match="more than 1000 models in models"):
        jumpax.read(written(tmp_path, "m.xml", text))


def test_a_size_that_a_rule_gives(tmp_path):
    """B = 6 molecules at the concentration 3 in a size of 2; the law reads 6 / (1 + K)."""
    model = antimony(
        tmp_path, "compartment V; V := 1 + K; K = 1; species B in V; B = 3; k = 2; r: B => ; k * B * V; s: => B; B"
    )
    assert model.x0 == {"B": 6}
    got = propensities(model, (5,))
    np.testing.assert_allclose([got["r"], got["s"]], [10, 5 / 2])


def test_a_size_that_an_event_sets(tmp_path):
    """Molecules stay: the decay at rate k B / V of a concentration loses half its speed."""
    text = "compartment V = 1; species B in V; B = 4; k = 0; r: B => ; k * B / V; at time >= 1: V = 2"
    model = antimony(tmp_path, text)
    assert model.theta["V"] == 1
    paths = jumpax.simulate(model, times=[2.0], paths=2, key=0, engine="reference")
    assert paths["B"].ravel().tolist() == [4, 4]
    assert paths["V"].ravel().tolist() == [2, 2]
    with pytest.raises(UnsupportedError, match=r"the concentration 'B' and to its compartment 'V' at once"):
        antimony(tmp_path, text + ", B = 3")


def test_the_remedy_fits_the_largest_amount(tmp_path):
    text = "unit substance = mole; unit extent = mole; species A, B; A = 3e7; B = 0; A => B; A"
    with pytest.raises(InputError, match=r"declare item.*molecules_per_unit=0.0001 of"):
        antimony(tmp_path, text)
    with pytest.raises(
        InputError, match=r"counted. Say how many molecules a unit is to be: molecules_per_unit=0.0001 of"
    ):
        jumpax.read(written(tmp_path, "m.ant", text), molecules_per_unit=1e6)
    assert jumpax.read(written(tmp_path, "m.ant", text), molecules_per_unit=1e-4, round_counts=True).x0["A"] == 3000


def test_the_smallest_number_of_java(tmp_path):
    """CellDesigner writes 4.9E-324 for nothing, which libSBML does not take for a number."""
    file = written(tmp_path, "m.xml", reaction("").replace('initialAmount="1"', 'initialAmount="4.9E-324"'))
    with pytest.raises(InputError, match=r"species 'B': its initial amount 1e-307 is not a whole number"):
        jumpax.read(file)
    with pytest.warns(JumpaxWarning, match="rounded to 0"):
        assert jumpax.read(file, round_counts=True).x0 == {"A": 9, "B": 0}
