"""The ipywidget: live where the lab extension is absent, and in a user's own layout wherever."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from lab_pages import TRAINING, LabPage, make_lab
from playwright.sync_api import Page, expect
from servers import JupyterServer, wait_until

LOAD = "%load_ext gpurun_jupyter"
BOXED = """import ipywidgets
from gpurun_jupyter import Client
code = '''{code}'''
seen = set()
view = Client().submit(code, name="{name}").widget()
view.observe(lambda change: seen.add(change["name"]), ["run", "output", "progress"])
ipywidgets.VBox([ipywidgets.Label("my own title"), view])"""
BUSY = "import time\nfor _ in range(60): time.sleep(0.1)"
CODE = TRAINING.partition("\n")[2].replace("range(40)", "range(60)")


@pytest.fixture(scope="module")
def plain_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """JupyterLab with our lab extension disabled."""
    folder = tmp_path_factory.mktemp("plain")
    page_config = folder / "config" / "labconfig" / "page_config.json"
    page_config.parent.mkdir(parents=True)
    page_config.write_text(json.dumps({"disabledExtensions": {"gpurun-lab": True}}))
    with closing(make_lab(folder).start()) as server:
        yield server


@pytest.fixture
def plain_page(plain_lab: JupyterServer, tab: Page, request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A page of it."""
    page = LabPage(tab, plain_lab, request.node.name)
    yield page
    page.screenshot("last")


def test_a_plain_cell_is_live_without_the_extension(plain_page: LabPage) -> None:
    plain_page.open_notebook(LOAD, TRAINING.format(name="by-widget"))
    plain_page.run_cell(0)
    plain_page.cell_ended(0)
    plain_page.run_cell(1)
    view = plain_page.view
    expect(view).to_have_attribute("data-state", "running", timeout=30_000)
    expect(view.locator(".gpurun-bar").first).to_contain_text("epoch", timeout=20_000)
    expect(view).to_contain_text("line 8", timeout=20_000)
    assert plain_page.lab.run("by-widget")["state"] == "running"
    plain_page.screenshot("running")
    plain_page.cell_ended(1)
    expect(view).to_have_count(0)  # the summary outlives the kernel, the widget would not
    expect(plain_page.page.locator(".jp-OutputArea-output", has_text="by-widget succeeded")).to_have_count(1)


def test_a_detached_cell_is_live_without_the_extension(plain_page: LabPage) -> None:
    cell = TRAINING.format(name="left-alone").replace("left-alone", "left-alone --detach")
    plain_page.open_notebook(LOAD, cell)
    plain_page.run_cell(0)
    plain_page.cell_ended(0)
    plain_page.run_cell(1)
    plain_page.cell_ended(1)
    plain_page.is_live(1)
    summary = plain_page.page.locator(".jp-OutputArea-output", has_text="left-alone succeeded")
    expect(summary).to_have_count(1, timeout=30_000)
    expect(summary).to_contain_text("line 36")


@pytest.mark.parametrize("where", ["plain_page", "lab_page"])
def test_a_widget_in_a_layout_of_ones_own(where: str, request: pytest.FixtureRequest) -> None:
    page: LabPage = request.getfixturevalue(where)
    page.open_notebook(BOXED.format(code=CODE, name=f"boxed-on-{where}"), BUSY, "sorted(seen)")
    page.run_cell(0)
    page.cell_ended(0)
    box = page.page.locator(".jp-OutputArea-output .widget-vbox")
    expect(box).to_contain_text("my own title")
    expect(box.locator(".gpurun-view")).to_have_attribute("data-state", "running", timeout=30_000)
    page.run_cell(1)
    expect(box.locator(".gpurun-bar").first).to_contain_text("epoch", timeout=20_000)
    page.is_live(3)
    assert page.page.locator(".jp-InputPrompt").nth(1).inner_text() == "[*]:"  # all this while the kernel was busy
    page.screenshot("busy")
    page.cell_ended(1)
    expect(box.locator(".gpurun-view")).to_have_attribute("data-state", "succeeded", timeout=30_000)
    expect(box).to_contain_text("line 56")
    page.run_cell(2)
    expect(page.page.locator(".jp-OutputArea-output").last).to_have_text("['output', 'progress', 'run']")


def test_the_button_of_a_widget_stops_its_run(plain_page: LabPage) -> None:
    plain_page.open_notebook(BOXED.format(code="import time; print('up', flush=True); time.sleep(60)", name="stopped"))
    plain_page.run_cell(0)
    plain_page.cell_ended(0)
    expect(plain_page.view).to_contain_text("up", timeout=30_000)
    plain_page.view.locator(".gpurun-button-stop").click()
    expect(plain_page.view).to_have_attribute("data-state", "cancelled", timeout=20_000)
    wait_until(lambda: plain_page.lab.run("stopped")["outcome"] == "cancelled")
