"""What may be said about a run when it is submitted, and how it becomes a RunSpec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from gpurun_jupyter.client.secrets import with_values
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.names import told
from gpurun_jupyter.core.origins import Origin
from gpurun_jupyter.core.runs import DataUse, RunSpec

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunOptions(TypedDict, total=False):
    """The options of a run; what is left out has the server's default.

    gpu: GPUs wanted; by default one where any agent has one, else a CPU slot; 0 is a CPU slot.
    gpu_mem: memory wanted on each GPU, bytes or text such as "10G"; runs that say so may share a GPU.
    device: pin to a device, HOST:INDEX or its id; on: an agent, or labels that it has to have, with commas between.
    "framework:torch" and "model:NAME" are such labels.
    session: a named warm kernel that keeps its variables and devices between runs.
    kernel: kernelspec, for code; by default the agent's own Python. Only agents that have it take the run.
    outputs: variables of the cell that `run.result()` gives, also in another kernel, days later.
    pickle: let variables that no safe format takes be pickled, in both directions.
    values_limit: how much the variables may have in all, bytes or text such as "2G"; 512 MB by default.
    timeout: seconds, or text such as "2h".
    priority: higher starts earlier; 0 by default.
    retries: attempts after the first, should it fail; after: runs that must have succeeded first.
    secrets: environment variables that are never shown, by name with their values; a name alone, as in a list, has its
    value from this environment, else it is asked for. show_env: those of env that are shown though they look secret.
    data: data sets in the run, each NAME or NAME:PATH, PATH being the folder of the run that shows it.
    hold: create it, but queue it only when it is started.
    origin: which cell of which notebook it is, so that the run before it is found.
    wait_for_device: wait for a machine that could run it instead of being refused.
    """

    gpu: int | None
    gpu_mem: int | str | None
    device: str | None
    on: str | None
    kernel: str | None
    session: str | None
    name: str | None
    project: str
    tags: list[str]
    priority: int
    timeout: float | str | None
    retries: int
    after: list[str]
    env: dict[str, str]
    show_env: list[str]
    secrets: Mapping[str, str | None] | list[str]
    outputs: list[str]
    pickle: bool
    values_limit: int | str | None
    data: list[str]
    hold: bool
    wait_for_device: bool
    origin: Origin | None


def spec_of(options: Mapping[str, Any], **what: Any) -> RunSpec:
    """The options and what to run, checked. Raises InvalidRequest."""
    fields = {key: value for key, value in {**options, **what}.items() if value is not None}
    if "data" in fields:
        fields["data"] = [DataUse.parse(str(text)) for text in fields["data"]]
    if "secrets" in fields:
        fields["secrets"] = with_values(fields["secrets"])
    try:
        return msgspec.convert(fields, RunSpec)
    except msgspec.ValidationError as error:
        raise _explained(error) from error


def form_of(spec: RunSpec) -> dict[str, str | list[str]]:
    """The options as the fields of a form: lists are repeated, NAME=value for each variable."""
    fields: dict[str, str | list[str]] = {}
    for key, value in msgspec.to_builtins(spec).items():
        if key in ("notebook", "origin", "values"):
            fields[key] = msgspec.json.encode(value).decode()
        elif key == "data":
            fields[key] = [f"{use.name}:{use.path or ''}" for use in spec.data]
        elif isinstance(value, dict):
            fields[key] = [f"{name}={text}" for name, text in value.items()]
        elif isinstance(value, bool):
            fields[key] = "true" if value else "false"
        else:
            fields[key] = [str(one) for one in value] if isinstance(value, list) else str(value)
    return fields


def _explained(error: msgspec.ValidationError) -> InvalidRequest:
    """`Expected `int` >= 0 - at `$.gpu`` as a sentence."""
    what, _, where = told(error).partition(" - at `$.")
    if "unknown field" in what:
        name = what.split("`")[1]
        return InvalidRequest(f"A run has no option {name!r}.", f"There are {', '.join(_names())}.")
    what = what.replace("`", "").replace("Expected ", "expected ")
    return InvalidRequest(f"The run's {where.rstrip('`') or 'description'} is not right: {what}.", "Change it.")


def _names() -> list[str]:
    return [*RunOptions.__annotations__]
