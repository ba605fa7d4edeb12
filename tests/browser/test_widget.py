"""The ipywidget, where the lab extension is absent: it shows live output and progress too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab_pages import TRAINING, LabPage
from playwright.sync_api import Browser, expect
from servers import JupyterServer


@pytest.fixture
def plain_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab with our lab extension disabled."""
    folder = tmp_path_factory.mktemp("plain")
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"disabledExtensions": {"gpurun-lab": True}}))
    server = JupyterServer(folder, app="lab", options=("--LabApp.expose_app_in_browser=True",)).start()
    yield server
    server.close()


def test_the_widget_is_live_without_the_extension(plain_lab: JupyterServer, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    lab_page = LabPage(context.new_page(), plain_lab, "widget")
    lab_page.open_notebook("%load_ext gpurun_jupyter", TRAINING.format(name="by-widget"))
    lab_page.run_cell(0)
    lab_page.cell_ended(0)
    lab_page.run_cell(1)
    view = lab_page.page.locator(".jp-Notebook .gpurun-view")
    expect(view).to_have_attribute("data-state", "running", timeout=30_000)
    expect(view.locator(".gpurun-bar").first).to_contain_text("epoch", timeout=20_000)
    expect(view).to_contain_text("line 8", timeout=20_000)
    assert plain_lab.run("by-widget")["state"] == "running"
    lab_page.screenshot("running")
    lab_page.cell_ended(1)
    expect(view).to_have_count(0)  # the summary outlives the kernel, the widget would not
    expect(lab_page.page.locator(".jp-OutputArea-output", has_text="by-widget succeeded")).to_have_count(1)
    lab_page.screenshot("succeeded")
    context.close()
