"""The sidebar below a base_url, at the right side, beside the file browser: queue, search, dropped files, notices."""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from accessibility import check
from lab_pages import READY, LabPage, make_lab, new_page
from machines import Machine
from played_agent import PlayedAgent
from playwright.sync_api import Browser, Locator, expect
from servers import wait_until

from gpurun_jupyter.core.events import Start, encode_line

PANEL = ".gpurun-panel"
FIRST_CELLS = ["%load_ext gpurun_jupyter", '%%gpurun\nprint("hello from a run")']
#: A hundred cells more, and its end in sight.
LONG = """async () => {
  const notebook = jupyterapp.shell.currentWidget.content, cells = notebook.model.sharedModel;
  for (let i = 0; i < 100; i++) cells.insertCell(cells.cells.length, { cell_type: 'code', source: `${i}` });
  await notebook.scrollToItem(notebook.widgets.length - 1, 'end');
}"""
HOLD = "import time, pathlib\nwhile not pathlib.Path({stop!r}).exists(): time.sleep(.05)"

#: Drop a file on the sidebar as a browser does.
DROP = """([name, bytes]) => {
  const file = new File([Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))], name);
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(file);
  for (const type of ['dragover', 'drop'])
    document.querySelector('.gpurun-panel').dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true}));
}"""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[LabPage]:
    """One page for all of it: a person's afternoon. The settings put the sidebar to the right."""
    folder = tmp_path_factory.mktemp("sidebar")
    lab = make_lab(folder, base_url="/x/y/")
    settings = folder / "settings" / "gpurun-lab"
    settings.mkdir()
    (settings / "panel.jupyterlab-settings").write_text(json.dumps({"side": "right", "runs": 10}))
    with closing(lab.start()), new_page(browser, lab, "sidebar") as page:
        page.page.set_default_timeout(10_000)
        page.page.on("dialog", lambda dialog: dialog.accept())  # the notebook of the first test need not be saved
        page.open_lab()
        page.command("gpurun:show-panel")
        yield page


def row(page: LabPage, run_id: str) -> Locator:
    return page.page.locator(f".gpurun-run[data-run-id={run_id}]")


def queue(page: LabPage) -> list[str]:
    return page.page.locator(".gpurun-queue .gpurun-run-name").all_inner_texts()


def bell(page: LabPage) -> int:
    return int(page.page.locator(".jp-Notification-Status").inner_text() or 0)


def test_somebody_without_runs_is_taught(there: LabPage) -> None:
    page = there.page
    expect(page.locator("#jp-right-stack .gpurun-panel")).to_be_visible()
    expect(page.locator(PANEL)).to_contain_text("No runs yet")
    expect(page.locator(".gpurun-status")).to_contain_text("0/2 CPU slots")
    expect(page.locator(".gpurun-no-gpu")).to_contain_text("No GPU here")
    check(page, PANEL)
    insert = page.get_by_role("button", name="Insert these cells")
    insert.click()
    page.get_by_role("button", name="Select Kernel").click()
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(2)
    assert sources(there) == FIRST_CELLS
    expect(page.locator(".jp-Notebook .jp-Cell").nth(0)).to_have_class(re.compile("jp-mod-active"))


def test_the_first_cells_run_and_can_be_had_again(there: LabPage) -> None:
    page, insert = there.page, there.page.get_by_role("button", name="Insert these cells")
    page.wait_for_function(READY, timeout=60_000)
    page.keyboard.press("Shift+Enter")  # the notebook has the keyboard, and its first cell is chosen
    there.cell_ended(0)
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-Notebook .gpurun-view")).to_have_attribute("data-state", "succeeded", timeout=20_000)
    expect(page.locator(".gpurun-runs .gpurun-run")).to_have_count(1)
    expect(insert).to_be_visible()
    check(page, PANEL)
    there.screenshot("insert")
    insert.click()
    insert.click()
    wait_until(lambda: sources(there) == FIRST_CELLS * 3)
    expect(page.locator(".jp-Notebook .jp-Cell").nth(4)).to_have_class(re.compile("jp-mod-active"))
    expect(page.locator(".jp-Notebook .jp-Cell").nth(4)).to_be_in_viewport()
    page.evaluate(LONG)
    expect(page.locator(".jp-Notebook .jp-Cell").nth(4)).not_to_be_in_viewport()
    insert.click()
    expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_be_in_viewport()
    expect(page.locator(".jp-Notebook .jp-Cell.jp-mod-active")).to_contain_text("load_ext")
    page.evaluate("jupyterapp.shell.currentWidget.dispose()")


