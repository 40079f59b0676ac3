"""What the exit codes mean."""

import enum


class Exit(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    SIMULATION = 1
    BAD_INPUT = 2
    UNSUPPORTED = 3
    UNWRITTEN = 4
    INTERNAL = 70
    ALONE = 75
    INTERRUPTED = 130


EXIT_CODES: dict[int, str] = {
    Exit.DONE: "done",
    Exit.SIMULATION: "a simulation or a computation failed",
    Exit.BAD_INPUT: "something given is wrong",
    Exit.UNSUPPORTED: "not supported, or a package is missing",
    Exit.UNWRITTEN: "a file could not be written, the result was shown",
    Exit.INTERNAL: "a fault of jumpax itself",
    Exit.ALONE: "joined processes did not come (JUMPAX_PATIENCE)",
    Exit.INTERRUPTED: "interrupted",
}
