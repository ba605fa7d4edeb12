"""The model registry, as `client.models`."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gpurun_jupyter.client import content_upload
from gpurun_jupyter.core import manifests
from gpurun_jupyter.core.errors import BlobDamaged, InvalidRequest
from gpurun_jupyter.core.models import (
    LATEST,
    MODEL_LIMITS,
    Best,
    Mode,
    Model,
    ModelFile,
    ModelSummary,
    ModelVersion,
    NewVersion,
    Promotion,
    VersionComparison,
    check_model_name,
)
from gpurun_jupyter.core.numbers import in_json
from gpurun_jupyter.report.file_names import as_typed, from_text
from gpurun_jupyter.shipping.collect import collect, single

if TYPE_CHECKING:
    from gpurun_jupyter.client.http import Connection

Version = int | str


class Models:
    """Your models on the server. A version is named by its number, an alias, or `latest`.

    Every method raises ServerUnreachable, NotAllowed, ModelNotFound and what its own line says.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self) -> list[ModelSummary]:
        """All of them, by name."""
        return self._connection.get("models", dict[str, list[ModelSummary]])["models"]

    def show(self, name: str) -> Model:
        """One with its versions, the newest first."""
        return self._connection.get(_route(name), Model)

    def get(self, name: str, version: Version | None = None) -> ModelVersion:
        """One version, by default the newest, with its files and the spec of its run."""
        return self._connection.get(_route(name, version or LATEST), ModelVersion)

    def register(
        self,
        path: Path | str,
        name: str,
        *,
        run: str | None = None,
        best: str | None = None,
        mode: Mode = "max",
        project: str | None = None,
        type: str = "",  # noqa: A002 - the word of the registry
        framework: str = "",
        description: str = "",
        metrics: Mapping[str, float] | None = None,
        tags: Sequence[str] = (),
        parameters: Mapping[str, str] | None = None,
        alias: str | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> ModelVersion:
        """Register a file or folder as the next version: a local one, of which only what is new is sent.

        With `run`, or with `best` (the run of `project` whose last value of that metric is the best by `mode`), `path`
        is among the run's files, and nothing is sent. What is the newest version already is no new one.
        Raises InvalidRequest, FileMissing, RunNotFound, SecretsFound and StorageFull.
        """
        new = NewVersion(
            name=check_model_name(name),
            run=run,
            best=None if best is None else Best(best, mode, project),
            type=type,
            framework=framework,
            description=description,
            metrics={key: in_json(float(value)) for key, value in (metrics or {}).items()},
            tags=list(tags),
            parameters={key: str(value) for key, value in (parameters or {}).items()},
            alias=alias,
        )
        if run is None and best is None:
            return self._send(Path(path).expanduser(), new, tell)
        new.path = as_typed(str(path))
        return self._connection.post("models", ModelVersion, new)

    def change(self, name: str, version: Version, **changes: Any) -> ModelVersion:
        """Change `description`, `tags`, `type` or `framework` of a version. Raises InvalidRequest."""
        return self._connection.patch(_route(name, version), ModelVersion, changes)

    def archive(self, name: str, version: Version, *, ready: bool = False) -> ModelVersion:
        """Archive a version, or make it `ready` again. Raises ModelInUse where an alias points to it."""
        return self.change(name, version, status="ready" if ready else "archived")

    def promote(self, name: str, version: Version, alias: str = "release") -> ModelVersion:
        """Let an alias point to a version. Raises WrongState, and AliasMoved where somebody else moves it just now."""
        before = self.show(name).aliases.get(alias, 0)  # if it moves after this, somebody was quicker
        wanted = Promotion(version, alias, before)
        return self._connection.post(f"{_route(name)}/promote", ModelVersion, wanted)

    def drop_alias(self, name: str, alias: str) -> Model:
        """Take an alias away; the version stays."""
        return self._connection.delete(f"{_route(name)}/aliases/{quote(alias, safe='')}", Model)

    def compare(self, name: str, a: Version, b: Version) -> VersionComparison:
        """Two versions beside each other: every metric, and what else differs."""
        return self._connection.get(f"{_route(name)}/compare", VersionComparison, [("a", str(a)), ("b", str(b))])

    def delete(self, name: str, version: Version | None = None) -> None:
        """Delete a version, or without one the whole model. Raises ModelInUse where an alias points to the version."""
        self._connection.delete(_route(name, version), dict[str, Any])

    def download(self, name: str, to: Path | str | None = None, version: Version | None = None) -> Path:
        """Fetch the files of a version; returns the file, or the folder `NAME-v4` where there are several.

        `to` is a folder that is there, or what to call the result; default: the current folder. Each file gets its
        name when all its bytes have come and were looked through. Raises BlobDamaged and FileMissing.
        """
        found = self.get(name, version)
        files = _checked(found.files or [])  # no server, whoever runs it, writes elsewhere
        place = Path(to or ".").expanduser()
        alone = len(files) == 1 and "/" not in files[0].path
        if place.is_dir():
            place /= from_text(files[0].path) if alone else f"{found.name}-v{found.version}"
        for file in files:
            # By its number: an alias may be moved between two files.
            self._fetch(_route(name, found.version), file, place if alone else place / from_text(file.path))
        return place

    def _send(self, path: Path, new: NewVersion, tell: Callable[[str], None] | None) -> ModelVersion:
        # Repositories ignore weights, and those are what is wanted here.
        shipment = collect(path, None, gitignore=False) if path.is_dir() else single(path, None)
        if not shipment.files:
            raise InvalidRequest(f"The folder {str(path)!r} holds no files.", "Name one that does.")
        if tell:
            for note in shipment.notes:
                tell(note)

        def act(digest: str) -> ModelVersion:
            new.manifest = digest
            return self._connection.post("models", ModelVersion, new)

        return content_upload.deliver(self._connection, shipment, act, tell)

    def _fetch(self, route: str, file: ModelFile, place: Path) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside, sum_ = place.with_name(f".{place.name}.part"), hashlib.sha256()
        with (
            self._connection.stream(f"{route}/files/{quote(file.path)}", [], "*/*") as response,
            beside.open("wb") as out,
        ):
            for piece in response.iter_bytes():
                sum_.update(piece)
                out.write(piece)
        if sum_.hexdigest() != file.digest:
            beside.unlink()
            raise BlobDamaged(f"The bytes of {file.path!r} were changed on the way.", "Download it again.")
        if file.executable:
            mode = stat.S_IMODE(beside.stat().st_mode)
            beside.chmod(mode | (mode & 0o444) >> 2)  # for those who may read it, as the umask says
        beside.replace(place)


def _route(name: str, version: Version | None = None) -> str:
    """The route of a model, or of one of its versions."""
    return "/".join(["models", *(quote(str(part), safe="") for part in (name, version) if part is not None)])


def _checked(files: Sequence[ModelFile]) -> Sequence[ModelFile]:
    """The files, none of them outside of its folder. Raises BadArchive."""
    manifests.decode(
        manifests.encode(manifests.Entry(one.path, one.digest, one.size_bytes) for one in files), MODEL_LIMITS
    )
    return files
