"""Watched folders: which are watched, and that nothing written meanwhile is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gpurun_jupyter.core.home import Home
from gpurun_server import watching
from gpurun_server.store.folders.plain_files import PlainRun


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_MS", 50)


def put(folder: Path, name: str) -> None:
    (folder / "project").mkdir(parents=True, exist_ok=True)
    (folder / "project" / f"{name}.csv").write_text("step,loss\n1,0.5\n")


def seen_in(
    state: Path, folders: list[Path], wanted: set[str], meanwhile: Callable[[str], None] = lambda name: None
) -> set[str]:
    """The names of the runs that were looked at, until all that are wanted were; `meanwhile` hears each of them."""
    seen = set[str]()

    def look(run: PlainRun) -> None:
        seen.add(run.name)
        meanwhile(run.name)

    async def watch(threads: ThreadPoolExecutor) -> None:
        importer: Any = SimpleNamespace(open={}, look=look)
        watch = watching.Watch(Home(state), [str(folder) for folder in folders], importer, threads)
        watch.start()
        for _ in range(100):
            if wanted <= seen:
                break
            await asyncio.sleep(0.05)
        await watch.close()

    state.mkdir()
    with ThreadPoolExecutor() as threads:
        asyncio.run(watch(threads))
    return seen


def test_a_folder_that_comes_later_is_watched_beside_one_that_was_there(tmp_path: Path) -> None:
    there, later = tmp_path / "there", tmp_path / "later"
    put(there, "first")
    seen = seen_in(tmp_path / "state", [there, later], {"first", "second"}, lambda _: put(later, "second"))
    assert seen == {"first", "second"}


def test_what_is_written_during_the_first_look_is_not_missed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    put(folder, "first")
    seen = seen_in(tmp_path / "state", [folder], {"first", "second"}, lambda _: put(folder, "second"))
    assert seen == {"first", "second"}
