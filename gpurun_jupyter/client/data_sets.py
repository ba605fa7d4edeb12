"""Uploading data sets by content."""

from __future__ import annotations

from pathlib import Path

from gpurun_jupyter.client import content_upload
from gpurun_jupyter.client.http import Connection
from gpurun_jupyter.core.data_sets import DataSet
from gpurun_jupyter.shipping.collect import collect, single


def upload(connection: Connection, path: Path | str, name: str | None, tell: content_upload.Tell | None) -> DataSet:
    """Send what the server lacks of a directory or a file, and give it a name: by default its own."""
    place = Path(path).expanduser()
    # Repositories ignore their data, and that is what is wanted here.
    shipment = collect(place, None, gitignore=False) if place.is_dir() else single(place, None)
    name = name or (place.resolve().name if place.is_dir() else place.stem)
    if tell:
        for note in shipment.notes:
            tell(note)

    def act(digest: str) -> DataSet:
        return connection.post("data", DataSet, {"name": name, "manifest": digest})

    return content_upload.deliver(connection, shipment, act, tell)
