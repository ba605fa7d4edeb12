"""POST runs/zip: a zip or one file with the fields of a run, streamed to the disk and checked before it is accepted."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import PurePosixPath
from typing import Any

import msgspec
import python_multipart
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core import limits
from gpurun_jupyter.core.errors import InvalidRequest, TooLarge
from gpurun_jupyter.core.formats.archives import check, is_zip, top_folder
from gpurun_jupyter.core.manifests import Entry
from gpurun_jupyter.core.runs import DataUse, Run, RunSpec
from gpurun_jupyter.core.shipped import ShippedDir
from gpurun_jupyter.core.units import format_size
from gpurun_server.http.base import AUTH_RESOURCE, checked, operation
from gpurun_server.http.runs.accepting import accept_run
from gpurun_server.http.shipping.receiving import ReceivingHandler
from gpurun_server.settings import MAX_UPLOAD_BYTES
from gpurun_server.store.content.blobs import Blobs, Upload
from gpurun_server.store.content.intake import take_project


class ZipForm(msgspec.Struct):
    """The fields of the form beside those of RunSpec: the file, and what to run in it."""

    file: str
    entry: str | None = None
    module: str | None = None
    code: str | None = None
    args: list[str] = []


class Form:
    """A multipart body as it arrives: fields in memory, the part named `file` in an upload."""

    def __init__(self, content_type: str, blobs: Blobs) -> None:
        kind, options = python_multipart.multipart.parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise InvalidRequest("The body is not a form.", "Send multipart/form-data, as curl -F does.")
        self.blobs = blobs
        self._parser = python_multipart.MultipartParser(options[b"boundary"], self._callbacks())
        self.fields: dict[str, list[str]] = {}
        self.file_name: str | None = None
        self.upload: Upload | None = None
        self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._name: str | None = None
        self._value = bytearray()
        self._parts = 0
        self._left_bytes = limits.FORM_BYTES  # of what is kept in memory

    def feed(self, data: bytes) -> None:
        """The next piece of the body. Raises InvalidRequest."""
        try:
            self._parser.write(data)
        except python_multipart.exceptions.FormParserError as error:
            raise InvalidRequest(f"The form is malformed: {error}.") from error

    def close(self) -> None:
        """Throw away a file that was not kept."""
        if self.upload is not None:
            self.upload.discard()

    def _callbacks(self) -> Any:
        return {
            "on_part_begin": self._headers_begin,
            "on_header_begin": self._on_header_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_headers_finished": self._part_begins,
            "on_part_data": self._part_data,
            "on_part_end": self._part_ends,
        }

    def _headers_begin(self) -> None:
        self._headers, self._header, self._value = {}, b"", bytearray()
        self._parts += 1
        if self._parts > limits.FORM_PARTS:
            raise TooLarge(f"The form has more than {limits.FORM_PARTS:,} parts.", "Ship what is much as a file.")

    def _on_header_begin(self) -> None:
        self._header = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header += data[start:end].lower()  # like a value, it may be cut between two pieces

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._headers[self._header] = self._headers.get(self._header, b"") + data[start:end]

    def _part_begins(self) -> None:
        _, options = python_multipart.multipart.parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.upload is not None:
                raise InvalidRequest("The form holds two files.", "Zip them together.")
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
            self.upload = self.blobs.upload()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file" and self.upload is not None:
            self.upload.write(data[start:end])
        else:
            self._count(end - start)
            self._value += data[start:end]

    def _count(self, size_bytes: int) -> None:
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            most = format_size(limits.FORM_BYTES)
            raise TooLarge(f"The fields of the form are bigger than {most}.", "Ship what is big as a file.")

    def _part_ends(self) -> None:
        if self._name and self._name != "file":
            self.fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))


@web.stream_request_body
class ZipHandler(ReceivingHandler):
    """`runs/zip`."""

    max_body_bytes = MAX_UPLOAD_BYTES

    def make_receiver(self) -> Form:
        """The form. Raises InvalidRequest."""
        return Form(self.request.headers.get("Content-Type", ""), self.parts.blobs)

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation(
        "Submit a zip or one file, with `entry`, `module` or `code`",
        body=ZipForm,
        body_type="multipart/form-data",
        answer=Run,
        status=201,
    )
    async def post(self) -> None:
        """Submit."""
        form = self.received
        assert isinstance(form, Form)
        if form.upload is None:
            raise InvalidRequest("The form holds no file.", "Send one, as curl -F file=@project.zip does.")
        with contextlib.closing(form):
            shipped, notes = await asyncio.get_running_loop().run_in_executor(self.parts.threads, _ship, form)
            await accept_run(self, _spec(form, shipped), notes=notes)


def _spec(form: Form, shipped: ShippedDir) -> RunSpec:
    """The run that the form describes. Raises InvalidRequest."""
    values: dict[str, Any] = {}
    for name, texts in form.fields.items():
        if name in ("entry", "module", "args"):
            continue
        if name in ("env", "inputs", "secrets"):
            values[name] = dict(_variable(name, text) for text in texts)
        elif name in ("notebook", "origin", "values"):
            values[name] = checked(lambda text=texts[0]: msgspec.json.decode(text))  # type: ignore[misc]
        elif name in ("tags", "after", "outputs", "show_env"):
            values[name] = texts
        elif name == "data":
            values[name] = [DataUse.parse(text) for text in texts]
        elif len(texts) > 1:
            raise InvalidRequest(f"The form has the field {name!r} twice.")
        else:
            values[name] = texts[0]
    spec = checked(lambda: msgspec.convert(values, RunSpec, strict=False))
    spec.dir = shipped
    return spec


def _variable(field: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        said = "A secret has no value." if field == "secrets" else f"{field}={text!r} is not a variable."
        raise InvalidRequest(said, f"Write {field}=NAME=value.")
    return name, value


def _ship(form: Form) -> tuple[ShippedDir, list[str]]:
    """Check the uploaded file and keep what it holds; also what is to be said of it.

    Raises BadArchive and InvalidRequest.
    """
    assert form.upload is not None
    form.upload.finish(durable=False)
    what = ShippedDir("", _one(form, "entry"), form.fields.get("args", []), _one(form, "module"))
    what.check()
    entry, path = what.entry, form.upload.path
    if not is_zip(path, form.file_name or ""):
        if what.module is not None:
            raise InvalidRequest("A module is one of a directory, and this is a file.", "Zip the directory.")
        return _ship_one_file(form, entry), []
    names = check(path)
    if not (what.what or _one(form, "code") or _one(form, "notebook")):
        raise InvalidRequest("What in the zip is to be run?", f"Add entry=FILE; it holds {_some(names)}.")
    if entry is not None and top_folder(names, entry) + entry not in names:
        raise InvalidRequest(f"The zip holds no {entry!r}.", f"It holds {_some(names)}.")
    manifest, notes = take_project(form.blobs, path, entry, what.module)
    return msgspec.structs.replace(what, manifest=manifest), notes


def _ship_one_file(form: Form, entry: str | None) -> ShippedDir:
    assert form.upload is not None
    name = PurePosixPath((form.file_name or "").replace("\\", "/")).name
    if not name or (entry is not None and entry != name):
        raise InvalidRequest(f"The file {form.file_name!r} is no zip, and not the entry point.", "Zip the directory.")
    manifest = form.blobs.keep_manifest([Entry(name, form.upload.keep(), form.upload.size_bytes)])
    runs_it = "code" not in form.fields
    return ShippedDir(manifest=manifest, entry=name if runs_it else None, args=form.fields.get("args", []))


def _one(form: Form, name: str) -> str | None:
    texts = form.fields.get(name, [])
    return texts[0] if texts else None


def _some(names: list[str]) -> str:
    shown = sorted(names, key=lambda name: (not name.endswith(".py"), name.count("/"), name))[:5]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


default_handlers = [(r"runs/zip", ZipHandler)]
