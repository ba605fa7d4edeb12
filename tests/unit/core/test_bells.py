from __future__ import annotations

import os
import select
from pathlib import Path

from gpurun_jupyter.core.system.bells import Bell, listeners, ring


def test_every_listener_hears_each_ring_once(tmp_path: Path) -> None:
    first, second = Bell(tmp_path, "first"), Bell(tmp_path, "second")
    assert ring(tmp_path, "queue", "run k3f9x2ab") == 2
    ring(tmp_path, "queue")
    assert first.read() == second.read() == {"queue", "run k3f9x2ab"}
    assert first.read() == set()
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_listener_that_died_is_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "server-1.fifo")
    assert ring(tmp_path, "queue") == 0
    assert listeners(tmp_path, "server") == 0
    bell = Bell(tmp_path, "server-2")
    assert listeners(tmp_path, "server") == 1
    bell.close()


def test_a_full_bell_never_blocks_and_wakes_its_listener(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "deaf")
    for number in range(20_000):
        ring(tmp_path, f"log {number:08}")
    assert select.select([bell], [], [], 0)[0] == [bell]
    assert "log 00000000" in bell.read()
    bell.close()
