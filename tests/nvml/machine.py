"""A machine whose GPUs are a text file: the fake NVML (fake_nvml.c) reads it, the unmodified pynvml reads that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

GIB = 2**30
_SOURCE = Path(__file__).with_name("fake_nvml.c")


@dataclass
class Process:
    """A process on a GPU, as the driver counts it; `memory` in bytes, None where the driver does not tell."""

    pid: int
    memory: int | None = GIB
    kind: Literal["compute", "graphics"] = "compute"


@dataclass
class Card:
    """A card or, in the `slices` of one, a MIG slice. None: NVML answers NOT_SUPPORTED; a None slice is a hole."""

    uuid: str
    name: str = "Pretend 80GB"
    util: int | None = 0  # percent
    used: int = 0  # bytes
    total: int | None = 80 * GIB  # bytes
    temperature: int | None = 40  # degrees Celsius
    power: int | None = 60_000  # milliwatts
    lost: bool = False
    mig: bool | None = None  # None: a card that knows no MIG
    compute_slices: int | None = None  # of a MIG slice
    slices: list[Card | None] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)


class Machine:
    """Writes the file and says which environment makes a program see it. Change `cards`, then `write()`."""

    def __init__(self, file: Path, library: Path, cards: int = 2) -> None:
        self._file = file
        self._library = library
        self._generation = 1
        self.cards = [Card(f"GPU-{index:08x}-0000-4000-8000-000000000000") for index in range(cards)]
        self.write()

    @property
    def env(self) -> dict[str, str]:
        """Variables that a program needs from its start on."""
        return {"LD_LIBRARY_PATH": str(self._library.parent), "FAKE_NVML": str(self._file)}

    def write(self) -> None:
        """Let the cards be seen as they are now."""
        lines = [f"driver {self._generation}"]
        for number, card in enumerate(self.cards):
            for index, part in enumerate([card, *card.slices]):
                if part is not None:
                    lines += _lines(number, index, part)
        passing = self._file.with_suffix(".new")
        passing.write_text("\n".join(lines) + "\n")
        passing.replace(self._file)

    def unload_driver(self) -> None:
        """As `rmmod nvidia`; `reload_driver` brings it back."""
        self._file.unlink()

    def reload_driver(self) -> None:
        """The driver is a new one: whoever had opened the old one has to open it again."""
        self._generation += 1
        self.write()


def _lines(number: int, index: int, part: Card) -> Iterator[str]:
    figures = [part.util, part.used, part.total, part.temperature, part.power, part.mig, part.compute_slices]
    texts = ["-1" if figure is None else str(int(figure)) for figure in figures]
    state = "lost" if part.lost else "ok"
    yield " ".join(["device", str(number), str(index), state, part.uuid, *texts, part.name])
    for process in part.processes:
        memory = -1 if process.memory is None else process.memory
        yield f"process {number} {index} {process.kind} {process.pid} {memory}"


def build_library(folder: Path, *flags: str) -> Path:
    """Compile the fake NVML into a folder; `-DOLD_DRIVER` makes one that lacks what old drivers lack."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        assert not os.environ.get("CI"), "the tests of NVML need Linux and a C compiler"
        pytest.skip("needs Linux and a C compiler")
    library = folder / "libnvidia-ml.so.1"
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1"]
    linking = ["-shared", "-fPIC", f"-Wl,-soname,{library.name}"]
    subprocess.run([compiler, *warnings, *linking, *flags, "-o", str(library), str(_SOURCE)], check=True)
    return library


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake NVML, built once."""
    return build_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def machine(tmp_path: Path, nvml_library: Path) -> Machine:
    """A machine of two GPUs."""
    return Machine(tmp_path / "gpus.txt", nvml_library)
