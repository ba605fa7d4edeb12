from __future__ import annotations

import io
import json
import os
from pathlib import Path

import httpx
import pytest
from unit.client_fake import FakeServer, ended, refused, run_record

from gpurun_jupyter.cli import faults
from gpurun_jupyter.cli.options import value_of
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.core import values
from gpurun_jupyter.core.errors import RunFailed, ServerUnreachable, StorageUnusable
from gpurun_jupyter.core.events import Error, Output
from gpurun_jupyter.views import words


class Terminal:
    """A command line carried out against a fake server: exit code and what was printed."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.out, self.err = io.StringIO(), io.StringIO()

    def __call__(self, *args: str) -> int:
        to = Invocation(TerminalScreen(self.out, self.err), lambda: self.server.client)
        return faults.carried_out(list(args), to)


@pytest.mark.parametrize(("end", "code"), [(ended(), 0), (ended("failed", "exit_code"), 1), (ended("cancelled"), 1)])
def test_waiting_exits_with_0_only_if_the_run_succeeded(end: object, code: int, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    terminal = Terminal(FakeServer(end, [Output(stream="stdout", text="hello\n")]))  # type: ignore[arg-type]
    assert terminal("submit", str(tmp_path / "a.py"), "--wait") == code
    assert terminal.out.getvalue() == "hello\n"
    assert terminal("wait", "last", "digits") == code
    assert terminal("submit", str(tmp_path / "a.py"), "--wait", "--json") == code
    assert json.loads("{" + terminal.out.getvalue().partition("{")[2])["state"] == "finished"


def test_wrong_usage_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal(FakeServer())
    wrong = (
        ["frob"],
        ["runs", "--limit", "0"],
        ["submit", "x.py", "--env", "A"],
        ["submit", "x.py", "--timeout", "soon"],
    )
    for args in (*wrong, ["logs", "zzz"], ["submit", "nothing.py"], ["submit", "a.py", "--dir", str(tmp_path / "no")]):
        assert terminal(*args) == 2, args
    assert "gpurun: There is no run 'zzz'. Do this." in terminal.err.getvalue()
    assert "No such command 'frob'" in capsys.readouterr().err


def test_no_server_exits_with_3_and_other_failures_with_1() -> None:
    terminal = Terminal(FakeServer())
    terminal.server.refusals = [httpx.ConnectError("refused")]
    assert terminal("runs") == 3
    assert faults.exit_code(ServerUnreachable("")) == 3
    assert faults.exit_code(StorageUnusable("")) == faults.exit_code(RunFailed("")) == 1


def test_options_reach_the_server(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    terminal = Terminal(FakeServer())
    options = ["--gpu", "2", "--tag", "x", "--tag", "y", "--timeout", "90s", "--env", "K=v", "--priority", "-3"]
    options += ["--data", "digits:raw"]
    assert terminal("submit", "a.py", "--dir", str(tmp_path), *options, "--", "--epochs", "3") == 0
    spec = json.loads(terminal.server.seen[-1].content)
    assert spec["dir"].pop("manifest") in terminal.server.blobs
    assert spec.pop("origin") == {"directory": tmp_path.name}
    assert spec == {
        "dir": {"entry": "a.py", "args": ["--epochs", "3"]},
        "gpu": 2,
        "tags": ["x", "y"],
        "timeout": 90.0,
        "env": {"K": "v"},
        "priority": -3,
        "data": [{"name": "digits", "path": "raw"}],
    }
    assert terminal.out.getvalue() == "run digits queued (id k3f9x2ab)\n"


def test_an_entry_may_be_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "a.py").write_text("1")
    monkeypatch.chdir(tmp_path)
    terminal = Terminal(FakeServer())
    assert terminal("submit", "project/a.py", "--dir", "project") == 0
    assert json.loads(terminal.server.seen[-1].content)["dir"]["entry"] == "a.py"


def test_lists_are_json_where_asked() -> None:
    terminal = Terminal(FakeServer())
    for args, key in [(["runs"], 0), (["devices"], None), (["status"], "server"), (["status", "last"], "id")]:
        terminal.out.truncate(terminal.out.seek(0))
        assert terminal(*args, "--json") == 0
        found = json.loads(terminal.out.getvalue())
        assert key is None or found[key]


def test_data_sets_are_uploaded_and_listed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1")
    terminal = Terminal(FakeServer())
    assert terminal("data", "upload", str(tmp_path), "--name", "digits") == 0
    assert terminal.out.getvalue() == "data set digits: 2 files (10 B); use it with --data digits\n"
    assert terminal("data", "list") == 0
    assert "You have no data sets" in terminal.out.getvalue()
    assert terminal("data", "upload", str(tmp_path / "nothing")) == 2


def test_tables_are_aligned_and_say_when_they_are_empty() -> None:
    terminal = Terminal(FakeServer())
    terminal("status")
    lines = terminal.out.getvalue().splitlines()
    assert lines == ["DEVICES  no machine offers devices now", "RUNS     ✓ digits  succeeded in 0:48"]


def test_colours_stay_out_of_pipes() -> None:
    error = Error(name="E", value="", traceback=["\x1b[31mred\x1b[0m"])
    terminal = Terminal(FakeServer(ended("failed", "exception"), [error]))
    assert terminal("attach", "last") == 0
    assert terminal.out.getvalue() == "red\n"


def test_logs_from_the_last_lines_on() -> None:
    events = [Output(stream="stdout", text=f"{number}\n") for number in range(5)]
    terminal = Terminal(FakeServer(events=events))
    assert terminal("logs", "last", "-f", "--tail", "2") == 0
    assert terminal.out.getvalue() == "3\n4\n"


def test_every_run_is_cancelled_though_one_refuses() -> None:
    terminal = Terminal(FakeServer())
    terminal.server.refusals = [refused("run_not_found", "no", 404)]
    assert terminal("cancel", "a", "last") == 2
    assert terminal.server.paths() == ["GET runs/a", "GET runs/last", "POST runs/k3f9x2ab/cancel"]


def test_how_a_run_is_said() -> None:
    waiting = run_record(waiting={"position": 2, "why": "waits for 1 GPU"})
    assert words.state_line(waiting) == "◷ digits  queued, 2nd · waits for 1 GPU"
    running = run_record(state="running", agent="lab", devices=["gpu1"], started_at=100.0, progress={"left_s": 190})
    assert words.state_line(running, now=202.0) == "● digits  running on lab:gpu1 · 1:42 · about 3:10 left"
    metrics = {"loss": {"last": 0.1181, "min": 0, "max": 1}}
    assert words.how(ended(agent="lab", metrics=metrics)) == "succeeded in 0:48 on lab · loss 0.1181"
    assert words.how(ended("timed_out", "timeout", message="ran longer than 40 s")) == (
        "timed out after 0:48: ran longer than 40 s"
    )
    assert [words.ordinal(number) for number in (1, 2, 3, 11, 12, 21)] == ["1st", "2nd", "3rd", "11th", "12th", "21st"]


@pytest.mark.parametrize("text", ["{[]:1}", "{{}}", "1+", "\0", "f(x)", "(1, 2)", "[" * 10_000])
def test_what_is_no_value_is_text(text: str) -> None:
    assert value_of(text) == text


def test_variables_of_a_cancelled_run_that_left_them_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(FakeServer(ended("cancelled", "cancelled_by")))
    known: dict[str, values.Output] = {}
    monkeypatch.setattr("gpurun_jupyter.client.values.outputs", lambda *_: known)
    assert terminal("result", "last", "--json") == 1
    known["x"] = values.Output(file="0", type="int", size_bytes=2, digest="0" * 64)
    assert terminal("result", "last", "--json") == 0
    assert json.loads(terminal.out.getvalue())["x"]["type"] == "int"


def test_a_terminal_is_told_what_has_mlflow_log_to_the_server() -> None:
    terminal = Terminal(FakeServer())
    before = dict(os.environ)
    assert terminal("mlflow") == 0
    lines = terminal.out.getvalue().splitlines()
    assert lines[0] == "export MLFLOW_TRACKING_URI=http://fake:1/base/gpurun/mlflow"
    assert [line.partition("=")[0] for line in lines[1:]] == ["export MLFLOW_TRACKING_TOKEN"]
    assert dict(os.environ) == before
