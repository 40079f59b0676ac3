"""Units of substance: counts are molecules, laws are evaluated in the units of the file."""

import jax
import numpy as np
import pytest
from model_files import MATH, antimony, formulas, sbml, written

import jumpax
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.networks import MassAction

AVOGADRO = 6.02214179e23  # as SBML Level 3 fixes it
NANO = AVOGADRO * 1e-9
CELL = "compartment c = 1e-15;"  # a litre of this size holds 0.602 molecules at 1 nmol/l
NMOL = "unit substance = 1e-9 mole; unit extent = 1e-9 mole;" + CELL


def propensities(model, counts, precision=np.float64):
    """By reaction."""
    with jax.enable_x64(precision is np.float64):
        theta = {name: precision(value) for name, value in model.theta.items()}
        values = model.network.propensities(tuple(map(precision, counts)), theta, precision(0.0))
        return {r.name: float(a) for r, a in zip(model.network.reactions, values)}


def declared(unit: str, amount: str = "10", level=(2, 4), species: str = "", more: str = "") -> str:
    """A decay `c k A` of a species in a compartment of size 1, with a unit for `substance`."""
    modern = level[0] > 2
    held, constant = (' boundaryCondition="false" constant="false"', ' constant="true"') if modern else ("", "")
    held += ' hasOnlySubstanceUnits="false"' if modern else ""
    units = f"<listOfUnitDefinitions>{unit}</listOfUnitDefinitions>" if unit else ""
    return sbml(
        f"""{units}<listOfCompartments><compartment id="c" size="1"{constant}/></listOfCompartments><listOfSpecies>
        <species id="A" compartment="c" initialAmount="{amount}" {species}{held}/>{more}</listOfSpecies><listOfReactions>
        <reaction id="r" reversible="false"{' fast="false"' if level == (3, 1) else ""}><listOfReactants>
        <speciesReference species="A" stoichiometry="1"{constant}/></listOfReactants><kineticLaw><math {MATH}><apply><times/>
        <ci>c</ci><cn>0.5</cn><ci>A</ci></apply></math></kineticLaw></reaction></listOfReactions>""",
        *level,
    )


def definition(kind: str, name: str = "substance", attributes: str = "", level: int = 2) -> str:
    """A unit of one factor."""
    filled = attributes or ('exponent="1" scale="0" multiplier="1"' if level > 2 else "")
    return f'<unitDefinition id="{name}"><listOfUnits><unit kind="{kind}" {filled}/></listOfUnits></unitDefinition>'


def test_amounts_in_nmol(tmp_path):
    """99.6324 nmol/l in 1e-15 l are 60 molecules, and decay at rate 0.5 is mass action whatever the unit."""
    model = antimony(tmp_path, NMOL + "species A in c, B in c; A = 99.6324; B = 0; k = 0.5; r: A => B; c * k * A")
    assert model.x0 == {"A": 60, "B": 0}
    assert model.network.reactions[0].law == MassAction("k")
    assert model.theta == {"k": 0.5}
    assert model.molecules == {"A": NANO, "B": NANO}
    assert "1 nmol is 6.02214179e+14 molecules" in model.notes[0]
    assert model.notes[1] == "A starts with 60.000044 molecules, taken as 60"
    space = jumpax.exact.StateSpace.reachable(model.network, model.x0)
    with jax.enable_x64(True):
        law = jumpax.exact.distribution(space, model.theta, [1.0])
        np.testing.assert_allclose(np.asarray(law.mean())[0], [60 * np.exp(-0.5), 60 * (1 - np.exp(-0.5))], rtol=1e-9)


def test_what_is_said_about_units(tmp_path):
    model = antimony(tmp_path, NMOL + "species A in c; A = 99.6324; A => ; c * 0.5 * A")
    assert model.network.units == {"A": "molecules, 6.02214179e+14 per nmol"}
    assert "A [molecules, 6.02214179e+14 per nmol]" in model.network.describe()
    paths = jumpax.simulate(model.network, model.theta, model.x0, times=[0.1], paths=2, key=0, engine="reference")
    assert paths.provenance["units"] == model.network.units


