"""How a cell fails: our own refusals as a sentence, a failed run with its own traceback, never with ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from IPython.core.error import UsageError

from gpurun_jupyter.core.errors import GpurunError, RunFailed, ServerUnreachable
from gpurun_jupyter.core.events import Error
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.core.runs import Run as RunRecord


class CellFailed(RunFailed):
    """Raised under `%%gpurun` when the run did not succeed: IPython shows `lines` in the place of a traceback."""

    def __init__(self, message: str, lines: list[str]) -> None:
        super().__init__(message)
        self.lines = lines

    def _render_traceback_(self) -> list[str]:
        return self.lines


def cell_failed(record: RunRecord, error: Error | None, how: str) -> CellFailed:
    """The failure to raise: named as the remote exception and with its traceback, or `how` the run ended."""
    if error is None:
        return CellFailed(how, [how])
    name = error.name if error.name.isidentifier() else "CellFailed"  # other languages have other names
    lines = error.traceback or [f"{error.name}: {error.value}"]
    if record.outcome is not Outcome.FAILED:
        lines = [*lines, how]  # cancelled or out of time: the exception is only how it took that
    named: type[CellFailed] = type(name, (CellFailed,), {"__doc__": f"Raised in {record.name}."})
    return named(error.value, lines)


@contextmanager
def said_in_a_sentence(forget: Callable[[], None]) -> Iterator[None]:
    """Turn refusals into IPython's UsageError; `forget` is called when the server is out of reach."""
    try:
        yield
    except CellFailed:
        raise
    except GpurunError as error:
        if isinstance(error, ServerUnreachable):
            forget()
        raise UsageError(str(error)) from None
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "%gpurun"
        raise UsageError(f"{error.format_message()} See {command} --help.") from None
    except click.ClickException as error:
        raise UsageError(error.format_message()) from None
    except TimeoutError as error:
        raise UsageError(str(error)) from None
