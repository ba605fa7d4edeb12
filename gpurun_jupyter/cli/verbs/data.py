"""The verb `data`: upload a data set once, list those there are."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table


@click.group()
def data() -> None:
    """Upload data sets once and use them in many runs, by --data NAME.

    Data that already lies on the machine needs no upload: name it by its path in the code.
    """


@data.command()
@click.argument("path", type=Path)
@click.option("--name", metavar="NAME", help="What to call it; default: the last part of PATH.")
@as_json
@click.pass_obj
def upload(to: Invocation, path: Path, name: str | None, as_json: bool) -> None:
    """Upload a directory or a file; under a name that there is, only what has changed travels."""
    found = to.client.upload_data(path, name, tell=to.screen.say)
    if as_json:
        to.screen.json(found)
    else:
        from gpurun_jupyter.shipping.collect import amount

        size = amount(found.files, found.size_bytes)
        to.screen.text(f"data set {found.name}: {size}; use it with --data {shlex.quote(found.name)}\n")


@data.command("list")
@as_json
@click.pass_obj
def list_data(to: Invocation, as_json: bool) -> None:
    """List your data sets."""
    found = to.client.data()
    if as_json:
        to.screen.json(found)
        return
    rows = [
        (one.name, f"{one.files:,} files", format_size(one.size_bytes), words.ago(one.uploaded_at)) for one in found
    ]
    empty = "You have no data sets; `gpurun data upload PATH` makes one."
    to.screen.tables([Table("DATA", ("name", "files", "size", "uploaded"), rows, empty)])
