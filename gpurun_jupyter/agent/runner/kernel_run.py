"""A cell run: the code in a Jupyter kernel, its messages turned into events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from gpurun_jupyter.agent.kernels.kernel import Kernel, Place, Reply, SpecKernel
from gpurun_jupyter.agent.kernels.requests import Request
from gpurun_jupyter.agent.kernels.shown import Shown
from gpurun_jupyter.agent.run_environment import NO_SECRETS, run_environment
from gpurun_jupyter.agent.runner import ends
from gpurun_jupyter.agent.runner.leaving import left_at_work, settling
from gpurun_jupyter.agent.runner.output import OutputSink
from gpurun_jupyter.agent.runner.variables import Variables
from gpurun_jupyter.core.errors import OutputMissing
from gpurun_jupyter.core.events import End, Error
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Outcome, Reason

DEFAULT_KERNEL = "python3"

#: What Python children print into a pipe would else come at their end, or never.
_LIVE = {"PYTHONUNBUFFERED": "1"}


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
        self._before = self._kernel.listener  # hears what belongs to earlier requests
        self._variables = Variables(folder, grant)
        self._shown = Shown(sink.drawn)
        sink.captured = self._shown.captured
        self._request: Request | None = None
        self._unwanted = asyncio.Event()
        self._leaving = False
        self._requests: set[str] = set()
        self._begun = False  # the kernel has begun what was sent
        self._ran = False  # the code was sent
        self._exited = False  # it has ended by SystemExit
        self._exits = False  # it has called `exit`, which ends a session, too
        self._end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)

    @property
    def own(self) -> set[int]:
        """The kernel."""
        return set() if self._kernel.pid is None else {self._kernel.pid}

    async def run(self) -> End:
        """Have a kernel, run the code, and end the kernel unless it is a session's that goes on.

        Raises GpurunError if it does not start, or the run's variables are not in it.
        """
        self._variables.check(self._grant.spec.kernel or DEFAULT_KERNEL)
        try:
            await self._start()
            self._kernel.listener = self._listen
            await self._carry_out()
            await self._leave()
        finally:
            self._kernel.listener = self._before
            if self._leaves:
                await self._kernel.end()
                self._kernel.close()
        if self._takes_out:  # after the kernel's end: its exit handlers may write them
            self._keep_outputs()
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
        env = _LIVE | run_environment(self._folder, self._grant, self._secrets)
        starting = asyncio.create_task(self._kernel.start(env, str(self._folder.work)))
        if self._grant.session is None:
            unwanted = asyncio.create_task(self._unwanted.wait())
            await asyncio.wait({starting, unwanted}, return_when=asyncio.FIRST_COMPLETED)
            unwanted.cancel()
        if self._grant.session is None and not starting.done():
            starting.cancel()
            await asyncio.wait({starting})  # awaited itself, it would raise here that it was cancelled
            self._kernel.kill()  # it may have had a process by then
        else:
            await starting

    @property
    def _leaves(self) -> bool:
        return self._grant.session is None or self._exits

    @property
    def _goes_on(self) -> bool:
        return self._end.outcome is Outcome.SUCCEEDED and not (self._unwanted.is_set() or self._exited)

    @property
    def _takes_out(self) -> bool:
        """Whether the code has come to its end, also one that was asked to end early."""
        return self._end.outcome is Outcome.SUCCEEDED and self._ran

    async def _carry_out(self) -> None:
        """Bring the variables in, run the code, wait for its tasks, take the variables out."""
        kernel = self._grant.spec.kernel or DEFAULT_KERNEL
        await self._execute(self._variables.bringing_in(), silent=True)
        if self._goes_on:
            self._variables.brought_in()
        await self._execute(self._variables.values(kernel), silent=True)
        self._ran = self._goes_on
        await self._run_code()
        stays = self._unwanted.is_set() or not self._leaves  # its threads are not waited for
        if self._takes_out and not stays:
            await self._request_of(settling(kernel), silent=True)
        if self._takes_out:
            await self._request_of(self._variables.taking_out(at_exit=not stays), silent=True)

    async def _leave(self) -> None:
        """End the kernel as a script ends: whatever time its threads and exit handlers take; a stop ends that, too."""
        if not self._leaves or not self._kernel.alive:
            return
        self._leaving = True
        exit_code = await self._kernel.end(None)
        if self._grant.session is None and self._end.outcome is Outcome.SUCCEEDED and not self._unwanted.is_set():
            self._end = ends.left_behind(self._end, await left_at_work(self._kernel.pid))
            if exit_code:
                self._end = ends.kernel_died("The kernel died after the code was over", exit_code)
        self._kernel.close()

    async def _run_code(self) -> None:
        await self._execute(self._grant.spec.code)

    async def _execute(self, code: str | None, *, silent: bool = False) -> None:
        """Run a piece of code, if there is one and all went well before it."""
        if self._goes_on:
            await self._request_of(code, silent=silent)

    async def _request_of(self, code: str | None, *, silent: bool = False) -> None:
        if code is None:
            return
        self._request = Request(self._kernel, code, silent=silent, place=None if silent else self._place())
        self._requests.add(self._request.id)  # what its threads print later still names it
        if not await self._request.done():
            self._end = ends.kernel_died("The kernel died while it ran the cell", self._request.exit_code)
        elif self._end.outcome is Outcome.SUCCEEDED:  # else a message has told already what was raised
            self._take_reply(await self._kernel.reply(self._request.id))

    def _place(self) -> Place | None:
        """Where the notebook that the cell comes from has it."""
        origin = self._grant.spec.origin
        if origin is None or origin.number is None:
            return None
        return Place(origin.number, origin.lines_above)

    def _take_reply(self, reply: Reply | None) -> None:
        """Some errors are only answered and not shown, such as that of a magic that there is not."""
        if reply is None or reply.status == "ok":
            return
        self._exits = self._exits or reply.asks_to_leave
        if reply.status != "error":
            self._end = ends.raised(Error(name="Error", value="The kernel did not run the cell.", traceback=[]))
            return
        error = Error(name=reply.ename or "Error", value=reply.evalue, traceback=reply.traceback)
        if error.traceback and not self._exited:
            self._take_error(error)
        elif not self._exited:
            self._end = ends.raised(error)

    def _take_error(self, error: Error) -> None:
        """What the code raised. SystemExit is an end, not a failure, unless it says that it is one."""
        if error.name != "SystemExit":
            self._sink.event(error)
            self._end = ends.raised(error)
            return
        self._exited = True
        self._end = ends.exited(error.value)
        if error.value and self._end.message == error.value:
            self._sink.text("stderr", f"{error.value}\n")

    def _keep_outputs(self) -> None:
        try:
            for output in self._variables.taken_out():
                self._sink.event(output)
        except OutputMissing as error:
            self._end = End(outcome=Outcome.FAILED, reason=Reason.OUTPUT_MISSING, message=str(error)[:1000])

    def _listen(self, kind: str, request: str | None, content: dict[str, Any]) -> None:
        if not self._is_ours(request):
            self._before(kind, request, content)
            return
        if self._request is not None and request == self._request.id:
            self._request.take(kind, content)
            self._begun = self._begun or self._request.begun.is_set()
        if kind == "stream":
            self._sink.text(content["name"], content["text"])
        for event in self._shown.take(kind, content):
            if isinstance(event, Error):
                self._take_error(event)
            else:
                self._sink.event(event)

    def _is_ours(self, request: str | None) -> bool:
        """Whether a message is of this run: in a kernel of its own, and of one that leaves, all of them are."""
        if self._grant.session is None or self._leaving:
            return request is None or self._request is not None
        return self._begun if request is None else request in self._requests
