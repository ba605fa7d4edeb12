"""The verb that shows what the progress decoder makes of recorded terminal output."""

from __future__ import annotations

from pathlib import Path

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.tail import plain


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def decode(to: Invocation, file: Path) -> None:
    """Show, as JSON, the progress, bars, metrics and lines that gpurun reads from FILE.

    FILE is what a program wrote to a terminal: the bytes as they are, or a recording with times (asciinema's .cast).
    """
    from gpurun_jupyter.progress.record import decode as decoded
    from gpurun_jupyter.progress.recordings import pieces

    try:
        record = decoded(pieces(file.read_bytes()))
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error
    progress = record.progress
    to.screen.json(
        {
            "overall": {"fraction": progress.fraction, "left_s": progress.left_s},
            "bars": [{name: getattr(bar, name) for name in bar.__struct_fields__} for bar in record.bars.values()],
            "metrics": record.metrics,
            "meta": record.meta,
            "lines": plain("".join(record.text)).splitlines(),
        }
    )
