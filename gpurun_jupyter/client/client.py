"""The client: one kept-alive connection to one Jupyter server."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import msgspec

from gpurun_jupyter.client import ship
from gpurun_jupyter.client.collect import Shipment, collect, single
from gpurun_jupyter.client.connecting import connected
from gpurun_jupyter.client.entries import chosen
from gpurun_jupyter.client.http import UPLOAD_TIMEOUT, Connection, Params
from gpurun_jupyter.client.options import RunOptions, form_of, spec_of
from gpurun_jupyter.client.overviews import Overviews
from gpurun_jupyter.client.runs import Run
from gpurun_jupyter.client.stream import Accepted
from gpurun_jupyter.core.data_sets import DataSet
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.core.runs import RunSpec, ShippedDir
from gpurun_jupyter.core.sessions import Session

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_PAGE = 1000
_Form = dict[str, str | list[str]]


class Client(Overviews):
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
            return self._ship(collect(dir), spec, None, (), tell, live=live)
        if modules is not None:
            return self._ship(modules, spec, None, (), None, live=live)
        spec.check()
        return self._submit(spec, live=live)

    def submit_dir(
        self,
        path: Path | str = ".",
        entry: str | None = None,
        args: Sequence[str] = (),
        *,
        tell: Callable[[str], None] | None = None,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Ship a directory, a zip or one file, and queue its entry point; `tell` hears what is shipped.

        Without `entry` one file is its own, and a zip's is main.py or the only Python file at its top.
        Raises InvalidRequest, NoSuchDevices, FileMissing, BadArchive, SecretsFound and TooLarge.
        """
        place, spec = Path(path).expanduser(), spec_of(options)
        entry, shipment = chosen(place, entry)
        if shipment is None:
            return self._upload(place, spec, {"entry": entry, "args": list(args)})
        return self._ship(shipment, spec, entry, args, tell)

    def new_to_server(self, shipment: Shipment) -> ship.Sent:
        """How much of a shipment the server lacks; sends nothing."""
        parcel = ship.pack(shipment)
        return parcel.amount_of(ship.missing(self._connection, parcel))

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
            return self._ship(collect(dir), spec, None, (), tell)
        return self._submit(spec, live=False)

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

    def runs(
        self,
        *,
        project: str | None = None,
        state: State | str | None = None,
        outcome: Outcome | str | None = None,
        owner: str | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """The newest runs first, at most `limit`."""
        asked = {"project": project, "state": state, "outcome": outcome, "owner": owner}
        given: Params = [(key, getattr(value, "value", value)) for key, value in asked.items() if value]
        return [self._run(record) for record in self._pages(given, limit)]

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

    def data(self) -> list[DataSet]:
        """Your data sets, by name."""
        return self._connection.get("data", dict[str, list[DataSet]])["data"]

    def upload_data(
        self, path: Path | str, name: str | None = None, *, tell: Callable[[str], None] | None = None
    ) -> DataSet:
        """Upload a directory or a file once, for runs to use by its name: `data=["digits"]`. Sends only what is new.

        Raises InvalidRequest, FileMissing and SecretsFound.
        """
        place = Path(path).expanduser()
        shipment = collect(place, None, gitignore=False) if place.is_dir() else single(place, None)
        name = name or (place.resolve().name if place.is_dir() else place.stem)
        _say(tell, shipment.notes)

        def act(digest: str) -> DataSet:
            return self._connection.post("data", DataSet, {"name": name, "manifest": digest})

        return ship.deliver(self._connection, shipment, act, tell)

    def kernel_name(self, kernel_id: str) -> str | None:
        """The kernelspec of a kernel that this server runs; None for any other kernel."""
        found = self._connection.get_of_jupyter(f"api/kernels/{quote(kernel_id, safe='')}")
        return found.get("name") if isinstance(found, dict) else None

    def _ship(
        self,
        shipment: Shipment,
        spec: RunSpec,
        entry: str | None,
        args: Sequence[str],
        tell: Callable[[str], None] | None,
        *,
        live: bool = False,
    ) -> Run:
        _say(tell, [f"shipping {shipment.amount}", *shipment.notes])

        def act(digest: str) -> Run:
            spec.dir = ShippedDir(digest, entry, list(args))
            spec.check()
            return self._submit(spec, live=live)

        return ship.deliver(self._connection, shipment, act, tell)

    def _submit(self, spec: RunSpec, *, live: bool) -> Run:
        content = msgspec.json.encode(spec)
        if live:
            response = self._connection.follow_once_only("runs", _new_key(), content)
            accepted = Accepted(self._connection, response)
            return Run(self._connection, accepted.run, accepted)
        body = {"content": content, "timeout": UPLOAD_TIMEOUT}
        return self._run(self._connection.post_once_only("runs", RunRecord, _new_key(), lambda: body))

    def _upload(self, path: Path, spec: RunSpec, what: _Form) -> Run:
        with contextlib.ExitStack() as opened:

            def content() -> dict[str, Any]:
                file = opened.enter_context(path.open("rb"))
                files = {"file": (path.name, file, "application/zip")}
                return {"files": files, "data": {**form_of(spec), **what}, "timeout": UPLOAD_TIMEOUT}

            return self._run(self._connection.post_once_only("runs/zip", RunRecord, _new_key(), content))

    def _pages(self, params: Params, limit: int) -> Iterator[RunRecord]:
        cursor: int | str | None = None
        while limit > 0:
            asked: Params = [
                *params,
                ("limit", str(min(limit, _PAGE))),
                *([("cursor", cursor)] if cursor is not None else []),
            ]
            page = self._connection.get("runs", _RunPage, asked)
            yield from page.runs[:limit]
            limit, cursor = limit - len(page.runs), page.next
            if cursor is None:
                return

    def _run(self, record: RunRecord) -> Run:
        return Run(self._connection, record)


class _RunPage(msgspec.Struct):
    runs: list[RunRecord]
    next: int | str | None = None


def _say(tell: Callable[[str], None] | None, sentences: Sequence[str]) -> None:
    if tell:
        for sentence in sentences:
            tell(sentence)


def _new_key() -> str:
    return str(uuid.uuid4())
