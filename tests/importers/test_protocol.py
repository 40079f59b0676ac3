"""Actions of BioNetGen as runs, against what BioNetGen 2.9.3 does with them (read off its output by hand), and what is drawn against closed forms."""

import json

import numpy as np
import pytest
from model_files import written

import jumpax
from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.cli import main
from jumpax.importers import bngl
from jumpax.importers.patterns import same_species

NET = """begin parameters
  1 k 10
  2 g 1
  3 n 4
  4 twice 2*g
end parameters
begin species
  1 X() n
  2 $E() 3
  3 A(s~u,b!1).B(a!1) 0
end species
begin reactions
  1 0 1 k
  2 1 0 g
  3 3 0 twice
  4 2 2,3 g
end reactions
"""
END = {"X()": 7, "A(s~u,b!1).B(a!1)": 1}
"""A path's counts at the end of a run, for the starts of those that follow it."""


class Ends:
    """What a run leaves behind, as one path."""

    species, counts = tuple(END), np.array([[[*END.values()]]])


def protocol(folder, *actions, **options):
    rules = written(folder, "m.bngl", "\n".join(actions))
    return jumpax.read_protocol(rules, net=written(folder, "m.net", NET), **options)


def start(run):
    """(X, A) at the start, E and the parameters: of the start where it follows none."""
    x, a = (int(np.squeeze(run.start({run.follows: Ends})[name])) for name in END)
    return (run.follows, x, a), {name: run.model.theta[name] for name in sorted(run.model.theta)}


SSA, ON = "simulate_ssa({t_end=>2})", "simulate_ssa({continue=>1,t_end=>4})"
PLAIN = {"E()": 3.0, "g": 1.0, "k": 10.0}
STARTS = {
    "a second run goes on": ([SSA, SSA], (("m", 7, 1), PLAIN)),
    "counts are reset": ([SSA, "resetConcentrations()", SSA], ((None, 4, 0), PLAIN)),
    "to what was saved": (
        [SSA, 'saveConcentrations("s")', 'setConcentration("X()",50)', SSA, 'resetConcentrations("s")', SSA],
        (("m", 7, 1), PLAIN),
    ),
    "without a label": ([SSA, "saveConcentrations()", SSA, "resetConcentrations();", SSA], (("m", 7, 1), PLAIN)),
    "a count is set": ([SSA, 'setConcentration("X()","2*n+1")', ON], (("m", 9, 1), PLAIN)),
    "by the parameters of its run": (
        ['setConcentration("X()","2*n")', 'setParameter("n",30)', SSA],
        ((None, 60, 0), PLAIN),
    ),
    "so is the start": (['setParameter("n",30)', SSA], ((None, 30, 0), PLAIN)),
    "and the start again": ([SSA, 'setParameter("n",30)', "resetConcentrations()", SSA], ((None, 30, 0), PLAIN)),
    "but not what a run has left": ([SSA, 'setParameter("n",30)', SSA], (("m", 7, 1), PLAIN)),
    "a count is added to": ([SSA, 'addConcentration("X()",5)', 'addConcentration("X()",-2)', ON], (("m", 10, 1), PLAIN)),
    "at once": (['addConcentration("X()","n")', 'setParameter("n",30)', SSA], ((None, 8, 0), PLAIN)),
    "to one that was set": (
        [SSA, 'setConcentration("X()",20)', 'addConcentration("X()",5)', SSA],
        (("m", 25, 1), PLAIN),
    ),
    "set after adding": (
        [SSA, 'addConcentration("X()",5)', 'setConcentration("X()",20)', SSA],
        (("m", 20, 1), PLAIN),
    ),
    "the order of sites": ([SSA, 'setConcentration("B(a!3).A(b!3,s~u)",6)', SSA], (("m", 7, 6), PLAIN)),
    "a held species": ([SSA, 'setConcentration("$E()","n")', SSA, 'setParameter("n",9)', ON], (("m_2", 7, 1), PLAIN | {"E()": 4.0})),
    "a parameter": ([SSA, 'setParameter("k",6*10/2)', SSA], (("m", 7, 1), PLAIN | {"k": 30.0})),
    "a formula of others": (
        ['setParameter("k","g*n")', 'setParameter("g",2)', SSA],
        ((None, 4, 0), {"E()": 3.0, "g": 2.0, "n": 4.0}),
    ),
    "in the place of a formula": (['setParameter("twice",5)', SSA], ((None, 4, 0), PLAIN | {"twice": 5.0})),
    "parameters are reset": (
        ["saveParameters()", 'setParameter("k",30)', SSA, "resetParameters()", SSA],
        (("m", 7, 1), PLAIN),
    ),
    "whatever comes after quit": ([SSA, "quit()", 'setParameter("k",30)', SSA], ((None, 4, 0), PLAIN)),
}  # fmt: skip


