"""Launch files and sweeps: what they name is shipped from here, then all their runs are queued at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from gpurun_jupyter.client import blobs, content_upload, values
from gpurun_jupyter.client.http import UPLOAD_TIMEOUT, Connection
from gpurun_jupyter.client.secrets import with_values
from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.core.formats.encodings import text_of
from gpurun_jupyter.core.launch.check import parse
from gpurun_jupyter.core.launch.file import LaunchFile, name_of
from gpurun_jupyter.core.manifests import digest_of
from gpurun_jupyter.core.runs import Run, RunSpec
from gpurun_jupyter.shipping.gather import gather

if TYPE_CHECKING:
    from gpurun_jupyter.shipping.collect import Shipment


class Launched(msgspec.Struct):
    """What the server answers: the runs in their order, and what the sweep is called, if it is one."""

    sweep: str | None
    runs: list[Run]


def read(file: Path | str | LaunchFile) -> tuple[LaunchFile, Path]:
    """A launch file, from a path, its text or as it is, and the folder that its paths are seen from.

    What has no name is called as the file. Raises FileMissing and InvalidRequest.
    """
    if isinstance(file, LaunchFile):
        return file, Path()
    if isinstance(file, str) and "\n" in file:  # a text: nobody's path has a line's end
        return parse(file), Path()
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileMissing(f"There is no launch file {str(file)!r}.", "Name one, or give its text.")
    found = parse(text_of(path.read_bytes()))
    return msgspec.structs.replace(found, name=found.name or name_of(path.name)), path.parent


def spec_of(connection: Connection, reference: str) -> RunSpec:
    """What a run was asked for. Raises RunNotFound."""
    spec = connection.get(f"runs/{quote(reference, safe='')}", Run).spec
    assert spec is not None  # asked for one run, the server gives it
    return spec


def launch(
    connection: Connection,
    file: Path | str | LaunchFile,
    key: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    modules: Shipment | None = None,
    secrets: Mapping[str, str | None] | None = None,
    hold: bool = False,
    tell: Callable[[str], None] | None = None,
) -> Launched:
    """Ship what a launch file names and queue its runs. Raises what `read`, `gather` and the server raise."""
    found, folder = read(file)
    gathered = gather(found, folder, lambda reference: spec_of(connection, reference))
    shipment = gathered.shipment or modules
    # Asked for before `act`, which may be called twice.
    secret_values = with_values(dict.fromkeys(found.secrets) | dict(secrets or {}))

    def act(manifest: str | None) -> Launched:
        spec = gathered.spec(found, manifest)
        spec.hold = spec.hold or hold
        spec.secrets = secret_values
        if inputs:
            values.ship(connection, inputs, spec)
        return _post(connection, spec, found.values, key)

    if gathered.notebook is not None:
        blobs.send(connection, {digest_of(gathered.notebook): gathered.notebook})
    if shipment is None:
        return act(None)
    for sentence in [f"shipping {shipment.amount}", *shipment.notes] if tell else []:
        tell(sentence)  # type: ignore[misc]
    return content_upload.deliver(connection, shipment, act, tell)


def _post(connection: Connection, spec: RunSpec, grid: Mapping[str, Any], key: str) -> Launched:
    content = msgspec.json.encode({"run": spec, "values": grid})
    return connection.post_once_only("sweeps", Launched, key, lambda: {"content": content, "timeout": UPLOAD_TIMEOUT})
