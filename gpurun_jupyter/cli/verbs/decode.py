"""The verb that shows what the progress decoder makes of recorded terminal output."""

from __future__ import annotations

from pathlib import Path

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.core.errors import FileMissing
from gpurun_jupyter.views.tail import plain


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def decode(to: Invocation, file: Path) -> None:
    """Show, as JSON, the progress, bars, metrics and lines that gpurun reads from FILE.

    FILE is what a program wrote to a terminal: the bytes as they are, or a recording with times (asciinema's .cast).
    """
    from gpurun_jupyter.progress.record import decode as decoded
    from gpurun_jupyter.progress.recordings import pieces

    record = decoded(pieces(_read(file)))
    progress = record.progress
    to.screen.json(
        {
            "overall": {
                "fraction": progress.fraction,
                "left_s": progress.left_s,
                "epoch": record.epoch,
                "step": record.step,
            },
            "bars": [{name: getattr(bar, name) for name in bar.__struct_fields__} for bar in record.bars.values()],
            "metrics": record.metrics,
            "by": record.by,
            "meta": record.meta,
            "lines": plain("".join(record.text)).splitlines(),
        }
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileMissing(
            f"{str(file)!r} cannot be read: {error.strerror}.",
            "Name a file that holds what a program wrote to a terminal.",
        ) from error
