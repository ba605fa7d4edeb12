"""What the pages show of a run that diverged, of one with many metrics, and of one that told facts and was pruned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from accessibility import check
from lab_pages import LabPage, make_lab, new_page
from playwright.sync_api import Browser, Locator, expect
from servers import JupyterServer, wait_until

DIVERGED = """from gpurun_jupyter import report
for step in range(40):
    acc = .5 + step / 100 if step < 25 else float("nan") if step < 35 else float("inf")
    report.log(step=step, **{"P(acc, top5)": acc, "loss": 1 / (step + 1)})
"""
MANY = """from gpurun_jupyter import report
report.log(**{f"layer{n:04}/norm": n for n in range(5000)}, **{"P(acc, top5)": .75})
print('VTM_RUN_META::{"mlflow_run_id": "ab12"}')
print("much")
"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """A server of JupyterLab with a run that diverged, and one with many metrics."""
    with closing(make_lab(tmp_path_factory.mktemp("diverged")).start()) as server:
        for name, code in (("diverged", DIVERGED), ("many", MANY)):
            server.wait(server.submit(code, name=name, gpu=0, project=name))
        yield server


@pytest.fixture(scope="module")
def shared(filled: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    """One page of JupyterLab for this file."""
    with new_page(browser, filled, "diverged") as page:
        page.open_lab()
        yield page


def run_page(shared: LabPage, name: str, tab: str) -> Locator:
    run_id = shared.lab.run(name)["id"]
    shared.command("gpurun:open-run", {"run": run_id, "tab": tab})
    return shared.page.locator(f"#gpurun-run-{run_id}")


def test_the_head_says_nan_and_the_chart_marks_where_it_began(shared: LabPage) -> None:
    page = run_page(shared, "diverged", "charts")
    metric = page.locator('.gpurun-metric[data-metric="P(acc, top5)"] .gpurun-metric-value')
    expect(metric).to_have_text("Infinity")
    chart = page.locator(".gpurun-chart", has=page.page.get_by_text("P(acc, top5)", exact=True))
    expect(chart.locator(".gpurun-chart-plot")).to_have_attribute(
        "aria-label", "P(acc, top5). diverged: from 0.500 to 0.740, lowest 0.500, highest 0.740. NaN from 25 on."
    )
    expect(chart.locator("canvas")).to_be_visible()
    with_mark = chart.locator("canvas").evaluate(PIXELS_AT, 25 / 39)
    assert with_mark > chart.locator("canvas").evaluate(PIXELS_AT, 30 / 39) + 20
    check(shared.page, f"#{page.get_attribute('id')}")
    shared.screenshot("charts")


#: How many pixels of a column of the plot, given by its share of the x axis, are not of the ground.
PIXELS_AT = """(canvas, share) => {
  const over = canvas.parentElement.querySelector('.u-over').getBoundingClientRect();
  const box = canvas.getBoundingClientRect();
  const ratio = canvas.width / box.width;
  const left = Math.round((over.left - box.left + share * over.width) * ratio);
  const top = Math.round((over.top - box.top) * ratio);
  const data = canvas.getContext('2d').getImageData(left - 3, top, 7, Math.round(over.height * ratio)).data;
  let drawn = 0;
  for (let i = 3; i < data.length; i += 4) drawn += data[i] > 128 ? 1 : 0;
  return drawn;
}"""


def test_lists_show_the_metrics_of_their_columns(shared: LabPage) -> None:
    shared.command("gpurun:open-runs", {"filter": ""})
    page = shared.page.locator(".gpurun-runspage")
    table = page.locator(".gpurun-table-body")
    expect(table).to_contain_text("Infinity")
    expect(table.locator("[role=row]", has_text="many")).to_contain_text("0.750")
    shared.screenshot("runs")


def test_facts_are_on_the_page_and_pruned_output_is_said(shared: LabPage) -> None:
    page = run_page(shared, "many", "config")
    expect(page.get_by_role("table", name="Told by the run")).to_contain_text("mlflow_run_idab12")
    shared.screenshot("facts")
    body = {"older_than": 0.01, "project": "many"}
    wait_until(lambda: shared.lab.http.post("prune", json=body).json()["runs"])
    shared.page.reload()
    shared.page.wait_for_selector(".jp-SideBar", timeout=90_000)
    page = run_page(shared, "many", "output")
    expect(page.locator(".gpurun-tab-output")).to_contain_text("was removed to make room (gpurun prune)")
    expect(page.locator(".gpurun-tab-output")).not_to_contain_text("printed nothing")
    shared.screenshot("pruned")
