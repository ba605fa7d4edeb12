"""A person's first minutes in JupyterLab: a cell with a bar, the sidebar, the log page."""

from __future__ import annotations

import re

from lab_pages import TRAINING, LabPage
from playwright.sync_api import expect
from servers import wait_until


def test_a_cell_shows_a_moving_bar_and_live_lines_and_so_does_the_sidebar(lab_page: LabPage) -> None:
    page = lab_page.page
    lab_page.open_notebook("%load_ext gpurun_jupyter", TRAINING.format(name="moving"))
    lab_page.command("gpurun:show-panel")
    lab_page.run_cell(0)
    lab_page.cell_ended(0)
    lab_page.run_cell(1)

    view = page.locator(".jp-Notebook .gpurun-view")
    row = page.locator(".gpurun-run", has_text="moving")
    expect(view).to_have_attribute("data-state", "running", timeout=30_000)
    expect(view.locator(".gpurun-bar").first).to_contain_text("epoch", timeout=20_000)
    early = bar_text(lab_page)
    expect(view).to_contain_text("line 4")
    assert lab_page.lab.run("moving")["state"] == "running"
    wait_until(lambda: bar_text(lab_page) != early, what="for the bar to move")
    expect(row).to_have_attribute("data-state", "running")
    expect(row).to_contain_text(re.compile(r"\d+ ?%"))
    expect(page.locator("[data-device=cpu0], [data-device=cpu1]").first).to_be_visible()
    lab_page.screenshot("running")
    assert lab_page.lab.run("moving")["state"] == "running"  # all of this was seen before its end

    lab_page.cell_ended(1)
    expect(view).to_have_attribute("data-state", "succeeded")
    expect(row).to_have_attribute("data-state", "succeeded")
    expect(view).to_contain_text("line 36")
    expect(page.locator(".jp-OutputArea-output", has_text="'the end'")).to_have_count(1)
    lab_page.screenshot("succeeded")
    assert lab_page.errors == []


def test_a_failure_shows_the_traceback_once_and_stops_run_all(lab_page: LabPage) -> None:
    page = lab_page.page
    lab_page.open_notebook(
        "%load_ext gpurun_jupyter", "%%gpurun\nraise ValueError('no such data')", "print('must not be reached')"
    )
    lab_page.command("notebook:run-all-cells")
    expect(page.locator(".gpurun-view")).to_have_attribute("data-state", "failed", timeout=30_000)
    lab_page.cell_ended(1)
    outputs = page.locator(".jp-Notebook .jp-OutputArea-output")
    expect(outputs.filter(has_text="Traceback (most recent call last)")).to_have_count(1)
    expect(outputs.filter(has_text="must not be reached")).to_have_count(0)
    lab_page.screenshot("failed")


def test_the_sidebar_stops_a_run_and_opens_its_log(lab_page: LabPage) -> None:
    page, lab = lab_page.page, lab_page.lab
    lab_page.open_notebook("1")
    lab_page.command("gpurun:show-panel")
    run_id = lab.submit(
        "import time\nfor n in range(600): print('log line', n, flush=True); time.sleep(.1)", name="stopme"
    )
    row = page.locator(f"[data-run-id={run_id}].gpurun-run")
    expect(row).to_have_attribute("data-state", "running", timeout=20_000)
    row.locator(".gpurun-run-open").click()
    log = page.locator(".jp-MainAreaWidget .gpurun-view")
    expect(page.locator(".gpurun-tab-output")).to_contain_text("log line 3", timeout=20_000)
    lab_page.screenshot("log")
    row.hover()
    row.locator(".gpurun-run-stop").click()
    expect(row).to_have_attribute("data-state", "cancelled", timeout=20_000)
    expect(log).to_have_attribute("data-state", "cancelled")
    assert lab.run(run_id)["outcome"] == "cancelled"


def test_the_view_comes_back_after_a_reload(lab_page: LabPage) -> None:
    page = lab_page.page
    lab_page.open_notebook("%load_ext gpurun_jupyter", TRAINING.format(name="reloaded"), anew=True)
    lab_page.run_cell(0)
    lab_page.cell_ended(0)
    lab_page.run_cell(1)
    view = page.locator(".jp-Notebook .gpurun-view")
    expect(view).to_have_attribute("data-state", "running", timeout=30_000)
    expect(view).to_contain_text("line 4", timeout=20_000)
    lab_page.save()
    lab_page.reload()
    expect(view).to_have_attribute("data-state", "succeeded", timeout=60_000)
    expect(view).to_contain_text("line 36")


def bar_text(lab_page: LabPage) -> str:
    return lab_page.page.locator(".jp-Notebook .gpurun-view .gpurun-bar").first.inner_text()
