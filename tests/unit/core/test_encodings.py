"""Texts of other programs: read as they were meant, or refused in a sentence; never half of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.formats.encodings import text_of

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"))


@given(TEXTS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_texts_with_a_mark_and_in_utf_8(text: str, encoding: str) -> None:
    assert text_of(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(encoding: str) -> None:
    assert text_of("step,정확도\n1,0.5".encode(encoding)) == "step,정확도\n1,0.5"


@pytest.mark.parametrize("text", ["step,정확도\n", "이름: 값 → 하나"])
def test_korean_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"no UTF-8: byte [0-9]+ cannot be read\. It may be CP949.* Save it as"):
        text_of(text.encode("cp949"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("step,Genauigkeit für Ä\n", "latin-1"),
        ("étape,perte\n", "cp1252"),
        ("步,损失\n", "gb18030"),
        ("ステップ,損失\n", "shift_jis"),
        ("ステップ,損失\n", "euc_jp"),
        ("шаг,ошибка\n", "cp1251"),
    ],
)
def test_what_is_neither_is_refused(text: str, encoding: str) -> None:
    with pytest.raises(InvalidRequest, match=r"no UTF-8: byte [0-9]+ cannot be read\."):
        text_of(text.encode(encoding))


def test_half_of_utf_16_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no UTF-16-LE"):
        text_of("ab".encode("utf-16")[:-1])
