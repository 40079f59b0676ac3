"""Mutations of tables of text: cells, rows, columns, heads, numbers."""

import random

WORDS = (
    "", "abc", "-1", "0", "1", "2.5", "1e400", "nan", "NA", "inf", "-inf", "1_000", "0x10", "1,5", "1e-3", " 3 ", "é", "#", '"', "x;y", "True",
    "lin", "log", "log10", "normal", "laplace", "X", "2*X", "X +", "1/0", "birth", "death", "seen", "\x00", "5 5",
)  # fmt: skip


def mutated(text: str, choose: random.Random, mark: str = "\t") -> str:
    """One change of a table, sometimes two."""
    for _ in range(choose.choice((1, 1, 1, 2))):
        text = _once(text, choose, mark)
    return text


def _once(text: str, choose: random.Random, mark: str) -> str:
    rows = [line.split(mark) for line in text.splitlines()]
    if not rows or not rows[0]:
        return text
    kind = choose.randrange(10)
    row, other = choose.randrange(len(rows)), choose.randrange(len(rows))
    column = choose.randrange(len(rows[row]))
    if kind == 0:
        rows[row][column] = ""
    elif kind == 1:
        rows[row][column] = choose.choice(WORDS)
    elif kind == 2:
        rows[row][column] = choose.choice(choose.choice(rows))
    elif kind == 3:
        rows = [line[:column] + line[column + 1 :] for line in rows]
    elif kind == 4:
        rows.insert(other, list(rows[row]))
    elif kind == 5:
        rows[row], rows[other] = rows[other], rows[row]
    elif kind == 6:
        del rows[row]
    elif kind == 7:
        del rows[row][column]
    else:
        numbers = [(i, j) for i, line in enumerate(rows) for j, word in enumerate(line) if _number(word)]
        if numbers:
            i, j = choose.choice(numbers)
            rows[i][j] = choose.choice(
                ("0", "1", "3", "0.25", "7", "40", f"{choose.random() * 9:.4f}", f"-{rows[i][j]}")
            )
    return "".join(mark.join(line) + "\n" for line in rows)


def _number(word: str) -> bool:
    try:
        return bool(word.strip()) and float(word) is not None
    except ValueError:
        return False
