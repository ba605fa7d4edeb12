"""Which files of a directory are shipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest, SecretsFound, TooLarge
from gpurun_jupyter.shipping import collect as collecting
from gpurun_jupyter.shipping.collect import Shipment, collect, single
from gpurun_jupyter.shipping.leaving_out import looks_secret


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(shipment: Shipment) -> list[str]:
    return [file.name for file in shipment.files]


def test_gitignore_files_speak_for_their_directories_and_below(tmp_path: Path) -> None:
    tree(tmp_path, "train.py", "data/a.csv", "logs/x.log", "src/keep.log", "src/y.log", "src/deep/z.log", "src/.env.py")
    (tmp_path / ".gitignore").write_text("*.log\n/data/\n")
    (tmp_path / "src" / ".gitignore").write_text("!keep.log\n.env.*\n")
    found = collect(tmp_path)
    assert names(found) == [".gitignore", "src/.gitignore", "src/keep.log", "train.py"]
    assert ("data", ".gitignore", False) in found.left_out
    assert ("src/.env.py", "src/.gitignore", False) in found.left_out


def test_gpurunignore_has_the_last_word(tmp_path: Path) -> None:
    tree(tmp_path, "a.csv", "b.csv", "src/c.csv", "src/d.txt", "node_modules/x.js", "notes.txt")
    (tmp_path / ".gitignore").write_text("*.csv\n")
    (tmp_path / "src" / ".gitignore").write_text("c.csv\n")
    (tmp_path / ".gpurunignore").write_text("# ours\n\n!*.csv\nb.csv\n!node_modules\n*.txt\n.*ignore\n")
    assert names(collect(tmp_path)) == ["a.csv", "node_modules/x.js", "src/c.csv"]


@pytest.mark.parametrize("name", [".gitignore", ".gpurunignore"])
@pytest.mark.parametrize("line", [b"!", b"*.\xff", b"[", b"[[:nope:]]", b"a\\", b"/", b"\xef\xbb\xbf", b"\x0c"])
def test_a_line_that_says_nothing_keeps_no_other_from_counting(tmp_path: Path, name: str, line: bytes) -> None:
    tree(tmp_path, "a.py", "b.txt", "a")
    (tmp_path / name).write_bytes(b"%s\n*.py\r\n%s" % (line, line))
    assert names(collect(tmp_path)) == [name, "a", "b.txt"]


@pytest.mark.parametrize(
    ("rules", "shipped"),
    [
        ("*\n!*/\n!*.py\n!*.yaml\n", ["pkg/c.yaml", "pkg/sub/__init__.py", "train.py"]),
        ("data/**\n!data/**/\n!.gitkeep\n", ["data/raw/.gitkeep", "pkg/c.yaml", "pkg/sub/__init__.py", "train.py"]),
    ],
)
def test_the_last_rule_counts_for_files_and_folders_alike(tmp_path: Path, rules: str, shipped: list[str]) -> None:
    tree(tmp_path, "train.py", "pkg/c.yaml", "pkg/sub/__init__.py", "data/raw/.gitkeep", "data/raw/x.bin")
    (tmp_path / ".gitignore").write_text(rules)
    assert [name for name in names(collect(tmp_path)) if name != ".gitignore"] == shipped


def test_a_rule_with_many_stars_takes_no_time(tmp_path: Path) -> None:
    tree(tmp_path, "a" * 250)
    (tmp_path / ".gitignore").write_text(f"{'*a' * 60}*b\n")
    assert names(collect(tmp_path)) == [".gitignore", "a" * 250]


def test_junk_and_virtual_environments_stay_here(tmp_path: Path) -> None:
    tree(tmp_path, "a.py", ".git/config", "p/__pycache__/a.pyc", "node_modules/x.js", "env311/pyvenv.cfg", "env311/x")
    assert names(collect(tmp_path)) == ["a.py"]


def test_links_inside_are_followed_and_links_out_are_left_out_with_a_sentence(tmp_path: Path) -> None:
    root, outside = tree(tmp_path / "root", "real/a.txt"), tree(tmp_path / "outside", "b.txt")
    (root / "linked").symlink_to("real")
    (root / "file").symlink_to("real/a.txt")
    (root / "out").symlink_to(outside)
    (root / "broken").symlink_to("nowhere")
    (root / "real" / "loop").symlink_to("..")
    shipment = collect(root)
    assert names(shipment) == ["file", "linked/a.txt", "real/a.txt"]
    assert sorted(note.partition(":")[0] for note in shipment.notes) == [
        "left out broken",
        "left out linked/loop",
        "left out out",
        "left out real/loop",
    ]


def test_what_is_neither_file_nor_directory_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tree(tmp_path, "a") / "pipe")
    (tmp_path / os.fsdecode(b"\xff")).write_text("")
    shipment = collect(tmp_path)
    assert names(shipment) == ["a"]
    assert any("pipe" in note for note in shipment.notes)
    assert any("not valid text" in note for note in shipment.notes)
    assert all(note.isprintable() for note in shipment.notes)


def test_the_size_guard_reads_nothing_and_names_the_biggest(tmp_path: Path) -> None:
    for name, size_bytes in [("data/raw/x.bin", 2 * 2**30), ("models/m.pt", 2**30), ("logs/l.txt", 2**20), ("a.py", 5)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(size_bytes)  # sparse: takes no room and no time
        (tmp_path / name).chmod(0)
    with pytest.raises(TooLarge) as raised:
        collect(tmp_path)
    assert "3.0 GB in 4 files" in raised.value.message
    assert "data/raw/ 2.0 GB, models/ 1.0 GB, logs/ 1.0 MB" in raised.value.message
    assert "`data/raw/` in .gitignore or .gpurunignore" in raised.value.hint
    assert len(collect(tmp_path, None).files) == 4
    with pytest.raises(TooLarge):
        single(tmp_path / "data" / "raw" / "x.bin")


SECRETS = [
    ".env",
    ".env.local",
    "a/server.pem",
    "deploy.KEY",
    "id_rsa",
    "keys/id_ed25519",
    "credentials.json",
    ".netrc",
]
SECRETS += ["credentials.json", ".aws/config", "x/.ssh/known", "hf_token", "api-key.txt", "secrets.yaml", "token.json"]
HARMLESS = [".env.example", "id_rsa.pub", "tokenizer.json", "special_tokens_map.json", "tokens.txt", "monkey.txt"]
HARMLESS += [
    "keyboard.py",
    "env.py",
    "environment",
    "keys.py",
    "token_classification.py",
    "secret_santa.py",
    "credentials.py",
]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_refused_with_the_way_to_allow_them(tmp_path: Path, name: str) -> None:
    tree(tmp_path, name, "train.py")
    with pytest.raises(SecretsFound) as raised:
        collect(tmp_path)
    assert name in raised.value.message
    assert f"`!{name}`" in raised.value.hint
    (tmp_path / ".gpurunignore").write_text(f"!{name}\n")
    assert name in names(collect(tmp_path))
    (tmp_path / ".gpurunignore").write_text(f"{name}\n")
    assert names(collect(tmp_path)) == [".gpurunignore", "train.py"]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_sounds_like_a_secret_is_shipped(tmp_path: Path, name: str) -> None:
    assert names(collect(tree(tmp_path, name))) == [name]


@given(folder=st.text("abc/", max_size=5), name=st.sampled_from(SECRETS))
def test_a_secret_is_one_in_every_folder(folder: str, name: str) -> None:
    assert looks_secret(f"{folder}/{name}")


def test_a_line_for_a_folder_allows_no_secret_in_it(tmp_path: Path) -> None:
    tree(tmp_path, "data/.env", "data/a.csv")
    for line in ("!data/", "!*", "!data/*", "!**"):
        (tmp_path / ".gpurunignore").write_text(f"{line}\n")
        with pytest.raises(SecretsFound):
            collect(tmp_path)
    (tmp_path / ".gpurunignore").write_text("!data/.env\n")
    assert "data/.env" in names(collect(tmp_path))


def test_a_link_to_a_secret_is_one(tmp_path: Path) -> None:
    tree(tmp_path, ".env", "a.py")
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / "settings").symlink_to(".env")
    with pytest.raises(SecretsFound, match="secrets: settings"):
        collect(tmp_path)


def test_what_gpurunignore_brings_back_below_a_folder_that_git_ignores(tmp_path: Path) -> None:
    tree(tmp_path, "data/small.csv", "data/big.csv", "data/raw/x.csv", "a.py")
    (tmp_path / ".gitignore").write_text("data/\n.*\n")
    (tmp_path / ".gpurunignore").write_text("!data/small.csv\n")
    assert names(collect(tmp_path)) == ["a.py"]
    (tmp_path / ".gpurunignore").write_text("!data/\ndata/*\n!data/small.csv\n")
    assert names(collect(tmp_path)) == ["a.py", "data/small.csv"]


def test_a_tree_without_end_is_left_out_with_a_sentence(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 150)
    deep.mkdir(parents=True)
    (deep / "a.txt").write_text("")
    found = collect(tmp_path)
    assert found.files == []
    assert "100 folders deep" in found.notes[0]


def test_a_git_ignored_secret_is_no_trouble(tmp_path: Path) -> None:
    tree(tmp_path, ".env", "a.py")
    (tmp_path / ".gitignore").write_text(".env\n")
    assert names(collect(tmp_path)) == [".gitignore", "a.py"]


def test_only_some_entries_are_taken_ignored_or_not(tmp_path: Path) -> None:
    tree(tmp_path, "models/net.py", "models/x.log", "data/big.bin", "one.py", "two.py")
    (tmp_path / ".gitignore").write_text("*.log\none.py\n")
    assert names(collect(tmp_path, only={"models", "one.py"})) == ["models/net.py", "one.py"]


def test_missing_and_unreadable_directories_are_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileMissing, match="nowhere"):
        collect(tmp_path / "nowhere")
    with pytest.raises(FileMissing, match="nowhere"):
        single(tmp_path / "nowhere")

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(collecting.os, "scandir", refuse)
    with pytest.raises(InvalidRequest, match=r"cannot be read \(Permission denied\)"):
        collect(tmp_path)


def test_what_goes_away_while_it_is_looked_at_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "train.py", ".train.py.swp", "steps/1/weights", "steps/2/weights")
    real = os.scandir

    def scandir(path: str) -> list[os.DirEntry[str]]:
        entries = list(real(path))
        if path == str(tmp_path):
            (tmp_path / ".train.py.swp").unlink()
        if path == str(tmp_path / "steps"):
            (tmp_path / "steps" / "1" / "weights").unlink()
            (tmp_path / "steps" / "1").rmdir()
        return entries

    monkeypatch.setattr(collecting.os, "scandir", scandir)
    shipment = collect(tmp_path)
    assert names(shipment) == ["steps/2/weights", "train.py"]
    assert sorted(shipment.notes) == [
        "left out .train.py.swp: it went away while it was being shipped",
        "left out steps/1: it went away while it was being shipped",
    ]


def test_names_in_notes_can_be_printed(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred\n").symlink_to("nowhere")
    assert collect(tmp_path).notes == ["left out '\\x1b[31mred\\n': a link that leads nowhere"]


_names = st.sampled_from(["a", "b.py", "c.log", "build", "keep"])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_lines = st.lists(
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "!"]),
        st.sampled_from(["*.log", "/a", "build/", "**/keep", "a/*", "b.py"]),
        st.just(""),
    ),
    max_size=4,
)


@given(paths=st.sets(_paths, max_size=6), git=_lines, own=_lines)
def test_every_file_is_either_shipped_or_left_out_for_a_reason(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], git: list[str], own: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    files = {path for path in paths if not any(other.startswith(f"{path}/") for other in paths)}
    tree(root, *files)
    (root / ".gitignore").write_text("\n".join(git))
    (root / ".gpurunignore").write_text("\n".join(own))
    shipment = collect(root)
    shipped, left_out = set(names(shipment)), {one.name for one in shipment.left_out}
    for file in files:
        above = {file, *(str(parent) for parent in Path(file).parents)}
        assert (file in shipped) != bool(above & left_out), file
    if not any(line.startswith("!") for line in git + own):
        assert not any(name.endswith(".log") for name in shipped) or "*.log" not in git + own
