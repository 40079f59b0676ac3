"""The network: order, names, values, propensities, identity."""

import functools
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jumpax._base.errors import InputError
from jumpax.networks import Function, Hill, MassAction, Network, Reaction
from jumpax.networks.fingerprint import digest
from jumpax.networks.zoo import MODELS


def _decay(A, k):
    return k * A


def _build(**options):
    reactions = [
        Reaction("A + B <-> C", MassAction("on"), MassAction("off"), name="bind"),
        Reaction("∅ -> A", Hill("C", "v", "K", 2, kind="repression")),
        Reaction("A -> ∅", _decay),
    ]
    return Network(reactions, **options)


def test_order_of_species_parameters_and_reactions():
    network = _build()
    assert network.species == ("A", "B", "C")
    assert network.parameters == ("on", "off", "v", "K", "k")
    assert network.nonnegative == ("on", "off", "v", "K")
    assert [r.name for r in network.reactions] == ["bind", "bind_reverse", "∅ -> A", "A -> ∅"]
    np.testing.assert_array_equal(network.stoichiometry, [[-1, 1, 1, -1], [-1, 1, 0, 0], [1, -1, 0, 0]])
    assert [network.reads(r) for r in range(4)] == [("A", "B"), ("C",), ("C",), ("A",)]
    assert network.dependency_graph() == ((0, 1, 2, 3), (0, 1, 2, 3), (0, 3), (0, 3))
    assert not network.time_dependent


def test_species_may_be_given_in_another_order_and_number():
    network = _build(species=("C", "B", "A", "unused"))
    np.testing.assert_array_equal(network.stoichiometry[::-1], [[0, 0, 0, 0], *_build().stoichiometry])


def test_propensities_are_scalars_or_arrays_in_the_type_of_the_counts():
    network = _build()
    theta = {"on": 2.0, "off": 3.0, "v": 10.0, "K": 4.0, "k": 0.5}
    rows = network.propensities(tuple(jnp.array([[5.0, 0], [2, 1], [4, 0]])), theta, jnp.float32(0.0))
    np.testing.assert_array_equal(np.stack(rows), [[20, 0], [12, 0], [5, 10], [2.5, 0]])
    single = network.propensities((5, 2, 4), theta, 0.0)
    assert [(a.shape, a.dtype) for a in single] == [((), jnp.float32)] * 4
    np.testing.assert_array_equal(single, [20, 12, 5, 2.5])
    with jax.enable_x64(True):
        wide = network.propensities(tuple(jnp.array([5.0, 2.0, 4.0], jnp.float32)), theta, jnp.float32(0.0))
        assert {a.dtype for a in wide} == {jnp.dtype(jnp.float32)}


def test_a_constant_source_has_the_shape_and_type_of_the_counts():
    network = Network([Reaction("∅ -> A", MassAction(3))])
    (rate,) = network.propensities((jnp.zeros(4),), {}, jnp.float32(0.0))
    assert (rate.shape, rate.dtype) == ((4,), jnp.float32)


def test_counts_of_whole_type_do_not_overflow():
    network = Network([Reaction("3 A -> ∅", MassAction("k"))])
    (rate,) = network.propensities((jnp.int32(50_000),), {"k": 1.0}, 0.0)
    assert float(rate) == pytest.approx(50_000 * 49_999 * 49_998 / 6, rel=1e-6)


def test_an_equal_network_has_the_same_hash_and_digest():
    one, other = _build(units={"on": "1/min"}), _build(units={"on": "1/min"})
    assert one is not other
    assert (one, hash(one), one.digest) == (other, hash(other), other.digest)
    assert one != _build()
    assert one.digest == _build(name="other").digest


def test_one_compilation_serves_equal_networks():
    compiled = 0

    def total(network, x):
        nonlocal compiled
        compiled += 1
        return sum(network.propensities((x, x, x), dict.fromkeys(network.parameters, 1.0), 0.0))

    total = jax.jit(total, static_argnums=0)
    assert total(_build(), 1.0) == total(_build(), 1.0)
    assert compiled == 1


@pytest.mark.parametrize(
    "other",
    [
        [Reaction("A -> ∅", MassAction("c"))],
        [Reaction("A -> ∅", MassAction(2))],
        [Reaction("2 A -> ∅", MassAction("k"))],
        [Reaction("A -> ∅", MassAction("k"), name="named")],
        [Reaction("A -> ∅", lambda A, k: k * A)],
    ],
)
def test_another_network_has_another_digest(other):
    base = Network([Reaction("A -> ∅", MassAction("k"))])
    assert Network(other) != base
    assert Network(other).digest != base.digest


def test_digests_of_functions_follow_their_code_and_constants():
    def law(scale, power):
        return Network([Reaction("A -> ∅", lambda A, k: scale * k * A**power)]).digest

    assert law(2.0, 2) == law(2.0, 2)
    assert len({law(2.0, 2), law(3.0, 2), law(2.0, 3)}) == 3
    assert Network([Reaction("A -> ∅", lambda A, k: k * A)]).digest == Network([Reaction("A -> ∅", _decay)]).digest
    assert (
        Network([Reaction("A -> ∅", lambda A, k: k * A)]).digest != Network([Reaction("A -> ∅", lambda A, k: A)]).digest
    )


