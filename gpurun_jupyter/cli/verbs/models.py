"""The verb `models`: the registry's models with their versions and aliases."""

from __future__ import annotations

from typing import Any

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.models import Model, ModelSummary, ModelVersion, VersionComparison, VersionDifference
from gpurun_jupyter.core.numbers import Number, written
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table

_METRICS_SHOWN = 3
_DIGEST_SHOWN = 12
_MISSING = "-"

version = click.argument("version")


@click.group()
def models() -> None:
    """Keep what was trained: models with versions 1, 2, 3, ..., and aliases such as `release` that point to one.

    VERSION is a number, an alias, or `latest`.
    """


@models.command("list")
@as_json
@click.pass_obj
def list_models(to: Invocation, as_json: bool) -> None:
    """List your models."""
    found = to.client.models.list()
    if as_json:
        to.screen.json(found)
        return
    empty = "You have no models; `gpurun models register FILE --name NAME` makes one."
    columns = ("name", "newest", "aliases", "metrics", "changed")
    to.screen.tables([Table("MODELS", columns, [_row(one) for one in found], empty)])


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@as_json
@click.pass_obj
def show(to: Invocation, name: str, version: str | None, as_json: bool) -> None:
    """Show the versions of NAME, or one VERSION with its files and where it came from."""
    found = to.client.models.show(name) if version is None else to.client.models.get(name, version)
    if as_json:
        to.screen.json(found)
    elif isinstance(found, Model):
        columns = ("version", "aliases", "status", "metrics", "size", "run", "registered")
        to.screen.tables([Table(name, columns, [_version_row(one) for one in found.versions], "")])
    else:
        files = [(file.path, format_size(file.size_bytes), file.digest[:_DIGEST_SHOWN]) for file in found.files or []]
        facts = [(key, value) for key, value in _facts(found).items() if value]
        to.screen.tables([Table("MODEL", ("", ""), facts, ""), Table("FILES", ("path", "size", "sha256"), files, "")])


@models.command()
@click.argument("name")
@click.argument("a")
@click.argument("b")
@as_json
@click.pass_obj
def compare(to: Invocation, name: str, a: str, b: str, as_json: bool) -> None:
    """Show versions A and B of NAME beside each other: their metrics, and what else differs."""
    found = to.client.models.compare(name, a, b)
    if as_json:
        to.screen.json(found)
    else:
        to.screen.tables(_comparison(found))


