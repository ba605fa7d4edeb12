"""The client: one kept-alive connection to one Jupyter server."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from gpurun_jupyter.client import content_upload, data_sets, listing
from gpurun_jupyter.client.connecting import connected
from gpurun_jupyter.client.git import Question
from gpurun_jupyter.client.http import UPLOAD_TIMEOUT, Connection, Params
from gpurun_jupyter.client.listing import Search
from gpurun_jupyter.client.options import RunOptions, spec_of
from gpurun_jupyter.client.overviews import Overviews
from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.client.snapshot import Snapshot
from gpurun_jupyter.client.stream import Accepted
from gpurun_jupyter.client.upkeep import Upkeep
from gpurun_jupyter.client.zip_upload import upload
from gpurun_jupyter.core.data_sets import DataSet
from gpurun_jupyter.core.origins import Origin
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.sessions import Session
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_jupyter.shipping.collect import Shipment, collect
from gpurun_jupyter.shipping.entries import chosen

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from gpurun_jupyter.client.models import Models
    from gpurun_jupyter.core.launch.file import LaunchFile


class Client(Overviews, Upkeep):
    """Talks to the Jupyter server at `url`, or to the one that is found: see discovery.py.

    Every method blocks, and raises ServerUnreachable, NotAllowed and what its own line says.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, connection: Connection | None = None
    ) -> None:
        self._connection = connection or connected(url, token)

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The server's base URL."""
        return self._connection.address.url

    @cached_property
    def models(self) -> Models:
        """The model registry; made when it is first needed."""
        from gpurun_jupyter.client.models import Models

        return Models(self._connection)

    def close(self) -> None:
        """Close the connection; runs go on."""
        self._connection.close()

    def submit(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        dir: Path | str | None = None,  # noqa: A002 - the word of the magic and of HTTP
        modules: Shipment | None = None,
        tell: Callable[[str], None] | None = None,
        live: bool = False,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Queue a cell; `dir` is shipped, the cell runs inside it, and `tell` hears of it. `modules`: see imports.py.

        `inputs` are variables that the cell finds; `run.result()` gives those that `outputs=["y"]` names.
        `live`: the answer stays open as the run's live connection, for the first call of `run.live()`.
        Raises InvalidRequest, NoSuchDevices, FileMissing, SecretsFound and TooLarge.
        """
        spec = spec_of(options, code=code)
        if inputs:
            from gpurun_jupyter.client import values

            values.ship(self._connection, inputs, spec)
        if dir is not None:
            return self._ship(collect(dir), spec, tell, live=live)
        if modules is not None:
            return self._ship(modules, spec, None, live=live, of_directory=False)
        check_run(spec)
        return self._submit(spec, live=live)

    def submit_dir(
        self,
        path: Path | str = ".",
        entry: str | None = None,
        args: Sequence[str] = (),
        *,
        module: str | None = None,
        tell: Callable[[str], None] | None = None,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Ship a directory, a zip or one file, and queue its entry point; `tell` hears what is shipped.

        Without `entry` one file is its own, and a zip's is main.py or the only Python file at its top. A `module` is
        run instead as `python -m` does, in the directory.
        Raises InvalidRequest, NoSuchDevices, FileMissing, BadArchive, SecretsFound and TooLarge.
        """
        place, spec = Path(path).expanduser(), spec_of(options)
        entry, shipment, notes = chosen(place, entry, module=module)
        if shipment is None:
            _say(tell, notes)
            spec.origin = Origin(directory=place.stem)
            what = {"entry": entry, "module": module, "args": list(args)}
            form = {name: value for name, value in what.items() if value is not None}
            return self._run(upload(self._connection, _new_key(), place, spec, form))
        return self._ship(shipment, spec, tell, entry=entry, module=module, args=list(args))

    def new_to_server(self, shipment: Shipment) -> content_upload.Sent:
        """How much of a shipment the server lacks; sends nothing."""
        with Snapshot(shipment, None) as snapshot:
            parcel = content_upload.pack(snapshot)
        return parcel.amount_of(content_upload.missing(self._connection, parcel))

    def submit_notebook(
        self,
        path: Path | str,
        parameters: Mapping[str, Any] | None = None,
        *,
        dir: Path | str | None = None,  # noqa: A002
        tell: Callable[[str], None] | None = None,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Queue a notebook, in the kernel that it names; `dir` is shipped, and the notebook runs inside it.

        `parameters` go after the cell with the tag `parameters`. The executed notebook is the run's executed.ipynb.
        Raises InvalidRequest, NoSuchDevices, FileMissing and TooLarge.
        """
        from gpurun_jupyter.client import notebooks

        spec = notebooks.ship(self._connection, path, parameters or {}, options)
        if dir is not None:
            return self._ship(collect(dir), spec, tell)
        return self._submit(spec, live=False)

    def sweep(self, file: Path | str | LaunchFile, **options: Any) -> list[Run]:
        """Queue what a launch file (its path, or its text) describes, a run for each combination of its values.

        `hold=True` creates them only; `inputs`, `modules`, `secrets` and `tell` are those of `submit`.
        Raises InvalidRequest, which names lines and columns, NoSuchDevices, FileMissing, SecretsFound and TooLarge.
        """
        from gpurun_jupyter.client import sweeps

        return [self._run(record) for record in sweeps.launch(self._connection, file, _new_key(), **options).runs]

    def run(
        self,
        code: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        dir: Path | str | None = None,  # noqa: A002
        **options: Unpack[RunOptions],
    ) -> dict[str, Any]:
        """Submit a cell, wait for it, and give its outputs by name, as `Run.result` does.

        Raises RunFailed, with the remote traceback, if it fails.
        """
        return self.submit(code, inputs=inputs, dir=dir, **options).wait().result()

    def runs(self, *, limit: int = 100, **search: Unpack[Search]) -> list[Run]:
        """The newest runs first, or in the order of `sort`; at most `limit`. See search.py. Raises InvalidRequest."""
        return [self._run(record) for record in listing.pages(self._connection, search, limit)]

    def runs_csv(self, *, columns: Sequence[str] = (), **search: Unpack[Search]) -> Iterator[str]:
        """The same as CSV, piece by piece, with these columns or all. Raises InvalidRequest."""
        return listing.csv(self._connection, search, columns)

    def compare(self, *refs: str, everything: bool = False) -> dict[str, Any]:
        """Runs side by side: `runs`, and lines of `parameters`, `metrics`, `environment` and `spec` that differ.

        A line has a `name` and the `values` of the runs in their order. Raises RunNotFound and InvalidRequest.
        """
        asked: Params = [*(("run", ref) for ref in refs), ("all", "true" if everything else "false")]
        return self._connection.get("compare", dict[str, Any], asked)

    def get(self, ref: str) -> Run:
        """The run with this id, prefix of an id or name (the newest), or `last`. Raises RunNotFound."""
        return self._run(self._connection.get(f"runs/{quote(ref, safe='')}", RunRecord))

    def sessions(self) -> list[Session]:
        """Your sessions: named warm kernels with their devices."""
        return self._connection.get("sessions", dict[str, list[Session]])["sessions"]

    def change_session(self, name: str, action: Literal["interrupt", "restart", "end"]) -> None:
        """Interrupt a session's run, give it a fresh kernel, or end it. Raises SessionNotFound and WrongState."""
        self._connection.post(f"sessions/{quote(name, safe='')}/{action}", dict[str, Any], {})

    def restore(self, run_id: str) -> Run:
        """Take back that the run with this id was deleted. Raises RunNotFound where it is too late."""
        return self._run(self._connection.post(f"runs/{quote(run_id, safe='')}/restore", RunRecord, {}))

    def notices(self, *, trial: bool = False) -> list[dict[str, Any]]:
        """Who is told of your runs: service, on, projects, and a problem with a hint. `trial`: each is sent one now."""
        answer = dict[str, list[dict[str, Any]]]
        if trial:
            return self._connection.post("notices/trial", answer, {})["notices"]
        return self._connection.get("notices", answer)["notices"]

    def data(self) -> list[DataSet]:
        """Your data sets, by name."""
        return self._connection.get("data", dict[str, list[DataSet]])["data"]

    def upload_data(
        self, path: Path | str, name: str | None = None, *, tell: Callable[[str], None] | None = None
    ) -> DataSet:
        """Upload a directory or a file once, for runs to use by its name: `data=["digits"]`. Sends only what is new.

        Raises InvalidRequest, FileMissing and SecretsFound.
        """
        return data_sets.upload(self._connection, path, name, tell)

    def kernel_name(self, kernel_id: str) -> str | None:
        """The kernelspec of a kernel that this server runs; None for any other kernel."""
        found = self._connection.get_of_jupyter(f"api/kernels/{quote(kernel_id, safe='')}")
        return found.get("name") if isinstance(found, dict) else None

    def _ship(
        self,
        shipment: Shipment,
        spec: RunSpec,
        tell: Callable[[str], None] | None,
        *,
        live: bool = False,
        of_directory: bool = True,
        **what: Any,
    ) -> Run:
        """Queue a run in this directory; `what` it runs, if that is no cell or notebook, is as in ShippedDir."""
        _say(tell, [f"shipping {shipment.amount}", *shipment.notes])
        git = Question(shipment.root) if of_directory else None  # it answers while the files are hashed

        def act(digest: str) -> Run:
            spec.dir = ShippedDir(digest, **what)
            spec.origin = git.origin(spec.origin) if git else spec.origin
            check_run(spec)
            return self._submit(spec, live=live)

        return content_upload.deliver(self._connection, shipment, act, tell)

    def _submit(self, spec: RunSpec, *, live: bool) -> Run:
        content = msgspec.json.encode(spec)
        if live:
            response = self._connection.follow_once_only("runs", _new_key(), content)  # one key for all tries
            accepted = Accepted(self._connection, response)
            return Run(self._connection, accepted.run, accepted)
        body = {"content": content, "timeout": UPLOAD_TIMEOUT}
        return self._run(self._connection.post_once_only("runs", RunRecord, _new_key(), lambda: body))

    def _run(self, record: RunRecord) -> Run:
        return Run(self._connection, record)


def _say(tell: Callable[[str], None] | None, sentences: Sequence[str]) -> None:
    if tell:
        for sentence in sentences:
            tell(sentence)


def _new_key() -> str:
    return str(uuid.uuid4())