_PROGRAM = """
from jumpax.networks.zoo import MODELS
from jumpax.networks import Network, Reaction
scale, table = 3.0, frozenset("abcdefghij")
inner = lambda x: scale * x
print([MODELS[name]().network.digest for name in ("mm1_queue", "repressilator")])
print(Network([Reaction("A -> B", lambda A, k: inner(A) * k * (len(table) if "a" in {"a", "b"} else 1))]).digest)
"""


def test_digests_see_through_partial_functions_and_compiled_ones():
    def partly(power):
        return digest(functools.partial(pow, power))

    def compiled(law):
        return digest(jax.jit(law))

    assert partly(2.0) == partly(2.0) != partly(3.0)
    assert compiled(lambda A, k: k * A) == compiled(_decay) != compiled(lambda A, k: A)


def test_digest_is_the_same_in_every_process():
    runs = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONHASHSEED": seed, "JAX_PLATFORMS": "cpu"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert runs[0].split("\n")[0] == str([MODELS[name]().network.digest for name in ("mm1_queue", "repressilator")])


@pytest.mark.fault(30)
def test_names_may_mean_something_elsewhere():
    network = Network(
        [
            Reaction("lambda + E -> if", MassAction("pi")),
            Reaction("if -> I", MassAction("None")),
            Reaction("I -> λ'", Function(lambda x, k: k * x, names=("I", "class"))),
        ]
    )
    assert network.species == ("lambda", "E", "if", "I", "λ'")
    assert network.parameters == ("pi", "None", "class")
    rates = network.propensities((2, 3, 4, 5, 0), {"pi": 1.0, "None": 10.0, "class": 100.0}, 0.0)
    assert [float(a) for a in rates] == [6, 40, 500]


def test_equal_equations_without_a_name_are_numbered():
    network = Network([Reaction("∅ -> A", MassAction("a")), Reaction("∅ -> A", MassAction("b"))])
    assert [r.name for r in network.reactions] == ["∅ -> A", "∅ -> A #2"]


@pytest.mark.parametrize(
    ("reactions", "options", "words"),
    [
        ([], {}, ["at least one reaction"]),
        (["A -> B"], {}, ["made of reactions"]),
        (
            [Reaction("A -> B", MassAction("k"), name="r"), Reaction("B -> A", MassAction("k"), name="r")],
            {},
            ["2 reactions are called 'r'"],
        ),
        (
            [Reaction("Alpha -> B", MassAction("B"))],
            {"species": ("Alhpa", "B", "B"), "units": {"kk": "1/s"}},
            [
                "unknown species 'Alpha'; known: Alhpa, B, B. Did you mean 'Alhpa'?",
                "'B' is listed 2 times",
                "'B' is both a species and a parameter",
                "unknown parameter or species 'kk'",
            ],
        ),
        ([Reaction("A -> B", Hill("X", 1, 2, 3))], {}, ["unknown species 'X'"]),
        ([Reaction("t -> B", MassAction("k")), Reaction("B -> t", lambda B, t: B * t)], {}, ["reads it as the time"]),
    ],
)
@pytest.mark.filterwarnings("ignore::jumpax._base.errors.JumpaxWarning")
def test_contradictions_are_reported_at_once(reactions, options, words):
    with pytest.raises(InputError) as caught:
        Network(reactions, **options)
    for word in words:
        assert word in str(caught.value)


def test_time_dependent_networks_say_so():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = Network([Reaction("A -> ∅", lambda A, k, t: k * A * (1 + t))])
    assert not caught
    assert network.time_dependent
    assert float(network.propensities((2,), {"k": 1.0}, 3.0)[0]) == 8


@pytest.mark.fault(6)
def test_description():
    network = _build(name="example", units={"on": "1/min", "time": "min"})
    assert network.describe() == (
        "example: 3 species, 4 reactions\n\n"
        "reactions, with propensities in 1/min:\n"
        "  bind:         A + B -> C   on * A * B\n"
        "  bind_reverse: C -> A + B   off * C\n"
        "                ∅ -> A       v / (1 + (C / K)^2)\n"
        "                A -> ∅       k * A\n\n"
        "stoichiometry (change of each count):\n"
        "  bind: C +1, A -1, B -1\n"
        "  bind_reverse: A +1, B +1, C -1\n"
        "  ∅ -> A: A +1\n"
        "  A -> ∅: A -1\n\n"
        "conserved:\n  B + C\n\n"
        "parameters:\n  on [1/min]\n  off\n  v\n  K\n  k"
    )
    assert network.describe(most=1) == (
        "example: 3 species, 4 reactions\n\n"
        "reactions, with propensities in 1/min:\n  bind: A + B -> C   on * A * B\n  ... and 3 more\n\n"
        "stoichiometry (change of each count):\n  bind: C +1, A -1, B -1\n  ... and 3 more\n\n"
        "conserved:\n  B + C\n\n"
        "parameters:\n  on [1/min]\n  ... and 4 more"
    )
