"""A run that was submitted, as something to look at, wait for and end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gpurun_jupyter.client.live_run import LiveRun
from gpurun_jupyter.client.run_files import fetched, listed
from gpurun_jupyter.client.secrets import with_values
from gpurun_jupyter.client.waiting import wait_for
from gpurun_jupyter.core.bars import at_present
from gpurun_jupyter.core.errors import RunFailed
from gpurun_jupyter.core.events import START_OF_LOG, Error, event_on
from gpurun_jupyter.core.lifecycle import Outcome, Reason, State
from gpurun_jupyter.core.run_files import RunFile
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.core.runs import RunProgress

if TYPE_CHECKING:
    from gpurun_jupyter.client.http import Params
    from gpurun_jupyter.core.values import Output
    from gpurun_jupyter.views.widget import RunWidget


class _Metrics(msgspec.Struct):
    metrics: dict[str, dict[str, Any]]


class Run(LiveRun):
    """A run on the server, with what it left. Its properties tell what was seen last; `refresh` looks again.

    Methods raise ServerUnreachable, NotAllowed and RunNotFound.
    """

    @property
    def outcome(self) -> Outcome | None:
        """How the run ended; None before it did."""
        return self.record.outcome

    @property
    def reason(self) -> Reason | None:
        """Why the run ended as it did; None before it did."""
        return self.record.reason

    @property
    def progress(self) -> RunProgress | None:
        """How far the run is, with the bars that it is at; None where it said nothing about it.

        `record.progress` also has those that are over.
        """
        return self.record.progress and at_present(self.record.progress)

    def wait(self, timeout: float | None = None) -> Run:
        """Block until the run has finished, however it did. Raises TimeoutError after `timeout` s."""
        wait_for([self], timeout)
        return self

    def result(self, timeout: float | None = None, *, pickle: bool = False) -> dict[str, Any]:
        """Wait for the run and return the variables that it was asked for (`outputs`, in a cell `--out`), by name.

        One that was cancelled may have caught its interrupt, and left them at its own end.
        `pickle`: read what was pickled, which runs code that the run may have put there.
        Raises RunFailed with the remote traceback, InvalidRequest for what cannot be read, and TimeoutError.
        """
        from gpurun_jupyter.client import values

        if self.state is not State.FINISHED:
            self.wait(timeout)
        self.raise_without_outputs()
        return values.fetch(self._connection, self._route(), pickle=pickle)

    def raise_without_outputs(self) -> None:
        """Raise RunFailed unless the run has succeeded, or was cancelled and left its variables all the same."""
        if (failed := self.failure()) and not (self.outcome is Outcome.CANCELLED and self.outputs()):
            raise failed

    def outputs(self) -> dict[str, Output]:
        """What is known of those variables: type, size in bytes, sha256. Empty until the run has succeeded."""
        from gpurun_jupyter.client import values

        return values.outputs(self._connection, self._route())

    def start(self) -> Run:
        """Queue the run, which was created on hold. Raises WrongState if it was not."""
        self.record = self._connection.post(f"{self._route()}/start", RunRecord, {})
        return self

    def change(self, **changes: Any) -> Run:
        """Change `priority` (while the run waits), `project` or `tags`. Raises WrongState and InvalidRequest."""
        self.record = self._connection.patch(self._route(), RunRecord, changes)
        return self

    def rerun(self, **changes: Any) -> Run:
        """Run it again, as it was or with other options: `run.rerun(gpu=2, env={"LR": "0.1"})`; returns the new run.

        A variable of `env` is added to those that there are; None takes an option back. Its `secrets` need their values
        anew: what is not given is taken from this environment, else asked for. Raises InvalidRequest.
        """
        spec = self.record.spec or self.refresh().record.spec  # lists leave it out
        if names := [] if spec is None or ("secrets" in changes and changes["secrets"] is None) else list(spec.secrets):
            given = changes.get("secrets", {})
            changes["secrets"] = dict.fromkeys(names) | (given if isinstance(given, dict) else dict.fromkeys(given))
        if changes.get("secrets"):
            changes["secrets"] = with_values(changes["secrets"])
        return Run(self._connection, self._connection.post(f"{self._route()}/rerun", RunRecord, changes))

    def delete(self) -> None:
        """Delete the run with its files; `Client.restore` brings it back for ten minutes.

        Raises WrongState unless the run is over.
        """
        self._connection.delete(self._route(), dict[str, Any])

    def files(self) -> list[RunFile]:
        """What the run made or changed, then what is as it was `shipped`; checkpoints are under `checkpoints/`.

        At most `MOST_FILES`. A byte of a path that is not UTF-8 is written `\\xb0`; `download` takes it so.
        """
        return listed(self._connection, self._route())

    def download(self, path: str, to: Path | str | None = None) -> Path:
        """Fetch one of its files: to a file or into a directory, by default the current one. Raises FileMissing.

        The file gets its name when it is complete.
        """
        return fetched(self._connection, self._route(), path, to)

    def history(self) -> list[dict[str, Any]]:
        """Every change of its state, oldest first: at, before, after, by, outcome, reason, message."""
        return self._connection.get(f"{self._route()}/history", dict[str, list[dict[str, Any]]])["history"]

    def logs(self, tail: int | None = None) -> str:
        """What the run printed, with its terminal colours; `tail` is how many of the last lines."""
        return self._connection.text(f"{self._route()}/log", [] if tail is None else [("tail", str(tail))])

    def metrics(self, points: int | None = None) -> dict[str, dict[str, Any]]:
        """Each metric: `last`, `min`, `max`, `count`, and the lists `value`, `time`, `step` and `epoch`.

        They are of the last attempt; `time` is seconds since it began, `step` and `epoch` are None where none was said.
        With `points`, at most so many values of each, the lowest and highest of each stretch among them.
        """
        params: Params = [] if points is None else [("points", str(points))]
        found = self._connection.get(f"{self._route()}/metrics", _Metrics, params).metrics
        for metric in found.values():
            # NaN and infinity come as words.
            metric |= {"last": float(metric["last"]), "value": [float(value) for value in metric["value"]]}
        return found

    def widget(self) -> RunWidget:
        """An ipywidget that shows the run live, whatever the kernel does; observe `run`, `output`, `progress`."""
        from gpurun_jupyter.client.widgets import live_widget  # it brings ipywidgets

        return live_widget(Run(self._connection, self.record))  # what its thread learns is not for this record

    def failure(self) -> RunFailed | None:
        """What went wrong, with the remote traceback; None if the run succeeded."""
        if self.outcome is Outcome.SUCCEEDED:
            return None
        how = (self.outcome or self.state).value.replace("_", " ")
        why = self.record.message or (self.reason.value.replace("_", " ") if self.reason else "")
        message = f"{self.name} {how}{f': {why}' if why else ''}".rstrip(".") + "."
        return RunFailed(message, f"`gpurun logs {self.id}` shows what it printed.", self._traceback())

    def _traceback(self) -> str:
        last = ""
        for line in self._lines(START_OF_LOG):
            # To look for these bytes is quicker than to decode a log of a million lines.
            if b'"kind":"error"' in line and isinstance(event := event_on(line), Error):
                last = "\n".join(event.traceback)
        return last