def sources(page: LabPage) -> list[str]:
    """Of the cells of the notebook in sight."""
    cells = "jupyterapp.shell.currentWidget.content.model.sharedModel.cells"
    return page.page.evaluate(f"{cells}.map(cell => cell.getSource())")


def test_ones_own_queue_is_put_in_order_by_mouse_and_keyboard(there: LabPage) -> None:
    page, lab = there.page, there.lab
    stop = str(lab.folder / "stop")
    for number in range(2):
        lab.wait(lab.submit(HOLD.format(stop=stop), name=f"holder{number}"), "running")
    ids = {name: lab.submit("1", name=name) for name in "abcd"}
    wait_until(lambda: queue(there) == ["a", "b", "c", "d"])
    expect(page.locator(".gpurun-status")).to_contain_text("2/2 CPU slots · 4 waiting")
    expect(row(there, ids["a"])).to_contain_text("waits for")

    expect(row(there, ids["d"])).to_be_in_viewport(ratio=1)  # the section has grown
    row(there, ids["d"]).locator(".gpurun-handle").drag_to(row(there, ids["b"]), target_position={"x": 60, "y": 4})
    wait_until(lambda: queue(there) == ["a", "d", "b", "c"])
    row(there, ids["c"]).locator(".gpurun-run-open").focus()
    page.keyboard.press("Alt+ArrowUp")
    wait_until(lambda: queue(there) == ["a", "d", "c", "b"])
    expect(page.locator(".gpurun-queue [role=status]")).to_have_text("c is now number 3 of your 4 waiting runs.")
    page.keyboard.press("Alt+ArrowDown")
    wait_until(lambda: queue(there) == ["a", "d", "b", "c"])
    expect(row(there, ids["c"]).locator(".gpurun-run-open")).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")  # it is the last already
    for theme in ("Dark", "Light"):
        there.set_theme(theme)
        row(there, ids["a"]).click(button="right")
        expect(page.locator(".lm-Menu")).to_contain_text("Copy Run Id")
        check(page, ".lm-Menu")
        page.keyboard.press("Escape")
        check(page, PANEL)
        check(page, "#jp-main-statusbar .gpurun-status")
        there.screenshot(f"queue-{theme}")
    assert queue(there) == ["a", "d", "b", "c"]
    Path(stop).touch()
    expect(row(there, ids["c"])).to_have_attribute("data-state", "succeeded", timeout=20_000)
    expect(page.locator(".gpurun-status")).to_contain_text("0/2 CPU slots")


def test_ends_are_counted_at_the_bell_and_pop_up_nowhere(there: LabPage) -> None:
    page, lab = there.page, there.lab
    before = bell(there)
    assert before >= 6  # the runs of the queue
    failed = lab.submit("raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')", name="toolarge")
    expect(row(there, failed)).to_contain_text("OOM", timeout=20_000)
    wait_until(lambda: bell(there) == before + 1)
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    there.command("apputils:display-notifications")
    notice = page.locator(".jp-Notification-List-Item", has_text="toolarge")
    expect(notice).to_contain_text("failed after")
    check(page, ".jp-Notification-Center")
    notice.get_by_role("button", name="Open").click()
    there.command("apputils:display-notifications")
    expect(page.locator(".jp-Notification-Center")).to_have_count(0)
    view = page.locator(".jp-MainAreaWidget .gpurun-view")
    expect(view).to_have_attribute("data-run-id", failed)

    again = lab.submit("import time; time.sleep(2)", name="seen")
    expect(row(there, again)).to_have_attribute("data-state", "running", timeout=10_000)  # now it stays in its place
    row(there, again).locator(".gpurun-run-open").click()
    seen = page.locator(f".gpurun-view[data-run-id={again}]")
    expect(seen).to_have_attribute("data-state", "succeeded", timeout=20_000)
    expect(row(there, again)).to_have_attribute("data-state", "succeeded")
    other = lab.submit("1", name="unseen")
    expect(row(there, other)).to_have_attribute("data-state", "succeeded", timeout=20_000)
    wait_until(lambda: bell(there) > 0)
    there.command("apputils:display-notifications")
    expect(page.locator(".jp-Notification-List-Item", has_text="unseen")).to_have_count(1)
    expect(page.locator(".jp-Notification-List-Item", has_text=re.compile(r"^seen"))).to_have_count(0)
    there.command("apputils:display-notifications")


