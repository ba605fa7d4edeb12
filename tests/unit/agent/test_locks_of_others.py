"""Locks between users of one machine who need not trust each other. A real second user: needs root, and Linux."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from os_users import OTHER, AsOtherUser, end, other_user
from servers import wait_until

from gpurun_jupyter.agent.devices import presence
from gpurun_jupyter.agent.devices.device_locks import DevicesTaken, Holder, take
from gpurun_jupyter.agent.devices.lock_files import home_mark
from gpurun_jupyter.agent.devices.turns import Turns
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.errors import GpurunError, StorageUnusable
from gpurun_jupyter.core.home import Home

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or not Path("/proc/locks").exists(), reason="needs root, and the kernel's list of locks"
)

GPU = Device(id="GPU-1", kind="gpu", index=0)
_CLONE_NEWNS = 0x20000
MINE, THEIRS = Home("/mine"), Home("/theirs")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the other user comes first, and makes the directory and the file."""
    base = Path(tempfile.mkdtemp(prefix="locks-"))
    base.chmod(0o755)
    folder = base / "locks"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "GPU-1").touch()
    (folder / "GPU-1").chmod(0o666)
    for path in (folder, folder / "GPU-1"):
        os.chown(path, OTHER.pw_uid, OTHER.pw_gid)
    monkeypatch.setenv("GPURUN_LOCKS", str(folder))
    yield folder
    shutil.rmtree(base)


def mine(*, shared: bool = False) -> object:
    return take([GPU], Holder.this_process(MINE, "bert"), shared=shared, patience_s=0)


def theirs() -> str:
    """For the other user: how it went, with the locks held until the process ends."""
    try:
        theirs.held = take([GPU], Holder.this_process(THEIRS, "gpt"), patience_s=0)  # type: ignore[attr-defined]
    except GpurunError as error:
        return str(error)
    return "taken"


def seen(turns: Turns) -> Device:
    turns.look([device := Device(id="GPU-1", kind="gpu", index=0)], wanting=True)
    return device


@pytest.mark.parametrize("claimed", [1, None, "its own"])
def test_a_lock_that_is_not_gpuruns_is_named_as_such(folder: Path, claimed: int | str | None) -> None:
    """Whatever is written in its file, also that it is a run of the one who asks."""
    process = other_user(["flock", str(folder / "GPU-1"), "sleep", "60"])
    wait_until(lambda: f" {process.pid} " in Path("/proc/locks").read_text())
    pid = process.pid if claimed == "its own" else claimed
    words = {"pid": pid, "user": "root", "run": "innocent", "home": home_mark(MINE)}
    (folder / "GPU-1").write_text(json.dumps(words) if pid else "")
    try:
        says = f"pid {process.pid} (nobody, flock), which is not gpurun"
        for shared in (False, True):
            with pytest.raises(DevicesTaken) as error:
                mine(shared=shared)
            assert str(error.value) == f"gpu0 is locked by {says}."
        device = seen(Turns(MINE))
        assert (device.locked, device.locked_by) == (True, says)
        assert [(one.pid, one.user) for one in device.processes] == [(process.pid, "nobody")]
    finally:
        end(process)


def test_what_a_run_before_wrote_says_nothing_of_who_is_there_now(folder: Path) -> None:
    """Though it is the same user, and the file names a state directory of ours."""
    mine().close()  # type: ignore[attr-defined]
    words = json.loads((folder / "GPU-1").read_text())
    (folder / "GPU-1").write_text(json.dumps(words | {"pid": 2**22 - 1}))
    process = subprocess.Popen(["flock", "-s", folder / "GPU-1", "sleep", "60"], start_new_session=True, text=True)
    wait_until(lambda: f" {process.pid} " in Path("/proc/locks").read_text())
    for shared in (False, True):
        with pytest.raises(DevicesTaken, match=rf"pid {process.pid} \(root, flock\), which is not gpurun"):
            mine(shared=shared)
    assert seen(Turns(MINE)).locked
    end(process)


