"""JupyterLab in Chromium: a real server, a headless browser, and a page driven by JupyterLab's own commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing

import pytest
from lab_pages import VIEWPORT, LabPage, make_lab
from playwright.sync_api import Browser, Page, sync_playwright
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
    with closing(make_lab(tmp_path_factory.mktemp("lab")).start()) as server:
        yield server


@pytest.fixture(scope="session")
def lab_below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """Another, below a path of its own, as behind a proxy. A test that kills it starts it again."""
    with closing(make_lab(tmp_path_factory.mktemp("below"), base_url="/x/y/").start()) as server:
        yield server


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One page for a file's tests: loading JupyterLab takes longer than most of them."""
    with browser.new_context(viewport=VIEWPORT) as context:
        yield context.new_page()


@pytest.fixture
def lab_page(lab: JupyterServer, tab: Page, request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A page of JupyterLab with a notebook of its own; a test leaves a screenshot beside the server's log."""
    page = LabPage(tab, lab, request.node.name)
    yield page
    page.screenshot("last")
