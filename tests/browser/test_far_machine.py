"""Another machine as somebody at the browser has it: it joins, a cell runs there, the cable to it is cut and healed.

The machine is a network namespace, and reaches the server by the cable alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from accessibility import check
from cable import Cable
from lab_pages import LabPage, make_lab
from machines import Machine
from playwright.sync_api import Browser, Locator, expect
from servers import wait_until

#: How soon a machine is to be seen after the line was typed there; on top come two interpreters that start.
SEEN_WITHIN_S = 3.0
LOAD = "%load_ext gpurun_jupyter"
#: A bar, and numbered lines until the file is there.
CODE = """%%gpurun --on far --name far-run
import time
from pathlib import Path
from tqdm import tqdm
stop = Path({stop!r})
with tqdm(total=1000, desc="epoch") as bar:
    n = 0
    while not stop.exists():
        print("line", n, flush=True)
        n += 1
        bar.update(1)
        time.sleep(0.05)
    bar.update(1000 - n)
print("the last line")
n"""


class Scene:
    """The page, and what is at the other end of the cable."""

    def __init__(self, lab_page: LabPage, cable: Cable, machine: Machine) -> None:
        self.lab_page, self.cable, self.machine = lab_page, cable, machine
        self.page, self.lab, self.view = lab_page.page, lab_page.lab, lab_page.view
        self.stop = machine.folder / "stop"

    def row(self, name: str = "far") -> Locator:
        """A machine in the sidebar."""
        return self.page.locator(f".gpurun-agent[data-agent={name}]")

    def joining_line(self) -> str:
        """What is on the clipboard after a click on Copy, as it comes out where somebody pastes it."""
        self.page.locator(".gpurun-add-machine").click()
        self.page.locator(".jp-Dialog").get_by_role("button", name="Copy").click()
        editor = self.page.locator(".jp-Notebook .cm-content").nth(2)
        editor.click()
        self.page.keyboard.press("Control+v")
        expect(editor).not_to_be_empty()
        return editor.inner_text()


@pytest.fixture(scope="module")
def scene(cable: Cable, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("far")
    lab = make_lab(folder / "lab", ip=cable.here).start()
    machine = Machine(folder / "machine", before=cable.inside)
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    made = Scene(LabPage(context.new_page(), lab, "far"), cable, machine)
    made.lab_page.open_notebook(LOAD, CODE.format(stop=str(made.stop)), "")
    made.lab_page.command("gpurun:show-panel")
    yield made
    made.lab_page.screenshot("last")
    context.close()
    cable.heal()
    machine.close()
    lab.close()


def test_a_machine_is_seen_soon_after_the_line_was_pasted_there(scene: Scene) -> None:
    line = scene.joining_line()
    assert line.startswith(f"gpurun agent join {scene.lab.url} --token ")
    scene.machine.url = scene.lab.url
    starting_s = _seconds_of(scene.machine, "python -c 'import gpurun_jupyter.agent.remote.__main__'")
    typed_at = time.monotonic()
    typed = scene.machine.types(f"{line} --name far --cpu-slots 1")
    expect(scene.row()).to_be_visible(timeout=30_000)
    seen_s = time.monotonic() - typed_at
    said, _ = typed.communicate(timeout=30)
    print(f"seen after {seen_s:.2f} s, of which an interpreter takes {starting_s:.2f} s to start, twice")
    assert typed.returncode == 0, said
    assert seen_s - 2 * starting_s < SEEN_WITHIN_S
    assert scene.row().get_attribute("data-health") == "healthy"


def test_a_cut_is_said_and_after_it_the_view_catches_up(scene: Scene) -> None:
    page, view, lab = scene.page, scene.view, scene.lab
    scene.lab_page.run_cell(0)
    scene.lab_page.cell_ended(0)
    scene.lab_page.run_cell(1)
    scene.lab_page.is_live(10)
    expect(view).to_contain_text("running on far:cpu0")
    bar = view.locator(".gpurun-bar", has_text="epoch")
    before = _done(bar)
    wait_until(lambda: _done(bar) > before + 5, what="for the bar to move")
    expect(view).not_to_contain_text("behind")
    run_row = page.locator(".gpurun-run", has_text="far-run")

    scene.cable.cut()
    cut_at = time.monotonic()
    expect(view).to_contain_text(re.compile(r"behind by 0:\d\d, output continues on the machine"), timeout=15_000)
    said_s = time.monotonic() - cut_at
    expect(scene.row()).to_contain_text(re.compile(r"behind by|silent for"))
    expect(run_row).to_contain_text(re.compile(r"behind by 0:\d\d"))
    expect(view).to_have_attribute("data-state", "running")
    stands = scene.lab_page.line_count()
    check(page, ".gpurun-panel")
    scene.lab_page.screenshot("cut")

    scene.cable.heal()
    healed_at = time.monotonic()
    wait_until(lambda: scene.lab_page.line_count() > stands + 40, 30, "for the view to catch up")
    caught_up_s = time.monotonic() - healed_at
    expect(view).not_to_contain_text("behind", timeout=10_000)
    expect(scene.row().locator(".gpurun-health")).to_have_count(0, timeout=10_000)
    expect(run_row).not_to_contain_text("behind")
    scene.stop.touch()
    run = lab.wait("far-run")
    expect(view).to_have_attribute("data-state", "succeeded", timeout=30_000)
    expect(view).to_contain_text("the last line")
    print(f"said {said_s:.1f} s after the cut, caught up {caught_up_s:.1f} s after it was healed")

    count = len([line for line in lab.log("far-run").splitlines() if line.startswith("line ")])
    printed = [line for line in scene.lab_page.output().splitlines() if line.startswith("line ")]
    assert printed == [f"line {n}" for n in range(count)]
    scene.lab_page.cell_ended(1)
    assert page.locator(".jp-Notebook .jp-OutputArea-executeResult").inner_text().endswith(str(count))
    (ended,) = run["progress"]["bars"]
    assert (ended["done"], ended["total"]) == (1000, 1000)
    states = [change["after"] for change in lab.http.get(f"runs/{run['id']}/history").json()["history"]]
    assert (states[-2:], "lost" in states, run["attempt"]) == (["running", "finished"], False, 1)
    assert scene.lab_page.errors == []


def _seconds_of(machine: Machine, line: str) -> float:
    begun = time.monotonic()
    assert machine.types(line).wait(30) == 0
    return time.monotonic() - begun


def _done(bar: Locator) -> int:
    found = re.search(r"(\d+)/1000", bar.inner_text())
    return int(found[1]) if found else 0
