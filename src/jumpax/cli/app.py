"""Which commands there are, and what a failure looks like from outside."""

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from jumpax._base.errors import InputError, JumpaxError, JumpaxWarning, LostError, SimulationError, UnsupportedError
from jumpax._base.extras import need
from jumpax._base.signals import terminated
from jumpax.cli.exits import EXIT_CODES, Exit
from jumpax.cli.origin import note_words, onward
from jumpax.cli.output import print_json
from jumpax.cli.template import with_kind

if TYPE_CHECKING:
    from cyclopts import App

COMMANDS: dict[str, str] = {
    "simulate": "Draw exact paths of a model.",
    "protocol": "Draw the runs that a file of BioNetGen asks for.",
    "merge": "Put the shards of a simulation together.",
    "plot": "Draw a saved result.",
    "exact": "Solve the master equation of a small model.",
    "fit": "Find the parameters of a model from data.",
    "infer": "Draw parameters from their posterior, given single paths.",
    "audit": "Judge every gradient estimator on a model.",
    "demo": "Fit bursts of transcription to real counts of genes.",
    "check": "Say what this machine and a model can do.",
    "convert": "Write a model in another format.",
}
"""Commands and what they do, in the order of the help. Each is the function `run` of `jumpax/cli/<name>.py`, imported
when it is called: a new command is one such file and one row."""

_HELP = "Differentiable exact stochastic simulation of reaction networks.\n\nExit codes: "


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    With `--json` exactly one JSON document is written to standard output, also for a failure: then it is
    `{"error": {"kind", "message", "exit_code"}}`. Everything else goes to standard error.

    Args:
        arguments: words after the name of the program; default those of this process.

    Returns:
        The exit code, one of `EXIT_CODES`.

    Examples:
        >>> int(main(["--version"]))
        0.2.0
        0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    note_words(words)
    try:
        need("cli", "the command line")
        with terminated(), _warnings_in_words(_command(words)):
            _run(words)
        return Exit.DONE
    except BrokenPipeError:  # the reader of our output went away, for example `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    except KeyboardInterrupt as fault:
        return _fail(words, fault, Exit.INTERRUPTED, f"interrupted{f' by {fault}' if str(fault) else ''}{onward()}")
    except InputError as fault:
        return _fail(words, fault, Exit.BAD_INPUT)
    except UnsupportedError as fault:
        return _fail(words, fault, Exit.UNSUPPORTED)
    except LostError as fault:
        code = _fail(words, fault, Exit.SIMULATION)
        sys.stdout.flush()
        os._exit(code)  # at an ordinary end JAX waits for those that are gone, and has the last word
    except (SimulationError, JumpaxError) as fault:
        return _fail(words, fault, Exit.SIMULATION)
    except OSError as fault:
        return _fail(words, fault, Exit.BAD_INPUT)
    except Exception as fault:
        kind = type(fault).__name__
        return _fail(words, fault, Exit.INTERNAL, f"{kind}: {fault}\nThis is a fault of jumpax; --debug shows where.")


def make_app() -> "App":
    """The command line with all its commands, none of them imported yet."""
    from cyclopts import App, Parameter

    from jumpax import __version__

    codes = ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    app = App(
        name="jumpax",
        help=_HELP + codes + ".",
        version=__version__,
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        default_parameter=Parameter(negative=()),
    )
    for place, (name, summary) in enumerate(COMMANDS.items()):
        app.command(f"jumpax.cli.{name}:run", name=name, help=summary, sort_key=place)

    def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
        """Print a script by which a shell completes commands and options.

        Args:
            shell: Which one.
        """
        print(app.generate_completion(shell=shell))

    app.command(completion, name="--completion")
    return app


def _run(words: list[str]) -> None:
    """Parse and call; words that make no sense are bad input."""
    from cyclopts import CycloptsError

    try:
        make_app()(with_kind(words), exit_on_error=False, print_error=False)
    except CycloptsError as fault:
        known = _command(words)
        raise InputError(f"{fault}\nTry: jumpax {f'{known} ' if known else ''}--help") from fault


def _command(words: Sequence[str]) -> str | None:
    """The command among the words."""
    return next((word for word in words[:1] if word in COMMANDS), None)


def _fail(words: list[str], fault: BaseException, code: Exit, message: str = "") -> int:
    """Tell people on standard error, and programs on standard output, what went wrong."""
    message = message or _in_options(str(fault), _command(words))
    if "--debug" in words:
        traceback.print_exception(fault, file=sys.stderr)
    print(f"jumpax: {message}", file=sys.stderr)
    if "--json" in words:
        print_json({"error": {"kind": type(fault).__name__, "message": message, "exit_code": int(code)}})
    return code


def _in_options(message: str, command: str | None) -> str:
    try:
        from jumpax.cli.wording import in_options
    except ImportError:  # the package that commands need is what is missing
        return message
    return in_options(message, command)


@contextlib.contextmanager
def _warnings_in_words(command: str | None) -> Iterator[None]:
    """Doubts of jumpax as one line each on standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", JumpaxWarning)
        usual = warnings.showwarning

        def show(message, category, *place, **more) -> None:
            if issubclass(category, JumpaxWarning):
                print(f"jumpax: warning: {_in_options(str(message), command)}", file=sys.stderr)
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        yield