@pytest.mark.parametrize("case", STARTS)
def test_where_the_last_run_begins(case, tmp_path):
    actions, expected = STARTS[case]
    assert start(protocol(tmp_path, *actions).runs[-1]) == expected


TIMES = {
    'simulate({method=>"ssa",t_end=>10})': (0.0, 10.0),
    "simulate_ssa({t_start=>1, t_end => 6*0.5, n_steps=>4})": (1.0, 1.5, 2.0, 2.5, 3.0),
    'simulate_ssa({t_end=>"n/2",n_output_steps=>"2"});': (0.0, 1.0, 2.0),
    "simulate_ssa({'t_start'=>1,sample_times=>[2,3,4,2.5,]})": (1.0, 2.0, 2.5, 3.0, 4.0),
    "simulate_ssa({sample_times=>[0,2,3],t_end=>9})": (0.0, 2.0, 3.0, 9.0),
    "simulate_ssa({sample_times=>[0,2,3],n_steps=>1,t_end=>4})": (0.0, 4.0),
    "simulate_ssa({continue=>1,t_start=>2,t_end=>3})": (2.0, 3.0),
    "simulate_ssa({continue=>1,t_end=>3}) # on": (2.0, 3.0),
    "simulate_ssa({continue=>0,t_end=>3})": (0.0, 3.0),
}


@pytest.mark.parametrize("action", TIMES)
def test_when_a_run_looks(action, tmp_path):
    assert protocol(tmp_path, SSA, action).runs[-1].times == TIMES[action]


def test_names_are_those_of_the_files_of_bionetgen(tmp_path):
    runs = protocol(
        tmp_path, SSA, SSA, 'simulate_ssa({suffix=>"a",t_end=>1})', "begin actions",
        'simulate_nf({prefix=>"p",suffix=>"b",t_end=>1,gml=>100})', "end actions", "visualize()",
    )  # fmt: skip
    assert [run.name for run in runs.runs] == ["m", "m_2", "m_a", "p_b"]
    assert runs.runs[-1].method == "nf"
    assert runs.notes == (
        "nf: exact paths are drawn all the same",
        "options that mean nothing here: gml",
        "actions that draw nothing are left out: visualize",
    )
    assert str(protocol(tmp_path, SSA, 'setParameter("k",3)', 'addConcentration("X()",2)', ON)).splitlines()[1] == (
        "m_2: 2 to 4 (2 times) from the end of m; k = 3, X() + 2"
    )


def test_that_the_rate_equations_are_not_solved_is_said(tmp_path):
    with pytest.warns(JumpaxWarning, match=r"m: exact paths are drawn where the file asks for .* \(ode\)"):
        protocol(tmp_path, 'simulate({method=>"ode",t_end=>1,atol=>1e-9})')


