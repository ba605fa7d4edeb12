"""The page of a run: its tabs, the run before it, what can be done from it; below another base_url."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import check
from lab_pages import LabPage, new_page
from playwright.sync_api import Browser, Locator, Route, expect
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter import Client

TRAIN = """from gpurun_jupyter import report
from pathlib import Path
rate = {rate}
for i in range(60):
    report.log(step=i, loss=1 / (1 + rate * i), acc=min(.99, .5 + rate * i / 40))
    print("step", i, "of the training", flush=True)
Path("notes.txt").write_text("what was learned")
Path("scores.csv").write_text('name,score\\n"a, b",1\\nc,2\\n')
{more}"""
IMAGE = """import base64
Path("plot.png").write_bytes(base64.b64decode(
"iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg=="))
import time; time.sleep(1.2)"""


@pytest.fixture(scope="module")
def lab_page(lab_below: JupyterServer, browser: Browser) -> Iterator[LabPage]:
    """One page for all tests of this file."""
    with new_page(browser, lab_below, "runpage") as page:
        page.open_lab()
        yield page


@pytest.fixture(scope="module")
def pair(lab_below: JupyterServer) -> tuple[str, str]:
    """The same cell run twice, better the second time."""
    origin = {"notebook": "train.ipynb", "cell": "c1"}
    ids = []
    for rate, more in ((0.1, "1"), (0.2, IMAGE)):
        code = TRAIN.format(rate=rate, more=more)
        ids.append(lab_below.submit(code, name="digits-cnn", origin=origin, env={"LR": str(rate)}))
        assert lab_below.wait(ids[-1])["outcome"] == "succeeded"
    return ids[0], ids[1]


def open_page(lab_page: LabPage, run_id: str, tab: str = "output") -> Locator:
    lab_page.command("gpurun:open-run", {"run": run_id, "tab": tab})
    page = lab_page.page.locator(f"#gpurun-run-{run_id}")
    expect(page.locator(".gpurun-view")).to_have_attribute("data-state", "succeeded", timeout=20_000)
    return page


def test_the_output_is_searched(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1])
    expect(page.get_by_role("tab")).to_have_count(6)
    expect(page.locator(".gpurun-log")).to_contain_text("step 59 of the training")
    assert page.locator("canvas").count() == 0  # nobody has asked for charts
    lab_page.page.keyboard.press("Control+f")
    lab_page.page.keyboard.type("STEP 1")
    expect(page.locator(".gpurun-search-count")).to_have_text("11 of 11")
    lab_page.page.keyboard.press("Enter")
    expect(page.locator(".gpurun-search-count")).to_have_text("1 of 11")
    expect(page.locator(".gpurun-log-mark")).to_be_visible()
    expect(page.get_by_role("button", name="Follow the end")).to_be_visible()
    check(lab_page.page, f"#gpurun-run-{pair[1]}")
    lab_page.screenshot("output")


def test_a_line_that_is_no_longer_kept_is_found_by_the_server(lab_page: LabPage, lab_below: JupyterServer) -> None:
    run_id = lab_below.submit("print('\\n'.join(f'row {n}' for n in range(40_000)))")
    lab_below.wait(run_id)
    page = open_page(lab_page, run_id)
    expect(page.locator(".gpurun-log-count")).to_have_text("40,000 lines")
    page.get_by_role("searchbox").fill("row 1234")
    expect(page.locator(".gpurun-search-count")).to_have_text("11 of 11")
    expect(page.locator(".gpurun-log")).to_contain_text("row 12349")
    expect(page.locator(".gpurun-output-window")).to_have_text("Lines 12,100 to 12,600 of the output")
    page.get_by_role("button", name="Follow the end").click()
    expect(page.locator(".gpurun-log")).to_contain_text("row 39999")


def test_a_line_is_found_among_those_that_were_loaded_by_scrolling_up(
    lab_page: LabPage, lab_below: JupyterServer
) -> None:
    run_id = lab_below.submit("print('\\n'.join(f'row {n}' for n in range(8_000)))")
    lab_below.wait(run_id)
    page = open_page(lab_page, run_id)
    earlier = page.get_by_role("button", name="Earlier output")
    earlier.click()
    expect(earlier).to_be_hidden()
    page.get_by_role("searchbox").fill("row 1234")
    expect(page.locator(".gpurun-search-count")).to_have_text("1 of 1")
    expect(page.locator(".gpurun-log")).to_contain_text("row 1234")
    expect(page.locator(".gpurun-log-mark")).to_be_visible()


def test_what_an_overtaken_search_met_is_not_told(lab_page: LabPage, lab_below: JupyterServer) -> None:
    run_id = lab_below.submit("print('\\n'.join(f'row {n}' for n in range(40_000)))")
    lab_below.wait(run_id)
    page, held = open_page(lab_page, run_id), list[Route]()
    lab_page.page.route("**/search?q=slow", lambda route: held.append(route))  # noqa: PLW0108 - it takes no builtin
    count = page.locator(".gpurun-search-count")
    page.get_by_role("searchbox").fill("slow")
    wait_until(lambda: lab_page.page.wait_for_timeout(50) or held, what="for the first search")
    page.get_by_role("searchbox").fill("row 1234")
    expect(count).to_have_text("11 of 11")
    with lab_page.page.expect_response("**/search?q=slow"):
        held[0].fulfill(status=500, json={"error": {"message": "It failed.", "hint": ""}})
    lab_page.page.wait_for_timeout(200)
    expect(count).to_have_text("11 of 11")


def test_a_tab_that_could_not_be_loaded_is_loaded_when_somebody_looks_again(
    lab_page: LabPage, pair: tuple[str, str]
) -> None:
    page = open_page(lab_page, pair[0])
    lab_page.page.route("**/history", lambda route: route.fulfill(status=500, body=""))
    page.get_by_role("tab", name="History").click()
    expect(page.locator(".gpurun-tab-history").get_by_role("alert")).to_be_visible()
    lab_page.page.unroute("**/history")
    lab_page.page.wait_for_timeout(1100)
    page.get_by_role("tab", name="Output").click()
    page.get_by_role("tab", name="History").click()
    expect(page.locator(".gpurun-tab-history")).to_contain_text("finished, succeeded")
    expect(page.locator(".gpurun-tab-history").get_by_role("alert")).to_be_hidden()


def test_what_is_gone_for_good_is_not_offered_to_be_brought_back(lab_page: LabPage, pair: tuple[str, str]) -> None:
    def on_a_full_disk(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(json={"deleted": pair[0], "restorable_s": 0})
        else:
            route.fallback()

    lab_page.page.route(f"**/runs/{pair[0]}*", on_a_full_disk)
    lab_page.command("gpurun:delete-run", {"runs": [pair[0]]})
    lab_page.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    lab_page.page.get_by_text("Deleted run digits-cnn, for good: the disk is full").wait_for()
    expect(lab_page.page.get_by_role("button", name="Undo")).to_have_count(0)
    lab_page.page.unroute(f"**/runs/{pair[0]}*")


def test_the_run_before_stands_behind(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1])
    acc = page.locator(".gpurun-metric[data-metric=acc]")
    expect(acc.locator(".gpurun-metric-change")).to_have_text("(+23 %)")
    expect(acc.locator("path.gpurun-ghost")).to_have_attribute("d", re.compile("^M"))
    expect(page.locator(".gpurun-compared")).to_have_text("on the run before")
    first = open_page(lab_page, pair[0])
    expect(first.get_by_role("button", name=re.compile("Rerun"))).to_be_visible()
    expect(first.get_by_role("button", name=re.compile("Compare"))).to_be_hidden()


def test_charts_share_their_axis(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1], "charts")
    loss = page.get_by_role("group", name="loss")
    expect(loss.locator("canvas")).to_be_visible()
    told = re.compile(f"the run before: {pair[0]}: from 1.00 to .*digits-cnn: from 1.00 to 0.0781, lowest 0.0781")
    expect(loss.get_by_role("img")).to_have_attribute("aria-label", told)
    expect(page.get_by_role("group", name="Memory", exact=True).locator("canvas")).to_be_visible()
    loss.locator(".u-over").hover(position={"x": 100, "y": 50})
    for name in ("loss", "acc"):  # one cursor
        expect(page.get_by_role("group", name=name).locator(".gpurun-chart-value").last).not_to_be_empty()
    box = loss.locator(".u-over").bounding_box()
    assert box is not None
    lab_page.page.mouse.move(box["x"] + 40, box["y"] + 40)
    lab_page.page.mouse.down()
    lab_page.page.mouse.move(box["x"] + 160, box["y"] + 40, steps=4)
    lab_page.page.mouse.up()
    reset = page.get_by_role("button", name="Reset zoom")
    expect(reset).to_be_enabled()
    reset.click()
    expect(reset).to_be_disabled()
    page.get_by_label("Log scale").check()
    page.get_by_label("X axis").select_option("time")
    expect(loss.locator("canvas")).to_be_visible()
    check(lab_page.page, f"#gpurun-run-{pair[1]}")
    lab_page.screenshot("charts")


def test_files_are_shown_and_downloaded(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1], "files")
    page.get_by_role("button", name="scores.csv").click()
    expect(page.locator(".gpurun-preview td")).to_have_text(["a, b", "1", "c", "2"])
    page.get_by_role("button", name="plot.png").click()
    image = page.locator(".gpurun-preview img")
    wait_until(lambda: image.evaluate("image => image.naturalWidth") == 5, what="for the image")
    page.get_by_role("button", name="notes.txt").click()
    expect(page.locator(".gpurun-preview .cm-content")).to_have_text("what was learned")
    check(lab_page.page, f"#gpurun-run-{pair[1]}")
    with lab_page.page.expect_download() as download:
        page.get_by_role("link", name="Download notes.txt").click()
    assert Path(download.value.path()).read_text() == "what was learned"


def test_shipped_files_are_folded_away(lab_page: LabPage, lab_below: JupyterServer, tmp_path: Path) -> None:
    for name in ("data/a.csv", "data/b.csv", "config.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1,2")
    (tmp_path / "train.py").write_text("open('config.json', 'w').write('3,4'); open('model.txt', 'w').write('weights')")
    with Client(lab_below.url, TOKEN) as client:
        run = client.submit_dir(tmp_path, "train.py").wait()
    page = open_page(lab_page, run.id, "files")
    names, fold = page.locator(".gpurun-file-name:visible"), page.locator(".gpurun-files-shipped summary")
    expect(names).to_have_text(["config.json", "model.txt"])
    expect(fold).to_have_text("3 shipped files, unchanged")
    lab_page.screenshot("files-folded")
    fold.click()
    expect(names).to_have_text(["config.json", "model.txt", "data/a.csv", "data/b.csv", "train.py"])
    page.get_by_role("button", name="data/b.csv").click()
    expect(page.locator(".gpurun-preview td, .gpurun-preview th").first).to_have_text("1")
    for theme in ("Dark", "Light"):
        lab_page.set_theme(theme)
        check(lab_page.page, f"#gpurun-run-{run.id}")
        lab_page.screenshot(f"files-{theme}")
    fold.click()
    expect(names).to_have_count(2)
    page.get_by_role("searchbox", name="Filter files by name").fill("a.csv")
    expect(names).to_have_text(["data/a.csv"])  # what is looked for is not hidden
    expect(fold).to_have_text("1 shipped file, unchanged")
    page.get_by_role("searchbox", name="Filter files by name").fill("nowhere")
    expect(page.locator(".gpurun-files-list")).to_contain_text("No file has this in its name.")
    expect(fold).to_be_hidden()


def test_the_configuration_is_yaml(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1], "config")
    code = page.get_by_role("textbox", name="Configuration of the run")
    expect(code).to_contain_text("rate = 0.2")
    expect(code).to_contain_text("name: digits-cnn")
    expect(page.locator(".gpurun-tab-config")).to_contain_text("train.ipynb")
    expect(page.locator(".gpurun-packages summary")).to_contain_text("packages")
    check(lab_page.page, f"#gpurun-run-{pair[1]}")


def test_what_differs_is_drawn(lab_page: LabPage, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[1])
    page.get_by_role("button", name=re.compile("Compare .* run before")).click()
    expect(page.get_by_role("table", name="Parameters").locator("td")).to_have_text(["LR", "0.1", "0.2"])
    expect(page.locator(".cm-merge-a .cm-changedLine").first).to_contain_text("rate = 0.1")
    expect(page.locator(".cm-merge-b .cm-changedLine").first).to_contain_text("rate = 0.2")
    check(lab_page.page, f"#gpurun-run-{pair[1]}")
    lab_page.screenshot("compare")


def test_the_page_comes_back_with_its_tab(lab_page: LabPage, pair: tuple[str, str]) -> None:
    open_page(lab_page, pair[1], "history")
    workspaces = lab_page.lab.folder / "workspaces"
    wait_until(lambda: any('"history"' in file.read_text() for file in workspaces.iterdir()), what="for the layout")
    lab_page.page.goto(f"{lab_page.lab.url}lab/workspaces/runpage", wait_until="domcontentloaded")
    history = lab_page.page.locator(f"#gpurun-run-{pair[1]} .gpurun-tab-history")
    expect(history).to_contain_text("finished, succeeded", timeout=30_000)


def test_it_is_run_again_and_deleted(lab_page: LabPage, lab_below: JupyterServer, pair: tuple[str, str]) -> None:
    page = open_page(lab_page, pair[0])
    page.get_by_role("button", name="Rerun digits-cnn").click()
    run_id = wait_until(lambda: (run := lab_below.run("digits-cnn")).get("rerun_of") == pair[0] and run["id"])
    again = lab_page.page.locator(f"#gpurun-run-{run_id}")
    expect(again.locator(".gpurun-view")).to_have_attribute("data-state", "succeeded", timeout=30_000)
    lab_page.command("gpurun:delete-run", {"runs": [run_id]})
    dialog = lab_page.page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 files")
    check(lab_page.page, ".jp-Dialog")
    dialog.get_by_role("button", name="Delete").click()
    expect(again).to_have_count(0)
    assert lab_below.http.get(f"runs/{run_id}").status_code == 404
    lab_page.page.get_by_role("button", name="Undo").click()
    wait_until(lambda: lab_below.http.get(f"runs/{run_id}").status_code == 200, what="for the run to be back")


def test_a_cell_knows_its_last_run(lab_page: LabPage) -> None:
    lab_page.open_notebook(
        "%load_ext gpurun_jupyter", "%%gpurun\nfrom gpurun_jupyter import report\nreport.log(acc=0.5)"
    )
    lab_page.run_cell(0)
    lab_page.cell_ended(0)
    for _ in range(2):
        lab_page.run_cell(1)
        lab_page.cell_ended(1)
    lab_page.run_cell(1)
    expect(lab_page.view.locator(".gpurun-metric-change")).to_have_text("(±0.00 %)", timeout=30_000)
    expect(lab_page.view.get_by_role("button", name=re.compile("Compare"))).to_be_visible()
    check(lab_page.page, ".jp-Notebook .gpurun-view")
    lab_page.screenshot("cell")
