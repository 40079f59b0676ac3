"""What `import jumpax` brings, and what it leaves for later."""

import re
import subprocess
import sys

import jumpax


def test_every_public_name_is_there():
    for name in jumpax.__all__:
        assert getattr(jumpax, name) is not None


def test_a_first_simulation_does_not_wait_for_inference_importers_and_gradients():
    code = (
        "import sys, jumpax; jumpax.simulate, jumpax.zoo; print(*(n for n in sys.modules if n.startswith('jumpax.')))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in made.stdout.split()}
    assert rooms == {"_base", "networks", "folds", "engines"}


def shares(code):
    """Seconds of importing JAX and Equinox, and of all imports, in one process."""
    run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
    times = re.findall(r"^import time: +(\d+) \| +(\d+) \| ( *)(\S+)$", run.stderr, re.MULTILINE)
    return sum(int(t) for _, t, deep, name in times if not deep and name in ("jax", "equinox")), sum(
        int(t[0]) for t in times
    )


def test_importing_jumpax_adds_little_to_jax_and_equinox():
    theirs, all_of_it = shares("import jax, equinox, jumpax")
    assert 0 < theirs <= all_of_it < 1.3 * theirs