@models.command()
@click.argument("path", required=False)
@click.option("--path", "named", metavar="PATH", help="The same as PATH.")
@click.option("--name", metavar="NAME", required=True, help="The model; a new one if there is none.")
@click.option("--run", type=RUN, metavar="RUN", help="PATH is among the files of this run.")
@click.option("--best", metavar="METRIC", help="PATH is among the files of the run where this metric ended best.")
@click.option("--mode", type=click.Choice(["max", "min"]), default="max", show_default=True, help="What is best.")
@click.option("--project", metavar="NAME", help="Where to look for the best run; default: everywhere.")
@click.option("--type", metavar="TYPE", default="", help="What it is, such as classifier.")
@click.option("--framework", metavar="NAME", default="", help="What reads it, such as torch.")
@click.option("--description", metavar="TEXT", default="", help="A sentence about it.")
@click.option("--metric", "metrics", multiple=True, metavar="K=V", help="A metric of it; those of its run come along.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag.")
@click.option("--alias", metavar="ALIAS", help="Let this alias point to it.")
@as_json
@click.pass_obj
def register(
    to: Invocation,
    /,
    path: str | None,
    named: str | None,
    metrics: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Register a file or folder as the next version of --name: a local one, or what a run left.

    Of local files only what the server lacks is sent.
    """
    what = path or named
    if what is None or (path and named):
        raise click.UsageError("Which file or folder? Write: models register PATH --name NAME.")
    found = to.client.models.register(what, metrics=_numbers(metrics), tell=to.screen.say, **options)
    if as_json:
        to.screen.json(found)
    else:
        came = f", from run {found.run_name}" if found.run_name else ""
        size = f"{found.file_count} file{'' if found.file_count == 1 else 's'}, {format_size(found.size_bytes)}"
        to.screen.text(f"{found.name} v{found.version}: {size}{came}\n")


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@click.argument("alias", default="release")
@click.option("--remove", metavar="ALIAS", help="Take this alias away instead.")
@click.pass_obj
def promote(to: Invocation, name: str, version: str | None, alias: str, remove: str | None) -> None:
    """Let ALIAS (by default `release`) point to VERSION of NAME."""
    if (version is None) == (remove is None):
        raise click.UsageError("Write: models promote NAME VERSION [ALIAS], or models promote NAME --remove ALIAS.")
    if remove is not None:
        to.client.models.drop_alias(name, remove)
        to.screen.text(f"{name} has no {remove} any more\n")
    elif version is not None:
        found = to.client.models.promote(name, version, alias)
        to.screen.text(f"{name} {alias} is v{found.version}\n")


@models.command()
@click.argument("name")
@version
@click.option("--ready", is_flag=True, help="Make it ready again instead.")
@click.pass_obj
def archive(to: Invocation, name: str, version: str, ready: bool) -> None:
    """Archive VERSION of NAME: it stays, but no alias can point to it."""
    found = to.client.models.archive(name, version, ready=ready)
    to.screen.text(f"{name} v{found.version} is {found.status}\n")


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--to", "place", metavar="PATH", default=".", show_default=True, help="A folder, or what to call it.")
@click.pass_obj
def download(to: Invocation, name: str, version: str | None, place: str) -> None:
    """Download VERSION of NAME (by default the newest): its file, or a folder where there are several."""
    to.screen.text(f"{to.client.models.download(name, place, version)}\n")


@models.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--all", "everything", is_flag=True, help="All its versions and aliases.")
@click.pass_obj
def delete(to: Invocation, name: str, version: str | None, everything: bool) -> None:
    """Delete VERSION of NAME, or with --all the whole model. An alias protects the version that it points to."""
    if (version is None) != everything:
        raise click.UsageError("Write: models delete NAME VERSION, or models delete NAME --all.")
    to.client.models.delete(name, version)
    to.screen.text(f"deleted {name}{'' if version is None else f' {version}'}\n")


def _row(model: ModelSummary) -> tuple[str, ...]:
    aliases = " ".join(f"{alias}=v{number}" for alias, number in model.aliases.items())
    newest = f"v{model.latest}" + (" (archived)" if model.status == "archived" else "")
    return model.name, newest, aliases, _metrics(model.metrics), words.ago(model.updated_at)


def _version_row(one: ModelVersion) -> tuple[str, ...]:
    size, registered = format_size(one.size_bytes), words.ago(one.created_at)
    return (
        f"v{one.version}",
        " ".join(one.aliases),
        one.status,
        _metrics(one.metrics),
        size,
        one.run_name or "",
        registered,
    )


def _facts(one: ModelVersion) -> dict[str, str]:
    return {
        "model": f"{one.name} v{one.version}",
        "aliases": " ".join(one.aliases),
        "status": one.status,
        "type": one.type,
        "framework": one.framework,
        "description": one.description,
        "metrics": _metrics(one.metrics, most=len(one.metrics)),
        "parameters": " · ".join(f"{name} {value}" for name, value in one.parameters.items()),
        "tags": ", ".join(one.tags),
        "run": f"{one.run_name} ({one.run_id})" if one.run_id else "",
        "registered": words.ago(one.created_at),
    }


def _metrics(metrics: dict[str, Number], most: int = _METRICS_SHOWN) -> str:
    return " · ".join(f"{name} {written(value)}" for name, value in list(metrics.items())[:most])


def _comparison(found: VersionComparison) -> list[Table]:
    columns = ("", f"v{found.a.version}", f"v{found.b.version}")
    parts = (("METRICS", found.metrics), ("PARAMETERS", found.parameters), ("FACTS", found.facts))
    tables = [Table(title, columns, [_difference(row) for row in rows], "none") for title, rows in parts if rows]
    files = [(row.name, *(str(one or _MISSING)[:_DIGEST_SHOWN] for one in (row.a, row.b))) for row in found.files]
    return [*tables, Table("FILES", columns, files, "the same")]


def _difference(row: VersionDifference) -> tuple[str, str, str]:
    return row.name.replace("_", " "), _said(row.name, row.a), _said(row.name, row.b)


def _said(name: str, value: float | str | None) -> str:
    if isinstance(value, float | int):
        return format_size(value) if name == "size_bytes" else f"{value:.4g}"
    return _MISSING if value is None else value


def _numbers(pairs: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            found[name] = float(text)
        except ValueError:
            raise InvalidRequest(f"{pair!r} says no number.", "Write --metric NAME=0.9.") from None
    return found
