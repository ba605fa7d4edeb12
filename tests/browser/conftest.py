"""JupyterLab in Chromium: a real server, a headless browser, and a page driven by JupyterLab's own commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from lab_pages import LabPage, make_lab
from playwright.sync_api import Browser, sync_playwright
from servers import JupyterServer

BROWSER_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; there is no test run without one. (Playwright's event loop must not outlive these tests.)"""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "No Chromium: `make test` installs one, or name yours with CHROMIUM."
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A JupyterLab server."""
    server = make_lab(tmp_path_factory.mktemp("lab")).start()
    yield server
    server.close()


@pytest.fixture
def lab_page(lab: JupyterServer, browser: Browser, request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A page of JupyterLab in a workspace of its own; a failed test leaves a screenshot beside the server's log."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = LabPage(context.new_page(), lab, request.node.name)
    yield page
    page.screenshot("last")
    context.close()
