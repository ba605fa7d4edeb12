"""`%%gpurun --sweep`: the cell runs once for each combination, each run with a view below."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from gpurun_jupyter.cli.verbs import sweeps
from gpurun_jupyter.client.waiting import wait_for
from gpurun_jupyter.core.errors import WrongState
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.notebook import screens
from gpurun_jupyter.views import words

if TYPE_CHECKING:
    from gpurun_jupyter.cli.screen import Invocation
    from gpurun_jupyter.client import Run
    from gpurun_jupyter.core.launch.file import LaunchFile
    from gpurun_jupyter.notebook.hints import Hint

_VIEWS = 12  # each has threads and a connection of its own


def run_cells(to: Invocation, file: LaunchFile, *, detach: bool, dry: bool, hint: Hint, **shipped: Any) -> None:
    """Queue the runs, show each, and unless they are detached wait until all have ended.

    An interrupt asks all of them to stop. Raises ClickException, with the hint, unless all succeeded.
    """
    if dry:
        sweeps.show_dry(to, file)
        return
    found = to.client.sweep(file, tell=to.screen.say, **shipped)
    for run in found[:_VIEWS]:
        screens.show_detached(to.screen, run)
    if len(found) > _VIEWS:
        to.screen.say(f"and {len(found) - _VIEWS:,} more: %gpurun runs lists them")
    if detach:
        return
    try:
        wait_for(found)
    except KeyboardInterrupt:
        _stop(found)
        raise
    if failed := [run for run in found if run.outcome is not Outcome.SUCCEEDED]:
        more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
        how = f"{words.state_line(failed[0].record)}{more}."
        raise click.ClickException(f"{how} {hint(failed[0].record, [])}".rstrip())


def _stop(found: list[Run]) -> None:
    for run in found:
        with contextlib.suppress(WrongState):  # it has finished
            run.cancel()
