"""The group of verbs, one for `gpurun VERB` and `%gpurun VERB`."""

from __future__ import annotations

import click

from gpurun_jupyter.cli.completion import completion
from gpurun_jupyter.cli.verbs import acting, listing, looking, notebooks, overviews, results, tracking, upkeep
from gpurun_jupyter.cli.verbs.agent import agent
from gpurun_jupyter.cli.verbs.data import data
from gpurun_jupyter.cli.verbs.decode import decode
from gpurun_jupyter.cli.verbs.doctor import doctor
from gpurun_jupyter.cli.verbs.models import models
from gpurun_jupyter.cli.verbs.server import server
from gpurun_jupyter.cli.verbs.sweeps import sweep


class _InThisOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)  # click would sort them by name


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
    looking.status,
    listing.runs,
    listing.compare,
    looking.logs,
    looking.attach,
    looking.wait,
    results.result,
    acting.cancel,
    acting.start,
    acting.priority,
    acting.tag,
    acting.rerun,
    acting.delete,
    overviews.files,
    looking.devices,
    looking.sessions,
    agent,
    overviews.agents,
    overviews.projects,
    overviews.stats,
    data,
    models,
    tracking.mlflow,
    decode,
    doctor,
    server,
    upkeep.import_,
    upkeep.prune,
    upkeep.reindex,
    completion,
):
    gpurun.add_command(_verb)