REFUSED = {
    'parameter_scan({method=>"ssa"})': (UnsupportedError, "line 1: parameter_scan: this action is not read"),
    'simulate_ssa({t_end=>1,stop_if=>"X>3"})': (UnsupportedError, "the option stop_if; read are method"),
    "simulate_ssa({t_end=>f(2)})": (UnsupportedError, r"line 1: 'f\(2\)', where a number"),
    "simulate_ssa({t_end=>`ls`})": (UnsupportedError, "line 1: '`ls`', where a number"),
    f"{SSA} {SSA}": (InputError, "line 1: a comma is missing|is not one action"),
    "for (1..3) { }": (UnsupportedError, "line 1: .*which is not one action"),
    "simulate_ssa({})": (InputError, "simulate_ssa: needs t_end"),
    "simulate_ssa({t_start=>3,t_end=>2})": (InputError, "1 steps from 3 to 2"),
    "simulate_ssa({t_end=>2,n_steps=>1.5})": (InputError, "1.5 steps"),
    "simulate_ssa({t_end=>2,n_steps=>1e13})": (InputError, "1e\\+13 steps are more than 1,000,000"),
    "simulate_ssa({t_end=>2,t_end=>3})": (InputError, "'t_end' is given twice"),
    "simulate_ssa({sample_times=>[1,2]})": (InputError, "three numbers or more"),
    "simulate_ssa({t_start=>2,sample_times=>[1,2,3]})": (InputError, "between 2, where the run begins"),
    "simulate_ssa({continue=>1,t_start=>3,t_end=>4})": (InputError, "t_start is 3 where it goes on from 0"),
    'simulate({method=>"rk",t_end=>2})': (InputError, "method is one of ode"),
    "simulate(1)": (InputError, r"takes options in \{...\}"),
    'setParameter("q",2)': (InputError, "there is no parameter 'q'|unknown parameter 'q'"),
    'setParameter("k","2*k")': (InputError, "a circle of definitions"),
    'setParameter("k","2*")': (InputError, "a number or a name is missing here"),
    'setParameter("k")': (InputError, "setParameter: takes 2 numbers or texts"),
    'setConcentration("Y()",2)': (InputError, "species 'Y"),
    'setConcentration("X()",2.5)\n' + SSA: (InputError, "2.5 is not a whole number"),
    'setConcentration("X()","X")': (InputError, "'X'"),
    SSA + '\naddConcentration("X()",0.5)\n' + SSA: (InputError, "0.5 molecules more of X"),
    SSA + '\naddConcentration("X()",1e30)\n' + SSA: (InputError, "more than a count may be"),
    'resetConcentrations("a")': (InputError, "no concentrations were saved as 'a'"),
    "resetParameters()": (InputError, "no parameters were saved before"),
    "writeXML()": (InputError, "it has no action that draws something"),
}


@pytest.mark.parametrize("actions", REFUSED)
def test_what_is_refused_is_named(actions, tmp_path):
    kind, told = REFUSED[actions]
    with pytest.raises(kind, match=told):
        protocol(tmp_path, actions)


def test_all_faults_are_told_at_once_and_rounding_helps(tmp_path):
    with pytest.raises(UnsupportedError) as told:
        protocol(tmp_path, "bifurcate({})", SSA, 'setParameter("q",1)', 'simulate_ssa({t_end=>1,argfile=>"a"})')
    assert [f"line {n}" in str(told.value) for n in (1, 2, 3, 4)] == [True, False, True, True]
    rounded = protocol(
        tmp_path, 'setConcentration("X()",2.5)', SSA, 'addConcentration("X()",1.5)', SSA, round_counts=True
    )
    assert [start(run)[0][1] for run in rounded.runs] == [3, 9]


def test_species_are_known_in_any_order_of_molecules_and_sites():
    """But for some with equal parts, which are refused rather than taken for another."""
    names = ["X()", "L(r!1,r).R(l!1)", "L(r!1,r!2).R(l!1).R(l!2)", "@c::A(b~1)"]
    for pattern, name in (("X", 0), ("$X()", 0), ("R(l!7).L(r,r!7)", 1), ("R(l!1).L(r!1,r!2).R(l!2)", 2), ("@c::A(b~1)", 3)):  # fmt: skip
        assert same_species(pattern, names) == names[name]
    for pattern in ("A(b~1)", "L(r,r)", "L(r!1).R(l!1)", "R(l!2).L(r!1,r!2).R(l!1)", "A((", ""):
        with pytest.raises(InputError, match="species"):
            same_species(pattern, names)


def drawn(folder):
    """Rest, ten more molecules while nothing happens, then another rate; and the start again."""
    runs = protocol(
        folder, "simulate_ssa({suffix=>\"rest\",t_end=>1})", "saveConcentrations()", 'addConcentration("X()",10)',
        'setParameter("k",0)', 'setParameter("g",0)', "simulate_ssa({suffix=>\"still\",t_end=>1})",
        'setParameter("k",30)', 'setParameter("g",2)', "simulate_ssa({suffix=>\"fast\",continue=>1,t_end=>1.5})",
        "resetConcentrations()", 'setParameter("g",1)', 'setParameter("k",10)', "simulate_ssa({suffix=>\"again\",t_end=>1})",
    )  # fmt: skip
    return runs.run(paths=4000, key=20261211)