def test_a_dropped_zip_and_a_folder_of_the_file_browser_become_runs(there: LabPage) -> None:
    page, lab = there.page, there.lab
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("proj/main.py", "print('from the zip')")
        archive.writestr("proj/other.py", "")
    page.evaluate(DROP, ["proj.zip", base64.b64encode(packed.getvalue()).decode()])
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("2 files")
    expect(dialog.get_by_label("Script to run")).to_have_value("main.py")
    expect(dialog.get_by_label("GPUs")).to_have_value("0")
    check(page, ".jp-Dialog")
    there.screenshot("dialog")
    dialog.get_by_label("Name of the run").fill("zipped")
    dialog.get_by_role("button", name="Add to queue").click()
    expect(page.locator(".gpurun-run", has_text="zipped")).to_have_attribute("data-state", "succeeded", timeout=20_000)
    assert "from the zip" in lab.log("zipped")

    folder = lab.folder / "files" / "work"
    (folder / "deep").mkdir(parents=True)
    (folder / "one.py").write_text("import deep.two")
    (folder / "three.py").write_text("")
    (folder / "deep" / "two.py").write_text("print('two is here')")
    there.command("filebrowser:activate")
    there.command("filebrowser:refresh")
    page.locator(".jp-DirListing-item", has_text="work").hover()
    page.mouse.down()
    target = page.locator(PANEL).bounding_box()
    assert target
    page.mouse.move(target["x"] + 100, target["y"] + 400, steps=8)
    expect(page.locator(".gpurun-drop")).to_be_visible()
    page.mouse.up()
    expect(dialog).to_contain_text("3 files")
    accept = dialog.get_by_role("button", name="Add to queue")
    expect(dialog.get_by_label("Script to run")).to_have_value("")  # it is not clear which
    expect(accept).to_be_disabled()
    dialog.get_by_label("Script to run").fill("one.py")
    accept.click()
    expect(page.locator(".gpurun-run", has_text="work")).to_have_attribute("data-state", "succeeded", timeout=20_000)
    assert "two is here" in lab.log("work")


def test_a_machine_joins_by_the_line_that_is_shown(there: LabPage, tmp_path: Path) -> None:
    there.page.locator(".gpurun-add-machine").focus()
    dialog = there.page.locator(".jp-Dialog")
    for theme in ("Dark", "Light"):
        there.set_theme(theme)
        there.page.locator(".gpurun-add-machine").focus()
        there.page.keyboard.press("Enter")
        line = dialog.locator(".gpurun-join-line").inner_text()
        assert line.startswith(f"gpurun agent join {there.lab.url} --token ")
        check(there.page, ".jp-Dialog")
        there.screenshot(f"joining-{theme}")
        there.page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
    machine = Machine(tmp_path / "machine")
    machine.url = there.lab.url
    try:
        machine.gpurun(*line.split()[1:], "--name", "second", "--cpu-slots", "1")
        expect(there.page.locator(".gpurun-agent[data-agent=second]")).to_be_visible(timeout=10_000)
    finally:
        machine.close()