def test_a_bimolecular_law_in_nmol_per_litre(tmp_path):
    """One pair meets at k / (molecules in 1 nmol/l), by hand: k c (a / n c) (b / n c) nmol/s times n are k a b / (n c)."""
    text = (
        NMOL
        + """species A in c, B in c, C in c; A = 99.6324; B = 49.8162; C = 3.32108; k = 0.01; g = 0.3; v = 2; K = 10
    r: A + B -> C; c * (k * A * B - g * C)
    s: C => ; c * v * C / (K + C)
    z: => C; c * 5"""
    )
    model = antimony(tmp_path, text)
    assert list(model.x0.values()) == [60, 30, 2]
    pair, one = NANO * 1e-15, 1.0 / (NANO * 1e-15)  # molecules in 1 nmol/l; nmol/l of one molecule
    wanted = {
        "r": 0.01 * 60 * 30 / pair, "r_reverse": 0.3 * 2, "s": pair * 2 * (2 * one) / (10 + 2 * one), "z": pair * 5
    }  # fmt: skip
    for precision, rtol in ((np.float64, 1e-14), (np.float32, 1e-6)):
        got = propensities(model, (60, 30, 2), precision)
        assert got == pytest.approx(wanted, rel=rtol)
    assert wanted["r"] == pytest.approx(29.88970, rel=1e-6)  # libroadrunner 2.10: 29.88974, for 60.00004 and 30.00002


@pytest.mark.filterwarnings("ignore::jumpax.JumpaxWarning")  # laws that do not read what they take
def test_products_of_moles_do_not_vanish_in_float32(tmp_path):
    """Two amounts of 1e-22 mol: their product is below the smallest number of float32, the propensity is 29.9."""
    text = (
        "unit substance = mole; unit extent = mole;"
        + CELL
        + """substanceOnly species A in c, B in c, C in c
    A = 9.96324e-23; B = 4.98162e-23; C = 1.66054e-24; k = 1e22
    r: A + B => C; k * A * B
    q: C => A; A * B * 1e22 + k * A^2
    s: C => A; piecewise(A * B * k, A > B, 0)
    u: C => A; A * B * k / (1 + A * 0)"""
    )
    model = antimony(tmp_path, text)
    assert list(model.x0.values()) == [60, 30, 1]
    pair = 1e22 * 60 * 30 / AVOGADRO
    wanted = {"r": pair, "q": pair + 1e22 * 60 * 60 / AVOGADRO, "s": pair, "u": pair}
    assert propensities(model, (60, 30, 1), np.float32) == pytest.approx(wanted, rel=1e-6)
    with pytest.raises(UnsupportedError, match=r"factor of 2.76e-48"):
        antimony(tmp_path, text.replace("r: A + B => C; k * A * B", "r: A + B => C; k * A * B * C"))


def test_compartments_of_other_units_of_volume(tmp_path):
    """A law reads amount / size in the units of the file, whatever those of the sizes are."""
    text = (
        NMOL
        + """unit cube = 1e-3 litre; compartment n = 2e-13; n has cube; species A in c, B in n; A = 99.6324; B = 0.2490810
    r: A -> B; k * (A - 2 * B); k = 1e-16"""
    )
    model = antimony(tmp_path, text)
    assert model.x0 == {"A": 60, "B": 30}
    got = propensities(model, (60, 30))
    assert got == pytest.approx({"r": 1e-16 * 60 / 1e-15, "r_reverse": 2e-16 * 30 / 2e-13}, rel=1e-12)


def test_rules_initial_assignments_and_held_species(tmp_path):
    """Everything that a formula reads is in the units of the file; species among the results are molecules."""
    text = (
        NMOL
        + """species A in c, B in c, $S in c; substanceOnly species D in c; A = 2 * base; base = 49.8162; B = A / 2
    S = 16.6054; D = 1.66054e-15; T := A + B; twice := 2 * A; species T in c
    r: A => ; c * k * A * S; k = 0.1; D => ; D"""
    )
    model = antimony(tmp_path, text)
    assert model.x0 == {"A": 60, "B": 30, "D": 1}
    assert model.theta["S"] == pytest.approx(10.0, rel=1e-4)  # molecules
    counts = {"A": np.array(60.0), "B": np.array(30.0), "D": np.array(1.0)}
    assert float(model.observables["T"](counts)) == pytest.approx(90.0, rel=1e-6)  # a species: molecules
    assert float(model.observables["twice"](counts)) == pytest.approx(2 * 99.6324, rel=1e-6)  # a parameter: nmol/l
    assert propensities(model, (60, 30, 1))["r"] == pytest.approx(60 * 0.1 * 16.6054, rel=1e-6)


