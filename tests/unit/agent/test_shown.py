"""Messages of a kernel's widgets as events: bars, and Output widgets with what was shown in them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.agent.kernels.shown import Shown
from gpurun_jupyter.core.events import Clear, Display, Metric, Output, Progress
from gpurun_jupyter.progress import Decoder

VIEW = "application/vnd.jupyter.widget-view+json"


class Kernel:
    """Sends what a kernel would, and keeps the events."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.shown = Shown(self.decoder.drawn)
        self.events: list[Any] = []

    def send(self, kind: str, **content: Any) -> list[Any]:
        events = self.shown.take(kind, content)
        self.events += events
        return events

    def open(self, model: str, name: str, **state: Any) -> None:
        self.send(
            "comm_open", comm_id=model, target_name="jupyter.widget", data={"state": {"_model_name": name, **state}}
        )

    def set(self, model: str, **state: Any) -> list[Any]:
        return self.send("comm_msg", comm_id=model, data={"method": "update", "state": state})

    def view(self, model: str, kind: str = "display_data") -> list[Any]:
        data = {VIEW: {"model_id": model}, "text/plain": "Widget()"}
        return self.send(kind, data=data, metadata={}, execution_count=1)

    def display(self, text: str, **transient: Any) -> list[Any]:
        return self.send("display_data", data={"text/plain": text}, metadata={}, transient=transient)


def told(events: list[Any]) -> list[tuple[Any, ...]]:
    """Displays as (number within the widget, text, update)."""
    found = [event for event in events if isinstance(event, Display)]
    return [(event.display_id and event.display_id[-1], event.data.get("text/plain"), event.update) for event in found]


def with_output() -> Kernel:
    kernel = Kernel()
    kernel.open("o", "OutputModel", msg_id="", outputs=[])
    assert kernel.view("o") == []
    kernel.set("o", msg_id="request")
    return kernel


def test_an_output_is_what_is_shown_in_it() -> None:
    kernel = with_output()
    assert kernel.shown.captured("text") is None
    assert told(kernel.display("figure")) == [(None, "figure", False)]
    kernel.set("o", msg_id="")
    assert kernel.view("o", "execute_result") == []


def test_what_is_cleared_within_is_replaced() -> None:
    kernel = with_output()
    for step in range(3):
        assert kernel.send("clear_output", wait=True) == []
        kernel.events += kernel.shown.captured(f"step {step}") or []
        kernel.events += kernel.shown.captured("\n") or []
        kernel.display(f"figure {step}")
    assert told(kernel.events) == [
        *(("0", "step 0", False), ("0", "step 0\n", True), ("1", "figure 0", False)),
        *(("0", "step 1", True), ("0", "step 1\n", True), ("1", "figure 1", True)),
        *(("0", "step 2", True), ("0", "step 2\n", True), ("1", "figure 2", True)),
    ]


def test_what_nothing_takes_the_place_of_goes() -> None:
    kernel = with_output()
    kernel.send("clear_output", wait=True)
    kernel.display("one")
    kernel.display("two")
    kernel.send("clear_output", wait=True)
    kernel.display("only")
    assert told(kernel.set("o", msg_id="")) == [("1", None, True)]
    kernel.set("o", msg_id="request")
    assert told(kernel.send("clear_output", wait=False)) == [("0", None, True)]
    assert kernel.shown.captured("x") != []
    assert told(kernel.send("comm_close", comm_id="o")) == [("0", None, True)]
    assert kernel.shown.captured("x") is None


def test_outside_of_it_all_is_as_ever() -> None:
    kernel = with_output()
    kernel.send("clear_output", wait=True)
    kernel.set("o", msg_id="")
    assert kernel.shown.captured("text") is None
    assert told(kernel.display("figure")) == [(None, "figure", False)]
    assert kernel.send("clear_output", wait=True) == [Clear(wait=True)]


def test_one_within_another_and_one_of_an_earlier_cell() -> None:
    kernel = with_output()
    kernel.send("clear_output", wait=False)
    kernel.set("of a cell before", msg_id="request")
    assert kernel.shown.captured("x") is None  # nothing was cleared in this one
    kernel.set("of a cell before", msg_id="")
    assert told(kernel.shown.captured("y") or []) == [("0", "y", False)]


def test_content_that_the_code_sets() -> None:
    kernel = Kernel()
    kernel.open("o", "OutputModel", msg_id="", outputs=[])
    stream = {"output_type": "stream", "name": "stdout", "text": "a\n"}
    shown = {"output_type": "display_data", "data": {"text/plain": "b"}, "metadata": {}}
    assert told(kernel.set("o", outputs=[stream])) == [("0", "a\n", False)]
    assert told(kernel.set("o", outputs=[stream, shown])) == [("0", "a\n", True), ("1", "b", False)]
    assert told(kernel.set("o", outputs=[])) == [("0", None, True), ("1", None, True)]


