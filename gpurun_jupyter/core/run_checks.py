"""What the types of a run that is asked for cannot say."""

from __future__ import annotations

from gpurun_jupyter.core import limits, secrets
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.runs import PASSED, RunSpec, is_variable
from gpurun_jupyter.core.shipped import ShippedDir


def check_run(spec: RunSpec) -> None:
    """Raises InvalidRequest and TooLarge."""
    limits.check(spec)
    if spec.logged is not None or spec.parent is not None:
        raise InvalidRequest("A run that somebody else carries out cannot be submitted.", "Log it with its own client.")
    if spec.code is None and spec.dir is None and spec.notebook is None:
        raise InvalidRequest("There is nothing to run.", 'Give "code", a notebook, or a directory with an entry.')
    if spec.notebook is not None:
        spec.notebook.check()
        if spec.code is not None:
            raise InvalidRequest("A run is a cell or a notebook, not both.", "Submit two runs.")
    if spec.code is not None and not spec.code.strip():
        raise InvalidRequest("The cell is empty.", "Write the code to run below %%gpurun.")
    if spec.dir is not None:
        _check_entry(spec, spec.dir)
    _check_data(spec)
    if spec.session is not None and not spec.in_kernel:
        raise InvalidRequest("A session runs cells, not directories.", "Leave --session out, or send a cell.")
    _check_variables(spec)
    _check_values(spec)
    assert 0 not in (spec.timeout_s, spec.gpu_mem_bytes)  # these parse their texts
    secrets.check(spec)


def _check_variables(spec: RunSpec) -> None:
    names = [*spec.inputs, *spec.outputs]
    if names and not spec.in_kernel:
        raise InvalidRequest("Only cells have variables; an entry point has arguments and files.", "Send a cell.")
    if bad := [name for name in names if not is_variable(name)]:
        raise InvalidRequest(f"{bad[0]!r} cannot be the name of a variable.", "Name Python variables.")
    if len(set(spec.outputs)) < len(spec.outputs):
        raise InvalidRequest("An output is named twice.", "Name each once.")
    assert spec.values_limit_bytes >= 0  # parses its text


def _check_values(spec: RunSpec) -> None:
    if spec.values_as in ("args", "variables") and spec.in_kernel != (spec.values_as == "variables"):
        raise InvalidRequest(
            "An entry point gets its values as args, a cell or a notebook as variables.",
            "Leave values_as out, or say env.",
        )
    what, fits = PASSED[spec.passing]
    if bad := [name for name in spec.values if not fits(name)]:
        raise InvalidRequest(f"{bad[0]!r} cannot be the name of {what}.", "Write letters, digits and _.")


def _check_entry(spec: RunSpec, shipped: ShippedDir) -> None:
    if [shipped.entry is not None, shipped.module is not None, spec.in_kernel].count(True) != 1:
        raise InvalidRequest(
            "A directory runs an entry point, a module, a cell or a notebook.",
            'Give "entry", "module", "code" or "notebook", and one of them.',
        )
    shipped.check()


def _check_data(spec: RunSpec) -> None:
    places = [use.place for use in spec.data]
    inside = any(one != other and one.startswith(f"{other}/") for one in places for other in places)
    if inside or len(set(places)) < len(places):
        raise InvalidRequest("Two data sets are at the same place.", "Write --data NAME:PATH with other paths.")
