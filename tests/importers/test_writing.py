"""What is written and read back has the same propensities at random states: the zoo, and the files of the table of what is read."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import support
from model_files import antimony, written

import jumpax
from jumpax import Event, FixedDelay, Hill, MassAction, Network, Reaction
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.cli.app import main
from jumpax.importers.formula import Formula
from jumpax.importers.traced import traced
from jumpax.networks.expressions.expression import Name, Number, call, evaluate_host, text
from jumpax.networks.expressions.operators import OPERATORS
from jumpax.networks.zoo import MODELS

TIME = 3.7


def propensities(network, counts, theta):
    """In the order of the reactions, in float64."""
    with jax.enable_x64(True):
        values = {name: np.float64(theta[name]) for name in theta if name not in network.beside}
        return np.array(
            [float(a) for a in network.propensities(tuple(map(np.float64, counts)), values, np.float64(TIME))]
        )


HIDING = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m"><listOfCompartments>
<compartment id="c" size="1" spatialDimensions="3" constant="true"/></listOfCompartments><listOfSpecies>
<species id="A" compartment="c" initialAmount="10" hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/>
</listOfSpecies><listOfParameters><parameter id="k" value="2" constant="true"/><parameter id="y" constant="false"/>
</listOfParameters><listOfRules><assignmentRule variable="y"><math xmlns="http://www.w3.org/1998/Math/MathML">{rule}</math>
</assignmentRule></listOfRules><listOfReactions><reaction id="J" reversible="false" fast="false"><listOfReactants>
<speciesReference species="A" stoichiometry="1" constant="true"/></listOfReactants><kineticLaw>
<math xmlns="http://www.w3.org/1998/Math/MathML">{law}</math><listOfLocalParameters><localParameter id="k" value="0.5"/>
</listOfLocalParameters></kineticLaw></reaction></listOfReactions></model></sbml>"""
"""A parameter of a reaction is called like one of the model."""


def again(model, file, **numbers):
    """Written and read, names aside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)
        return jumpax.read(jumpax.write(model, file, **numbers))


def come_back(model, file):
    """Write, read, and compare at three random states."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)  # names, and laws that do not vanish where they should
        back = jumpax.read(jumpax.write(model, file))
    network = getattr(model, "without_events", model.network)
    other = back.without_events
    assert len(other.species) == len(network.species)
    assert [back.x0[name] for name in other.species] == [model.x0[name] for name in network.species]
    np.testing.assert_array_equal(other.stoichiometry, network.stoichiometry)
    draw = np.random.default_rng(3)
    for _ in range(3):
        counts = draw.integers(1, 40, len(network.species))
        wanted, got = propensities(network, counts, model.theta), propensities(other, counts, back.theta)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    return back


@pytest.mark.parametrize("suffix", [".xml", ".net"])
@pytest.mark.parametrize("name", list(MODELS))
def test_the_zoo(tmp_path, name, suffix):
    model = MODELS[name]()
    back = come_back(model, tmp_path / f"m{suffix}")
    assert back.theta == pytest.approx(model.theta, rel=1e-14)
    assert back.network.species == model.network.species


@pytest.mark.parametrize("name", ["repressilator", "mm1_queue"])
def test_antimony(tmp_path, name):
    come_back(MODELS[name](), tmp_path / "m.ant")


def test_names_that_antimony_has_taken(tmp_path):
    """Even where what they would become is in use, and of all kinds of things."""
    reactions = [
        Reaction("at -> at_", MassAction("gamma"), name="gamma_r"),
        Reaction("at_ -> at", MassAction("gamma_"), name="is"),
        Reaction("at_ -> 0", MassAction("pi"), name="time"),
        Reaction("0 -> at", MassAction("compartment"), name="after"),
    ]
    theta = {"gamma": 0.5, "gamma_": 2.0, "pi": 3.0, "compartment": 7.0}
    network, x0 = Network(reactions, name="at_"), {"at": 10, "at_": 3}
    with pytest.warns(JumpaxWarning, match="names that Antimony cannot have, or has taken, are others: 'at' is "):
        jumpax.write(network, tmp_path / "m.ant", theta=theta, x0=x0)
    back = jumpax.read(tmp_path / "m.ant")
    assert sorted(back.theta.values()) == sorted(theta.values())
    assert [back.x0[name] for name in back.network.species] == [10, 3]
    np.testing.assert_allclose(propensities(back.network, (10, 3), back.theta), [5.0, 6.0, 9.0, 7.0])


