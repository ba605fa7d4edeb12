from __future__ import annotations

import pytest

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.remote import is_loopback
from gpurun_jupyter.core.system import proxies
from gpurun_jupyter.core.system.proxies import Proxy, proxy_for, proxy_of
from gpurun_jupyter.core.system.tokens import sendable

LAB = "http://lab.example:8888/"
_VARIABLES = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "[::1%25lo]", "me.localhost"])
@pytest.mark.parametrize("value", ["socks5://127.0.0.1:9", "nonsense://", "http://[::1"])
def test_this_machine_itself_has_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str, value: str) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    assert proxy_for(f"http://{host}:8888/") is None
    assert is_loopback(host.strip("[]"))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({"http_proxy": "http://p:3128"}, Proxy("http://p:3128", "http_proxy")),
        ({"HTTP_PROXY": "p:3128"}, Proxy("http://p:3128", "HTTP_PROXY")),
        ({"https_proxy": "http://p:3128"}, None),
        ({"ALL_PROXY": "http://[fd00::1]:3128"}, Proxy("http://[fd00::1]:3128", "ALL_PROXY")),
        ({"ALL_PROXY": "http://a", "http_proxy": "http://b"}, Proxy("http://b", "http_proxy")),
        ({"http_proxy": "http://p", "no_proxy": "lab.example"}, None),
        ({"http_proxy": "http://p", "no_proxy": " .example , x"}, None),
        ({"http_proxy": "http://p", "no_proxy": "*.example"}, None),
        ({"http_proxy": "http://p", "no_proxy": "LAB.example:8888"}, None),
        ({"http_proxy": "http://p", "NO_PROXY": "*"}, None),
        ({"http_proxy": "http://p", "no_proxy": "lab.example:1,b.example,ample"}, Proxy("http://p", "http_proxy")),
        ({"http_proxy": "http://p", "no_proxy": "[::1],fd07:b51a::/64,host:x,[::"}, Proxy("http://p", "http_proxy")),
    ],
)
def test_the_variable_that_counts(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: Proxy | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxy_of(LAB) == expected


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.1.2.3"),
        ("[fd07:b51a::5]", "fd07:b51a::/64"),
        ("[fe80::1]", "[fe80::1]"),
    ],
)
def test_addresses_and_networks_that_need_none(monkeypatch: pytest.MonkeyPatch, host: str, named: str) -> None:
    monkeypatch.setenv("http_proxy", "http://p")
    monkeypatch.setenv("no_proxy", f"localhost,{named}")
    assert proxy_for(f"http://{host}:8888/") is None
    assert proxy_for("http://10.9.9.9.example/") == proxy_for("http://[fd08::1]/") == "http://p"


@pytest.mark.parametrize(
    "value", ["socks4://p:1", "ftp://p", "http://", "http://p:port", "http://[::1", "http://p:0", "://"]
)
def test_what_is_no_proxy_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(InvalidRequest, match=r"ALL_PROXY names no proxy.*add lab\.example to NO_PROXY"):
        proxy_for(LAB)


def test_a_socks_proxy_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5h://anna:secret@p:1080")
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match=r"all_proxy names a SOCKS proxy \(socks5h://p:1080\).*socksio") as refused:
        proxy_for(LAB)
    assert "secret" not in str(refused.value)
    monkeypatch.setattr(proxies, "find_spec", lambda _: object())
    assert proxy_for(LAB) == "socks5://anna:secret@p:1080"


def test_a_token_is_ascii_and_is_not_told() -> None:
    assert sendable(" a-B._~+/=1\n", "") == "a-B._~+/=1"
    assert sendable("", "") == ""
    for token in ("schlüssel", "a b", "a\nb", "열쇠", "a\x7f"):
        with pytest.raises(InvalidRequest, match="Set it") as refused:
            sendable(token, "Set it.")
        assert token not in str(refused.value)
