"""`python -m fuzz.registries`: registries that are hostile in a hundred ways. Each copy ends in its time and memory.

Each way is a behaviour at a place of the protocol. A copy that meets it ends with an exit code of an error and a word,
or well where the behaviour is only odd: without an internal error, within its `--timeout`, and under 200 MiB.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from tests.support.copying import family, load
from tests.support.registry import LoopbackRegistry, answer, cut, error, reset

TIMEOUT: Final = 8
"""Seconds that each command gets."""
GRACE: Final = 60
"""Seconds more, for a busy machine: what has no bound takes minutes or hours."""
MEMORY: Final = 200
"""MiB."""
_ENDLESS: Final = 1 << 50
_MEASURED: Final = (
    "import resource, subprocess, sys; ran = subprocess.run(sys.argv[1:], capture_output=True, text=True);"
    "sys.stderr.write(ran.stderr[-4000:]);"
    "print(ran.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
)
Responder = Callable[[Any], bool]


def sending(pieces: Callable[[], Iterator[bytes]], *, status: int = 200, **headers: str) -> Responder:
    """An answer whose body comes in pieces, until the reader hangs up."""

    def respond(handler: Any) -> bool:
        handler.drain()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        with suppress(OSError):
            for piece in pieces():
                handler.wfile.write(piece)
        handler.close_connection = True
        return True

    return respond


def raw(pieces: Callable[[], Iterator[bytes]]) -> Responder:
    """Bytes on the connection in place of an answer."""

    def respond(handler: Any) -> bool:
        handler.drain()
        with suppress(OSError):
            for piece in pieces():
                handler.wfile.write(piece)
                handler.wfile.flush()
        handler.close_connection = True
        return True

    return respond


def silent(handler: Any) -> bool:
    """No answer at all."""
    handler.server.owner.stopped.wait(4 * TIMEOUT)
    handler.close_connection = True
    return True


def dripping(piece: bytes, seconds: float = 0.2) -> Callable[[], Iterator[bytes]]:
    """The same piece, now and then."""

    def pieces() -> Iterator[bytes]:
        until = time.monotonic() + 4 * TIMEOUT
        while time.monotonic() < until:
            yield piece
            time.sleep(seconds)

    return pieces


def endless(piece: bytes) -> Callable[[], Iterator[bytes]]:
    """The same piece, as fast as it is taken."""

    def pieces() -> Iterator[bytes]:
        until = time.monotonic() + 4 * TIMEOUT
        while time.monotonic() < until:
            yield piece

    return pieces


def _bomb() -> Iterator[bytes]:
    yield gzip.compress(bytes(256 << 20))


def _deep() -> Iterator[bytes]:
    yield b"[" * 3_000_000


def _pages(handler: Any) -> bool:
    """Each page names a next one."""
    handler.drain()
    body = json.dumps({"name": "app", "tags": ["v1"], "manifests": []}).encode()
    handler.reply(200, body, {"Link": f'<{handler.parts.path}?last={time.monotonic_ns()}>; rel="next"'})
    return True


def _circle(handler: Any) -> bool:
    """A redirect to itself."""
    handler.drain()
    handler.reply(307, b"", {"Location": handler.path})
    return True


PLACES: Final = {
    "ping": r"/v2/$",
    "manifest": r"/manifests/",
    "blob": r"/blobs/sha256",
    "referrers": r"/referrers/",
    "tags": r"/tags/list",
    "all": r"",
}
WAYS: Final[dict[str, Responder]] = {
    "silent": silent,
    "reset": reset,
    "cut": cut(10),
    "head drips": raw(dripping(b"X")),
    "headers without end": raw(lambda: iter([b"HTTP/1.1 200 OK\r\n", *[b"X-Header: 1\r\n"] * 200_000])),
    "a header without end": raw(endless(b"HTTP/1.1 200 OK" + b"x" * 65536)),
    "informational without end": raw(endless(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "body drips": sending(dripping(b"\0"), Content_Length=str(_ENDLESS)),
    "body without end": sending(endless(bytes(65536)), Content_Length=str(_ENDLESS)),
    "chunks without end": sending(endless(b"10000\r\n" + bytes(65536) + b"\r\n"), Transfer_Encoding="chunked"),
    "gzip bomb": sending(_bomb, Content_Encoding="gzip"),
    "deep JSON": sending(_deep),
    "wrong bytes": answer(200, b"{}"),
    "nothing": answer(200),
    "always 429": error(429, "TOOMANYREQUESTS", Retry_After="3600"),
    "always 503": answer(503),
    "always 401": answer(401, WWW_Authenticate='Bearer realm="http://127.0.0.1:1/token"'),
    "circle": _circle,
    "pages without end": _pages,
    "no status line": raw(lambda: iter([b"\x16\x03\x01 this is no HTTP\r\n\r\n"])),
}


def main() -> int:
    """Exit code 0 where everything held."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.registries", description=__doc__)
    parser.add_argument("--only", action="append", metavar="WORD", help="ways or places whose names have it")
    options = parser.parse_args()
    broken = tried = 0
    worst: tuple[int, str] = (0, "")
    with tempfile.TemporaryDirectory(prefix="airgap-registries-") as folder:
        for way in WAYS:
            for place in PLACES:
                name = f"{way}, {place}"
                if options.only and not any(word in name for word in options.only):
                    continue
                tried += 1
                fault, memory = _tried(way, place, Path(folder) / str(tried))
                worst = max(worst, (memory, name))
                if fault:
                    broken += 1
                    print(f"{name}: {fault}", flush=True)
    print(f"{tried - broken} of {tried} ended as they should; at most {worst[0]} MiB ({worst[1]})")
    return 1 if broken else 0


def _tried(way: str, place: str, folder: Path) -> tuple[str, int]:
    """What does not hold, and the MiB of the command."""
    with LoopbackRegistry() as registry:
        load(registry, "app", family(1, layer_bytes=100_000))
        registry.on("*", PLACES[place], WAYS[way])
        source = ["--all-tags", f"{registry.host}/app"] if place == "tags" else [f"{registry.host}/app:v1"]
        command = [sys.executable, "-m", "airgap", "copy", "-q", *source, str(folder), "--timeout", f"{TIMEOUT}s"]
        try:
            ran = subprocess.run(  # noqa: S603
                [sys.executable, "-c", _MEASURED, *command],
                check=False,
                capture_output=True,
                text=True,
                timeout=TIMEOUT + GRACE,
            )
        except subprocess.TimeoutExpired:
            return f"it did not end within {TIMEOUT + GRACE} s", 0
        code, memory = map(int, ran.stdout.split())
        said = ran.stderr.strip()
        faults = (
            (memory > MEMORY, f"{memory} MiB"),
            ("Traceback" in said or "defect" in said, said[-1000:]),
            (code not in {0, 1, 11, 16, 20}, f"exit code {code}"),
            (code != 0 and not said, "no word"),
        )
        return "; ".join(text for is_fault, text in faults if is_fault), memory


if __name__ == "__main__":
    sys.exit(main())
