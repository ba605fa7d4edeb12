"""Tensors through files and back, where torch is installed: it is no part of the test extra."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from values_trip import there_and_back

from gpurun_jupyter.values import files
from gpurun_jupyter.values.refusals import Budget, Refused

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")


def test_tensors() -> None:
    import torch

    dtypes = [torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.complex64, torch.int8, torch.bool]
    for dtype in [*dtypes, torch.float8_e4m3fn]:
        for shape in [(), (0,), (2, 3), (3, 2)]:
            tensor = torch.randn(shape).mul(10).to(dtype)
            back = there_and_back(tensor)
            assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
            assert torch.equal(back.view(torch.uint8) if shape else back, tensor.view(torch.uint8) if shape else tensor)
    turned = torch.randn(3, 4).t()
    assert torch.equal(there_and_back(turned), turned)
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    state = there_and_back(net.state_dict())
    net.load_state_dict(state)
    parameter = there_and_back([net[0].weight])[0]
    assert isinstance(parameter, torch.nn.Parameter)
    assert parameter.requires_grad
    assert not there_and_back(net(torch.randn(2, 2)).sum()).requires_grad
    with pytest.raises(Refused, match="state_dict"):
        there_and_back(net)
    assert torch.equal(there_and_back(net, pickle=True)[0].weight, net[0].weight)
    with pytest.raises(Refused, match="sparse"):
        there_and_back(torch.eye(3).to_sparse())
    assert there_and_back([torch.float16, torch.Size([1, 2]), torch.device("cpu")]) == [
        torch.float16,
        torch.Size([1, 2]),
        torch.device("cpu"),
    ]


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="needs safetensors")
def test_the_parts_are_what_safetensors_reads(tmp_path: Path) -> None:
    import zipfile

    import safetensors.torch
    import torch

    tensor = torch.randn(3, 4).to(torch.bfloat16)
    files.write(tmp_path / "x", "x", tensor, Budget(10_000))
    with zipfile.ZipFile(tmp_path / "x") as archive:
        assert torch.equal(safetensors.torch.load(archive.read("0.safetensors"))["tensor"], tensor)


def test_reading_a_tensor_needs_torch_and_says_so(tmp_path: Path) -> None:
    import torch

    files.write(tmp_path / "x", "x", torch.zeros(3), Budget(10_000))
    code = (
        "import sys; sys.modules['torch'] = None; from pathlib import Path;"
        f"from gpurun_jupyter.values import files; files.read(Path({str(tmp_path / 'x')!r}), 'x')"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert "The variable 'x' is a torch.Tensor, and this environment has no torch. Install it." in said
