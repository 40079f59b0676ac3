"""The tables of docs/performance.md and docs/gradients/choosing.md, made from the files in `benchmarks/results`."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- written by benchmarks/run.py table -->\n", "<!-- end of the table -->"


def rate(row: dict) -> str:
    """Millions of events per second of one row: processor time, or wall time where threads share the work."""
    value = row["events_per_second" if row.get("threads", 1) == 1 else "events_per_wall_second"]
    return "-" if value is None else f"{value / 1e6:.3g}"


def grid(rows: list[dict], line, column, corner: str) -> str:
    """Markdown table of rates; `line` and `column` name the place of a row."""
    columns = list(dict.fromkeys(column(row) for row in rows))
    text = [f"| {corner} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name in dict.fromkeys(line(row) for row in rows):
        cells = {column(row): rate(row) for row in rows if line(row) == name}
        text.append(f"| {name} | {' | '.join(cells.get(c, '') for c in columns)} |")
    return "\n".join(text)


def about(made: dict) -> str:
    """Where and when a file was made."""
    hardware = made["hardware"]
    return f"{made['date'][:10]}, {hardware['processor']}, {hardware['cores']} cores, Python {hardware['python']}, jax {made['jax']}."


def gradients() -> str:
    """Work of each estimator, with its bias and a mark for tails, and what the automatic choice took."""
    made = json.loads((RESULTS / "gradients.json").read_text())
    cases = list(dict.fromkeys(row["case"] for row in made["rows"]))
    cells = {(row["case"], row["estimator"]): row for row in made["rows"]}

    def cell(row: dict | None) -> str:
        if row is None:
            return ""
        work = row["work"]
        text = f"{work:.1e}" if work < 0.01 or work >= 100 else f"{work:.2g}"
        if row["bias"] > 0:
            text += f" ({100 * row['bias']:.2g} %)" if row["bias"] < 2 else " (wrong)"
        return text + (" *" if row["heaviest"] > 0.1 else "")

    estimators = [e for e in dict.fromkeys(row["estimator"] for row in made["rows"]) if e != "auto"]
    head = ["case", *estimators, "what `auto` took", "its error over the best one's", "with the pilot"]
    lines = [
        [c, *(cell(cells.get((c, e))) for e in estimators),
         cells[c, "auto"]["reason"].split("(")[0], *(f"{cells[c, 'auto'][n]:.2g}" for n in ("worse_without_pilot", "worse_than_best"))]
        for c in cases
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def calls() -> str:
    """Milliseconds of a call, by estimator and number of paths."""
    made = json.loads((RESULTS / "calls.json").read_text())
    sizes = list(dict.fromkeys(row["paths"] for row in made["rows"]))
    spent = {(row["estimator"], row["paths"]): f"{1e3 * row['wall']:.2g} ms" for row in made["rows"]}
    head = ["", *(f"{size:,} paths" for size in sizes)]
    lines = [
        [name, *(spent[name, size] for size in sizes)] for name in dict.fromkeys(r["estimator"] for r in made["rows"])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)) + f"\n\n{about(made)}"


def start() -> str:
    """Processor seconds to the first result."""
    made = json.loads((RESULTS / "start.json").read_text())
    models = list(dict.fromkeys(row["model"] for row in made["rows"] if row["what"] == "simulate"))
    kinds = dict.fromkeys((row["tool"], row["what"]) for row in made["rows"])
    cells = {(row["tool"], row["what"], row["model"]): row for row in made["rows"]}

    def cell(row: dict | None) -> str:
        if row is None or row["cold"] is None:
            return ""
        return f"{row['cold']:.2f}" + (f" / {row['cached']:.2f}" if "cached" in row else "")

    head = ["", *models]
    lines = [[f"{tool}: {what}", *(cell(cells.get((tool, what, m))) for m in models)] for tool, what in kinds]
    jax = min(row["jax"] for row in made["rows"] if "jax" in row)
    text = "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))
    return f"{text}\n\nJAX itself: {jax:.2f} s. {about(made)}"


def large() -> str:
    """Large networks: one line for each, jumpax beside its peers."""
    made = json.loads((RESULTS / "large.json").read_text())
    rows = {(row["model"], row["tool"]): row for row in made["rows"]}
    models = list(dict.fromkeys(row["model"] for row in made["rows"]))
    tools = list(dict.fromkeys(row["tool"] for row in made["rows"]))
    names = " / ".join(tools)
    head = [
        "network",
        "species / reactions",
        f"million events/s, {names}",
        "beside the fastest peer",
        f"start, s, {names}",
    ]
    head += [f"memory, MB, {names}", "score", "means beside bngsim: largest z, rms z, how many"]

    def each(model: str, key: str, digits: str, unit: float = 1.0) -> str:
        values = [rows.get((model, tool), {}).get(key) for tool in tools]
        return " / ".join("-" if value is None else f"{value / unit:{digits}}" for value in values)

    lines = []
    for model in models:
        own = rows[model, "jumpax"]
        ratio = "" if own["ratio"] is None else f"{own['ratio']:.3g} x"
        z = f"{own['z_largest']:.1f}, {own['z_rms']:.2f}, {own['compared']}" if "z_rms" in own else ""
        lines.append([
            model, f"{own['species']:,} / {own['reactions']:,}", each(model, "events_per_second", ".3g", 1e6), ratio,
            each(model, "start", ".2f"), each(model, "peak_mb", ".0f"), f"{own['score_ratio']:.2f} x", z,
        ])  # fmt: skip
    text = "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))
    versions = ", ".join(f"{tool} {rows[models[0], tool].get('version', '')}" for tool in tools)
    jax = min(row["jax"] for row in made["rows"] if "jax" in row)
    return f"{text}\n\nImporting JAX, which is part of the start of jumpax: {jax:.2f} s. {versions}. {about(made)}"


def write_large() -> None:
    """Put the table of large networks into the documents that have a place for it."""
    for name in ("docs/large_networks.md", "docs/performance.md"):
        document = Path(__file__).parents[1] / name
        before, rest = document.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        document.write_text(f"{before}{BEGIN}\n{large()}\n\n{END}{after}", encoding="utf-8")


def tables() -> str:
    """All tables, as they stand in the document."""
    kernels = json.loads((RESULTS / "kernels.json").read_text())
    peers = json.loads((RESULTS / "peers.json").read_text())
    loops = grid(
        kernels["rows"], lambda r: r["model"],
        lambda r: f"{r['engine']} {r['precision']} {r['fold']}" + (f" x{r['threads']}" if r["threads"] > 1 else ""), "model",
    )  # fmt: skip
    beside = grid(peers["rows"], lambda r: r["model"], lambda r: f"{r['peer']} {r.get('version', '')}".strip(), "model")
    return (
        f"Kernels, million events per second of one core (x2: of wall time on two). {about(kernels)}\n\n{loops}\n\n"
        f"Beside peers, in one run, states at the end, float32 for jumpax. {about(peers)}\n\n{beside}\n\n"
        f"To the first result, seconds of processor time, with empty caches / with full ones.\n\n{start()}\n\n"
        f"Calls, wall time.\n\n{calls()}\n\nGradients.\n\n{gradients()}\n\nLarge networks.\n\n{large()}"
    )