def test_errors_and_displays_with_an_id_are_not_the_widgets() -> None:
    kernel = with_output()
    kernel.send("clear_output", wait=False)
    (display,) = kernel.display("own", display_id="mine")
    assert display.display_id == "mine"
    (error,) = kernel.send("error", ename="E", evalue="v", traceback=["t"])
    assert error.name == "E"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.sampled_from(["o", "bar", "box", "OutputModel"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
STATE = st.dictionaries(
    st.sampled_from(
        ["_model_name", "msg_id", "outputs", "children", "value", "max", "min", "bar_style", "description"]
    ),
    JSON,
)


@given(st.lists(st.tuples(st.sampled_from(["open", "set", "view", "clear", "display", "close"]), STATE, JSON)))
def test_no_message_is_too_strange(steps: list[tuple[str, dict[str, Any], Any]]) -> None:
    kernel = with_bar()
    kernel.open("o", "OutputModel", msg_id="request")
    for step, state, value in steps:
        model = next((name for name in ("o", "bar", "box") if name == value), "left")
        if step == "open":
            kernel.send("comm_open", comm_id=model, target_name="jupyter.widget", data={"state": state})
        elif step == "set":
            kernel.send("comm_msg", comm_id=model, data={"state": state} if state else value)
        elif step == "view":
            kernel.send("display_data", data={VIEW: value, "text/html": value}, metadata={})
            kernel.view(model)
        elif step == "clear":
            kernel.send("clear_output", wait=bool(value))
            kernel.shown.captured("x")
        elif step == "display":
            data = {"text/plain": value, "text/html": f"<progress value={value} max='{state}'>", "a/b": value}
            for event in kernel.send("display_data", data=data, metadata={}, transient={"display_id": str(value)[:1]}):
                if isinstance(event, Display):
                    kernel.decoder.display(event)
        else:
            kernel.send("comm_close", comm_id=model)
    kernel.decoder.flush()


def with_bar(**state: Any) -> Kernel:
    """A bar of tqdm.notebook."""
    kernel = Kernel()
    kernel.open("left", "HTMLModel", value="train")
    kernel.open("bar", "FloatProgressModel", **{"min": 0.0, "max": 4.0, "value": 0.0, "bar_style": "", **state})
    kernel.open("right", "HTMLModel", value="")
    kernel.open("box", "HBoxModel", children=["IPY_MODEL_left", "IPY_MODEL_bar", "IPY_MODEL_right"])
    kernel.view("box")
    return kernel


def draw(kernel: Kernel, done: int, percent: bool = True) -> None:
    kernel.set("bar", value=float(done))
    kernel.set("left", value=f"train: {25 * done:3d}%".replace(" ", "\u2007") if percent else "train: ")
    kernel.set("right", value=f" {done}/{'4' if percent else '?'} [00:01&lt;00:01, 2.0it/s, loss=0.{done}]")


def lines(events: list[Any]) -> list[str]:
    return [event.text for event in events if isinstance(event, Output)]


def test_a_bar_of_tqdm_leaves_a_line_and_metrics() -> None:
    kernel = with_bar()
    for done in range(5):
        draw(kernel, done)
    kernel.set("bar", bar_style="success")
    assert lines(kernel.events) == []
    assert lines(kernel.decoder.feed("after\n", "stdout")) == [
        *("train: 100%|██████████| 4/4 [00:01<00:01, 2.0it/s, loss=0.4]\n", "after\n"),
    ]
    metrics = [(event.step, event.values) for event in kernel.events if isinstance(event, Metric)]
    assert metrics == [(done, {"loss": done / 10}) for done in range(5)]
    assert kernel.decoder.flush() == []


def test_a_line_is_never_of_two_states() -> None:
    kernel = with_bar()
    draw(kernel, 4)
    kernel.set("left", value="train:   0%")  # it begins anew, and the rest has not come yet
    assert lines(kernel.decoder.make_way()) == ["train: 100%|██████████| 4/4 [00:01<00:01, 2.0it/s, loss=0.4]\n"]


def test_a_bar_that_was_closed_early_and_one_without_a_total() -> None:
    kernel = with_bar()
    draw(kernel, 1)
    kernel.set("bar", bar_style="danger")
    assert lines(kernel.decoder.make_way()) == ["train:  25%|██        | 1/4 [00:01<00:01, 2.0it/s, loss=0.1]\n"]
    kernel = with_bar(max=1.0, value=1.0, bar_style="info")
    draw(kernel, 3, percent=False)
    bars = [(event.label, event.done, event.total) for event in kernel.events if isinstance(event, Progress)]
    assert bars[-1] == ("train", 3, None)
    kernel.set("bar", bar_style="success")
    assert lines(kernel.decoder.make_way()) == ["train: |          | 3/? [00:01<00:01, 2.0it/s, loss=0.3]\n"]


def test_a_bar_that_does_not_stay_leaves_no_line() -> None:
    kernel = with_bar()
    draw(kernel, 4)
    kernel.send("comm_close", comm_id="box")
    assert kernel.decoder.flush() == []


def test_a_bar_of_ipywidgets_leaves_a_line() -> None:
    kernel = Kernel()
    kernel.open("bar", "IntProgressModel", min=0, value=0, max=8, description="load")
    kernel.view("bar")
    kernel.set("bar", value=2)
    assert lines(kernel.decoder.make_way()) == []
    kernel.set("bar", value=8)
    assert lines(kernel.decoder.make_way()) == ["load: 100%|██████████| 8/8\n"]
