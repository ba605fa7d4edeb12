from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gpurun_jupyter.agent.devices import device_locks, lock_holders, turns
from gpurun_jupyter.agent.devices.device_locks import DevicesTaken, Holder, take
from gpurun_jupyter.agent.devices.turns import Turns
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import StorageUnusable
from gpurun_jupyter.core.home import Home

GPU = Device(id="GPU-1", kind="gpu", index=0)
OTHER = Device(id="MIG-2", kind="mig", index=1)
CPU = Device(id="cpu0", kind="cpu", index=0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GPURUN_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


def holder(home: str = "a", run: str = "bert") -> Holder:
    return Holder.this_process(Home(f"/{home}"), run)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everybody_may_use_the_files_whatever_the_umask(folder) -> None:
    before = os.umask(0o077)
    try:
        take([GPU, CPU], holder())
    finally:
        os.umask(before)
    assert mode(folder) == 0o1777
    assert [(path.name, mode(path)) for path in folder.iterdir()] == [("GPU-1", 0o666)]


def test_one_holder_at_a_time_who_is_named() -> None:
    locks = take([GPU, OTHER], holder())
    with pytest.raises(DevicesTaken, match=rf"gpu0 is held by pid {os.getpid()} \(.+, «bert»\)"):
        take([GPU], holder("b"), patience_s=0)
    locks.close()
    take([GPU], holder("b"), patience_s=0).close()


def test_all_or_none() -> None:
    second = take([OTHER], holder("b"))
    with pytest.raises(DevicesTaken):
        take([GPU, OTHER], holder(), patience_s=0)
    take([GPU], holder("b"), patience_s=0)
    second.close()


def test_cpu_slots_need_no_lock(folder) -> None:
    take([CPU], holder())
    take([CPU], holder("b"), patience_s=0)
    assert not folder.exists()


def test_runs_that_share_a_gpu_share_its_lock_within_one_state_directory() -> None:
    first, second = (take([GPU], holder("a", run), shared=True, patience_s=0) for run in ("one", "two"))
    for shared in (True, False):
        with pytest.raises(DevicesTaken):
            take([GPU], holder("b"), shared=shared, patience_s=0)
    first.close()
    with pytest.raises(DevicesTaken):
        take([GPU], holder("b"), shared=True, patience_s=0)
    second.close()
    take([GPU], holder("b"), patience_s=0).close()


def test_a_killed_holder_lets_go_and_its_children_hold_nothing(tmp_path) -> None:
    code = f"""
        import subprocess, sys, time
        from gpurun_jupyter.agent.devices.device_locks import Holder, take
        from gpurun_jupyter.core.devices import Device
        from gpurun_jupyter.core.home import Home
        locks = take([Device(id="GPU-1", kind="gpu", index=0)], Holder.this_process(Home({str(tmp_path)!r}), "x"))
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
        print(child.pid, flush=True)
        time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    with pytest.raises(DevicesTaken, match=f"pid {process.pid} "):
        take([GPU], holder(), patience_s=0)
    process.kill()
    process.wait()
    take([GPU], holder()).close()
    os.kill(child, 9)


@pytest.mark.parametrize("kind", ["link", "hard link", "fifo", "folder"])
def test_what_is_no_lock_file_is_not_written_to(folder, tmp_path, kind) -> None:
    folder.mkdir(mode=0o777)
    folder.chmod(0o1777)
    precious, lock = tmp_path / "precious", folder / "GPU-1"
    precious.write_text("mine")
    make = {
        "link": lambda: lock.symlink_to(precious),
        "hard link": lambda: lock.hardlink_to(precious),
        "fifo": lambda: os.mkfifo(lock),
        "folder": lock.mkdir,
    }
    make[kind]()
    with pytest.raises(StorageUnusable, match="GPURUN_LOCKS"):
        take([GPU], holder())
    assert precious.read_text() == "mine"
    Turns(Home("/a")).look([device := Device(id="GPU-1", kind="gpu", index=0)], wanting=True)
    assert not device.locked, "its runner says what is wrong; a run that waits for ever does not"


def test_a_directory_that_is_none_for_everybody_is_refused(folder, tmp_path) -> None:
    (tmp_path / "real").mkdir()
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(StorageUnusable, match="1777"):
        take([GPU], holder())
    folder.unlink()
    folder.write_text("")
    with pytest.raises(StorageUnusable):
        take([GPU], holder())


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to make a directory of somebody else")
def test_a_closed_directory_of_somebody_else_is_refused(folder) -> None:
    folder.mkdir(mode=0o755)
    os.chown(folder, 65534, 65534)
    with pytest.raises(StorageUnusable, match="1777"):
        take([GPU], holder())


LIES = [
    b'{"pid":7,"user":"\\u001b[31meve","run":"a\\nb","home":"x"}',
    b'{"pid":1,"user":"root","run":"innocent","home":"x"}',
    b"",
    b"\xff" * 10_000,
    b"[]",
]


@pytest.mark.parametrize("words", LIES)
def test_the_kernel_says_who_holds_a_lock_whatever_is_written_in_it(folder, words) -> None:
    locks = take([GPU], holder())
    (folder / "GPU-1").write_bytes(words)
    with pytest.raises(DevicesTaken, match=rf"gpu0 is held by pid {os.getpid()} \(.+\), a run of gpurun\.$"):
        take([GPU], holder("b"), patience_s=0)
    locks.close()


def test_where_the_kernel_does_not_tell_words_are_a_claim(folder, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(lock_holders, "LIST", tmp_path / "none")
    locks = take([GPU], holder())
    (folder / "GPU-1").write_bytes(LIES[0])
    claim = r"does not name; its file claims that it is pid 7 \(\[31meve, «ab»\), but anybody may write there"
    with pytest.raises(DevicesTaken, match=claim):
        take([GPU], holder("b"), patience_s=0)
    (folder / "GPU-1").write_bytes(b"")
    with pytest.raises(DevicesTaken, match=r"does not name\.$"):
        take([GPU], holder("b"), patience_s=0)
    locks.close()
    one, two = (take([GPU], holder("a", run), shared=True, patience_s=0) for run in ("one", "two"))
    one.close()
    two.close()


class Agents:
    """Two agents' views of one GPU."""

    def __init__(self) -> None:
        self.turns = {name: Turns(Home(f"/{name}")) for name in "ab"}

    def offered(self, name: str, *, wanting: bool = True) -> bool:
        self.device = Device(id="GPU-1", kind="gpu", index=0)
        self.turns[name].look([self.device], wanting=wanting)
        return not self.device.locked


def test_an_agent_does_not_offer_what_others_hold() -> None:
    agents = Agents()
    assert agents.offered("a")
    locks = take([GPU], holder("b"))
    assert not agents.offered("a", wanting=False)
    (process,) = agents.device.processes
    assert (process.pid, process.user, process.ours) == (os.getpid(), holder().user, False)
    assert agents.offered("b"), "one of its own runs holds it"
    locks.close()
    assert agents.offered("a")


def test_a_free_gpu_goes_to_the_agent_that_waited() -> None:
    agents = Agents()
    locks = take([GPU], holder("a"))
    assert not agents.offered("b")
    locks.close()
    assert not agents.offered("a"), "it is b's turn"
    assert agents.offered("b")
    locks = take([GPU], holder("b"))
    assert agents.offered("b")
    assert not agents.offered("a")
    locks.close()
    assert not agents.offered("b"), "it is a's turn"
    agents.turns["a"].close()
    assert agents.offered("b"), "a has left"


def test_nobody_keeps_a_free_gpu_waiting_for_long(monkeypatch) -> None:
    agents = Agents()
    locks = take([GPU], holder("a"))
    assert not agents.offered("b")
    locks.close()
    assert not agents.offered("a")
    monkeypatch.setattr(turns, "YIELD_S", 0.0)
    assert agents.offered("a"), "b does not take its turn"
    monkeypatch.undo()
    monkeypatch.setenv("GPURUN_LOCKS", str(device_locks.locks_folder()))
    agents.offered("b")
    monkeypatch.setattr(turns, "TURN_S", 0.0)
    agents.offered("b")
    monkeypatch.setattr(turns, "YIELD_S", 1e9)
    assert agents.offered("a"), "b's turn is over"


def test_an_agent_whose_queue_is_empty_gives_its_turn_up() -> None:
    agents = Agents()
    locks = take([GPU], holder("a"))
    assert not agents.offered("b")
    assert not agents.offered("b", wanting=False)
    locks.close()
    assert agents.offered("a")
