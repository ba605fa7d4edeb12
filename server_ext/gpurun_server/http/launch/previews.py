"""What a launch file would do, as far as can be said without doing it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import DataNotFound, GpurunError, NoSuchDevices
from gpurun_jupyter.core.launch.check import Checked
from gpurun_jupyter.core.launch.grid import arguments, is_sweep, text_of
from gpurun_jupyter.core.launch.places import Problem
from gpurun_jupyter.core.runs import RunSpec, Waiting
from gpurun_jupyter.shipping.collect import Shipment
from gpurun_jupyter.shipping.gather import Gathered
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.lifecycle.accept import default_name
from gpurun_server.queue.lifecycle.sweeps import free_name, judged, specs_of
from gpurun_server.store.content.data_sets import manifest_of
from gpurun_server.store.queries import find

_NAMED = 20  # of what is left out
_ANY = "0" * 64  # stands for what was not shipped yet


class Combination(msgspec.Struct):
    """One run that there would be: its values, what it runs, and its place in the queue; null where it is held."""

    name: str
    values: dict[str, Any]
    command: str
    starts: Waiting | None


class ToShip(msgspec.Struct):
    """The files that would be shipped: their directory below Jupyter's root, how many, how big, what is left out."""

    root: str
    files: int
    size_bytes: int
    left_out: list[str]


class Preview(msgspec.Struct):
    """Problems, by their places; without any, the runs that there would be, in order."""

    problems: list[Problem]
    count: int = 0
    sweep: str | None = None
    combinations: list[Combination] = []
    files: ToShip | None = None


def previewed(
    conn: sa.Connection,
    ledger: Ledger,
    checked: Checked,
    gathered: Gathered | GpurunError | None,
    owner: str,
    name: str | None,
) -> Preview:
    """What a launch file would do, given what it ships; `name` is that of the runs where it says none."""
    if checked.file is None or gathered is None:
        return Preview(checked.problems)
    problems = [_not_gathered(checked, gathered)] if isinstance(gathered, GpurunError) else []
    problems += _missing(conn, checked, owner)
    if isinstance(gathered, GpurunError) or problems:
        return Preview(problems)
    spec = gathered.spec(checked.file, None if gathered.shipment is None else _ANY)
    base = spec.name or name or default_name(conn, spec)
    sweep = free_name(conn, owner, base) if is_sweep(checked.file.values) else None
    specs = specs_of(spec, checked.file.values)
    for number, one in enumerate(specs, 1):
        one.name = f"{sweep}/{number}" if sweep else base
    try:
        starts: Sequence[Waiting | None] = judged(conn, ledger, specs, owner)
    except NoSuchDevices as error:
        first = ("gpu",) if error.hint.startswith("Use --gpu") else ()
        return Preview([checked.refused(error, *first, "gpu_mem", "device", "on", "gpu")])
    starts = [None] * len(specs) if spec.hold else starts
    found = [
        Combination(one.name or "", one.values, _command(one), start) for one, start in zip(specs, starts, strict=True)
    ]
    return Preview([], len(found), sweep, found, _to_ship(gathered.shipment))


def _not_gathered(checked: Checked, error: GpurunError) -> Problem:
    """At the option whose value the error names, else at the first of those that say what to ship."""
    options = ("files_of", "dir", "entry", "notebook")
    named = [option for option in options if repr(getattr(checked.file, option)) in error.message]
    return checked.refused(error, *named, *options)


def _missing(conn: sa.Connection, checked: Checked, owner: str) -> list[Problem]:
    """Data sets and runs that the file names and that there are not."""
    assert checked.file is not None
    problems = []
    for use in checked.file.spec().data:
        try:
            manifest_of(conn, owner, use.name)
        except DataNotFound as error:
            problems.append(checked.refused(error, "data"))
    for reference in checked.file.after:
        try:
            find(conn, reference, owner)
        except GpurunError as error:
            problems.append(checked.refused(error, "after"))
    return problems


def _command(spec: RunSpec) -> str:
    """What a run is started with, in a line."""
    if spec.code is None and spec.dir is not None and spec.dir.what:
        line = shlex.join([*spec.dir.what, *arguments(spec.dir.args, spec)])
        values = spec.values if spec.passing == "env" else {}
        return " ".join([*(f"{name}={shlex.quote(text_of(value))}" for name, value in values.items()), line])
    first = spec.notebook.name if spec.notebook is not None else (spec.code or "").strip().partition("\n")[0]
    given = ", ".join(f"{name}={text_of(value)}" for name, value in spec.values.items())
    return f"{first} with {given}" if given else first


def _to_ship(shipment: Shipment | None) -> ToShip | None:
    if shipment is None:
        return None
    left_out = [f"{one.name}: {one.why}" for one in shipment.left_out]
    more = [f"and {len(left_out) - _NAMED} more"] if len(left_out) > _NAMED else []
    return ToShip(shipment.root.name, len(shipment.files), shipment.size_bytes, [*left_out[:_NAMED], *more])
