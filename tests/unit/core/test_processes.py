"""Processes are known again, whatever happens to the clock."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import psutil
import pytest

from gpurun_jupyter.core.system.processes import Identity


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere psutil does not add the boot's time")
@pytest.mark.parametrize("seconds", [-1.0, 3600.0])
def test_a_clock_that_is_set_makes_no_other_process(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    before, booted = Identity.of(os.getpid()), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + seconds)
    assert before.alive()
    assert Identity.of(os.getpid()).created == pytest.approx(before.created, abs=0.001)


def test_another_process_of_this_number_is_another() -> None:
    me = Identity.of(os.getpid())
    assert not msgspec.structs.replace(me, created=me.created - 1).alive()
    assert not msgspec.structs.replace(me, boot="of before").alive()


def test_who_has_ended_is_not_alive_even_if_nobody_asked_how() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = Identity.of(child.pid)
    assert identity.alive()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert not identity.alive()
    child.communicate()
    assert not identity.alive()
