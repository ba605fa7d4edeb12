"""What a log says in output and samples alone changes nothing in the database, and is not taken in for that."""

from __future__ import annotations

import pytest

from gpurun_jupyter.core.events import Event, Metric, Output, Progress, Sample, Start, encode_line
from gpurun_server.queue.intake.ingest import is_quiet

QUIET = encode_line(Output(stream="stdout", text="a\nb\r\n")) + encode_line(Sample(rss=1))


def test_output_and_samples_are_quiet() -> None:
    assert is_quiet(QUIET)


@pytest.mark.parametrize(
    "event",
    [Start(v=1, attempt=1, pid=1, devices=[]), Metric(values={"loss": 1.0}), Progress(id="b")],
    ids=["start", "metric", "progress"],
)
def test_all_else_is_not_wherever_it_stands(event: Event) -> None:
    assert not is_quiet(QUIET + encode_line(event) + QUIET)


def test_the_rest_of_a_line_may_be_of_anything() -> None:
    assert not is_quiet(encode_line(Metric(values={"loss": 1.0}))[5:] + QUIET)
