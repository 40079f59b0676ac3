"""The expression that a one-line function returns, read from its source for people (and never run)."""

import ast
import inspect
import linecache
import textwrap
import types


def expression(function: object, arguments: tuple[str, ...]) -> str | None:
    """What a lambda, or a function of one return statement, returns, if its source tells and has these arguments."""
    if not isinstance(function, types.FunctionType) or function.__code__.co_varnames[: len(arguments)] != arguments:
        return None
    try:
        if function.__name__ == "<lambda>":
            body = ast.parse(_segment(function.__code__), mode="eval").body
        else:
            definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
            statements = definition.body if isinstance(definition, ast.FunctionDef) else []
            *before, last = [s for s in statements if not _is_docstring(s)]
            body = last.value if isinstance(last, ast.Return) and not before else None
        return ast.unparse(body) if body is not None else None
    except (OSError, SyntaxError, ValueError):
        return None


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _segment(code: types.CodeType) -> str:
    """The text between the first and the last place that the instructions of a lambda come from."""
    places = [(a, b, c, d) for a, b, c, d in code.co_positions() if a and b and d and c is not None]
    lines = linecache.getlines(code.co_filename)
    first, start = min((line, column) for line, _, column, _ in places)
    last, end = max((line, column) for _, line, _, column in places)
    if len(lines) < last:
        raise OSError(f"no source for {code.co_filename}")
    text = [line.encode() for line in lines[first - 1 : last]]  # columns count bytes
    text[-1] = text[-1][:end]
    text[0] = text[0][start:]
    return " ".join(b"".join(text).decode().split())
