"""The options of a run, written once: `gpurun submit` and `%%gpurun` take the same."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.units import parse_duration_s, parse_size_bytes

if TYPE_CHECKING:
    from gpurun_jupyter.client.options import RunOptions

#: Options that are passed on as they are, where they were given.
_SINGLE = [
    *["gpu", "gpu_mem", "device", "on", "kernel", "session", "name", "project", "priority"],
    *["timeout", "retries", "env", "secrets", "hold", "wait_for_device"],
]

Command = TypeVar("Command", bound=Callable[..., Any])


def duration(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """The callback of an option that is a duration."""
    try:
        return None if text is None else parse_duration_s(text)
    except InvalidRequest as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _within(*limits_s: float) -> Callable[..., float | None]:
    """The callback of an option that is a duration between two others."""

    def check(context: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
        found = duration(context, parameter, text)
        if found is not None and not limits_s[0] <= found <= limits_s[1]:
            said = f"{text} is not between {limits_s[0]:g} and {limits_s[1]:g} seconds."
            raise click.BadParameter(said, param=parameter)
        return found

    return check


def intervals(command: Command) -> Command:
    """How often an agent says what; kept until they are given anew."""
    heartbeat, sync = "Report every so often, 0.5s to 8s.", "Send what runs print every so often, 0.02s to 5m."
    command = click.option("--sync", "sync_s", callback=_within(0.02, 300), metavar="1s", help=sync)(command)
    return click.option("--heartbeat", "heartbeat_s", callback=_within(0.5, 8), metavar="2s", help=heartbeat)(command)


def size(_: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    """The callback of an option that is a size."""
    try:
        return None if text is None else parse_size_bytes(text)
    except InvalidRequest as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _variables(_: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} says no value: write NAME=value.", param=parameter)
    return dict(pair.split("=", 1) for pair in pairs)


def secret_values(_: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> dict[str, str | None]:
    """The callback of `--secret NAME[=VALUE]`."""
    for word in words:
        if not word.partition("=")[0].isidentifier():  # it may be a value by mistake: it is not repeated
            raise click.BadParameter("a secret has a name: write NAME, or NAME=VALUE.", param=parameter)
    pairs = [word.partition("=") for word in words]
    return {name: value if equals else None for name, equals, value in pairs}


def _lists(_: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    return {name: value_of(text) for name, text in _variables(_, parameter, pairs).items()}


def _together(_: click.Context, __: click.Parameter, names: tuple[str, ...]) -> str | None:
    return ",".join(names) or None


def value_of(text: str) -> Any:
    """What a parameter is meant to be: JSON or a Python literal, else the text itself."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, str | int | float | bool | list | dict | None):  # JSON has no tuples, sets and bytes
            return value
    return text


secret_option = click.option(
    "--secret",
    "secrets",
    callback=secret_values,
    multiple=True,
    metavar="NAME[=VALUE]",
    help="An environment variable that nobody is shown. Without VALUE it is taken from here, else asked for.",
)

_OPTIONS = (
    click.option(
        "--gpu",
        type=click.IntRange(0),
        metavar="N",
        help="GPUs wanted; 0 is a CPU slot. Default: 1 if there are any.",
    ),
    click.option(
        "--gpu-mem",
        callback=size,
        metavar="10G",
        help="Memory wanted on each GPU; runs that say so may share one.",
    ),
    click.option("--device", metavar="HOST:INDEX", help="Pin it to a device, by place or by id."),
    click.option(
        "--on",
        callback=_together,
        multiple=True,
        metavar="NAME",
        help="The agent to run on, or what it has to have: a label, framework:torch, model:NAME; all of several.",
    ),
    click.option("--kernel", metavar="NAME", help="Kernelspec, of machines that have it: environment or language."),
    click.option("--session", metavar="NAME", help="A named warm kernel that keeps variables and devices."),
    click.option("--name", metavar="NAME", help="What to call the run."),
    click.option("--project", metavar="NAME", help="The project that it belongs to."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="A word to find it by; may be repeated."),
    click.option("--priority", type=int, metavar="N", help="Higher starts earlier; 0 by default."),
    click.option("--timeout", callback=duration, metavar="2h", help="End it after this long: 90s, 30m, 2h, 1d."),
    click.option(
        "--env",
        callback=_variables,
        multiple=True,
        metavar="K=V",
        help="An environment variable; may be repeated.",
    ),
    secret_option,
    click.option("--show-env", multiple=True, metavar="K", help="Show this variable, though it looks like a secret."),
    click.option("--retries", type=click.IntRange(0, 100), metavar="N", help="Try again so often if it fails."),
    click.option(
        "--after", multiple=True, metavar="RUN", help="Start it once this run has succeeded; may be repeated."
    ),
    click.option("--hold", is_flag=True, help="Create it, but queue it only when it is started."),
    click.option("--wait-for-device", is_flag=True, help="Wait for a machine that could run it, if there is none."),
    click.option(
        "--data", multiple=True, metavar="NAME[:PATH]", help="A data set to show in this folder of the run, read-only."
    ),
    click.option(
        "--sweep",
        callback=_lists,
        multiple=True,
        metavar="K=[...]",
        help="One run for each of these values: 'lr=[0.1,0.01]'; repeated, for each combination.",
    ),
    click.option("--dry-run", is_flag=True, help="Show what would be shipped and where it starts; submit nothing."),
    click.option("--dir", "directory", metavar="PATH", help="Ship this directory; the run works inside a copy of it."),
)


def run_options(command: Command) -> Command:
    """Give a click command the options of a run; it is called with them as `**options`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> RunOptions:
    """Those of a command's options that were given, as the client takes them."""
    lists = {name: list(options.get(name) or ()) for name in ("tags", "after", "data", "show_env")}
    chosen = {name: options.get(name) for name in _SINGLE} | lists
    said = {key: value for key, value in chosen.items() if value is not None and value is not False}  # but --gpu 0
    return cast("RunOptions", {key: value for key, value in said.items() if value not in ({}, [])})
