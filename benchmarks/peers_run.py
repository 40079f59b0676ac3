"""jumpax beside its peers: every tool in an environment and a process of its own, on one core, in one run."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent / "peers"
PYPI = {
    "bioscrape": ["bioscrape==1.4.1"],
    "copasi": ["copasi-basico==0.92", "python-copasi==4.48.311"],
    "rebop": ["rebop==0.9.2"],
    "bngsim": ["bngsim==0.16.0"],
    "bionetgen": ["--no-deps", "bionetgen==0.8.7"],
    "gillespy2": ["gillespy2==1.8.3"],
}
TOOLS = ("jumpax", "bioscrape", "copasi", "rebop", "bngsim")
"""Those whose events per second are compared."""
MODELS = ("dimer", "telegraph", "telegraph_protein", "repressilator", "schlogl", "vkbl")
LANES = {
    "dimer": 65_536,
    "telegraph": 65_536,
    "telegraph_protein": 65_536,
    "repressilator": 32_768,
    "schlogl": 8_192,
    "vkbl": 512,
}
"""Paths that jumpax is given, a second of work or so."""

LONG = ("telegraph", 20_000.0)
"""A model and an end time: one path alone, of 800,000 events, where nothing runs side by side."""


def interpreter(peer: str, folder: Path) -> str:
    """Python of a peer's own environment, made when it is not there."""
    if peer == "jumpax":
        return sys.executable
    place = folder / peer
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(place, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PYPI[peer]], check=True, stdout=sys.stderr)
    return str(python)


def cell(peer: str, model: str, folder: Path, cpu: float, until: float | None = None) -> dict:
    """One tool on one model, in its own process; with an end time, a single path up to it."""
    script = HERE / f"peer_{peer}.py"
    command = [interpreter(peer, folder), str(script), model, "--cpu", str(cpu), "--most", "200000"]
    if peer == "jumpax":  # all paths run side by side, so one alone says nothing; the others cost the same one by one
        command[3:3] = [str(LANES.get(model, 4096))]
    if until is not None:
        command = [*command[:2], model, "1", "--until", str(until), "--repetitions", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE, timeout=900)
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(answers[-1]) if answers else {"peer": peer, "model": model, "error": done.stderr.strip()[-300:]}


def run(tiny: bool, folder: Path, tell=print) -> list[dict]:
    """All tools on all models, model by model; `ratio` compares with the fastest peer on the same model."""
    rows = []
    problems = [(model, None) for model in (MODELS[:1] if tiny else MODELS)]
    for model, until in [*problems, (LONG[0], LONG[1] / 100 if tiny else LONG[1])]:
        part = [cell(peer, model, folder, 0.05 if tiny else 1.0, until) for peer in TOOLS]
        if until is not None:
            part = [{**row, "model": f"{model}, one path"} for row in part]
        fastest = max((row["rate"] for row in part[1:] if "rate" in row), default=None)
        for row in part:
            keep = {
                k: row[k]
                for k in ("peer", "model", "version", "trajectories", "events", "seconds", "counted", "error")
                if k in row
            }
            keep["events_per_second"] = row.get("rate")
            keep["ratio"] = row["rate"] / fastest if fastest and "rate" in row else None
            rows.append(keep)
            tell(
                f"{row['model']:20s} {row['peer']:10s} {row.get('rate', float('nan')) / 1e6:8.2f} M/s {row.get('error', '')}"
            )
    return rows
