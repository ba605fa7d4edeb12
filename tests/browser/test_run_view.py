"""The view under a cell outlives page, kernel and server: each time it has the whole output, once, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab_pages import COUNTING, READY, LabPage, NotebookPage, new_page
from playwright.sync_api import Browser, Page, expect
from servers import TOKEN, JupyterServer, wait_until

LOAD = "%load_ext gpurun_jupyter"
STUBBORN = """import time
while True:
    try:
        print("on", flush=True)
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass"""


class Counting:
    """A cell whose run goes on until `end` is called."""

    def __init__(self, page: LabPage, options: str = "") -> None:
        self.page = page
        self.name = page.name
        self._stop = page.lab.folder / f"stop-{page.name}"
        self.cell = f"%%gpurun --name {self.name} {options}\n{COUNTING.format(stop=str(self._stop))}"

    def end(self) -> None:
        """Let it end, and see that the view has all of it, once."""
        self._stop.touch()
        self.page.lab.wait(self.name)
        expect(self.page.view).to_have_attribute("data-state", "succeeded", timeout=30_000)
        expect(self.page.view).to_contain_text("the last line")
        log = self.page.lab.log(self.name)
        assert self.page.output() == log
        assert self.page.line_count() == log.count("\n")


@pytest.fixture(scope="module", params=["lab_below", pytest.param("lab", marks=pytest.mark.long)])
def lab_at(request: pytest.FixtureRequest) -> JupyterServer:
    """JupyterLab at the root of its address and below it."""
    server: JupyterServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def page(lab_at: JupyterServer, tab: Page, request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A page of it; a test leaves a screenshot beside the server's log."""
    opened = LabPage(tab, lab_at, request.node.name)
    yield opened
    opened.screenshot("last")


def start(page: LabPage, options: str = "", *more: str, anew: bool = False) -> Counting:
    """Run a counting cell in a new notebook; returns when it is live, and saved."""
    counting = Counting(page, options)
    page.open_notebook(LOAD, counting.cell, *more, anew=anew)
    page.run_cell(0)
    page.cell_ended(0)
    page.run_cell(1)
    page.is_live()
    page.save()
    return counting


def test_page(page: LabPage) -> None:
    counting = start(page, anew=True)
    page.reload()
    page.is_live()
    page.command("application:close")
    expect(page.view).to_have_count(0)
    page.command("docmanager:open", {"path": page.file.name})
    page.is_live()
    counting.end()
    assert page.errors == []


def test_kernel(page: LabPage) -> None:
    counting = start(page, "", "import time\nfor _ in range(30): time.sleep(0.1)")
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.page.wait_for_function(READY, timeout=60_000)
    page.is_live()
    page.run_cell(2)
    page.is_live(20)
    assert page.page.locator(".jp-InputPrompt").nth(2).inner_text() == "[*]:"  # all this while it was busy
    page.cell_ended(2)
    counting.end()
    page.save()
    without_a_kernel(page)
    expect(page.view).to_have_attribute("data-state", "succeeded", timeout=60_000)
    assert page.output() == page.lab.log(counting.name)


def without_a_kernel(page: LabPage) -> None:
    """Open the saved notebook where its kernel cannot be had."""
    saved = json.loads(page.file.read_text())
    saved["metadata"]["kernelspec"]["name"] = "not-here"
    page.file.write_text(json.dumps(saved))
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    url = f"{page.lab.url}lab/workspaces/again/tree/{page.file.name}?reset&token={TOKEN}"
    page.page.goto(url, wait_until="domcontentloaded")


def test_server(page: LabPage) -> None:
    counting = start(page)
    page.lab.kill()
    try:
        expect(page.view).to_contain_text("reconnecting, output continues on the machine", timeout=10_000)
    finally:
        page.lab.start()
    expect(page.view).not_to_contain_text("reconnecting", timeout=30_000)
    page.is_live()
    counting.end()


def test_detached(page: LabPage) -> None:
    counting = start(page, "--detach", "import time; time.sleep(1.5)")
    page.cell_ended(1)
    page.run_cell(2)
    page.is_live(20)
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.is_live()
    counting.end()


def test_stop_then_kill(page: LabPage) -> None:
    page.open_notebook(LOAD, f"%%gpurun --name stubborn --detach\n{STUBBORN}")
    page.run_cell(0)
    page.cell_ended(0)
    page.run_cell(1)
    page.is_live()
    button = page.view.locator(".gpurun-button-stop")
    button.focus()
    page.page.keyboard.press("Enter")
    expect(button).to_have_text("Kill", timeout=10_000)
    expect(page.view).to_contain_text("interrupted, stopping on")
    button.click()
    expect(page.view).to_have_attribute("data-state", "cancelled", timeout=20_000)
    expect(button).to_be_hidden()


FLOOD = """import sys, time
begun = time.perf_counter()
for part in range(500):
    sys.stdout.write("".join(f"line {part * 1000 + n} of a flood\\n" for n in range(1000)))
    time.sleep(max(0.0, begun + (part + 1) / 100 - time.perf_counter()))"""
ANSWERS = """() => {
  window.answers = [];
  document.addEventListener('click', at => setTimeout(() => answers.push(performance.now() - at.timeStamp)), true);
}"""


@pytest.mark.long
def test_a_flood_of_lines_leaves_the_page_alive(page: LabPage) -> None:
    page.open_notebook(LOAD, f"%%gpurun --name flood --detach\n{FLOOD}")
    page.run_cell(0)
    page.cell_ended(0)
    page.page.evaluate(ANSWERS)
    page.run_cell(1)
    expect(page.view).to_have_attribute("data-state", "running", timeout=30_000)
    while page.view.get_attribute("data-state") == "running":
        page.page.mouse.click(600, 880)
    expect(page.view).to_contain_text("line 499999 of a flood", timeout=20_000)
    wait_until(lambda: page.line_count() == 500_000, what="for the right count")
    assert max(page.page.evaluate("answers")) < 750  # benchmarks/view.py measures it; this machine may be busy


@pytest.mark.long
def test_a_long_log_is_shown_from_its_end(page: LabPage) -> None:
    page.open_notebook("1")
    run = page.lab.submit(FLOOD.replace("range(500)", "range(1000)").replace("time.sleep", "abs"), name="long-log")
    page.lab.wait(run, timeout_s=120)
    page.command("gpurun:open-run", {"run": run})
    log = page.page.locator(".jp-MainAreaWidget .gpurun-tab-output")
    expect(log).to_contain_text("line 999999 of a flood", timeout=5_000)
    expect(log.locator(".gpurun-log-count")).to_have_text("1,000,000 lines", timeout=20_000)
    whole = log.get_by_role("link", name="whole output")
    assert page.page.request.get(str(whole.get_attribute("href"))).text().count("\n") == 1_000_000


@pytest.fixture
def notebook7(lab_below: JupyterServer, browser: Browser) -> Iterator[NotebookPage]:
    """A page of Notebook 7."""
    pytest.importorskip("notebook")
    with new_page(browser, lab_below, "notebook7", NotebookPage) as page:
        yield page


def test_notebook_7(notebook7: NotebookPage) -> None:
    page = notebook7
    counting = start(page)
    page.reload()
    page.is_live()
    page.page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.is_live()
    counting.end()
    with page.page.context.expect_page() as opened:
        page.view.get_by_role("button", name="Open all").click()
    expect(opened.value.locator(".gpurun-tab-output")).to_contain_text("the last line", timeout=40_000)
    page.screenshot("opened")