def test_nobody_shares_with_who_writes_their_name(folder: Path) -> None:
    process = other_user(["flock", "--shared", str(folder / "GPU-1"), "sleep", "60"])
    wait_until(lambda: f" {process.pid} " in Path("/proc/locks").read_text())
    words = {"pid": process.pid, "user": "nobody", "run": "x", "home": home_mark(MINE)}
    (folder / "GPU-1").write_text(json.dumps(words))
    with pytest.raises(DevicesTaken, match=f"pid {process.pid} "):
        mine(shared=True)
    assert seen(Turns(MINE)).locked, "an agent that offered it would have its runs come back for ever"
    end(process)


def test_a_lock_whose_taker_has_ended_is_that_of_who_has_the_file_open(folder: Path) -> None:
    process = other_user(["sh", "-c", f"exec 9<{folder}/GPU-1; flock 9; echo locked; exec sleep 60"])
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    with pytest.raises(DevicesTaken, match=rf"is locked by pid {process.pid} \(nobody, sleep\), which is not gpurun"):
        mine()
    end(process)


def test_a_run_of_another_user_is_named_with_its_name(folder: Path) -> None:
    with AsOtherUser(theirs) as other:
        assert other.said == "taken"
        with pytest.raises(DevicesTaken, match=rf"gpu0 is held by pid {other.pid} \(nobody, «gpt»\)\.$"):
            mine()
    mine()