def test_a_name_that_antimony_does_not_keep_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("jumpax.importers.antimony._WORDS", ())
    network = Network([Reaction("A -> 0", MassAction("gamma"))])
    with pytest.raises(UnsupportedError, match="does not keep the names 'compartment', 'gamma'; rename"):
        jumpax.write(network, tmp_path / "m.ant", theta={"gamma": 0.5}, x0={"A": 1})
    assert not (tmp_path / "m.ant").exists()


READ = [(f, file) for f in support.FEATURES for file in f.files() if not file.refused and file.suffix != ".net"]


@pytest.mark.parametrize(("feature", "file"), READ, ids=[f.name for f, _ in READ])
def test_files_of_others(tmp_path, feature, file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)
        model = jumpax.read(written(tmp_path, f"m{file.suffix}", file.text))
    back = come_back(model, tmp_path / "back.xml")
    assert [str(event) for event in back.events] == [str(event) for event in model.events]
    assert [str(flow) for flow in back.network.flows] == [str(flow) for flow in model.network.flows]
    for one, other in zip(model.events, back.events):
        assert [getattr(one, n) for n in ("persistent", "initially", "early")] == [
            getattr(other, n) for n in ("persistent", "initially", "early")
        ]
    assert {*back.observables} >= {*model.observables} - {*model.theta}


def test_parameters_of_one_reaction_hide_nothing(tmp_path):
    """One that is called like a parameter of the model, and like a species; an observable reads one."""
    model = jumpax.read(written(tmp_path, "m.xml", support.xml(support._LOCAL).text))
    assert "q.k" in model.theta
    back = come_back(model, tmp_path / "back.xml")
    assert sorted(back.theta.values()) == sorted(model.theta.values())
    network = Network([Reaction("A -> B", MassAction("r.A"), name="r"), Reaction("B -> A", lambda B, k: k * B)])
    back = again(network, tmp_path / "back.xml", theta={"r.A": 0.5, "k": 2.0}, x0={"A": 10, "B": 3})
    np.testing.assert_allclose(propensities(back.network, (10, 3), back.theta), [5.0, 6.0])


def test_an_observable_reads_a_parameter_of_one_reaction(tmp_path):
    law = "<apply><times/><ci>k</ci><ci>A</ci></apply>"
    text = HIDING.format(rule="<apply><times/><ci>J</ci><ci>k</ci></apply>", law=law)
    back = again(jumpax.read(written(tmp_path, "m.xml", text)), tmp_path / "back.xml")
    # the rate of J is 0.5 A, and the k of the rule is the model's, 2
    assert float(back.observables["y"]({"A": 10.0})) == 10.0
    np.testing.assert_allclose(propensities(back.network, (10,), back.theta), [5.0])
    text = HIDING.format(
        rule="<apply><times/><ci>k</ci><cn>3</cn></apply>", law=law.replace("<times/>", "<times/><ci>y</ci>")
    )
    back = again(jumpax.read(written(tmp_path, "m.xml", text)), tmp_path / "back.xml")
    np.testing.assert_allclose(
        propensities(back.network, (10,), back.theta), [2 * 3 * 0.5 * 10]
    )  # y = 3 k with the model's k


def test_a_fixed_species_has_the_number_that_was_given(tmp_path):
    model = antimony(tmp_path, "species A, $S; A = 3; S = 5; k = 1; r: S => A; k * S; y := A + S")
    for suffix in (".net", ".xml"):
        back = again(model, tmp_path / f"back{suffix}", theta={"S": 9.0, "k": 0.7})
        assert back.theta == {"S": 9.0, "k": 0.7}
        for count in np.random.default_rng(5).integers(0, 40, 3).tolist():
            wanted = propensities(model.network, (count,), back.theta)
            np.testing.assert_allclose(propensities(back.network, (count,), back.theta), wanted, rtol=1e-14)
            np.testing.assert_allclose(wanted, [0.7 * 9.0], rtol=1e-14)
            if suffix == ".xml":  # of a network only sums of counts come back
                assert float(back.observables["y"]({"A": float(count)})) == count + 9.0


def test_a_least_number_in_a_priority_needs_version_2(tmp_path):
    text = "species A; A = 9; k = 1; r: A => ; k * A; E: at time >= 1, priority = min(A, 5): A = 3; F: at time >= 1, priority = 4: A = 2"
    model = antimony(tmp_path, text)
    back = again(model, tmp_path / "back.xml")
    assert 'level="3" version="2"' in (tmp_path / "back.xml").read_text()
    assert [str(event) for event in back.events] == [str(event) for event in model.events]
    assert [str(flow) for flow in back.network.flows] == [str(flow) for flow in model.network.flows]


