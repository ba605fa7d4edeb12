"""How a command ends: every error as a sentence on stderr and an exit code."""

from __future__ import annotations

import click

from gpurun_jupyter.cli.app import gpurun
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.streams import OutputLost
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.cli.verbs.looking import LEFT
from gpurun_jupyter.core.errors import GpurunError, RunFailed, ServerUnreachable

FAILED, WRONG_USAGE, NO_SERVER, NO_OUTPUT = 1, 2, 3, 4


def carried_out(args: list[str], invocation: Invocation | None = None) -> int:
    """Carry out a command line in a terminal; returns its exit code."""
    to = invocation or Invocation(TerminalScreen())
    try:
        code = gpurun.main(args=args, prog_name="gpurun", standalone_mode=False, obj=to)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except GpurunError as error:
        to.screen.say(f"gpurun: {error}")
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return LEFT
    except OutputLost as lost:
        if lost.is_unwanted:  # `gpurun logs last | head`
            return 0
        to.screen.say(f"gpurun: {lost}")
        return NO_OUTPUT
    except UnicodeEncodeError as error:  # an argument whose bytes are no text in the locale's encoding
        to.screen.say(f"gpurun: {error.object[:80]!r} is no text in this terminal's encoding. Set LC_ALL=C.UTF-8.")
        return WRONG_USAGE
    return code if isinstance(code, int) else 0


def exit_code(error: GpurunError) -> int:
    """3 where no server answered, 1 where a run or the server failed, 2 for what the person can put right."""
    if isinstance(error, ServerUnreachable):
        return NO_SERVER
    return FAILED if isinstance(error, RunFailed) or error.status >= 500 else WRONG_USAGE
