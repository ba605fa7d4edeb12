"""A run as its own code sees it through MLflow: what was logged so far, and how each new thing is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from gpurun_jupyter.core.events import FORMAT_VERSION, Child, End, Event, Meta, Metric, Parameters, Start
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import RunName
from gpurun_jupyter.tracking.answers import TrackedRun, outcome_of
from gpurun_jupyter.tracking.logged import metric_events, parameter_events, tag_events
from gpurun_jupyter.tracking.refusals import Refused
from gpurun_jupyter.tracking.requests import Param, Point, Tag

Tell = Callable[[Sequence[Event]], None]


class LoggedRun:
    """The run itself, or a child of it; `tell` writes its events."""

    def __init__(self, said: TrackedRun, began_at: float, tell: Tell) -> None:
        self.said = said
        self._began_at = began_at
        self._tell = tell
        self._points: dict[str, Point] = {}
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        said.params, said.tags = self._params, self._tags

    @property
    def now(self) -> TrackedRun:
        """As it is by now."""
        return msgspec.structs.replace(self.said, metrics=list(self._points.values()))

    def log(self, points: Sequence[Point] = (), params: Sequence[Param] = (), tags: Sequence[Tag] = ()) -> None:
        """Tell all of it, or nothing. Raises Refused where a parameter has another value already."""
        happened: list[Metric | Parameters | Meta] = [
            *parameter_events(self._params, params),
            *metric_events(points, self._began_at),
            *tag_events(tags),
        ]
        self._tell(happened)
        self._params.update({param.key: param.value for param in params})
        self._tags.update({tag.key: tag.value for tag in tags})
        for point in points:
            last = self._points.get(point.key)
            if last is None or (point.step, point.timestamp) >= (last.step, last.timestamp):
                self._points[point.key] = point

    def forget_tag(self, key: str) -> None:
        """Take a tag away. Raises Refused where there is none."""
        if self._tags.pop(key, None) is None:
            raise Refused(f"The run {self.said.id} has no tag {key!r}.", "RESOURCE_DOES_NOT_EXIST")
        self._tell([Meta(values={key: None})])

    def update(self, status: str | None, end_ms: int | None, name: str) -> None:
        """Take note of its status and its name. A run's own end is that of its code, whatever a client says."""
        self.said.name = name or self.said.name
        if status is not None:
            self.said.status = status
            self.said.end_ms = None if outcome_of(status) is None else end_ms or round(time.time() * 1000)


def of_child(child: TrackedRun, parent: str | None, tell: Tell) -> Tell:
    """How what is logged to a child is told: in the log of the run that it belongs to."""
    name = _fitting(child.name)

    def told(happened: Sequence[Event]) -> None:
        tell([Child(run=child.id, name=name, parent=parent, event=event, t=event.t) for event in happened])  # type: ignore[arg-type]

    return told


def start_of_child(at: float) -> Start:
    """The first that is told of one, which began then."""
    return Start(v=FORMAT_VERSION, attempt=1, pid=0, devices=[], t=at)


def end_of_child(outcome: Outcome) -> End:
    """The last."""
    reasons = {Outcome.SUCCEEDED: Reason.COMPLETED, Outcome.CANCELLED: Reason.CANCELLED_BY}
    return End(outcome=outcome, reason=reasons.get(outcome, Reason.EXCEPTION))


def _fitting(name: str) -> str | None:
    """The name, if a run of ours may have it."""
    try:
        return msgspec.convert(name, RunName)
    except msgspec.ValidationError:
        return None
