"""What may stand in a launch file. The descriptions are those of the JSON Schema, of completion and of the form."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.labels import On
from gpurun_jupyter.core.names import Name, RunName
from gpurun_jupyter.core.runs import HEARD_OF, DataUse, RunSpec, ShippedNotebook
from gpurun_jupyter.core.shipped import ShippedDir


class LaunchFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One run, or with lists in `values` a run for each combination.

    It names one of `entry`, `module`, `notebook` and `code`.
    """

    name: Annotated[RunName | None, Meta(description="What to call it; the runs of a sweep are NAME/1, NAME/2.")] = None
    dir: Annotated[
        str | None,
        Meta(description="The directory to ship, seen from this file; the run works in a copy of it.", examples=["."]),
    ] = None
    entry: Annotated[
        str | None,
        Meta(description="The file to run: in dir, or without dir a script alone.", examples=["train.py"]),
    ] = None
    module: Annotated[
        str | None,
        Meta(
            description="The Python module to run instead, as python -m does: one in dir, or an installed one.",
            examples=["package.train"],
        ),
    ] = None
    files_of: Annotated[
        RunName | None,
        Meta(description="Take the directory, notebook and variables that this run had, instead of files of now."),
    ] = None
    args: Annotated[
        list[str],
        Meta(
            description="Arguments of the entry point or module. {lr} in one is the value called lr.",
            examples=[["--epochs", "10"]],
        ),
    ] = []
    notebook: Annotated[
        str | None,
        Meta(description="The notebook to run instead of an entry point.", examples=["train.ipynb"]),
    ] = None
    code: Annotated[str | None, Meta(description="Code to run instead, as in a notebook cell.")] = None
    values: Annotated[
        dict[str, Any],
        Meta(
            description="Values for the run, each with its name. A list gives a run for each of its items, several "
            "lists one for each combination.",
            examples=[{"lr": [0.1, 0.01], "depth": [2, 4]}],
        ),
    ] = {}
    values_as: Annotated[
        Literal["args", "env", "variables"] | None,
        Meta(
            description="How the values reach the run: args (--lr 0.1, for an entry point), env (environment "
            "variables) or variables (of a cell; parameters of a notebook).",
        ),
    ] = None
    gpu: Annotated[
        Annotated[int, Meta(ge=0, le=1024)] | None,
        Meta(description="GPUs wanted on one machine; 0 is a CPU slot. By default one, where there is any."),
    ] = None
    gpu_mem: Annotated[
        Annotated[int, Meta(ge=1)] | str | None,
        Meta(description="Memory wanted on each GPU; runs that say so may share one.", examples=["10G"]),
    ] = None
    device: Annotated[
        Name | None, Meta(description="Pin it to a device, HOST:INDEX or an id.", examples=["lab:gpu1"])
    ] = None
    on: Annotated[
        On | None,
        Meta(
            description="The agent to run on, or labels that it has to have, with commas between.",
            examples=["a100,framework:torch"],
        ),
    ] = None
    kernel: Annotated[Name | None, Meta(description="Kernelspec: the environment or the language.")] = None
    session: Annotated[
        Name | None, Meta(description="A named warm kernel that keeps variables and devices between runs.")
    ] = None
    project: Annotated[Name, Meta(description="The project that it belongs to.")] = "default"
    tags: Annotated[list[Name], Meta(description="Words to find it by.")] = []
    priority: Annotated[
        Annotated[int, Meta(ge=-1000, le=1000)], Meta(description="Higher starts earlier, from -1000 to 1000.")
    ] = 0
    timeout: Annotated[
        Annotated[float, Meta(gt=0)] | str | None,
        Meta(description="End it after this long: seconds, or 90s, 30m, 2h, 1d.", examples=["2h"]),
    ] = None
    retries: Annotated[Annotated[int, Meta(ge=0, le=100)], Meta(description="Try again so often if it fails.")] = 0
    after: Annotated[list[RunName], Meta(description="Runs that have to succeed first.")] = []
    env: Annotated[dict[str, str], Meta(description="Environment variables.", examples=[{"SEED": "1"}])] = {}
    show_env: Annotated[list[str], Meta(description="Variables of env to show, though they look like secrets.")] = []
    secrets: Annotated[
        list[str],
        Meta(
            description="Names of environment variables that nobody is shown. Their values never stand in the file: "
            "they are taken from the environment of who launches it, or asked for.",
            examples=[["HF_TOKEN"]],
        ),
    ] = []
    data: Annotated[
        list[str],
        Meta(description="Data sets in the run, read-only: NAME, or NAME:FOLDER.", examples=[["digits"]]),
    ] = []
    outputs: Annotated[list[str], Meta(description="Variables of the cell or notebook that are kept.")] = []
    pickle: Annotated[bool, Meta(description="Pickle variables that no safe format takes.")] = False
    values_limit: Annotated[
        Annotated[int, Meta(ge=0)] | str | None,
        Meta(description="How much the kept variables may have in all.", examples=["512M"]),
    ] = None
    wait_for_device: Annotated[bool, Meta(description="Wait for a machine that could run it.")] = False
    hold: Annotated[bool, Meta(description="Create it, but queue it only when it is started.")] = False

    @property
    def in_kernel(self) -> bool:
        """Whether it is about a cell or a notebook rather than a process of its own."""
        return self.entry is None and self.module is None

    def spec_like(self, before: RunSpec) -> RunSpec:
        """The run as it is submitted, with the files and variables of one that was before. Raises InvalidRequest."""
        spec = self.spec()
        if before.kind in HEARD_OF:
            how = "imported" if before.logged is None else "only logged"
            raise InvalidRequest(f"That run was {how}: there is no code of it.", "Name the files that made it.")
        if (self.notebook is None) != (before.notebook is None) or (not self.in_kernel and before.dir is None):
            raise InvalidRequest("That run had no such files.", "Say notebook or entry as it did.")
        if self.notebook is not None and before.notebook is not None:
            spec.notebook = ShippedNotebook(before.notebook.digest, before.notebook.name)
        if before.dir is not None:
            spec.dir = ShippedDir(before.dir.manifest, self.entry, list(self.args), self.module)
        if self.in_kernel:
            spec.inputs = before.inputs
        return spec

    def spec(self, manifest: str | None = None, notebook: str | None = None, entry: str | None = None) -> RunSpec:
        """The run as it is submitted, without `values`; `manifest` and `notebook` are digests of what was shipped.

        `entry` is the entry point's path in there, where that is not as the file says.
        """
        fields = {name: getattr(self, name) for name in _SHARED}
        shipped = None if notebook is None else ShippedNotebook(notebook, _file_name(self.notebook or ""))
        directory = None
        if manifest is not None:
            directory = ShippedDir(manifest, entry or self.entry, list(self.args), self.module)
        return RunSpec(**fields, dir=directory, notebook=shipped, data=[DataUse.parse(text) for text in self.data])


