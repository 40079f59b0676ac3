"""The figures of the guides: `python docs/figures/guides.py` runs the guides as they stand, and keeps the pictures that they write."""

import os
import re
import shutil
import tempfile
from pathlib import Path

import matplotlib as mpl

FIGURES = Path(__file__).parent
GUIDES = FIGURES.parent / "guides"


def draw(guide: Path) -> Path:
    """Run the blocks of a guide in a folder of their own; the picture has the name of the guide."""
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        exec(compile(code, str(guide), "exec"), {})
        picture = FIGURES / f"{guide.stem}.png"
        shutil.copy(f"{guide.stem}.png", picture)
        os.chdir(FIGURES)
    return picture


if __name__ == "__main__":
    mpl.use("Agg")
    for guide in sorted(GUIDES.glob("*.md")):
        print(draw(guide))
