"""Runs a plugin: without a shell, with a small environment, a time limit and a bound on its output (PLUGIN-10).

The plugin leads a process group of its own, so that its child processes end with it when its time is over. It is not a
sandbox: a plugin runs with the rights of the user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import IO, Final

from airgap import limits
from airgap.errors import FormatError
from airgap.plugin.host import PluginError
from airgap.plugin.protocol import PluginFailure
from airgap.text import safe

_KEPT: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
    "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR",
    # on Windows, programs need these to start and to find their files
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP",
    "USERPROFILE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip
PASSED_ON: Final = "AIRGAP_PLUGIN_ENV"
"""Names of further variables, separated by commas, as for the region of a cloud service."""

_GRACE_SECONDS: Final = 2.0
"""Seconds to read the few kilobytes that an ended plugin left in its pipes."""


def small_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment of plugins: it has credentials only if `AIRGAP_PLUGIN_ENV` names them."""
    named = (name.strip() for name in env.get(PASSED_ON, "").split(","))
    return {name: env[name] for name in (*_KEPT, *named) if name in env}


_START: Final = {
    errno.ENOEXEC: (
        "it is no program for this system (another processor or another system, or no program at all)",
        "Install the plugin that was built for this system: airgap plugin install.",
    ),
    errno.ENOENT: (
        "what it needs to run is not there (the interpreter that its first line names, or the system's loader)",
        "Install what it needs, or the plugin that was built for this system.",
    ),
    errno.EACCES: (
        "the system does not allow it (is it on a medium that is mounted with noexec?)",
        "Install the plugin on this machine's own disk: airgap plugin install.",
    ),
}
"""Why an existing program cannot be started, and the remedy."""


def run(
    name: str, executable: Path, command: str, request: bytes, *, environment: Mapping[str, str], seconds: float
) -> bytes:
    """The output of the plugin on stdout. Raises PluginError. No process of the plugin continues after that."""
    try:
        process = _start([str(executable), command], executable.parent, environment)
    except OSError as error:
        problem, remedy = _START.get(error.errno or 0, (error.strerror or safe(error), ""))
        raise PluginError(name, f"{safe(executable)} cannot be started: {problem}", remedy=remedy) from None
    except ValueError as error:
        raise PluginError(name, f"cannot be started: {safe(error)}") from None
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise AssertionError("pipes were asked for")
    answer = _Reader(stdout, limits.PLUGIN_OUTPUT_BYTES, lambda: _kill(process))
    complaint = _Reader(stderr, limits.PLUGIN_ERROR_BYTES, None)
    readers = (answer, complaint)
    threads = [Thread(target=_feed, args=(stdin, request), daemon=True), *readers]
    for thread in threads:
        thread.start()
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise PluginError(
            name, f"{command} did not end within {seconds:g} seconds and was ended", code="TIMEOUT", command=command
        ) from None
    finally:
        if process.poll() is None:  # the time is over, or we were interrupted
            _kill(process)
            process.wait()
    return _outcome(name, command, code, readers, process)


def _outcome(name: str, command: str, code: int, readers: Sequence[_Reader], process: subprocess.Popen[bytes]) -> bytes:
    deadline = time.monotonic() + _GRACE_SECONDS
    for reader in readers:
        reader.join(max(0.0, deadline - time.monotonic()))
    held = any(reader.is_alive() for reader in readers)
    if held or code != 0 or readers[0].overflowed:
        # processes that the plugin left, whether or not they hold the pipes; the system does not reuse the number
        # of an ended leader while its group has members
        _kill(process, even_ended=True)
    if held:
        raise PluginError(name, f"{command} ended, but left a process behind that holds its output", command=command)
    answer, complaint = readers
    if answer.overflowed:
        raise PluginError(
            name, f"{command} answered more than {limits.PLUGIN_OUTPUT_BYTES} bytes and was ended", command=command
        )
    if code != 0:
        raise _failure(name, command, code, complaint)
    return bytes(answer.data)


def _start(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # no shell, an absolute path, pipes only: no descriptor is inherited. It runs in its own folder, because the
    # current folder may be on the judged medium.
    return subprocess.Popen(  # noqa: S603 - the operator named the program, and it was checked
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        close_fds=True,
        cwd=folder,
        env=dict(environment),
        start_new_session=sys.platform != "win32",
    )


def _kill(process: subprocess.Popen[bytes], *, even_ended: bool = False) -> None:
    if process.poll() is not None and not even_ended:
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _feed(pipe: IO[bytes], request: bytes) -> None:
    with contextlib.suppress(OSError):  # a plugin need not read its request; its answer shows that
        view = memoryview(request)
        while view:
            view = view[pipe.write(view) :]
    with contextlib.suppress(OSError):
        pipe.close()


class _Reader(Thread):
    """Reads a pipe to its end, and keeps a bounded part of it."""

    def __init__(self, pipe: IO[bytes], limit: int, overflow: Callable[[], None] | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._limit = limit
        self._overflow = overflow
        self.data = bytearray()
        self.overflowed = False

    def run(self) -> None:
        """Reads to the end of the pipe. Output beyond the bound is dropped, so that the plugin does not wait."""
        with contextlib.suppress(OSError, ValueError), self._pipe as pipe:
            while chunk := pipe.read(65536):
                room = self._limit - len(self.data)
                self.data += chunk[:room]
                if len(chunk) > room and not self.overflowed:
                    self.overflowed = True
                    if self._overflow:
                        self._overflow()


def _failure(name: str, command: str, code: int, complaint: _Reader) -> PluginError:
    # PLUGIN-11: nothing on stderr, no JSON there, or the plugin's own words
    ended = f"exit code {code}" if code > 0 else f"signal {-code}"
    said = bytes(complaint.data)
    if not said.strip():
        return PluginError(name, f"{command} failed ({ended}) and says nothing about why", command=command)
    try:
        failure = PluginFailure.parse(said)
    except FormatError:
        text = safe(said.decode(errors="replace").strip(), limit=256)
        return PluginError(
            name, f"{command} failed ({ended}) without an error as the contract has it: {text}", command=command
        )
    words = safe(failure.message) or "no reason given"
    return PluginError(
        name,
        f"{command} failed: {words} ({safe(failure.code, limit=64)})",
        code=safe(failure.code, limit=64),
        command=command,
        metadata={safe(key, limit=64): safe(value) for key, value in failure.metadata.items()},
    )
