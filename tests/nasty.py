"""Values that programs send by mistake and people on purpose, and where each of them may stand in a request."""

from __future__ import annotations

import io
import json
import random
import re
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

DEEP = "[" * 100_000
#: Texts, also as parts of a path.
TEXTS = ["x\n", "x" * 3000, "\0", "a\0b", "..", ".", "~nobody/x", "/etc/passwd", "é\u2028", "%s%n", "' OR 1=1 --", "-1"]
NUMBERS = ["9" * 20, "9" * 5000, "-1", "1e999", "nan", "inf", "-inf", "9223372036854775808", "0x10", "\u0661\u0662"]
CURSORS = [
    "1:99999999999999999999",
    "1:9223372036854775808",
    "1:3",
    "0:0",
    f"{'9' * 400}:0",
    "1:-1",
    "tail:0",
    "\u0661:\u0660",
]
#: JSON documents as they stand in a body.
JSON = [
    *("null", "true", "[]", "{}", '""', '"x\\n"', '"\\u0000"', '"\\ud800"', "-1", "1.5", "1e400", "9" * 20, "9" * 5000),
    *(
        "[null]",
        "[{}]",
        '{"a": {}}',
        '{"": 1}',
        f'"{"x" * 20_000}"',
        f"[{'1,' * 5000}1]",
        '{"a": ' * 40 + "1" + "}" * 40,
    ),
]
BODIES = [b"", b"\xff\xfe", b"\x00", b'{"a":"\xff"}', DEEP.encode(), b'{"code":' + DEEP.encode(), b"[]", b"null", b"1"]


class Request(NamedTuple):
    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None


def requests(document: dict[str, Any], seed: int) -> Iterator[Request]:
    """Of each operation of an OpenAPI document: some paths, some queries, some bodies, each with one nasty thing."""
    chance = random.Random(seed)
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            if path == "/agents/work" or (path, method) == ("/stream", "get"):
                continue  # they wait, for ever where nothing is wrong
            names = [one["name"] for one in described.get("parameters", []) if one["in"] == "query"]
            yield from _of_operation(chance, method, path, names, document, described)


def _of_operation(
    chance: random.Random, method: str, path: str, names: list[str], document: dict[str, Any], described: dict[str, Any]
) -> Iterator[Request]:
    for text in chance.sample(TEXTS, 4) if "{" in path else ():
        yield Request(method, _filled(path, text))
    here = _filled(path, None)
    for name in names:
        for value in [*chance.sample(TEXTS, 2), *chance.sample(NUMBERS, 3), *chance.sample(CURSORS, 2)]:
            yield Request(method, here, ((name, value),))
    if "requestBody" in described:
        for body in chance.sample(BODIES, 3):
            yield Request(method, here, content=body)
        fields, usual = _fields(document, described)
        for name in fields:
            for value in chance.sample(JSON, 3):
                whole = {**usual, name: 0}
                body = ", ".join(f'"{one}": {value if one == name else json.dumps(whole[one])}' for one in whole)
                yield Request(method, here, content=f"{{{body}}}".encode())


def _filled(path: str, text: str | None) -> str:
    """The path with examples for its parameters, or with this text in the place of the last."""
    examples = {"id": "last", "number": "1", "earlier": "1", "digest": "0" * 64, "name": "x", "version": "1"}
    names = re.findall(r"{(\w+)}", path)
    for name in names:
        value = text if text is not None and name == names[-1] else examples.get(name, "x")
        path = path.replace(f"{{{name}}}", _quoted(value))
    return path.lstrip("/")


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _fields(document: dict[str, Any], described: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """What the body may say, and something for what it has to say."""
    schema = next(iter(described["requestBody"]["content"].values()))["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    fields = list(schema.get("properties", ["gpu", "env"]))
    usual = {"code": "1", "hold": True} if "code" in fields else dict.fromkeys(schema.get("required", []), "last")
    return fields, usual | ({"yaml": "code: '1'"} if "yaml" in fields else {}) | (
        {"run": {"code": "1"}} if "values" in fields and "code" not in fields else {}
    )


def mutated_zips(seed: int, count: int) -> Iterator[bytes]:
    """Zips of a file, a packed one and a link, with some bytes changed."""
    chance, whole = random.Random(seed), a_zip()
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data)


def a_zip(name: str = "main.py") -> bytes:
    """A zip with a file, a packed one of a name that is not ASCII, and a link."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "print(1)")
        archive.writestr("é.txt", "text " * 30, zipfile.ZIP_DEFLATED)
        for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            archive.writestr(f"packed{kind}", "text " * 30, kind)
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "main.py", zipfile.ZIP_DEFLATED)
    return written.getvalue()


def misnamed_zip() -> bytes:
    """One whose name is said to be UTF-8 and is not."""
    return a_zip().replace("é".encode(), b"\xff\xfe")


def deep(levels: int) -> str:
    return json.dumps("x").join(("[" * levels, "]" * levels))