def test_events_read_and_set_units_of_the_file(tmp_path):
    text = (
        NMOL
        + """species A in c, B in c; A = 33.2108; B = 0; k = 1e-9; A => B; c * k * A
    at (time >= 1): A = A + dose, B = 16.6054; dose = 99.6324
    at (A > 130): A = 1.66054"""
    )
    model = antimony(tmp_path, text)
    paths = jumpax.simulate(model, times=[0.5, 1.0], paths=2, key=1, engine="reference")
    np.testing.assert_array_equal(paths["A"], [[20, 1]] * 2)  # 20 + 60 molecules are 132.8 nmol/l
    np.testing.assert_array_equal(paths["B"], [[0, 10]] * 2)
    bad = antimony(tmp_path, text.replace("B = 16.6054;", "B = 1;"))  # 0.6 molecules
    with pytest.raises(jumpax.SimulationError, match="whole number"):
        jumpax.simulate(bad, times=[0.5, 1.0], paths=2, key=1, engine="reference")


@pytest.mark.parametrize(
    ("unit", "molecules", "note"),
    [
        (definition("item"), 1.0, ""),
        (definition("item", attributes='multiplier="1000"'), 1000.0, "1 substance is 1000 molecules"),
        (definition("mole", attributes='scale="-21"'), 602.214179, "602.214179 molecules"),
        (definition("mole", attributes='multiplier="1e-21" exponent="1"'), 602.214179, "602.214179 molecules"),
        (definition("dimensionless"), 1.0, "is dimensionless"),
        (definition("kilogram"), 1.0, "is no number of molecules"),
        ("", 1.0, "in Level 2 the mole; amounts are taken as numbers of molecules"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:the unit of substance kilogram")
def test_substance_as_level_2_redefines_it(tmp_path, unit, molecules, note):
    model = jumpax.read(written(tmp_path, "m.xml", declared(unit)))
    assert model.molecules == {"A": pytest.approx(molecules, rel=1e-12)}
    assert model.x0 == {"A": round(10 * molecules)}
    assert propensities(model, (7.0,)) == pytest.approx({"r": 3.5}, rel=1e-12)
    assert note in "".join(model.notes)
    assert bool(note) == bool(model.notes)


def test_a_unit_that_counts_nothing_is_warned_about(tmp_path):
    with pytest.warns(JumpaxWarning, match="kilogram is no number of molecules"):
        jumpax.read(written(tmp_path, "m.xml", declared(definition("kilogram"))))


@pytest.mark.parametrize("level", [(3, 1), (3, 2)])
def test_units_of_a_species_and_of_the_model(tmp_path, level):
    """The species' own unit comes first, then the model's; without either numbers are molecules."""
    micro = definition("mole", "zmol", 'exponent="1" scale="-21" multiplier="1"')
    text = declared(micro, level=level)
    assert jumpax.read(written(tmp_path, "m.xml", text)).molecules == {"A": 1.0}
    assert "declares no unit of substance" in jumpax.read(tmp_path / "m.xml").notes[0]
    default = text.replace('<model id="m"', '<model id="m" substanceUnits="zmol" extentUnits="zmol"')
    assert jumpax.read(written(tmp_path, "m.xml", default)).molecules == {"A": pytest.approx(602.214179)}
    own = default.replace('id="A"', 'id="A" substanceUnits="item"').replace(' extentUnits="zmol"', "")
    model = jumpax.read(written(tmp_path, "m.xml", own))
    assert (model.molecules, model.notes) == ({"A": 1.0}, ())


def test_silent_moles_of_level_2(tmp_path):
    """They mean items, unless no amount would reach 1."""
    few = jumpax.read(written(tmp_path, "m.xml", declared("", amount="1.66054e-23")))
    assert (few.x0, few.molecules) == ({"A": 10}, {"A": AVOGADRO})
    assert "the mole of Level 2, since no amount reaches 1" in few.notes[0]
    more = '<species id="B" compartment="c" initialAmount="3"/>'
    with pytest.raises(InputError, match=r"1.66054e-23 is not a whole number.*must declare that unit"):
        jumpax.read(written(tmp_path, "m.xml", declared("", amount="1.66054e-23", more=more)))
    none = jumpax.read(written(tmp_path, "m.xml", declared("", amount="0")))
    assert none.molecules == {"A": 1.0}
    said = declared(definition("mole", "zmol", 'scale="-21"'), amount="0.0166054", species='substanceUnits="zmol"')
    assert jumpax.read(written(tmp_path, "m.xml", said)).x0 == {"A": 10}  # the species says what its rate is in, too


def test_what_two_units_leave_open_is_refused(tmp_path):
    nano = definition("mole", "nmol", 'exponent="1" scale="-9" multiplier="1"')
    text = declared(nano, amount="1e-13", level=(3, 1))
    mixed = text.replace('<model id="m"', '<model id="m" substanceUnits="nmol" extentUnits="mole"')
    with pytest.raises(UnsupportedError, match=r"its rate is in mole, the species it changes in nmol"):
        jumpax.read(written(tmp_path, "m.xml", mixed))
    product = '</listOfReactants><listOfProducts><speciesReference species="B" stoichiometry="1" constant="true"/></listOfProducts>'
    other = (
        '<species id="B" compartment="c" initialAmount="0" substanceUnits="item" hasOnlySubstanceUnits="true" '
        'boundaryCondition="false" constant="false"/>'
    )
    both = declared(nano, "1e-13", (3, 1), 'substanceUnits="nmol"', other).replace("</listOfReactants>", product)
    with pytest.raises(UnsupportedError, match=r"different units of substance \(item, nmol\)"):
        jumpax.read(written(tmp_path, "m.xml", both))
    with pytest.raises(InputError, match="the unit 'nothing' is not defined"):
        jumpax.read(written(tmp_path, "m.xml", text.replace('id="A"', 'id="A" substanceUnits="nothing"')))
    with pytest.raises(InputError, match="gives a positive number"):
        jumpax.read(written(tmp_path, "m.xml", declared(definition("mole", attributes='scale="4000"'))))


def test_moles_that_are_too_many_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"10 mole, is 6.02e\+24 molecules.*declare item"):
        jumpax.read(written(tmp_path, "m.xml", declared("", level=(3, 1), species='substanceUnits="mole"')))


@pytest.mark.parametrize("unit", ["", definition("mole", attributes='scale="-9"')])
def test_no_amount_is_taken_for_zero(tmp_path, unit):
    text = declared(
        unit, amount="1e-10" if not unit else "1e-16", more='<species id="B" compartment="c" initialAmount="3"/>'
    )
    with pytest.raises(InputError, match="not a whole number"):
        jumpax.read(written(tmp_path, "m.xml", text if not unit else text.replace('"3"', '"0"')))


def test_laws_that_cancel_the_volume_are_mass_action(tmp_path):
    text = "compartment c = 2; species A in c, B in c; A = 5; B = 3; k = 0.1;"
    model = antimony(tmp_path, text + "r: A => ; c * k * A; s: A + B => ; k * A * B; t: B => ; k * B * c^2 / c")
    assert model.network.reactions[0].law == MassAction("k")
    assert formulas(model)["s"] == "k * (A / c) * (B / c)"
    assert propensities(model, (10, 6)) == pytest.approx({"r": 1.0, "s": 0.1 * 5 * 3, "t": 0.1 * 3 * 2})


def test_rounding_of_what_comes_from_moles(tmp_path):
    """100 nmol/l in 1e-15 l are 60.22 molecules: a fraction that nobody took for rounding of the file."""
    text = NMOL + "species A in c, B in c; A = 100; B = 0.9963; A + B => ; c * A * B"
    with pytest.raises(InputError, match=r"60.2214179 is not a whole number.*takes 60"):
        antimony(tmp_path, text)
    model = jumpax.read(written(tmp_path, "m.ant", text), round_counts=True)
    assert model.x0 == {"A": 60, "B": 1}
    assert model.notes[1:] == (
        "A starts with 60.2214179 molecules, taken as 60", "B starts with 0.599985987 molecules, taken as 1"
    )  # fmt: skip
    plain = written(tmp_path, "m.ant", "species A; A = 10.5; A => ; A")
    assert jumpax.read(plain, round_counts=True).x0 == {"A": 11}
