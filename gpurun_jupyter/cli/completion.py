"""Completion in a shell: the verbs and options by click, runs by asking the server."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.views.words import how

_VARIABLE = "_GPURUN_COMPLETE"  # click's, for a program of this name
_OFFERED = 50  # the newest runs


class RunReference(click.ParamType):
    """A run by id, prefix, name, or `last`; the server says whether there is one."""

    name = "run"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """The newest runs whose name or id begins so; none where no server answers."""
        try:
            to = ctx.find_object(Invocation)
            found = [run.record for run in to.client.runs(limit=_OFFERED)] if to else []
        except GpurunError:
            return []
        texts = {record.name: how(record) for record in reversed(found)}  # of one name the newest counts
        texts |= {record.id: record.name for record in found} if incomplete else {}
        return [CompletionItem(text, help=told) for text, told in texts.items() if text.startswith(incomplete)]


RUN = RunReference()


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs, options and runs: eval "$(gpurun completion bash)"."""
    made = get_completion_class(shell)
    assert made is not None  # click has all three
    click.echo(made(ctx.find_root().command, {}, "gpurun", _VARIABLE).source())
