"""The Runs page and the Compare page: filters, keyboard, live states, a selection; all under a prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from accessibility import check
from lab_pages import LabPage, make_lab, new_page
from playwright.sync_api import Browser, Locator, Response, expect
from servers import JupyterServer

CODE = """import os
from gpurun_jupyter import report
for step in range(20):
    report.log(step=step, acc=round(float(os.environ["ACC"]) + step / 100, 2), loss=0.5)
"""
WAITS = "import time\nwhile True: time.sleep(0.1)"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of JupyterLab with these four runs and no others."""
    with closing(make_lab(tmp_path_factory.mktemp("runs"), base_url="/x/y/").start()) as server:
        for name, acc in (("low", "0.1"), ("middle", "0.5"), ("high", "0.7")):
            server.submit(CODE, name=name, env={"ACC": acc}, project="digits")
        server.submit("raise ValueError('no such data')", name="broken")
        for name in ("low", "middle", "high", "broken"):
            server.wait(name)
        yield server


@pytest.fixture(scope="module")
def shared(filled: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    """One page of JupyterLab for this file."""
    with new_page(browser, filled, "runs") as page:
        page.open_lab()
        yield page


@pytest.fixture
def runs(shared: LabPage) -> Locator:
    """The Runs page with nothing filtered or selected."""
    shared.command("gpurun:open-runs", {"filter": ""})
    page = shared.page.locator(".gpurun-runspage")
    expect(rows(page).first).to_have_attribute("data-run-id", re.compile("."))
    return page


def rows(page: Locator) -> Locator:
    return page.locator(".gpurun-table-body [role=row]")


def row(page: Locator, name: str) -> Locator:
    return rows(page).filter(has=page.page.get_by_text(name, exact=True))


def test_filters_and_their_mistakes(runs: Locator, shared: LabPage) -> None:
    condition, said = runs.get_by_label("Condition"), runs.locator(".gpurun-mistake")
    condition.fill("acc > 0.5")
    expect(rows(runs)).to_have_count(2)
    expect(runs.locator(".gpurun-listcount")).to_have_text("2 runs")
    condition.fill("acc >")
    expect(said).to_contain_text("At character 6 of the condition: expected a value")
    expect(condition).to_have_attribute("aria-invalid", "true")
    expect(rows(runs)).to_have_count(2)  # what was there stays
    check(shared.page, ".gpurun-runspage")
    condition.fill("")
    expect(said).to_be_empty()
    runs.get_by_role("combobox", name="State").select_option("failed")
    expect(rows(runs)).to_have_count(1)
    broken = row(runs, "broken")
    expect(broken).to_contain_text("failed")
    expect(broken.locator(".gpurun-glyph-failed")).to_be_visible()
    runs.get_by_role("button", name="Clear filters").click()
    runs.get_by_label("Search").fill("MIDD")
    expect(rows(runs)).to_have_count(1)


def test_columns_sort_and_are_chosen(runs: Locator, shared: LabPage) -> None:
    runs.get_by_role("button", name="acc", exact=True).click()
    head = runs.get_by_role("columnheader", name="acc", exact=True)
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(rows(runs).first).to_contain_text("high")
    runs.get_by_role("button", name="acc", exact=True).click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(rows(runs).first).to_contain_text("low")
    expect(rows(runs).last).to_contain_text("broken")  # it has none
    runs.get_by_role("button", name="acc", exact=True).click()
    expect(head).to_have_attribute("aria-sort", "none")
    runs.get_by_role("button", name="Columns…").click()
    dialog = shared.page.get_by_role("dialog")
    dialog.get_by_label("Owner").check()
    check(shared.page, ".jp-Dialog")
    dialog.get_by_role("button", name="Show").click()
    expect(runs.get_by_role("columnheader", name="Owner")).to_be_visible()


def test_the_keyboard_selects_and_opens(runs: Locator, shared: LabPage) -> None:
    keyboard, grid = shared.page.keyboard, runs.get_by_role("grid")
    grid.focus()
    keyboard.press("ArrowDown")
    expect(grid).to_have_attribute("aria-activedescendant", rows(runs).nth(0).get_attribute("id") or "")
    keyboard.press("Space")
    keyboard.press("Shift+ArrowDown")
    expect(runs.locator("[role=row][aria-selected=true]")).to_have_count(2)
    expect(runs.locator(".gpurun-selected")).to_have_text("2 runs selected")
    keyboard.press("Escape")
    expect(runs.locator("[role=row][aria-selected=true]")).to_have_count(0)
    keyboard.press("End")
    keyboard.press("Enter")
    expect(shared.page.locator(".jp-MainAreaWidget:not(.lm-mod-hidden) .gpurun-view")).to_contain_text("low")
    shared.page.evaluate("jupyterapp.shell.currentWidget.close()")


def test_states_are_live_and_a_selection_is_stopped_and_tagged(runs: Locator, shared: LabPage) -> None:
    run_id = shared.lab.submit(WAITS, name="endless")
    live = runs.locator(f"[data-run-id={run_id}]")
    expect(live).to_have_attribute("data-state", "running", timeout=20_000)
    live.click()
    runs.get_by_role("button", name="Tag…").click()
    shared.page.locator(".jp-Dialog input").fill("looked at, odd")
    shared.page.keyboard.press("Enter")
    runs.get_by_role("button", name="Stop").click()
    expect(live).to_have_attribute("data-state", "cancelled", timeout=20_000)
    assert shared.lab.run(run_id)["tags"] == ["looked at", "odd"]
    expect(runs.get_by_role("button", name="Stop")).to_be_disabled()


def test_a_selection_is_exported(runs: Locator, shared: LabPage) -> None:
    row(runs, "high").click()
    row(runs, "low").click(modifiers=["Control"])
    with shared.page.expect_download() as download:
        runs.get_by_role("button", name="Export", exact=True).click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert sorted(line.split(",")[1] for line in lines) == ["high", "low", "name"]


def test_runs_are_compared(runs: Locator, shared: LabPage) -> None:
    page = shared.page
    row(runs, "high").click()
    row(runs, "low").click(modifiers=["Control"])
    runs.get_by_role("button", name="Compare").click()
    comparison = page.locator(".gpurun-comparepage")
    expect(comparison.locator(".gpurun-chart")).to_have_count(2)
    expect(comparison.get_by_role("img", name=re.compile("acc")).locator("canvas").first).to_be_attached()
    table = comparison.get_by_role("table").first
    expect(table.get_by_role("row", name=re.compile("^ACC"))).to_contain_text("0.1")
    expect(table.get_by_role("row", name=re.compile("^loss"))).to_have_count(0)
    comparison.get_by_label("Show what is equal, too").check()
    expect(table.get_by_role("row", name=re.compile("^loss"))).to_contain_text("0.500")
    expect(comparison).to_contain_text("Their code and their packages are the same.")
    for theme in ("Dark", "Light"):
        shared.set_theme(theme)
        check(page, ".gpurun-comparepage")
        shared.screenshot(f"compare-{theme}")
    comparison.get_by_role("checkbox", name="loss").uncheck()
    expect(comparison.locator(".gpurun-chart")).to_have_count(1)
    page.evaluate("jupyterapp.shell.currentWidget.close()")


def _saves_the_condition(answer: Response) -> bool:
    return "/api/workspaces" in answer.url and "acc < 0.5" in (answer.request.post_data or "")


def test_the_page_comes_back_as_it_was(runs: Locator, shared: LabPage) -> None:
    page = shared.page
    runs.get_by_label("Condition").fill("acc < 0.5")
    expect(rows(runs)).to_have_count(1)
    page.wait_for_event("response", _saves_the_condition)
    page.goto(f"{shared.lab.url}lab/workspaces/runs", wait_until="domcontentloaded")
    expect(page.locator(".gpurun-runspage").get_by_label("Condition")).to_have_value("acc < 0.5", timeout=60_000)
    expect(rows(page.locator(".gpurun-runspage"))).to_have_count(1)
    assert shared.errors == []
