"""Runs within runs: the page of one lists those that its code logs, and theirs lead back."""

from __future__ import annotations

import getpass
import re
import time
from collections.abc import Iterator

import pytest
from accessibility import check
from lab_pages import LabPage, new_page
from playwright.sync_api import Browser, Locator, expect
from servers import JupyterServer

from gpurun_jupyter.core import events
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.names import new_run_id
from gpurun_server.queue.intake.logged_runs import NewRun, append, begin, take_in
from gpurun_server.store.database import Database


@pytest.fixture(scope="module")
def lab_page(lab: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    """One page for all tests of this file."""
    with new_page(browser, lab, "nested") as page:
        page.open_lab()
        yield page


class Client:
    """Somebody who logs runs to the server's state directory, as another server on it would."""

    def __init__(self, lab: JupyterServer) -> None:
        self._home = Home(lab.home)
        self._database = Database(self._home)

    def begin(self, name: str, parent: str | None = None) -> str:
        new = NewRun(
            id=new_run_id(),
            name=name,
            project="nested",
            owner=getpass.getuser(),
            parent=parent,
            began_at=time.time(),
        )
        with self._database.write() as writing:
            begin(writing, self._home, new)
        return new.id

    def log(self, run_id: str, *happened: events.Event) -> None:
        append(self._home, run_id, happened)
        with self._database.write() as writing:
            take_in(writing, self._home, run_id)


def ended() -> events.End:
    return events.End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED, t=time.time())


def loss(value: float) -> events.Metric:
    return events.Metric(values={"loss": value}, t=time.time())


def open_page(lab_page: LabPage, run_id: str) -> Locator:
    lab_page.command("gpurun:open-run", {"run": run_id})
    return lab_page.page.locator(f"#gpurun-run-{run_id}")


def test_a_page_lists_nested_runs_and_they_lead_back(lab_page: LabPage, lab: JupyterServer) -> None:
    client = Client(lab)
    search = client.begin("search")
    folds = [client.begin(f"fold {number}", search) for number in (1, 2)]
    client.log(folds[0], loss(0.25), ended())
    page = open_page(lab_page, search)
    nested = page.locator(".gpurun-nested")
    expect(nested.locator("summary")).to_have_text("Nested runs (2)")
    expect(nested.locator("li")).to_have_text(["fold 2running", "fold 1succeeded · loss 0.250"])
    check(lab_page.page, f"#gpurun-run-{search}")
    lab_page.screenshot("parent")
    client.log(folds[1], loss(0.5))
    expect(nested.locator("li").first).to_have_text("fold 2running · loss 0.500")
    client.begin("fold 3", search)
    expect(nested.locator("summary")).to_have_text("Nested runs (3)")
    nested.get_by_role("button", name="fold 1").click()
    child = lab_page.page.locator(f"#gpurun-run-{folds[0]}")
    expect(child.locator(".gpurun-nested-parent")).to_have_text("Nested in search")
    expect(child.locator(".gpurun-nested details")).to_be_hidden()
    lab_page.screenshot("child")
    child.get_by_role("button", name="search").click()
    expect(page).to_be_visible()


def test_what_cannot_be_done_with_a_logged_run_is_not_offered(lab_page: LabPage, lab: JupyterServer) -> None:
    client = Client(lab)
    run_id = client.begin("only logged")
    page = open_page(lab_page, run_id)
    expect(page.locator(".gpurun-sentence")).to_have_text(re.compile(r"running · \d+:\d\d"))
    cancel = page.get_by_role("button", name="Cancel only logged")
    expect(cancel).to_have_attribute("title", "Call it cancelled; what carries it out is not stopped")
    client.log(run_id, events.Meta(values={"mlflow.user": "anna", "stage": "dev"}))
    expect(lab_page.page.get_by_role("button", name="Edit and Rerun").locator("visible=true")).to_have_count(0)
    page.get_by_role("tab", name="Config").click()
    told = page.get_by_role("table", name="Told by the run")
    expect(told).to_contain_text("stage")
    expect(told).not_to_contain_text("mlflow.user")
    expect(page.get_by_role("button", name="Rerun").locator("visible=true")).to_have_count(0)
    lab_page.screenshot("logged")
    cancel.click()
    expect(page.locator(".gpurun-sentence")).to_contain_text("cancelled after")
    expect(page.get_by_role("button", name="Rerun").locator("visible=true")).to_have_count(0)


def test_lists_tell_nested_runs_from_others(lab_page: LabPage, lab: JupyterServer) -> None:
    client = Client(lab)
    parent = client.begin("outer")
    child = client.begin("inner", parent)
    lab_page.command("gpurun:show-panel")
    row = lab_page.page.locator(f"li.gpurun-run[data-run-id='{child}']")
    expect(row.locator(".gpurun-run-name")).to_have_text("↳ inner")
    expect(row.get_by_role("button", name="inner: running · nested")).to_be_visible()
    expect(row.get_by_role("button", name="Cancel inner")).to_have_count(1)
    row.click(button="right")
    menu = lab_page.page.locator(".lm-Menu")
    expect(menu.get_by_text("Open Run", exact=True)).to_be_visible()
    expect(menu.get_by_text("Rerun")).to_have_count(0)
    expect(menu.get_by_text("Edit and Run Again…")).to_have_count(0)
    lab_page.page.keyboard.press("Escape")
    lab_page.command("gpurun:open-runs")
    listed = lab_page.page.locator(f".gpurun-table-row[data-run-id='{child}']")
    expect(listed).to_contain_text("↳ inner")
    lab_page.screenshot("lists")