def name_of(path: str) -> str | None:
    """What the runs of a launch file at this path are called where it says no name: `lr` of exp/lr.gpurun.yaml."""
    stem = re.sub(r"(\.gpurun)?\.ya?ml$", "", _file_name(path))
    return stem[:90] or None  # LONGEST_NAME of check.py, which imports this module


def schema() -> dict[str, Any]:
    """The JSON Schema of the launch file, for editors."""
    (_, components) = msgspec.json.schema_components([LaunchFile])
    described = components["LaunchFile"]
    for options in described["properties"].values():
        _without_null(options)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described, "title": "gpurun launch file"}


def _without_null(options: dict[str, Any]) -> None:
    """An option that is not wanted is left out, so nobody is offered a null."""
    kinds = [kind for kind in options.pop("anyOf", []) if kind != {"type": "null"}]
    if options.get("default", ...) is None:
        del options["default"]
    if None in options.get("enum", []):
        options["enum"] = [choice for choice in options["enum"] if choice is not None]
    if len(kinds) == 1:
        options.update(kinds[0])
    elif kinds:
        options["anyOf"] = kinds


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


#: The fields that mean the same in a run; a test holds that none is forgotten.
_SHARED = tuple(
    name
    for name in LaunchFile.__struct_fields__
    if name in RunSpec.__struct_fields__ and name not in ("dir", "notebook", "data", "values")
)
