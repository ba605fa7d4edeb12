"""The group of verbs, one for `gpurun VERB` and `%gpurun VERB`."""

from __future__ import annotations

import click

from gpurun_jupyter.cli import acting, listing, notebooks, overviews, results, upkeep, verbs
from gpurun_jupyter.cli.agent import agent
from gpurun_jupyter.cli.completion import completion
from gpurun_jupyter.cli.data import data
from gpurun_jupyter.cli.decode import decode
from gpurun_jupyter.cli.doctor import doctor
from gpurun_jupyter.cli.models import models
from gpurun_jupyter.cli.server import server
from gpurun_jupyter.cli.sweeps import sweep


class _InThisOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


@click.group(cls=_InThisOrder, context_settings={"help_option_names": ["-h", "--help"]})
def gpurun() -> None:
    """Run code on GPUs through a Jupyter server: submit it, watch it, end it.

    In a notebook, `%%gpurun` runs a cell: see %%gpurun --help.

    RUN is an id, a unique prefix of one, a name (the newest run of that name), or `last`.
    """


for _verb in (
    acting.submit,
    notebooks.notebook,
    sweep,
    notebooks.export,
    verbs.status,
    listing.runs,
    listing.compare,
    verbs.logs,
    verbs.attach,
    verbs.wait,
    results.result,
    acting.cancel,
    acting.start,
    acting.priority,
    acting.tag,
    acting.rerun,
    acting.delete,
    overviews.files,
    verbs.devices,
    verbs.sessions,
    agent,
    overviews.agents,
    overviews.projects,
    overviews.stats,
    data,
    models,
    decode,
    doctor,
    server,
    upkeep.import_,
    upkeep.prune,
    upkeep.reindex,
    completion,
):
    gpurun.add_command(_verb)
