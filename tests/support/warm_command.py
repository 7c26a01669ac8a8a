"""The command for shells: each call is a process of its own, forked from one that has loaded the program.

    with warm_command(folder) as tools:         # a folder with `airgap`, for PATH
        subprocess.run(["/bin/sh", "-c", "airgap ls trip | head -3"], env={"PATH": f"{tools}:/usr/bin:/bin"})

A test that calls a hundred commands in a shell does not load Python and the program a hundred times. `airgap` hands its
words, environment, folder and the three standard files over a socket, and ends as the forked process did. $PLAYED_CLOCK
is what the clock says there.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final, NoReturn, Self

ROOT: Final = Path(__file__).resolve().parents[2]
CLOCK: Final = "PLAYED_CLOCK"
_CALL_BYTES: Final = 1 << 20
_CLIENT: Final = """#!{python} -IS
import json, os, socket, sys
call = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
with socket.socket(socket.AF_UNIX) as line:
    line.connect({path!r})
    socket.send_fds(line, [len(call).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(call)
    code = line.recv(1)
if not code:
    sys.stderr.write("the forked command ended without a code\\n")
sys.exit(code[0] if code else 70)
"""


@contextmanager
def warm_command(folder: Path) -> Iterator[Path]:
    """The folder with `airgap` in it; the process behind it lasts as long as the block."""
    tools = folder / "tools"
    tools.mkdir()
    path = tools / "socket"
    (tools / "airgap").write_text(_CLIENT.format(python=sys.executable, path=str(path)), encoding="utf-8")
    (tools / "airgap").chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    words = [sys.executable, "-m", __name__, str(path)]
    server = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield tools
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()  # type: ignore[union-attr]


def serve(path: str) -> NoReturn:
    """Load the program, and fork for every call."""
    package = importlib.import_module("airgap")
    for module in pkgutil.walk_packages(package.__path__, "airgap."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # they are not waited for here
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    os.write(1, b"ready\n")
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(connection, 4, 3)
    length = int.from_bytes(size, "big")
    assert length < _CALL_BYTES
    call = b""
    while len(call) < length:
        call += connection.recv(length - len(call))
    words, environment, folder = json.loads(call)
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = _run(words)
    connection.sendall(bytes((code,)))
    os._exit(code)


def _run(words: list[str]) -> int:
    from airgap.__main__ import main

    if CLOCK in os.environ:
        _set_clock(datetime.fromisoformat(os.environ.pop(CLOCK)))
    sys.argv = ["airgap", *words]
    try:
        main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    else:
        code = 0
    for file in (sys.stdout, sys.stderr):
        file.flush()
    return code


def _set_clock(moment: datetime) -> None:
    """As tests.support.clock, for a process that ends."""
    import airgap.cli.console

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            there = moment.astimezone(tz)
            return cls.combine(there.date(), there.timetz())

    vars(airgap.cli.console)["datetime"] = Fixed


if __name__ == "__main__":
    serve(sys.argv[1])
