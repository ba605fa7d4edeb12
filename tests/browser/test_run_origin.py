"""Where a run comes from: its page names the notebook and the cell, and leads there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessibility import check
from lab_pages import LabPage, new_page
from playwright.sync_api import Browser, Locator, expect
from servers import JupyterServer

ACTIVE_CELL = "cell => jupyterapp.shell.currentWidget?.content?.activeCell?.model.id === cell"


@pytest.fixture(scope="module")
def lab_page(lab_below: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    """One page for all tests of this file."""
    with new_page(browser, lab_below, "shown") as page:
        page.open_lab()
        yield page


def open_page(lab_page: LabPage, run_id: str) -> Locator:
    lab_page.command("gpurun:open-run", {"run": run_id})
    return lab_page.page.locator(f"#gpurun-run-{run_id}")


def test_it_names_its_cell_as_a_link(lab_page: LabPage, lab_below: JupyterServer) -> None:
    fillers = [f"# cell {n}\n" + "\n" * 30 for n in range(8)]
    lab_page.open_notebook(
        "%load_ext gpurun_jupyter", "%%gpurun --name from-a-cell\n\nprint('hello')", *fillers, anew=True
    )
    for index in (0, 1):
        lab_page.run_cell(index)
        lab_page.cell_ended(index)
    lab_page.save()
    lab_page.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")
    run = lab_below.run("from-a-cell")
    page = open_page(lab_page, run["id"])
    link = page.get_by_role("link", name="shown.ipynb, cell “print('hello')”")
    cell = run["spec"]["origin"]["cell"]
    expect(link).to_have_attribute("href", re.compile(f"/lab/tree/shown.ipynb#cell-id={cell}$"))
    check(lab_page.page, f"#gpurun-run-{run['id']}")
    link.click()
    lab_page.page.wait_for_function(ACTIVE_CELL, arg=cell, timeout=30_000)
    expect(lab_page.page.locator(".jp-Notebook .jp-Cell").nth(1)).to_be_in_viewport()
    lab_page.page.evaluate("() => { const n = jupyterapp.shell.currentWidget.content; n.activeCellIndex = 9; }")
    lab_page.command("notebook:scroll-cell-center")
    lab_page.command("gpurun:open-run", {"run": run["id"]})
    link.click()
    expect(lab_page.page.locator(".jp-Notebook .jp-Cell").nth(1)).to_be_in_viewport()
    lab_page.page.evaluate("() => { const n = jupyterapp.shell.currentWidget; n.model.sharedModel.deleteCell(1); }")
    lab_page.command("gpurun:open-run", {"run": run["id"]})
    link.click()
    expect(page.locator(".gpurun-origin")).to_contain_text("the notebook has no such cell any more")
    lab_page.page.evaluate("() => jupyterapp.shell.currentWidget.dispose()")
    lab_page.file.unlink()
    lab_page.command("gpurun:open-run", {"run": run["id"]})
    link.click()
    expect(page.locator(".gpurun-origin")).to_contain_text("not there any more")


def test_where_the_notebook_is_not_it_says_so(lab_page: LabPage, lab_below: JupyterServer) -> None:
    for notebook, words in (
        ("/somewhere/else.ipynb", "From else.ipynb, cell “1” (not among the files of this server)"),
        (str(lab_below.folder / "files" / "gone.ipynb"), "From gone.ipynb, cell “1” (not there any more)"),
    ):
        run_id = lab_below.submit("1", origin={"notebook": notebook, "cell": "c1"})
        lab_below.wait(run_id)
        page = open_page(lab_page, run_id)
        expect(page.locator(".gpurun-origin")).to_have_text(words)
        assert page.locator(".gpurun-origin a").inner_text() == ""
