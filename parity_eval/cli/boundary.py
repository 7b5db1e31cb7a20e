"""The one place that catches broadly: an error becomes a plain message and an exit code."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from parity_eval.errors import IncompleteError, ParityError

F = TypeVar("F", bound=Callable[..., None])

_INTERNAL = 4


def guarded(command: F) -> F:
    """Turn a command's errors into messages on stderr and DESIGN.md's exit codes."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            command(*args, **kwargs)
        except ParityError as error:
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _fail("stopped; the same command goes on where it stopped", IncompleteError.exit_code)
        except BrokenPipeError:
            # The reader has gone (`| head`): nothing is wrong, and nothing more can be said.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except (typer.Exit, typer.Abort, SystemExit):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary
            text = f"internal error: {type(error).__name__}: {error}"
            _fail(f"{text}\nThis is a defect; --debug shows where", _INTERNAL)
        else:
            _flush()

    return run  # type: ignore[return-value]


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    if is_debugging():
        raise  # noqa: PLE0704 - called from an except block
    for line in message.splitlines():
        print(f"error: {line}" if line == message.splitlines()[0] else line, file=sys.stderr)  # noqa: T201
    raise typer.Exit(code)


def is_debugging() -> bool:
    """Whether errors keep their traceback (`--debug`)."""
    return os.environ.get("PARITY_EVAL_DEBUG") == "1"