def test_machines_that_are_away_alike_or_gone_for_good(there: LabPage) -> None:
    page, lab = there.page, there.lab
    name = "gpu-node-with-a-very-long-name.cluster.example.org"
    played = [PlayedAgent(lab, "", host=name) for _ in range(2)]
    first, second = played
    grant = first.take(name="far-away")
    line = encode_line(Start(v=1, attempt=1, pid=1, devices=["cpu0"], t=time.time() + 600))
    assert first.ask("POST", "log?offset=0", content=line).is_success
    second.sync()
    rows = [page.locator(f".gpurun-agent[data-agent='{one.id}']") for one in played]
    with sqlite3.connect(lab.home / "gpurun.db", timeout=30) as database:
        database.execute("UPDATE agents SET heard_at = ? WHERE id = ?", (time.time() - 3600, first.id))
    database.close()
    expect(rows[0]).to_contain_text("disconnected, 60 min", timeout=10_000)
    expect(rows[1].locator("h3")).to_have_text(f"{name}-2")
    assert name in str(rows[1].locator("h3").get_attribute("title"))
    expect(row(there, grant.run_id)).to_contain_text("behind by 60 min", timeout=10_000)
    there.command("gpurun:open-run", {"run": grant.run_id})
    head = page.locator(f".gpurun-page .gpurun-view[data-run-id={grant.run_id}]")
    expect(head).to_contain_text(re.compile(r" · 0:\d\d · behind by 60 min, output continues on the machine"))
    for box in (one.locator(part).bounding_box() for one in rows for part in (".gpurun-dots", "h3")):
        panel = page.locator(PANEL).bounding_box()
        assert box
        assert panel
        assert panel["x"] <= box["x"]
        assert box["x"] + box["width"] <= panel["x"] + panel["width"]

    for theme in ("Dark", "Light"):
        there.set_theme(theme)
        check(page, PANEL)
        there.screenshot(f"machines-{theme}")
        rows[0].locator(".gpurun-dots").focus()
        page.keyboard.press("Enter")
        page.locator(".lm-Menu").get_by_text("Remove Machine…").click()
        expect(page.locator(".jp-Dialog")).to_contain_text("The run that is at work there fails here as lost")
        check(page, ".jp-Dialog")
        there.screenshot(f"removing-{theme}")
        page.keyboard.press("Escape")
        expect(page.locator(".jp-Dialog")).to_have_count(0)
    rows[0].locator(".gpurun-dots").focus()
    page.keyboard.press("Enter")
    page.locator(".lm-Menu").get_by_text("Remove Machine…").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Remove").click()
    expect(rows[0]).to_have_count(0)
    expect(head).to_contain_text("removed the machine")
    expect(row(there, grant.run_id)).to_contain_text("machine was lost")
    expect(rows[1]).to_be_visible()
    assert page.locator(".gpurun-agent[data-removable=false]").count() == 1  # the server's own
    there.command("gpurun:remove-machine")  # as from the palette
    page.locator(".jp-Dialog select").select_option(second.id)
    page.keyboard.press("Enter")
    page.locator(".jp-Dialog").get_by_role("button", name="Remove").click()
    expect(rows[1]).to_have_count(0)
    for one in played:
        one.http.close()


def test_the_search_finds_what_the_page_does_not_hold(there: LabPage) -> None:
    page, lab = there.page, there.lab
    needle = lab.wait(lab.submit("1", name="needle"))["id"]
    held = [lab.submit("1", name=f"held{number}", hold=True) for number in range(101)]
    page.reload(wait_until="domcontentloaded")
    expect(row(there, held[-1])).to_be_attached(timeout=60_000)
    expect(row(there, needle)).to_have_count(0)
    page.get_by_role("searchbox", name="Search runs by name").fill("need")
    expect(row(there, needle)).to_be_visible(timeout=5_000)
    expect(page.locator(".gpurun-runs .gpurun-run")).to_have_count(1)
    expect(page.locator(".gpurun-runs-body [role=status]")).to_have_text("1 run found")
    page.get_by_role("searchbox", name="Search runs by name").fill("nowhere")
    expect(page.locator(PANEL)).to_contain_text("No run has that in its name.")
    assert there.errors == []
