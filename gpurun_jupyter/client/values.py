"""Variables on their way to the server, as blobs by content, and a run's outputs on their way back."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gpurun_jupyter.client import blobs
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.errors import InvalidRequest, TooLarge
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.values import Output
from gpurun_jupyter.values import files
from gpurun_jupyter.values.refusals import Budget, OverBudget, Refused

_PIECE_BYTES = 2**20


def ship(connection: Connection, inputs: Mapping[str, Any], spec: RunSpec) -> None:
    """Send the values that the server lacks, and name all in the spec.

    Raises InvalidRequest for a value that does not travel, and TooLarge.
    """
    spec.inputs = dict.fromkeys(inputs, "0" * 64)
    check_run(spec)  # names are looked at before anything is written
    with tempfile.TemporaryDirectory(prefix="gpurun-") as folder:
        written = _write(Path(folder), inputs, spec)
        spec.inputs = {name: one.digest for name, one in written.items()}
        places = {one.digest: Path(folder, str(number)) for number, one in enumerate(written.values())}
        blobs.send(connection, places)


def outputs(connection: Connection, route: str) -> dict[str, Output]:
    """What is known of the variables that a run left."""
    return connection.get(f"{route}/outputs", dict[str, dict[str, Output]])["outputs"]


def fetch(connection: Connection, route: str, *, pickle: bool) -> dict[str, Any]:
    """The variables that a run left. Raises InvalidRequest for one that cannot be read here."""
    found = outputs(connection, route)
    if not found:
        return {}
    with tempfile.TemporaryDirectory(prefix="gpurun-") as folder:
        path = Path(folder, "value")  # for one after another: each is read whole
        return {name: _fetch(connection, route, name, output, path, pickle) for name, output in found.items()}


def _write(folder: Path, inputs: Mapping[str, Any], spec: RunSpec) -> dict[str, files.Written]:
    budget = Budget(spec.values_limit_bytes)
    try:
        return {
            name: files.write(folder / str(number), name, value, budget, pickle=spec.pickle)
            for number, (name, value) in enumerate(inputs.items())
        }
    except OverBudget as error:
        raise TooLarge(error.message, error.hint) from error
    except Refused as error:
        raise InvalidRequest(error.message, error.hint) from error


def _fetch(connection: Connection, route: str, name: str, output: Output, path: Path, pickle: bool) -> Any:
    with (
        connection.stream(f"{route}/outputs/{quote(name, safe='')}", [], "application/octet-stream") as response,
        path.open("wb") as file,
    ):
        for piece in response.iter_bytes(_PIECE_BYTES):
            file.write(piece)
    try:
        return files.read(path, name, pickle=pickle, digest=output.digest)
    except Refused as error:
        raise InvalidRequest(error.message, error.hint) from error
