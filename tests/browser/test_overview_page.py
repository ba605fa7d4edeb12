"""The Overview page on a server with runs, and six pages of it that stay live at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from accessibility import check
from lab_pages import LabPage, make_lab, new_page
from playwright.sync_api import Browser, expect
from servers import JupyterServer

OVERVIEW = ".gpurun-overview"
TABS = 6

#: A run at work, one that has failed, and the best of a project.
HOLD = "import time, pathlib\nwhile not pathlib.Path({stop!r}).exists(): time.sleep(.05)"
REPORT = "from gpurun_jupyter import report; report.log(val_acc={acc})"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of JupyterLab with both CPU slots taken and a run that waits."""
    with closing(make_lab(tmp_path_factory.mktemp("overview"), base_url="/x/y/").start()) as lab:
        for name, acc in (("poor", 0.6), ("good", 0.9)):
            lab.wait(lab.submit(REPORT.format(acc=acc), name=name, project="digits"))
        lab.wait(lab.submit("raise ValueError('no such data')", name="broken"))
        for number in range(2):
            lab.wait(lab.submit(HOLD.format(stop=str(lab.folder / "stop")), name=f"holder{number}"), "running")
        lab.submit("1", name="patient")
        yield lab


@pytest.fixture
def overview(filled: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    with new_page(browser, filled, "overview") as page:
        yield page


def test_it_shows_who_uses_what_and_comes_back_with_the_layout(filled: JupyterServer, overview: LabPage) -> None:
    lab_page, page = overview, overview.page
    lab_page.open_lab()
    page.locator(".jp-LauncherCard", has_text="Overview").click()
    bar = page.locator(f"{OVERVIEW} .gpurun-attempt")
    expect(bar.filter(has_text="holder0")).to_have_attribute("data-state", "running", timeout=20_000)
    expect(bar.filter(has_text="broken")).to_have_attribute("data-state", "failed")
    expect(page.locator(f"{OVERVIEW} .gpurun-overview-load")).to_have_text("2/2 CPU slots · 1 waiting · 2 runs at work")
    cards = {
        "What waits": "waits for a CPU slot",
        "Projects": "val_acc 0.900 good",
        "Use of the devices": "cpu0",
        "Machines": "healthy",
        "Runs that are over": "Succeeded",
        "Storage": str(filled.home),
    }
    for title, words in cards.items():
        card = page.locator(".gpurun-card").filter(has=page.get_by_role("heading", name=title))
        expect(card).to_contain_text(words)
    page.get_by_text("As a table").click()
    expect(page.locator(f"{OVERVIEW} details table tbody tr")).to_have_count(5)
    for theme in ("Dark", "Light"):
        lab_page.set_theme(theme)
        check(page, OVERVIEW)
        lab_page.screenshot(theme)
    page.get_by_role("button", name="Day").click()
    expect(page.get_by_role("button", name="Day")).to_have_attribute("aria-pressed", "true")
    page.locator(f"{OVERVIEW} details .gpurun-run-link", has_text="good").click()
    expect(page.locator(".jp-MainAreaWidget .gpurun-view")).to_contain_text("good")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    page.evaluate("jupyterapp.restored.then(() => jupyterapp.shell.activateById('gpurun-overview'))")
    with page.expect_response(lambda answer: "/lab/api/workspaces" in answer.url and answer.request.method == "PUT"):
        lab_page.command("gpurun:show-panel")
    page.goto(f"{filled.url}lab/workspaces/overview", wait_until="domcontentloaded")
    expect(page.locator(f"{OVERVIEW} .gpurun-attempt").first).to_be_visible(timeout=60_000)
    assert lab_page.errors == []


def test_six_tabs_stay_live(filled: JupyterServer, browser: Browser) -> None:
    """A browser has six connections to a host over HTTP/1.1; with two streams a tab, the fourth would hang."""
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    pages = []
    for number in range(TABS):
        tab = LabPage(context.new_page(), filled, f"tab{number}")
        tab.open_lab()
        tab.command("gpurun:show-panel")
        expect(tab.page.locator(".gpurun-run", has_text="patient")).to_be_visible(timeout=20_000)
        pages.append(tab)
    Path(filled.folder / "stop").touch()
    filled.wait("patient")
    last = filled.submit("1", name="the-last")
    for tab in pages:
        row = tab.page.locator(f".gpurun-run[data-run-id={last}]")
        expect(row).to_have_attribute("data-state", "succeeded", timeout=10_000)
        status = tab.page.evaluate("fetch('/x/y/gpurun/api/v1/status').then(answer => answer.status)")
        assert status == 200
    assert [tab.errors for tab in pages] == [[]] * TABS
    context.close()