def test_an_observable_and_its_numbers(tmp_path):
    model = antimony(tmp_path, "species A, B; A = 4; B = 2; k = 1; w = 2.5; y := w * A + B; r: A => B; k * A")
    for suffix in (".xml", ".ant"):
        back = jumpax.read(jumpax.write(model, tmp_path / f"back{suffix}"))
        assert float(back.observables["y"]({"A": 4.0, "B": 2.0})) == 12.0
    model = antimony(tmp_path, "species A, B; A = 4; B = 2; k = 1; y := 2 * A + B; r: A => B; k * A")
    back = jumpax.read(jumpax.write(model, tmp_path / "back.net"))
    for a, b in np.random.default_rng(6).integers(0, 40, (3, 2)).tolist():
        assert float(back.observables["y"]({"A": float(a), "B": float(b)})) == 2 * a + b


def test_plain_functions_are_formulas(tmp_path):
    """Of laws and of events, with operations of JAX."""

    def law(A, k, t):
        return jnp.where(A > 3, k * jnp.sqrt(A) / (1 + jnp.exp(-t)), jnp.minimum(A, 2.0) ** 2)

    halve = Event.at(1.0, {"A": lambda A: A // 2})
    network = Network(
        [Reaction("A -> 0", law), Reaction("0 -> A", Hill("A", 2.0, "K", 3, 0.5, "repression"))], events=[halve]
    )
    theta = {"k": 0.7, "K": 5.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", JumpaxWarning)
        back = jumpax.read(jumpax.write(network, tmp_path / "m.xml", theta=theta, x0={"A": 9}))
    for count in (0, 2, 8):
        got, wanted = (propensities(n, (count,), theta) for n in (back.without_events, network.with_events(())))
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    ((name, value),) = back.events[0].assignments
    assert (name, evaluate_host(value, {"A": 7.0})) == ("A", 3.0)


@pytest.mark.parametrize(
    ("function", "arguments", "value"),
    [
        (lambda a, b: a // b, (7.0, 2.0), 3.0),
        (lambda a, b: jnp.round(a) + 10 * jnp.round(b), (2.5, 3.5), 42.0),
        (lambda a, b: a % b, (7.0, 4.0), 3.0),
        (lambda a, b: jnp.logical_and(a > 1, ~(b > 1)) * 2.0, (2.0, 0.0), 2.0),
        (lambda a, b: jnp.sign(a - b) + jnp.log1p(b), (1.0, 3.0), -1.0 + np.log(4.0)),
        (lambda a, b: jnp.clip(a, 0.0, b).astype(int), (7.5, 9.0), 7.0),
        (lambda a, b: jax.nn.sigmoid(a) * jnp.square(b) / b**-1, (0.0, 2.0), 4.0),
    ],
)
def test_operations_of_jax(function, arguments, value):
    made = traced(function, ("a", "b"), "it")
    assert evaluate_host(made, dict(zip("ab", arguments))) == pytest.approx(value, rel=1e-12), text(made)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda a: ~a.astype(int), "not"),
        (lambda a: jax.lax.select_n((a > 1).astype(int) + (a > 2), a, 2 * a, 3 * a), "select_n"),
    ],
)
def test_operations_on_whole_numbers_that_are_none_of_formulas(function, operation):
    with pytest.raises(UnsupportedError, match=f"it has the operation {operation}, which formulas"):
        traced(function, ("a",), "it")


SHARE = call("divide", Name("A"), Name("k"))
FLAG = call("gt", SHARE, Number(0.23))
OPERANDS = {"arccosh": (call("add", SHARE, Number(1.0)),)}
"""Where a number between 0 and 1 is none of an operation."""


@pytest.mark.parametrize("suffix", [".xml", ".net"])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_operation(tmp_path, name, suffix):
    """Beside its meaning for Python's numbers, which NumPy gives."""
    takes = OPERATORS[name].takes.replace("n*", "nnn").replace("f*", "fff")
    others = {"n": iter((SHARE, Number(0.3), Name("k"))), "f": iter((FLAG, call("lt", Name("A"), Name("k")), FLAG))}
    made = call(name, *OPERANDS.get(name, [next(others[kind]) for kind in takes]))
    law = Formula(made if OPERATORS[name].gives == "n" else call("number", made), ("A",))
    network, file = Network([Reaction("0 -> A", law)]), tmp_path / f"m{suffix}"
    if suffix == ".net" and name in ("floor", "ceil", "xor", "hill"):
        with pytest.raises(UnsupportedError, match=f"the operation {name}, which BioNetGen does not have"):
            jumpax.write(network, file, theta={"k": 41.0}, x0={"A": 1})
        return
    back = again(network, file, theta={"k": 41.0}, x0={"A": 1})
    for count in (1, 9, 10, 40):
        wanted = evaluate_host(law.expression, {"A": float(count), "k": 41.0})
        np.testing.assert_allclose(propensities(back.network, (count,), {"k": 41.0}), [wanted], rtol=1e-12)


def test_species_that_a_network_of_bionetgen_cannot_have(tmp_path):
    """In `.xml` a species may be called so: the time has a symbol of its own."""
    network = Network([Reaction("time -> A", MassAction("k"))])
    with pytest.raises(InputError, match="species 'time': it means the time in a network of BioNetGen; rename it"):
        jumpax.write(network, tmp_path / "m.net", theta={"k": 1.0}, x0={"time": 3, "A": 0})
    assert not (tmp_path / "m.net").exists()
    back = again(network, tmp_path / "m.xml", theta={"k": 1.0}, x0={"time": 3, "A": 0})
    assert back.x0["time"] == 3


def test_all_that_cannot_be_said_is_named(tmp_path):
    network = Network(
        [
            Reaction("A -> B", MassAction("k"), name="late", delay=FixedDelay("tau")),
            Reaction("B -> 0", lambda B, k: jax.scipy.special.erf(B * k), name="odd"),
        ]
    )
    with pytest.raises(UnsupportedError) as refusal:
        jumpax.write(network, tmp_path / "m.xml", theta={"k": 1.0, "tau": 2.0}, x0={"A": 1, "B": 0})
    assert "'late': its delay" in str(refusal.value)
    assert "'odd': the rate law" in str(refusal.value)
    assert "erf" in str(refusal.value)
    assert not (tmp_path / "m.xml").exists()
    model = antimony(tmp_path, "species A; A = 9; k = 1; r: A => ; floor(A / 2); at time >= 1: A = 3")
    with pytest.raises(
        UnsupportedError, match=r"event '_E0'; BioNetGen has none[^-]*- reaction 'r': the operation floor"
    ):
        jumpax.write(model, tmp_path / "m.net")
    with pytest.raises(InputError, match=r"written as .xml or .sbml or .ant or .net"):
        jumpax.write(model, tmp_path / "m.toml")


def test_numbers_that_are_not_finite_are_refused_in_net(tmp_path):
    model = antimony(tmp_path, "species A; A = 3; k = 1; r: A => ; piecewise(k * A, A > 2)")
    with pytest.raises(UnsupportedError, match="reaction 'r': the number nan, which BioNetGen does not have"):
        jumpax.write(model, tmp_path / "m.net")


def test_names_that_no_file_can_have(tmp_path):
    network = Network([Reaction("A() -> 0", MassAction("k'"))])
    with pytest.warns(JumpaxWarning, match=r"'A\(\)' is A, \"k'\" is k"):
        back = jumpax.read(jumpax.write(network, tmp_path / "m.xml", theta={"k'": 1.0}, x0={"A()": 2}))
    assert (back.x0, back.theta) == ({"A": 2}, {"k": 1.0})
    assert 'name="A()"' in (tmp_path / "m.xml").read_text()


@pytest.mark.parametrize("suffix", [".xml", ".ant", ".net"])
def test_warnings_point_at_the_line_that_writes(tmp_path, suffix):
    network = Network([Reaction("A -> 0", MassAction("k'r"))])
    with pytest.warns(JumpaxWarning, match="k_r") as told:
        jumpax.write(network, tmp_path / f"m{suffix}", theta={"k'r": 1.0}, x0={"A": 1})
    assert {warning.filename for warning in told} == {__file__}


def test_the_command(tmp_path, capsys):
    file = tmp_path / "m.ant"
    assert main(["convert", "dimerization", str(file), "--x0", "A=8"]) == 0
    assert "written to" in capsys.readouterr().out
    assert jumpax.read(file).x0["A"] == 8
    assert main(["convert", str(file), str(tmp_path / "m.net"), "--json"]) == 0
    assert jumpax.read(tmp_path / "m.net").theta == jumpax.zoo.dimerization().theta
