"""Notices: who is told what, and a trial."""

from __future__ import annotations

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from gpurun_jupyter.core.errors import GpurunError
from gpurun_server.http.base import AUTH_RESOURCE, GpurunHandler, operation
from gpurun_server.notices.entries import Entry, Occasion
from gpurun_server.notices.sending import NotSent
from gpurun_server.notices.watch import Watch

_TRIAL = (
    "A trial of gpurun",
    "You asked for it with `gpurun doctor --notices`: notices of your runs will arrive here.",
)


class Notice(msgspec.Struct):
    """An entry of `GpurunApp.notices` about your runs, without its URL; `problem` says why it cannot be sent."""

    service: str
    on: list[Occasion]
    projects: list[str]
    problem: str = ""
    hint: str = ""


class NoticesAnswer(msgspec.Struct):
    """The entries that are about runs of whoever asks."""

    notices: list[Notice]


class _NoticesHandler(GpurunHandler):
    def watches(self) -> list[Watch]:
        return [watch for watch in self.parts.notices.watches if self.owner in watch.entry.owners]

    def unusable(self) -> list[Notice]:
        found = self.parts.notices.unusable
        return [_notice("", entry, error) for entry, error in found if entry is None or self.owner in entry.owners]


class NoticesHandler(_NoticesHandler):
    """`notices`."""

    @web.authenticated
    @authorized
    @operation("Who is told of your runs, and whether it works", answer=NoticesAnswer)
    async def get(self) -> None:
        """List."""
        usable = [_notice(watch.target.service, watch.entry, watch.failure) for watch in self.watches()]
        self.answer(NoticesAnswer(usable + self.unusable()))


class TrialHandler(_NoticesHandler):
    """`notices/trial`."""

    @web.authenticated
    @authorized(action="execute", resource=AUTH_RESOURCE)
    @operation("Send each of them a trial, now and once", answer=NoticesAnswer)
    async def post(self) -> None:
        """Send."""
        tried = [await self.in_thread(lambda watch=watch: _tried(watch)) for watch in self.watches()]  # type: ignore[misc]
        self.answer(NoticesAnswer(tried + self.unusable()))


def _tried(watch: Watch) -> Notice:
    try:
        watch.target.send(*_TRIAL)
    except NotSent as error:
        return _notice(watch.target.service, watch.entry, error)
    return _notice(watch.target.service, watch.entry, None)


def _notice(service: str, entry: Entry | None, error: GpurunError | None) -> Notice:
    on, projects = (list(entry.on), list(entry.projects)) if entry else ([], [])
    return Notice(service, on, projects, *((error.message, error.hint) if error else ("", "")))


default_handlers = [
    (r"notices", NoticesHandler),
    (r"notices/trial", TrialHandler),
]
