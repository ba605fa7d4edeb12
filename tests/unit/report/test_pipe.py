from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gpurun_jupyter import report
from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.report import pipe

PACKAGE = Path(report.__file__).parents[1]


def test_nobody_reads(tmp_path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "report")
    monkeypatch.setenv("GPURUN_REPORT", str(tmp_path / "report"))
    report.log(loss=1)
    monkeypatch.setenv("GPURUN_REPORT", str(tmp_path / "missing"))
    report.log(loss=1)
    assert list(report.track("ab")) == ["a", "b"]


def test_the_reader_leaves(tmp_path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "report")
    fd = os.open(tmp_path / "report", os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setenv("GPURUN_REPORT", str(tmp_path / "report"))
    report.log(loss=1)
    assert os.read(fd, 1000)
    os.close(fd)
    report.log(loss=2)


def test_many_threads_write_whole_lines(reader) -> None:
    def write(name: int) -> None:
        for step in range(200):
            report.log(step=step, **{f"m{name}-{n}": step for n in range(100)})

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reader.events()) == 800


def test_forked_children_write_too_also_while_a_thread_writes(reader) -> None:
    ended = threading.Event()
    writing = threading.Thread(target=lambda: [report.log(parent=1) for _ in iter(ended.is_set, True)])
    writing.start()
    for child in range(5):
        pid = os.fork()
        if pid == 0:
            report.log(child=child)
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    ended.set()
    writing.join()
    assert sorted(event.values["child"] for event in reader.events() if "child" in event.values) == [0, 1, 2, 3, 4]


def test_a_descriptor_that_was_closed_and_reused_is_left_alone(reader, tmp_path) -> None:
    report.log(loss=1)
    number = pipe._fd
    assert number is not None
    with (tmp_path / "other").open("wb", buffering=0) as other:
        os.dup2(other.fileno(), number)
        report.log(loss=2)
        os.close(number)
    assert (tmp_path / "other").read_bytes() == b""
    assert reader.events() == [Metric(values={"loss": 1}), Metric(values={"loss": 2})]


def test_a_kernel_that_goes_on_to_the_next_attempt(reader, tmp_path, monkeypatch) -> None:
    report.log(loss=1)
    monkeypatch.setenv("GPURUN_REPORT", str(tmp_path / "elsewhere"))
    report.log(loss=2)
    assert reader.events() == [Metric(values={"loss": 1})]


@pytest.fixture
def report_alone(tmp_path) -> Path:
    """A folder that holds what a run finds on its path in an environment without gpurun."""
    target = tmp_path / "path" / "gpurun_jupyter"
    shutil.copytree(PACKAGE / "report", target / "report")
    shutil.copy(PACKAGE / "__init__.py", target)
    return target.parent


def other_pythons() -> list[str]:
    named = [shutil.which(f"python3.{minor}") for minor in range(8, 15)]
    found = {str(Path(path).resolve()) for path in named if path and "shims" not in path}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    return sorted(found | {str(path) for path in pyenv.glob("3.[89].*/bin/python")}) or [sys.executable]


@pytest.mark.parametrize("python", other_pythons())
def test_it_needs_nothing_but_a_python(reader, report_alone, python) -> None:
    code = (
        "from gpurun_jupyter import report\n"
        "for n in report.track(range(3), 'steps'): report.log(step=n, loss=n / 2)\n"
        "report.progress(1, 2, 'half')\n"
        "assert report.last_checkpoint() is None\n"
        f"report.checkpoint({str(PACKAGE / '__init__.py')!r}, step=3)\n"
        "assert report.last_checkpoint().endswith('__init__.py')\n"
        f"report.checkpoint({str(PACKAGE / 'report')!r})\n"
    )
    environment = {"PYTHONPATH": str(report_alone), "GPURUN_REPORT": str(reader.path), "PATH": os.environ["PATH"]}
    environment["GPURUN_CHECKPOINT_DIR"] = str(report_alone.parent / "checkpoints")
    done = subprocess.run([python, "-W", "error", "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    events = reader.events()
    assert [event.values for event in events if isinstance(event, Metric)] == [{"loss": 0}, {"loss": 0.5}, {"loss": 1}]
    assert len(events) == 8
