"""Rules of BioNetGen: what BioNetGen is given of a file, and what it makes of it where it is installed."""

import pytest
from model_files import formulas, written

import jumpax
from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers import bngl

RULES = """begin model
begin parameters
k 0.5 # per hour
n \\
  10
end parameters
begin molecule types
A(s~u~p)
end molecule types
begin seed species
A(s~u) n
end seed species
begin observables
Molecules Atot A(s~p)
end observables
begin reaction rules
A(s~u) -> A(s~p) k
A(s~p) -> 0 2*k
end reaction rules
end model
"""
installed = pytest.mark.skipif(
    bngl._program() is None, reason="needs BioNetGen: pip install 'jumpax[bngl]', or BNGPATH"
)


def given(text):
    """What BioNetGen gets, and which actions it does not."""
    left_out = []
    return "".join(bngl._model(text, "m.bngl", left_out)), left_out


def test_actions_are_left_out():
    """They are code of Perl, which BioNetGen would run."""
    hostile = 'simulate({method=>"ssa"})\nwriteSBML()\nsystem("touch /tmp/x")\nbegin actions\nsaveConcentrations()\nend actions\n`ls`\n'
    made, left_out = given(RULES + hostile)
    assert left_out == ["simulate", "writeSBML", "system", "saveConcentrations"]
    assert made.endswith("end reaction rules\ngenerate_network({overwrite=>1})\n")
    assert "system" not in made
    assert "ls" not in made
    assert "n   10\n" in made


@pytest.mark.parametrize(
    "options", ["{overwrite=>1}", "{max_iter=>3, max_stoich=>{A=>5,B=>1e2}}", "", '{prefix=>"a b", overwrite=>1}']
)
def test_plain_options_of_the_network_pass(options):
    assert given(f"{RULES}generate_network({options});")[0].endswith(f"generate_network({options});\n")


@pytest.mark.parametrize(
    "options", ['{x=>system("ls")}', "{x=>`ls`}", '{x=>system"ls"}', "{x=>wait}", '{x=>"$y"}', "{x=>1}); die(1"]
)
def test_others_are_refused(options):
    with pytest.raises(UnsupportedError, match="options of generate_network"):
        given(f"{RULES}generate_network({options})")


def test_options_that_are_code_are_left_out():
    made, left_out = given('setOption("SpeciesLabel","HNauty")\nsetOption("a", die("b"))\n' + RULES)
    assert made.startswith('setOption("SpeciesLabel","HNauty")\nbegin parameters')
    assert left_out == ["setOption"]


def test_blocks_that_are_unknown_or_open():
    with pytest.raises(UnsupportedError, match="line 1: the block 'magic'"):
        given("begin magic\nend magic\n")
    with pytest.raises(InputError, match="'parameters' has no end"):
        given("begin parameters\nk 1\n")


def test_without_bionetgen_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(bngl, "_program", lambda: None)
    with pytest.raises(UnsupportedError, match=r"generate_network.*bionetgen run -i m.bngl -o out.*jumpax\[bngl\]"):
        jumpax.read(written(tmp_path, "m.bngl", RULES))


@installed
def test_rules_are_read(tmp_path):
    model = jumpax.read(written(tmp_path, "m.bngl", RULES + "simulate_ode({t_end=>1})\n"))
    assert model.x0 == {"A(s~u)": 10, "A(s~p)": 0}
    assert sorted(formulas(model).values()) == ["2 * k * A(s~p)", "k * A(s~u)"]
    assert model.theta == {"k": 0.5}
    assert model.notes[:2] == (
        "the network that BioNetGen made of the rules",
        "actions that are left out: simulate_ode; jumpax.read_protocol reads what they draw",
    )
    assert "Atot" in model.observables


@installed
def test_rules_that_bionetgen_does_not_take(tmp_path):
    with pytest.raises(InputError, match="BioNetGen does not take"):
        jumpax.read(written(tmp_path, "m.bngl", RULES.replace("2*k", "2*missing")))