def test_runs_are_drawn_one_after_another(tmp_path):
    """Means and variances of X by the moment equations of birth and death; 4.5 standard errors each, so a false alarm
    of the eight at 6e-5 at most (the error of a variance as of a normal number, which these counts are close to)."""
    found = drawn(tmp_path)
    x = {name: paths["X()"] for name, paths in found.items()}
    np.testing.assert_array_equal(x["m_still"], (x["m_rest"][:, -1] + 10)[:, None] + np.zeros((1, 2), int))
    np.testing.assert_array_equal(x["m_fast"][:, 0], x["m_still"][:, -1])
    np.testing.assert_array_equal(x["m_again"][:, 0], x["m_rest"][:, -1])
    np.testing.assert_array_equal(found["m_fast"].stops, [1.0, 1.5])

    def later(mean, variance, k, g, time):
        """d mean = k - g mean; d variance = k + g mean - 2 g variance."""
        stays = np.exp(-g * time)
        return k / g + (mean - k / g) * stays, variance * stays**2 + (1 - stays) * (mean * stays + k / g)

    rest = later(4.0, 0.0, 10.0, 1.0, 1.0)
    fast, again = later(rest[0] + 10, rest[1], 30.0, 2.0, 0.5), later(*rest, 10.0, 1.0, 1.0)
    for name, (mean, variance) in (("m_rest", rest), ("m_fast", fast), ("m_again", again)):
        last = x[name][:, -1]
        assert abs(last.mean() - mean) < 4.5 * np.sqrt(variance / 4000), name
        assert abs(last.var() - variance) < 4.5 * variance * np.sqrt(2 / 4000), name
    steps = x["m_rest"][:, -1] - x["m_rest"][:, 0], x["m_again"][:, -1] - x["m_again"][:, 0]
    shared = np.exp(-1.0) - 1  # what the regression to the mean leaves of the first step in the second
    residual = steps[1] - shared * steps[0]
    assert abs(np.corrcoef(steps[0], residual)[0, 1]) < 4.5 / np.sqrt(4000)  # other random numbers


def test_the_command_draws_all_runs(tmp_path, capsys):
    rules = written(tmp_path, "m.bngl", f'{SSA}\nsetConcentration("X()",50)\n{ON}\nvisualize()\n')
    words = ["protocol", str(rules), "--net", str(written(tmp_path, "m.net", NET)), "--paths", "1"]
    assert main([*words, "--json", "--out", str(tmp_path / "p.gdat")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(run["run"], run["times"], run["follows"]) for run in told["runs"]] == [("m", [0, 2], None), ("m_2", [2, 4], "m")]  # fmt: skip
    assert told["runs"][1]["mean"]["X()"][0] == 50
    assert told["notes"] == ["actions that draw nothing are left out: visualize"]
    assert sorted(file.name for file in tmp_path.glob("p*")) == ["p_m.gdat", "p_m_2.gdat"]
    assert main(words) == 0
    assert "m_2: 2 to 4 (2 times) from the end of m; X() = 50" in capsys.readouterr().out
    assert main([*words[:-1], "2", "--out", str(tmp_path / "p.gdat")]) == 2
    assert "--paths 1" in capsys.readouterr().err


def test_runs_whose_names_make_one_file_have_one_each(tmp_path, capsys):
    actions = [f'simulate_ssa({{prefix=>"{name}",t_end=>1}})\n' for name in ("a/b", "a_b")]
    rules = written(tmp_path, "m.bngl", "".join(actions))
    words = ["protocol", str(rules), "--net", str(written(tmp_path, "m.net", NET)), "--out", str(tmp_path / "o.csv")]
    assert main(words) == 0
    assert sorted(file.name for file in tmp_path.glob("o*.csv")) == ["o_a_b.csv", "o_a_b_2.csv"]
    capsys.readouterr()


def test_keys_are_those_of_all_verbs(tmp_path):
    found = protocol(tmp_path, SSA)
    one, other = (found.run(paths=5, key=key)["m"].counts for key in (3, np.int64(3)))
    assert (one == other).all()
    with pytest.raises(InputError, match="key must be"):
        found.run(paths=5, key="a")


def test_times_beside_steps_are_told_of(tmp_path):
    found = protocol(tmp_path, "simulate_ssa({t_end=>9,n_steps=>2,sample_times=>[1,2,3]})")
    assert found.runs[0].times == (0.0, 4.5, 9.0)
    assert "options that mean nothing here: sample_times" in found.notes


def test_without_bionetgen_the_network_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bngl, "_program", lambda: None)
    rules = written(tmp_path, "m.bngl", SSA)
    with pytest.raises(UnsupportedError, match=r"give it: net=\.\.\."):
        jumpax.read_protocol(rules)
    assert main(["protocol", str(rules)]) != 0
    assert "give it: --net" in capsys.readouterr().err
    with pytest.raises(InputError, match="no actions that are read"):
        jumpax.read_protocol(written(tmp_path, "m.net", NET))
