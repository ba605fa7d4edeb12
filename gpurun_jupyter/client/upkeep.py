"""What a client can do for what is kept: take in runs of other tools, give runs to them, free what old runs left."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from gpurun_jupyter.client.http import UPLOAD_TIMEOUT
from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.core.runs import Run as RunRecord

if TYPE_CHECKING:
    from gpurun_jupyter.client.http import Connection
    from gpurun_jupyter.client.mlflow_export import Exported

_SQLITE = "sqlite:///"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HERE = re.compile(r"file:[^/]")


class _Imported(msgspec.Struct):
    runs: list[str]
    left_out: list[str]
    next: str | None = None


class Upkeep:
    """A part of the client."""

    _connection: Connection

    def import_folder(self, path: Path | str, kind: str = "files") -> tuple[list[Run], list[str]]:
        """Show what another tool left in a folder of the server's machine as runs: PROJECT/RUN.csv, .yaml and .pt.

        With the kind `tensorboard` or `wandb`, what these loggers left below it. Returns the new runs, and sentences
        about files that could not be read. Raises InvalidRequest.
        """
        answer = self._import(path=_absolute(path), kind=kind)
        return self._runs(answer.runs), answer.left_out

    def import_mlflow(self, uri: Path | str, tell: Callable[[str], None] | None = None) -> tuple[list[Run], list[str]]:
        """Show what MLflow knows as runs, and its models: `sqlite:///mlflow.db`, a folder `mlruns`, http://HOST:PORT.

        The server's machine reads it, or asks there. A tracking server is told who asks as in MLflow: a user with a
        password in the URI, else MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of
        this environment. What was imported before comes again only if it has changed there. Returns the runs that are
        new or have changed, and sentences about what was left out; `tell` hears how far it is.
        Raises InvalidRequest, TrackingFailed and TrackingUnreachable.
        """
        asked, ids, left_out = _of_mlflow(str(uri)), list[str](), list[str]()
        while True:
            answer = self._import(**asked)
            ids += answer.runs
            left_out += [sentence for sentence in answer.left_out if sentence not in left_out]
            if answer.next is None:
                return self._runs(ids), left_out
            if tell is not None:
                tell(f"{len(ids):,} runs so far")
            asked["after"] = answer.next

    def export_to_mlflow(
        self, uri: str, runs: Sequence[Run], *, files: bool = False, tell: Callable[[str], None] = print
    ) -> list[Exported]:
        """Write runs that are over to the tracking server at http://HOST:PORT, each once; `files`: and what they left.

        It is told who asks as by `import_mlflow`. Returns where each is there; `tell` hears in sentences of what stays
        here. Raises InvalidRequest, TrackingFailed and TrackingUnreachable.
        """
        from gpurun_jupyter.client.mlflow_export import Export

        with closing(Export(uri, tell, files=files)) as export:
            return list(export.write(runs))

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

    def _import(self, **asked: str) -> _Imported:
        return self._connection.post("import", _Imported, asked, timeout=UPLOAD_TIMEOUT)

    def _runs(self, ids: list[str]) -> list[Run]:
        records = (self._connection.get(f"runs/{quote(run_id)}", RunRecord) for run_id in ids)
        return [Run(self._connection, record) for record in records]


def _absolute(path: Path | str) -> str:
    return str(Path(path).expanduser().absolute())


def _of_mlflow(uri: str) -> dict[str, str]:
    """What the server is asked; a path is meant from here, and a password stands apart from the address."""
    asked = {"kind": "mlflow", "path": uri}
    if uri.lower().startswith(("http://", "https://")):
        from gpurun_jupyter.core.system.tracking_server import Address

        address = Address.parse(uri)
        asked |= {"path": address.url} | ({"authorization": address.authorization} if address.authorization else {})
    elif uri.startswith(_SQLITE):
        asked["path"] = _SQLITE + _absolute(uri.removeprefix(_SQLITE))
    elif not _SCHEME.match(uri) or _HERE.match(uri):
        asked["path"] = _absolute(uri.removeprefix("file:"))
    return asked
