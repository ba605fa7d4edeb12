"""Every page, in JupyterLab as old as pyproject.toml allows, the installed one and one between; and in Notebook 7."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from foreign.environments import LABS, programs_with_lab
from lab_pages import LabPage, NotebookPage, make_lab, new_page
from playwright.sync_api import Browser, Locator, Page, expect
from servers import BIN, TOKEN, JupyterServer, wait_until

TRAIN = """from gpurun_jupyter import report
for step in range(30):
    report.log(step=step, loss=1 / (1 + {rate} * step))
Path = __import__("pathlib").Path
Path("model.pt").write_text("weights")
report.save_model("model.pt", name="digits")
print("trained")"""
CELLS = ("%load_ext gpurun_jupyter", "%%gpurun --name of-a-cell\nprint('in a cell')")

#: How far the chevron of each select in sight stands out of it, in pixels.
CHEVRONS = """() => [...document.querySelectorAll('.jp-HTMLSelect:has(svg)')].filter(select => select.checkVisibility())
  .map(select => {
    const box = select.getBoundingClientRect(), mark = select.querySelector('svg').getBoundingClientRect();
    return Math.max(0, box.left - mark.left, mark.right - box.right, box.top - mark.top, mark.bottom - box.bottom);
  })"""
#: The entries of the palette that are about runs on GPUs.
PALETTE = """() => [...document.querySelectorAll('.lm-CommandPalette-itemLabel')].map(item => item.textContent)
  .filter(text => /gpu runs/i.test(text))"""


class Filled(NamedTuple):
    """A server with two runs of one cell, the second better, each of which saved a model."""

    lab: JupyterServer
    runs: list[str]


@pytest.fixture(scope="module", params=[*(pytest.param(one, marks=pytest.mark.long) for one in LABS), "installed"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Below a path of its own, as behind a proxy."""
    programs = BIN
    if request.param in LABS:
        programs = programs_with_lab(request.param, request.getfixturevalue("wheel"))
    folder = tmp_path_factory.mktemp(f"lab-{request.param}")
    with closing(make_lab(folder, base_url="/x/y/", programs=programs).start()) as lab:
        origin = {"notebook": "train.ipynb", "cell": "c1"}
        runs = [
            lab.submit(TRAIN.format(rate=rate), name="train", origin=origin, env={"RATE": str(rate)}) for rate in (1, 2)
        ]
        for run in runs:
            lab.wait(run)
        (folder / "files" / "lr.gpurun.yaml").write_text("code: print(1)\nname: from-a-file\n")
        yield Filled(lab, runs)


def complaints(page: Page) -> list[str]:
    """What the console says of gpurun from now on; JupyterLab and other extensions have faults of their own."""
    said: list[str] = []
    page.on("console", lambda line: said.append(line.text) if "gpurun" in line.location["url"] + line.text else None)
    page.on("pageerror", lambda error: said.append(str(error)) if "gpurun" in f"{error} {error.stack}" else None)
    return said


def run_the_cell(page: LabPage) -> None:
    page.open_notebook(*CELLS, anew=True)
    page.run_cell(0)
    page.cell_ended(0)
    page.run_cell(1)
    page.cell_ended(1)
    expect(page.view).to_have_attribute("data-state", "succeeded", timeout=20_000)
    expect(page.view).to_contain_text("in a cell")


def palette(page: LabPage) -> list[str]:
    page.command("apputils:activate-command-palette")
    page.page.keyboard.type("gpu runs")
    found = wait_until(lambda: page.page.evaluate(PALETTE), what="for the palette")
    page.page.keyboard.press("Escape")
    return [str(label) for label in found]


def test_jupyterlab(filled: Filled, browser: Browser) -> None:
    with new_page(browser, filled.lab, "all-pages") as lab:
        page, said = lab.page, complaints(lab.page)
        run_the_cell(lab)
        assert palette(lab) == ["Show GPU Runs"]
        lab.command("gpurun:show-panel")
        expect(page.locator("#gpurun-panel .gpurun-run").first).to_contain_text("of-a-cell")
        expect(page.locator(".gpurun-status")).to_contain_text("CPU slots")
        lab.screenshot("cell")
        for name, (command, args, seen) in pages(filled).items():
            lab.command(command, args)
            expect(page.locator(seen).filter(visible=True).first).to_be_visible(timeout=20_000)
            assert all(out < 1 for out in page.evaluate(CHEVRONS)), name
            lab.screenshot(name)
        assert said == []


def pages(filled: Filled) -> dict[str, tuple[str, dict[str, object], str]]:
    """By name: the command that opens a page, its arguments, and what is seen on it."""
    run = filled.runs[1]
    return {
        "overview": ("gpurun:open-overview", {}, ".gpurun-overview .gpurun-attempt"),
        "runs": ("gpurun:open-runs", {}, ".gpurun-runspage [role=gridcell] >> text=train"),
        "compare": ("gpurun:compare-runs", {"runs": filled.runs}, ".gpurun-comparepage canvas"),
        "model": ("gpurun:open-model", {"name": "digits"}, "#gpurun-model-digits >> text=model.pt"),
        "launch": ("gpurun:open-launch", {}, ".gpurun-launch .cm-content >> text=train.py"),
        "launch-file": ("gpurun:open-launch", {"path": "lr.gpurun.yaml"}, ".gpurun-launch-told >> text=print(1)"),
        "output": ("gpurun:open-run", {"run": run}, ".gpurun-tab-output >> text=trained"),
        "charts": ("gpurun:open-run", {"run": run, "tab": "charts"}, ".gpurun-tab-charts canvas"),
        "files": ("gpurun:open-run", {"run": run, "tab": "files"}, ".gpurun-tab-files >> text=model.pt"),
        "config": ("gpurun:open-run", {"run": run, "tab": "config"}, ".gpurun-tab-config .cm-content >> text=rate"),
        "diff": ("gpurun:open-run", {"run": run, "tab": "compare"}, ".gpurun-tab-compare .cm-changedLine"),
        "history": ("gpurun:open-run", {"run": run, "tab": "history"}, ".gpurun-tab-history >> text=finished"),
    }