@pytest.mark.parametrize("what", ["unlinked", "replaced", "another folder"])
def test_a_held_lock_that_is_removed_still_keeps_others_away(
    folder: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    locks = mine()
    path = folder / "GPU-1"

    def remove_and_take() -> str:
        if what == "another folder":
            folder.rename(folder.with_name("old"))
            folder.mkdir()
            folder.chmod(0o1777)
        else:
            path.unlink()
        if what == "replaced":
            path.touch()
        return theirs()

    if what == "another folder":
        os.chown(folder.parent, OTHER.pw_uid, OTHER.pw_gid)
    says = rf"is held by pid {os.getpid()} \(root, .+\), a run of gpurun, whose lock was removed from {folder}, "
    says += "which belongs to nobody"
    with AsOtherUser(remove_and_take) as other, caplog.at_level(logging.WARNING, "gpurun.agent"):
        turns = Turns(THEIRS)
        assert seen(turns).locked
        assert seen(turns).locked
        turns.close()
    assert re.search(f"^gpu0 {says}", other.said), other.said
    assert len(caplog.records) == 1, "said once"
    assert re.search(says, caplog.messages[0])
    locks.close()  # type: ignore[attr-defined]
    with AsOtherUser(theirs) as other:
        assert other.said == "taken"
    assert not seen(Turns(THEIRS)).locked


def test_a_lock_that_is_replaced_by_one_that_is_held_is_noticed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    locks = mine()
    (folder / "GPU-1").unlink()
    (folder / "GPU-1").touch()
    process = subprocess.Popen(["flock", folder / "GPU-1", "sleep", "60"], start_new_session=True, text=True)
    wait_until(lambda: f" {process.pid} " in Path("/proc/locks").read_text())
    assert seen(Turns(MINE)).locked_by == f"pid {process.pid} (root, flock), which is not gpurun"
    assert f"gpu0 is held by pid {os.getpid()} " in caplog.messages[0]
    assert "whose lock was removed from" in caplog.messages[0]
    locks.close()  # type: ignore[attr-defined]
    end(process)


def test_what_belongs_to_another_is_not_used_to_be_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the directory below /tmp is known, so anybody may take it first."""
    root = Path(tempfile.mkdtemp(prefix="tmp-"))
    root.chmod(0o1777)
    monkeypatch.setattr(presence, "ROOT", root)
    (root / "gpurun-held-0").mkdir()
    os.chown(root / "gpurun-held-0", OTHER.pw_uid, OTHER.pw_gid)
    locks = mine()
    (folder / "GPU-1").unlink()
    with AsOtherUser(theirs) as other:
        assert "whose lock was removed" in other.said
    locks.close()  # type: ignore[attr-defined]
    assert sorted(path.name for path in root.iterdir() if path.is_dir()) == ["gpurun-held-0", "gpurun-held-65534"]
    shutil.rmtree(root)


def test_a_file_that_nobody_else_may_open_is_said_whose_it_is(folder: Path) -> None:
    (folder / "GPU-1").chmod(0o600)
    os.chown(folder / "GPU-1", 0, 0)
    with AsOtherUser(theirs) as other:
        assert f"{folder}/GPU-1 belongs to root, who lets nobody else open it." in other.said
    (folder / "GPU-1").chmod(0o644)
    with AsOtherUser(theirs) as other:
        assert "belongs to root" in other.said


def test_a_holder_outside_this_container_cannot_be_named(folder: Path) -> None:
    locks = mine()
    code = """
from pathlib import Path
from gpurun_jupyter.agent.devices.device_locks import *
from gpurun_jupyter.core.devices import Device
from gpurun_jupyter.core.home import Home
try:
    take([Device("GPU-1", "gpu", 0)], Holder.this_process(Home("/b"), "x"), patience_s=0)
except DevicesTaken as error:
    print(error)
"""
    command = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(done.stderr)
    assert "gpu0 is held by a process that cannot be seen from here, such as one outside this container" in done.stdout
    locks.close()  # type: ignore[attr-defined]


def hide_processes() -> None:
    """As an administrator may: /proc shows one's own processes only. For this process alone."""
    assert ctypes.CDLL(None).unshare(_CLONE_NEWNS) == 0
    for command in ("mount --make-rprivate /", "mount -t proc -o hidepid=2 proc /proc"):
        subprocess.run(command.split(), check=True, capture_output=True)


def test_where_processes_are_hidden_the_pid_is_said(folder: Path) -> None:
    process = subprocess.Popen(["flock", folder / "GPU-1", "sleep", "60"], start_new_session=True, text=True)
    wait_until(lambda: f" {process.pid} " in Path("/proc/locks").read_text())
    with AsOtherUser(theirs, before=hide_processes) as other:
        if "CalledProcessError" in other.said:
            pytest.skip("mount has no hidepid here")
        assert other.said == f"gpu0 is held by pid {process.pid}, of which this system hides the rest."
    end(process)
    wait_until(lambda: not _is_locked(folder / "GPU-1"))
    locks = mine()
    with AsOtherUser(theirs, before=hide_processes) as other:
        assert other.said == f"gpu0 is held by pid {os.getpid()} (somebody), a run of gpurun."
    locks.close()  # type: ignore[attr-defined]


def _is_locked(path: Path) -> bool:
    return subprocess.run(["flock", "--nonblock", path, "true"]).returncode != 0


def test_a_link_speaks_for_nobody(folder: Path) -> None:
    """Or one could say of others that they are at work on a GPU."""
    process = other_user(["flock", "/tmp", "sleep", "60"])
    mark = presence._key(folder, "GPU-1")
    held = Path("/tmp/gpurun-held-forged")
    held.mkdir()
    try:
        (held / f"{mark}.a").symlink_to("/tmp")
        (held / f"{mark}.b").touch()
        with (held / f"{mark}.b").open() as file:
            subprocess.run(["flock", str(file.fileno())], pass_fds=[file.fileno()], check=True)
            os.chown(held, OTHER.pw_uid, OTHER.pw_gid)
            assert presence.present(folder, "GPU-1") == []
    finally:
        end(process)
        shutil.rmtree(held)


def test_unusable_is_not_taken() -> None:
    assert not issubclass(StorageUnusable, DevicesTaken)
