"""Our reading of ignore files against git's own, over rules and trees that are made up."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpurun_jupyter.core.launch.file import LaunchFile
from gpurun_jupyter.shipping.collect import Shipment, collect
from gpurun_jupyter.shipping.gather import gather

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

#: Nobody's settings, and no question of whose the directory is.
GIT = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "XDG_CONFIG_HOME": "/nowhere"}

_part = st.one_of(
    st.sampled_from(
        ["a", "b", "c", "data", "x1", "a.py", "b.py", "b.log", ".keep", "a b", "é", "[x]", "a]", "-", "#a", "!b"]
    ),
    st.text("ab1 *?[]!^-\\#é\t\x0c", min_size=1, max_size=4).filter(lambda text: text.strip(".") != ""),
)
_paths = st.lists(_part, min_size=1, max_size=4).map("/".join)

_piece = st.sampled_from(
    [
        *"abc1*?[]!^-\\/ .#é\t\x0c",
        "**",
        "**/",
        "/**",
        "/**/",
        "*/",
        "*.py",
        "data",
        "[a-c]",
        "[!a]",
        "[^b]",
        "[]a]",
        "[a-]",
        "[[:digit:]]",
        "[[:alpha:]_]",
        "[[:space:]]",
        "[[:nope:]]",
        "[a/b]",
        "\\*",
        "\\ ",
        "\\/",
        "b.log",
        "x?",
        "[--a]",
        "[b\\-c]",
    ]
)
_pattern = st.one_of(
    st.lists(_piece, min_size=1, max_size=5).map("".join),
    st.sampled_from(
        ["*", "!*/", "!*.py", "data/**", "!data/**/", "!.keep", "/*", "!/a", "a/", "!a/", "**/b", "a/**/b", "!"]
    ),
    _paths,
)
_line = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!", "/"]),
    _pattern,
    st.sampled_from(["", "/", " ", "\\ "]),
    st.sampled_from(["\n", "\n", "\r\n"]),
)
_file = st.builds(
    lambda mark, lines, last: (mark + "".join(lines) + last).encode(),
    st.sampled_from(["", "", "", "\ufeff"]),
    st.lists(_line, max_size=6),
    st.sampled_from(["", "*", "b"]),
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """Files with what they hold, by their paths; none is a folder too."""
    paths = draw(st.sets(_paths, min_size=1, max_size=10))
    files = {path: b"" for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    folders = sorted(
        {"", *(f"{parent}/" for path in files for parent in map(str, Path(path).parents) if parent != ".")}
    )
    for folder in draw(st.sets(st.sampled_from(folders), max_size=3)) | {""}:
        files[f"{folder}.gitignore"] = draw(_file)
    if draw(st.booleans()):
        files[".git/info/exclude"] = draw(_file)
    return files


def laid_out(root: Path, files: dict[str, bytes]) -> Path:
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("objects", "refs", "info"):
        (root / ".git" / folder).mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def names(shipment: Shipment, above: str = "") -> set[str]:
    return {above + file.name for file in shipment.files}


def of_git(root: Path) -> set[str]:
    command = ["git", "ls-files", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=root, env=GIT, capture_output=True, check=True).stdout
    return {os.fsdecode(name) for name in found.split(b"\0") if name}


def check_as_git(root: Path, files: dict[str, bytes]) -> None:
    laid_out(root, files)
    expected = of_git(root)
    assert names(collect(root, ask_git=False)) == expected
    for folder in {path.split("/")[0] for path in expected if "/" in path}:
        below = {path for path in expected if path.startswith(f"{folder}/")}
        assert names(collect(root / folder, ask_git=False), f"{folder}/") == below


@given(files=trees())
@settings(max_examples=100, deadline=None)
def test_untracked_trees(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    check_as_git(tmp_path_factory.getbasetemp() / "as-git", files)


@pytest.mark.long
@given(files=trees())
@settings(max_examples=2000, deadline=None)
def test_untracked_trees_at_length(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    check_as_git(tmp_path_factory.getbasetemp() / "as-git-at-length", files)


@given(files=trees())
@settings(max_examples=20, deadline=None)
def test_git_that_is_asked_says_the_same(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], monkeypatch_session: None
) -> None:
    root = laid_out(tmp_path_factory.getbasetemp() / "asked", files)
    assert names(collect(root)) == names(collect(root, ask_git=False))


@pytest.fixture(scope="session")
def monkeypatch_session() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in GIT.keys() - os.environ.keys():
            patch.setenv(name, GIT[name])
        yield


@pytest.fixture
def repository(tmp_path: Path, monkeypatch_session: None) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    return root


def git(root: Path, *words: str) -> None:
    who = ["-c", "user.name=anna", "-c", "user.email=anna@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *who, *words], cwd=root, env=GIT, check=True, capture_output=True)


def put(root: Path, content: str, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def test_a_tracked_file_is_shipped_whatever_the_rules_say(repository: Path) -> None:
    put(repository, "*.csv\nweights/\n", ".gitignore")
    put(repository, "", "labels.csv", "other.csv", "weights/small.bin", "weights/big.bin", "train.py")
    git(repository, "add", "-f", "labels.csv", "weights/small.bin")
    found = collect(repository)
    assert names(found) == {".gitignore", "labels.csv", "train.py", "weights/small.bin"}
    assert ("other.csv", ".gitignore", False) in found.left_out
    assert names(collect(repository, ask_git=False)) == {".gitignore", "train.py"}


@pytest.mark.parametrize("ask", [True, False])
def test_rules_above_the_directory_count(repository: Path, ask: bool) -> None:
    put(repository, "weights/\n*.csv\n", ".gitignore")
    put(repository, "private.txt\n", ".git/info/exclude")
    put(repository, "", "sub/weights/w.bin", "sub/x.csv", "sub/private.txt", "sub/deep/x.csv", "sub/train.py")
    found = collect(repository / "sub", ask_git=ask)
    assert names(found) == {"train.py"}
    whys = {(one.name, one.why) for one in found.left_out}
    assert {("weights", "../.gitignore"), ("private.txt", ".git/info/exclude")} <= whys


def test_what_cannot_be_read_above_says_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(repository, "*.csv\n", ".gitignore")
    put(repository, "", "sub/x.csv")
    real = Path.read_bytes

    def refuse(place: Path) -> bytes:
        if place == repository / ".gitignore":
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert names(collect(repository / "sub", ask_git=False)) == {"x.csv"}


def test_modules_that_are_named_are_judged_by_their_own_folder(repository: Path) -> None:
    put(repository, "*.so\n", ".gitignore")
    put(repository, "*.log\n", "src/pkg/.gitignore")
    put(repository, "", "src/pkg/__init__.py", "src/pkg/fast.so", "src/pkg/x.log")
    found = names(collect(repository / "src", only={"pkg"}))
    assert found == {"pkg/.gitignore", "pkg/__init__.py", "pkg/fast.so"}


@pytest.mark.parametrize("ask", [True, False])
def test_a_worktree_has_the_rules_of_its_repository(repository: Path, ask: bool) -> None:
    put(repository, "private.txt\n", ".git/info/exclude")
    git(repository, "commit", "-q", "--allow-empty", "-m", "first")
    git(repository, "worktree", "add", "-q", "../beside")
    put(repository.parent / "beside", "", "private.txt", "train.py")
    assert names(collect(repository.parent / "beside", ask_git=ask)) == {"train.py"}


@pytest.mark.parametrize("ask", [True, False])
@pytest.mark.parametrize("rules", ["*\n", "/runs/\n", "runs/*\n"])
def test_a_directory_that_its_repository_ignores_is_meant_when_it_is_named(
    repository: Path, rules: str, ask: bool
) -> None:
    put(repository, rules, ".gitignore")
    put(repository, "*.log\n", "runs/one/.gitignore")
    put(repository, "", "runs/one/train.py", "runs/one/x.log")
    assert names(collect(repository / "runs" / "one", ask_git=ask)) == {".gitignore", "train.py"}


@pytest.mark.parametrize("ask", [True, False])
def test_a_repository_inside_has_rules_of_its_own(repository: Path, ask: bool) -> None:
    library = repository.parent / "library"
    put(library, "*.bin\n", ".gitignore")
    put(library, "", "code.py", "layers/deep.pt")
    git(library, "init", "-q")
    git(library, "add", ".")
    git(library, "commit", "-qm", "first")
    put(repository, "*.pt\n", ".gitignore")
    put(repository, "", "train.py", "own.pt")
    git(repository, "submodule", "add", "-q", str(library), "parts/library")
    git(repository, "clone", "-q", str(library), "cloned")
    for inside in ("parts/library", "cloned"):
        put(repository, "", f"{inside}/data.bin", f"{inside}/new.py")
    below = {".gitignore", "code.py", "layers/deep.pt", "new.py"}
    assert names(collect(repository, ask_git=ask)) - {".gitmodules"} == {
        ".gitignore",
        "train.py",
        *(f"{inside}/{name}" for inside in ("parts/library", "cloned") for name in below),
    }
    assert names(collect(repository.parent, ask_git=ask)) >= {"repository/cloned/new.py", "library/code.py"}
    assert "repository/own.pt" not in names(collect(repository.parent, ask_git=ask))


def test_what_the_user_ignores_everywhere_is_asked_of_git(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, ".idea/\n*.swp\n", "everywhere")
    put(tmp_path, f"[core]\nexcludesFile = {tmp_path}/everywhere\n", "config")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    put(repository, "", "train.py", ".idea/workspace.xml", ".train.py.swp")
    found = collect(repository)
    assert names(found) == {"train.py"}
    assert (".train.py.swp", "git ignores it", False) in found.left_out


def test_gpurunignore_has_the_last_word_over_git(repository: Path) -> None:
    put(repository, "data/\n*.csv\n", ".gitignore")
    put(repository, "!data/\n!results.csv\n", ".gpurunignore")
    put(repository, "", "data/one.bin", "data/two.csv", "results.csv", "other.csv", "train.py")
    git(repository, "add", ".gitignore", "train.py")
    ours = {".gitignore", ".gpurunignore"}
    assert names(collect(repository)) == {*ours, "data/one.bin", "results.csv", "train.py"}


def test_links_and_what_is_no_file_are_judged_as_ever(repository: Path) -> None:
    put(repository, "/outputs/\n", ".gitignore")
    put(repository, "", "outputs/a.txt", "train.py")
    (repository / "latest").symlink_to("outputs")
    os.mkfifo(repository / "pipe")
    found = collect(repository)
    assert names(found) == {".gitignore", "latest/a.txt", "train.py"}
    assert found.notes == ["left out pipe: it is neither a file nor a directory"]


def test_git_that_refuses_is_not_needed(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(repository, "*.csv\n", ".gitignore")
    put(repository, "", "x.csv", "train.py")
    (repository / ".git" / "config").write_text("[core\n")
    assert names(collect(repository)) == {".gitignore", "train.py"}
    git_elsewhere = repository.parent / "elsewhere"
    git_elsewhere.mkdir()
    monkeypatch.setenv("PATH", str(git_elsewhere))
    assert names(collect(repository)) == {".gitignore", "train.py"}


def test_inside_a_hook_git_is_asked_of_the_right_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    git(tmp_path / "other", "init", "-q")
    put(repository, "", "labels.csv")
    put(repository, "*.csv\n", ".gitignore")
    git(repository, "add", "-f", "labels.csv")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    assert names(collect(repository)) == {".gitignore", "labels.csv"}


def test_a_repository_has_no_program_run(repository: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    put(tmp_path, f"#!/bin/sh\ntouch {tmp_path}/was-run\n", "program")
    program.chmod(0o755)
    put(repository, "", "train.py")
    for name in ("post-index-change", "fsmonitor-watchman"):
        shutil.copy(program, repository / ".git" / "hooks" / name)
    git(repository, "config", "core.fsmonitor", str(program))
    assert names(collect(repository)) == {"train.py"}
    assert not (tmp_path / "was-run").exists()


def test_a_server_reads_the_rules_and_asks_nobody(repository: Path) -> None:
    put(repository, "*.csv\n", ".gitignore")
    put(repository, "", "labels.csv", "train.py")
    git(repository, "add", "-f", "labels.csv")
    file = LaunchFile(dir=".", entry="train.py")
    here = gather(file, repository, lambda _: pytest.fail("no run is named")).shipment
    there = gather(file, repository, lambda _: pytest.fail("no run is named"), within=repository).shipment
    assert here is not None
    assert there is not None
    assert names(here) - names(there) == {"labels.csv"}
