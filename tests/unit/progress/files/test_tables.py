"""Tables: which are logs, and what their rows say."""

from __future__ import annotations

import pytest
from logged_files import fed

from gpurun_jupyter.progress.readers.files.found import Points
from gpurun_jupyter.progress.readers.files.tables import Table


def read(text: str) -> list[tuple[float | None, dict[str, float]]]:
    return [(found.step, found.values) for found in fed(Table(), text.encode()) if isinstance(found, Points)]


@pytest.mark.parametrize(
    "text",
    [
        "step,loss\n1,0.5\n2,0.25\n",
        "step,loss\r\n1,0.5\r\n2,0.25",
        "\ufeffStep;loss\n1;0.5\n2;0.25\n",
        "  step,   loss\n     1,   0.5\n     2,  0.25\n",
        "train/global_step\tloss\n1\t0.5\n2\t0.25\n",
        '"step","loss"\n"1","0.5"\n2,0.25\n',
        "step,loss,note\n1,0.5,\n2,0.25,\n",
        "loss,time,iteration\n0.5,9,1\n0.25,11,2\n",
        "Unnamed: 0,step,loss\n0,1,0.5\n1,2,0.25\n",
        "step,loss\n1,0.5\nhalf a row\n2,0.25\n",
        "step,loss\n1,0.5\n,0.7\n2,0.25\n",
        "step,loss\n1,0.5\nstep,loss\n2,0.25\n",
        "time/iterations,time/total_timesteps,time/fps,loss\n1,1,100,0.5\n2,2,100,0.25\n",
        "step,loss,name\n1,0.5,\n2,0.25,\n2,nothing,said\n",
    ],
)
def test_logs_are_read(text: str) -> None:
    assert read(text) == [(1.0, {"loss": 0.5}), (2.0, {"loss": 0.25})]


@pytest.mark.parametrize(
    "text",
    [
        "name,score\nanna,3\nbela,4\n",
        "step\n1\n2\n",
        "step,time\n1,2\n2,3\n",
        "epoch,step\n1,2\n2,3\n",
        "step,text\n1,first do this\n2,then that\n",
        "step;a,b\nx;1\n",
        "the step, as they say, is no header\n",
        "\x00\n\x00\n",
    ],
)
def test_others_say_nothing(text: str) -> None:
    assert [values for _, values in read(text) if values.keys() - {"epoch"}] == []


def test_the_epoch_beside_the_step_is_a_value() -> None:
    assert read("epoch,step,loss\n0,1,0.5\n") == [(1.0, {"epoch": 0.0, "loss": 0.5})]


def test_a_count_that_falls_is_none() -> None:
    reader = Table()
    found = reader.read(b"step,price\n1,2\n2,3\n1,4\n2,5\n")
    assert [one.values for one in found] == [{"price": 2.0}, {"price": 3.0}]
    assert reader.broken


def test_a_second_training_begins_behind_another_header() -> None:
    text = "epoch,loss\n0,3\n1,2\nepoch,loss\n0,1\n"
    assert read(text) == [(0.0, {"loss": 3.0}), (1.0, {"loss": 2.0}), (0.0, {"loss": 1.0})]


def test_many_rows_of_a_step_are_data() -> None:
    reader = Table()
    reader.read(b"epoch,signal\n" + b"1,0.5\n" * 300)
    assert reader.broken


def test_a_table_written_anew_tells_only_what_is_new() -> None:
    reader = Table()
    before = reader.read(b"step,loss\n1,nan\n2,0.25\n")
    reader.again()
    after = reader.read(b"step,loss,val_loss\n1,nan,\n2,0.25,\n2,,0.3\n")
    assert repr(before[0]) == repr(Points({"loss": float("nan")}, 1.0))
    assert [*before[1:], *after] == [
        Points({"loss": 0.25}, 2.0),
        Points({"val_loss": 0.3}, 2.0),
    ]


def test_another_table_of_the_same_name_is_told() -> None:
    reader = Table()
    reader.read(b"epoch,loss\n0,0.5\n1,0.25\n")
    reader.again()
    assert reader.read(b"epoch,loss\n0,0.4\n") == [Points({"loss": 0.4}, 0.0)]


def test_a_broken_one_that_is_written_anew_is_read() -> None:
    reader = Table()
    reader.read(b"step,loss\n1,2\nx,2\n")
    assert reader.broken
    reader.again()
    assert reader.read(b"step,loss\n1,2\n2,1\n") == [Points({"loss": 1.0}, 2.0)]