@pytest.fixture
def notebook7(filled: Filled, browser: Browser) -> Iterator[NotebookPage]:
    """A page of Notebook 7."""
    with new_page(browser, filled.lab, "notebook7", NotebookPage) as page:
        yield page


def tab_of(page: LabPage, open_it: Callable[[], object], seen: str, picture: str = "") -> Page:
    """The tab of the browser that this opens."""
    with page.page.context.expect_page() as opened:
        open_it()
    tab = opened.value
    expect(tab.locator(seen).filter(visible=True).first).to_be_visible(timeout=40_000)
    if picture:
        tab.screenshot(path=Path(page.screenshot("notebook")).with_name(f"notebook7-{picture}.png"))
    return tab


def test_notebook_7_opens_pages_in_tabs_of_the_browser(filled: Filled, notebook7: NotebookPage) -> None:
    said = complaints(notebook7.page)
    run_the_cell(notebook7)
    assert palette(notebook7) == ["Show GPU runs"]  # Notebook's own
    for name, (command, args, seen) in pages(filled).items():
        tab = tab_of(notebook7, lambda c=command, a=args: notebook7.command(c, a), seen, name)  # type: ignore[misc]
        tab.close()
    assert said == []


def test_notebook_7_each_control_works_or_is_not_there(filled: Filled, notebook7: NotebookPage) -> None:
    page = notebook7.page
    run_the_cell(notebook7)
    output = ".gpurun-tab-output >> text=in a cell"
    tab_of(notebook7, lambda: notebook7.view.get_by_role("button", name="Open", exact=True).click(), output).close()
    tab_of(notebook7, lambda: notebook7.view.get_by_role("button", name="Rerun").click(), output).close()
    notebook7.command("gpurun:show-panel")
    row = page.locator("#gpurun-panel .gpurun-run-open", has_text="of-a-cell").first
    tab = tab_of(notebook7, row.click, output)
    assert_all_work(tab.locator(".gpurun-tools button"))
    assert tab.title() == "of-a-cell"
    tab.reload()
    expect(tab.locator(output).first).to_be_visible(timeout=40_000)
    with tab.context.expect_page() as opened:
        tab.get_by_role("link", name="notebook7.ipynb").click()
    opened.value.wait_for_url("**/notebooks/notebook7.ipynb#cell-id=*")
    opened.value.close()
    with tab.expect_event("close"):
        tab.get_by_role("button", name="Delete").click()
        tab.get_by_role("dialog").get_by_role("button", name="Delete").click()

    page.get_by_role("button", name="Insert these cells").click()
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)
    page.goto(f"{filled.lab.url}tree?token={TOKEN}")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget")
    notebook7.command("gpurun:show-panel")
    expect(row).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Insert these cells")).to_have_count(0)  # there is no notebook


def test_notebook_7_tabs_lead_to_tabs(filled: Filled, notebook7: NotebookPage) -> None:
    notebook7.open_notebook("1")
    write_new = {"yaml": "code: print('now')\n"}
    tab = tab_of(
        notebook7, lambda: notebook7.command("gpurun:open-launch", write_new), ".gpurun-launch-told >> text=1 run"
    )
    tab.get_by_role("button", name="Save…").click()
    tab.locator(".jp-Dialog input").fill("written")
    with tab.expect_event("close"), tab.context.expect_page() as opened:
        tab.locator(".jp-Dialog .jp-mod-accept").click()
    expect(opened.value.locator(".gpurun-launch .cm-content")).to_contain_text("print('now')", timeout=40_000)
    assert opened.value.url.endswith("/edit/written.gpurun.yaml")
    tab = tab_of(notebook7, lambda: notebook7.command("gpurun:open-runs"), ".gpurun-runspage [role=gridcell]")
    with tab.context.expect_page() as opened:
        tab.get_by_role("row", name="train").first.dblclick()
    expect(opened.value.locator(".gpurun-tab-output")).to_contain_text("trained", timeout=40_000)


def assert_all_work(buttons: Locator) -> None:
    assert buttons.count() > 2
    for button in buttons.all():
        expect(button).to_be_enabled()


def test_an_address_opens_pages_and_does_nothing_else(filled: Filled, notebook7: NotebookPage) -> None:
    page, reruns = notebook7.page, []
    page.on("request", lambda request: reruns.append(request.url) if request.url.endswith("/rerun") else None)
    asked = f"edit?gpurun=rerun-run&args=%7B%22run%22%3A%22{filled.runs[0]}%22%7D"
    page.goto(f"{filled.lab.url}{asked}&token={TOKEN}")
    page.wait_for_function("window.jupyterapp?.commands.hasCommand('gpurun:rerun-run')")
    page.evaluate("() => jupyterapp.started.then(() => new Promise(resolve => setTimeout(resolve)))")
    assert reruns == []
