"""What may stand between an agent and its server: an end of TLS with a certificate of an own authority, a proxy."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from servers import free_port

_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority:
    """A certificate authority, and a certificate of it for an address of this host."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.ca, self.certificate, self.key = folder / "ca.pem", folder / "host.pem", folder / "host.key"
        ca_key, request, names = folder / "ca.key", folder / "host.csr", folder / "names"
        names.write_text(f"subjectAltName=IP:{address},DNS:lab.example\nbasicConstraints=critical,CA:FALSE\n")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        _openssl("req", "-x509", *new_key, "-keyout", ca_key, "-out", self.ca, "-days", "2", "-subj", "/CN=lab CA")
        _openssl("req", *new_key, "-keyout", self.key, "-out", request, "-subj", f"/CN={address}")
        signed = ["-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2", "-extfile", names]
        _openssl("x509", "-req", "-in", request, *signed, "-out", self.certificate)


class Relays:
    """Listeners in a thread of their own, that pass on what they take."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.connected: list[str] = []  # where the proxy was asked to connect to
        self.arrived_bytes = 0  # at the ends of TLS, headers and all

    def tls_end(self, authority: Authority, target: int, address: str = "127.0.0.1") -> int:
        """A port of this address where TLS ends, in front of a port of this host."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.certificate, authority.key)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _joined(reader, writer, *await asyncio.open_connection("127.0.0.1", target), self._count)

        return self._listen(serve, context, address)

    def proxy(self) -> int:
        """The port of an HTTP proxy that can CONNECT, and knows every name as this machine's."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
            assert line[0] == b"CONNECT"
            host, _, port = line[1].decode().rpartition(":")
            self.connected.append(f"{host}:{port}")
            onward = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _joined(reader, writer, *onward, lambda _: None)

        return self._listen(serve)

    def _count(self, size: int) -> None:
        self.arrived_bytes += size

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _listen(self, handler: _Handler, context: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> int:
        port = free_port()
        starting = asyncio.start_server(handler, address, port, ssl=context)
        asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        return port


async def _joined(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    onward_reader: asyncio.StreamReader,
    onward_writer: asyncio.StreamWriter,
    count: Callable[[int], None],
) -> None:
    there, back = _copied(reader, onward_writer, count), _copied(onward_reader, writer, lambda _: None)
    await asyncio.gather(there, back, return_exceptions=True)


async def _copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: Callable[[int], None]) -> None:
    try:
        while data := await reader.read(65536):
            count(len(data))
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
