"""`make demo`: run 01-first-run.ipynb without a browser, against a real Jupyter server and in a kernel of that server.

Prints what each cell shows and, read back over HTTP, what became of the runs. Exits with 0 only if every cell ran and
every run succeeded. All that it keeps is in .demo/, and it ends the processes that it starts.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import nbformat
from headless import Kernel, Server

from gpurun_jupyter import Client, Run
from gpurun_jupyter.core.lifecycle import Outcome, State

EXAMPLES = Path(__file__).resolve().parent
NOTEBOOK = "01-first-run.ipynb"
STATE = EXAMPLES.parent / ".demo"
#: The run whose accuracy the demo ends with.
CLASSIFIER = "digits-mlp"


class Row(NamedTuple):
    """What became of a run, as the server tells it."""

    name: str
    state: str
    device: str
    seconds: str
    accuracy: str
    failure: str


def main() -> int:
    begun = time.time()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends in the same order as Ctrl-C
    print("Starting a Jupyter server ...", flush=True)
    with Server(STATE, root=EXAMPLES) as server:
        print(f"It answers on {server.url} and keeps its state in {os.path.relpath(STATE)}.\n", flush=True)
        client = Client(server.url, server.token)
        try:
            failed_cell = run_cells(server.start_kernel(NOTEBOOK))
        except KeyboardInterrupt:
            failed_cell = "it was interrupted"
        finally:
            end_runs(client, begun)
        rows = [row_of(run) for run in runs_since(client, begun)]
    print_table(rows)
    return verdict(failed_cell, rows)


def run_cells(kernel: Kernel) -> str | None:
    """Run the notebook's code cells; returns what to say of the one that failed, after which none is run."""
    cells = [cell for cell in nbformat.read(EXAMPLES / NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, 1):
        print(f"[{number}] {cell.source.splitlines()[0]}", flush=True)
        error = kernel.run(cell.source, show)
        print(flush=True)
        if error is not None:
            return f"cell [{number}] failed: {error}"
    return None


def show(text: str) -> None:
    for line in text.splitlines():
        print(f"    {line}".rstrip(), flush=True)


def runs_since(client: Client, begun: float) -> list[Run]:
    """The runs that the notebook made, oldest first. The server's clock is this machine's."""
    runs = [run for run in client.runs(limit=1000) if run.record.created_at >= begun]
    return sorted(runs, key=lambda run: run.record.created_at)


def end_runs(client: Client, begun: float) -> None:
    """After a failed cell or Ctrl-C: nothing goes on behind the user's back."""
    for run in runs_since(client, begun):
        if run.state is not State.FINISHED:
            run.cancel(kill=True).wait(30)


def row_of(run: Run) -> Row:
    seconds = run.record.elapsed_s
    accuracy = run.metrics().get("acc", {}).get("last")
    return Row(
        name=run.name,
        state=(run.outcome or run.state).value,
        device=",".join(run.record.devices),
        seconds="" if seconds is None else f"{seconds:.1f}",
        accuracy="" if accuracy is None else f"{accuracy:.4f}",
        failure="" if run.outcome is Outcome.SUCCEEDED else f"run {run.id}: {run.failure()}",
    )


def print_table(rows: list[Row]) -> None:
    for name, state, device, seconds, accuracy, _ in [Row("run", "state", "device", "seconds", "accuracy", ""), *rows]:
        print(f"{name:<12} {state:<10} {device:<8} {seconds:>7} {accuracy:>9}".rstrip())
    print()


def verdict(failed_cell: str | None, rows: list[Row]) -> int:
    """Say how it went; returns the exit code."""
    failures = [failed_cell] if failed_cell else []
    failures += [row.failure for row in rows if row.failure]
    accuracy = next((row.accuracy for row in rows if row.name == CLASSIFIER), "")
    if not failures and not accuracy:
        failures.append(f"there is no accuracy of a run {CLASSIFIER}")
    if failures:
        print("The demo failed:", *failures, sep="\n  - ")
        return 1
    print("Every cell ran and every run succeeded. `make lab` opens the same notebook in JupyterLab.")
    print(f"accuracy {accuracy}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
