"""A cell run: the code in a Jupyter kernel, its messages turned into events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from gpurun_jupyter.agent.environment import NO_SECRETS, run_environment
from gpurun_jupyter.agent.kernels.kernel import Kernel, Reply, SpecKernel, nobody
from gpurun_jupyter.agent.kernels.requests import Request
from gpurun_jupyter.agent.kernels.shown import Shown
from gpurun_jupyter.agent.runner.output import OutputSink
from gpurun_jupyter.agent.runner.variables import Variables
from gpurun_jupyter.core.errors import OutputMissing
from gpurun_jupyter.core.events import End, Error
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason

DEFAULT_KERNEL = "python3"


class KernelRun:
    """Runs `spec.code` in the workspace, in a fresh kernel or in one that is there; that of a session goes on."""

    def __init__(
        self,
        folder: AttemptFolder,
        grant: Grant,
        sink: OutputSink,
        kernel: Kernel | None = None,
        secrets: Mapping[str, str] = NO_SECRETS,
    ) -> None:
        self._secrets = secrets
        self._folder = folder
        self._grant = grant
        self._sink = sink
        self._kernel = kernel or SpecKernel(grant.spec.kernel or DEFAULT_KERNEL)
        self._variables = Variables(folder, grant)
        self._shown = Shown(sink.drawn)
        sink.captured = self._shown.captured
        self._request: Request | None = None
        self._unwanted = asyncio.Event()
        self._end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)

    @property
    def own(self) -> set[int]:
        """The kernel."""
        return set() if self._kernel.pid is None else {self._kernel.pid}

    async def run(self) -> End:
        """Have a kernel, run the code, and end the kernel unless it is a session's.

        Raises GpurunError if it does not start, or the run's variables are not in it.
        """
        self._variables.check(self._grant.spec.kernel or DEFAULT_KERNEL)
        try:
            await self._start()
            self._kernel.listener = self._listen
            await self._carry_out()
        finally:
            self._kernel.listener = nobody
            if self._grant.session is None:
                await self._kernel.end()
        return self._end

    async def interrupt(self) -> None:
        """Interrupt the code, as a notebook's stop button does; where it has not been sent yet, it never is.

        A kernel that has not begun to run the code would take no notice: until then the interrupt is held back.
        """
        self._unwanted.set()
        if self._request is not None:
            await self._request.begun.wait()
            await self._kernel.interrupt()

    def kill(self) -> None:
        """Kill the kernel, or never start it: that of a session may carry the mark of an attempt before."""
        self._unwanted.set()
        self._kernel.kill()

    async def _start(self) -> None:
        """Have the kernel ready. One that nobody wants any more is not waited for, but for that of a session."""
        starting = asyncio.create_task(
            self._kernel.start(run_environment(self._folder, self._grant, self._secrets), str(self._folder.work))
        )
        if self._grant.session is None:
            unwanted = asyncio.create_task(self._unwanted.wait())
            await asyncio.wait({starting, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            unwanted.cancel()
        if self._grant.session is None and not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            self._kernel.kill()
        else:
            await starting

    @property
    def _goes_on(self) -> bool:
        return self._end.outcome is Outcome.SUCCEEDED and not self._unwanted.is_set()

    async def _carry_out(self) -> None:
        """Bring the variables in, run the code, take the variables out."""
        await self._execute(self._variables.bringing_in(), silent=True)
        if self._goes_on:
            self._variables.brought_in()
        await self._execute(self._variables.values(self._grant.spec.kernel or DEFAULT_KERNEL), silent=True)
        await self._run_code()
        await self._execute(self._variables.taking_out(), silent=True)
        if self._goes_on:
            self._keep_outputs()

    async def _run_code(self) -> None:
        await self._execute(self._grant.spec.code)

    async def _execute(self, code: str | None, *, silent: bool = False) -> None:
        """Run a piece of code, if there is one and all went well before it."""
        if code is None or not self._goes_on:
            return
        self._request = Request(self._kernel, code, silent=silent)
        if not await self._request.done():
            exit_code = self._request.exit_code
            message = "The kernel died while it ran the cell" + _by_signal(exit_code)
            self._end = End(outcome=Outcome.FAILED, reason=Reason.KERNEL_DIED, exit_code=exit_code, message=message)
        elif self._end.outcome is Outcome.SUCCEEDED:
            self._take_reply(await self._kernel.reply(self._request.id))

    def _take_reply(self, reply: Reply | None) -> None:
        """Some errors are only answered and not shown, such as that of a magic that there is not."""
        if reply is None or reply.status == "ok":
            return
        if reply.status != "error":
            self._end = _failed(Error(name="Error", value="The kernel did not run the cell.", traceback=[]))
            return
        error = Error(name=reply.ename or "Error", value=reply.evalue, traceback=reply.traceback)
        if error.traceback:
            self._sink.event(error)
        self._end = _failed(error)

    def _keep_outputs(self) -> None:
        try:
            for output in self._variables.taken_out():
                self._sink.event(output)
        except OutputMissing as error:
            self._end = End(outcome=Outcome.FAILED, reason=Reason.OUTPUT_MISSING, message=str(error)[:1000])

    def _listen(self, kind: str, request: str, content: dict[str, Any]) -> None:
        if self._request is None or request != self._request.id:
            return
        self._request.take(kind, content)
        if kind == "stream":
            self._sink.text(content["name"], content["text"])
        for event in self._shown.take(kind, content):
            self._sink.event(event)
            if isinstance(event, Error):
                self._end = _failed(event)


def _failed(error: Error) -> End:
    message = f"{error.name}: {error.value}".removesuffix(": ")
    return End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION, message=message[:1000])


def _by_signal(exit_code: int | None) -> str:
    return f" (signal {-exit_code})." if exit_code is not None and exit_code < 0 else f" (exit code {exit_code})."
