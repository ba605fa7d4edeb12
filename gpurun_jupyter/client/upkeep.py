"""What a client can do for what is kept: take in runs of other tools, free what old runs left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.core.runs import Run as RunRecord

if TYPE_CHECKING:
    from gpurun_jupyter.client.http import Connection


class Upkeep:
    """A part of the client."""

    _connection: Connection

    def import_folder(self, path: Path | str, kind: str = "files") -> tuple[list[Run], list[str]]:
        """Show what another tool left in a folder of the server's machine as runs: PROJECT/RUN.csv, .yaml and .pt.

        With the kind `tensorboard` or `wandb`, what these loggers left below it. Returns the new runs, and sentences
        about files that could not be read. Raises InvalidRequest.
        """
        asked = {"path": str(Path(path).expanduser().absolute()), "kind": kind}
        answer = self._connection.post("import", dict[str, list[str]], asked)
        records = [self._connection.get(f"runs/{quote(run_id)}", RunRecord) for run_id in answer["runs"]]
        return [Run(self._connection, record) for record in records], answer["left_out"]

    def prune(
        self,
        older_than: float | str,
        *,
        project: str | None = None,
        keep_tagged: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Free what your runs printed and left that ended longer ago (`"30d"`), and blobs that nothing refers to.

        Metrics, parameters and outcomes stay. Returns `runs` with the bytes of each, `runs_bytes`, `blobs` and
        `blobs_bytes`; with `dry_run`, what would be freed. Raises InvalidRequest.
        """
        terms = {"older_than": older_than, "project": project, "keep_tagged": keep_tagged, "dry_run": dry_run}
        return self._connection.post("prune", dict[str, Any], terms)
