"""What `import jumpax` brings, and what it leaves for later."""

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
