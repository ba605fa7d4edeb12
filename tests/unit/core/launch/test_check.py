"""Problems of launch files: the messages are golden, their places are checked against where the fault was put."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.launch.check import check, parse
from gpurun_jupyter.core.launch.file import LaunchFile, name_of, schema
from gpurun_jupyter.core.launch.places import Malformed, read
from gpurun_jupyter.core.runs import RunSpec

GOLDEN = Path(__file__).parent / "golden" / "problems.yaml"
CASES = yaml.safe_load(GOLDEN.read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_each_fault_is_told_at_its_place_with_what_helps(case: dict) -> None:
    found = [f"{one.line}:{one.column} {one.message} | {one.hint}" for one in check(case["text"]).problems]
    assert found == case["problems"]
    assert check(case["text"]).file is None


def test_a_whole_file() -> None:
    text = """\
    # how good is it
    name: lr
    dir: .
    entry: train.py
    args: [--epochs, 3, --amp, true]
    values:
      lr: [1e-3, 0.01]   # YAML 1.1 would take the first for a text
      on: [yes]
    on: lab
    gpu_mem: 10G
    timeout: 90
    env: {SEED: 1}
    tags:
    """
    found = parse("\n".join(line[4:] for line in text.splitlines()))
    assert found.args == ["--epochs", "3", "--amp", "true"]
    assert found.values == {"lr": [0.001, 0.01], "on": ["yes"]}
    assert (found.on, found.gpu_mem, found.timeout, found.env, found.tags) == ("lab", "10G", 90, {"SEED": "1"}, [])


def test_all_problems_are_named_in_one_refusal() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse("entry: a.py\ngpu: two\nretries: -1\n")
    assert "line 2, column 6: gpu " in str(refused.value)
    assert "line 3, column 10: retries " in str(refused.value)


#: Fields of a run that a launch file says in other words, or that only programs set.
OTHERWISE = {"dir", "notebook", "inputs", "origin", "files", "logged", "parent"}


def test_every_option_of_a_run_can_be_said_and_reaches_the_run() -> None:
    own = {"entry", "module", "args", "files_of"}
    assert set(LaunchFile.__struct_fields__) - own - OTHERWISE == set(RunSpec.__struct_fields__) - OTHERWISE
    file = LaunchFile(
        name="n", entry="a.py", dir="d", args=["x"], gpu=2, gpu_mem="1G", device="h:0", on="lab", kernel="k",
        project="p", tags=["t"], priority=3, timeout="2h", retries=1, after=["r"], env={"A": "1"}, data=["d:x"],
        outputs=["o"], pickle=True, values_limit="1G", values_as="env", wait_for_device=True, hold=True, session="s",
    )  # fmt: skip
    spec = msgspec.to_builtins(file.spec("0" * 64))
    same = msgspec.to_builtins(file)
    for name in set(same) - {"files_of", "entry", "args", "dir", "data"}:
        assert spec[name] == same[name], name
    assert spec["dir"] == {"manifest": "0" * 64, "entry": "a.py", "args": ["x"]}
    assert spec["data"] == [{"name": "d", "path": "x"}]


def test_the_schema_describes_every_option_and_offers_no_null() -> None:
    properties = schema()["properties"]
    assert set(properties) == set(LaunchFile.__struct_fields__)
    for name, options in properties.items():
        assert options["description"], name
        assert "null" not in str(options), name
    assert schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "name"),
    [("exp/lr.gpurun.yaml", "lr"), ("a.yml", "a"), ("", None), ("x/y/grid.yaml", "grid"), (".gpurun.yaml", None)],
)
def test_a_launch_file_names_its_runs(path: str, name: str | None) -> None:
    assert name_of(path) == name


keys = st.text("abcxyz_ ", min_size=1).map(str.strip).filter(bool)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(keys, trees, min_size=1), st.booleans())
def test_what_yaml_writes_is_read_as_it_was(value: dict, flow: bool) -> None:
    text = yaml.dump(value, Dumper=Dumper, default_flow_style=flow, allow_unicode=True)
    document = read(text)
    assert document.problems == []
    assert document.value == value
    lines = text.splitlines()
    for path, place in document.keys.items():
        if len(path) == 1 and not flow and path[0].isidentifier() and len(path[0]) < 30:
            written = lines[place.line - 1][place.column - 1 :].lstrip("'\"? ")
            assert written.startswith(path[0])


class Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.2 would not take for a text, and writes floats with a dot."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


def _float(dumper: Dumper, number: float) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:float", repr(number))


Dumper.add_representer(str, _text)
Dumper.add_representer(float, _float)


@given(st.text(st.sampled_from("abe:-[]{}#&*!|>'\"%@` \n\t,0.?~\\\x07"), max_size=60))
def test_no_text_is_too_odd_to_be_told_about(text: str) -> None:
    found = check(text)
    assert (found.file is None) == bool(found.problems)
    lines = text.count("\n") + 1
    for problem in found.problems:
        assert 1 <= problem.line <= lines + 1
        assert problem.column >= 1
        assert problem.message.endswith(".")


@given(st.sampled_from(sorted(LaunchFile.__struct_fields__)), trees, st.integers(0, 5))
def test_a_problem_stands_within_the_option_that_is_wrong(name: str, value: object, above: int) -> None:
    begin = "# a comment\n" * above + "entry: a.py\n" * (name not in ("entry", "notebook", "code"))
    text = begin + yaml.dump({name: value}, Dumper=Dumper, default_flow_style=True, width=10_000)
    for problem in check(text).problems:
        assert problem.line > above or problem.message == "There is nothing to run."
        if problem.message.startswith(f"{name} has to be"):
            assert problem.line == begin.count("\n") + 1


def test_a_file_that_unfolds_to_billions_is_refused() -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    with pytest.raises(Malformed, match="too deep, or too long"):
        read("\n".join(lines))


def test_every_option_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "launch.md").read_text()
    table = page[page.index("## Options") :]
    for name in LaunchFile.__struct_fields__:
        assert f"`{name}`" in table, name
