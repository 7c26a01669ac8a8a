"""Running a plugin: bounded time and output, a small environment, no process left (PLUGIN-10 to PLUGIN-12)."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from airgap import limits
from airgap.plugin.host import PluginError
from airgap.plugin.runner import run, small_environment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts begin with #!")

ENVIRONMENT = small_environment(os.environ)


def script(folder: Path, body: str) -> Path:
    path = folder / "notation-test"
    path.write_text(f"#!{sys.executable} -S\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def go(folder: Path, body: str, *, request: bytes = b"{}", seconds: float = 20) -> bytes:
    return run("test", script(folder, body), "a-command", request, environment=ENVIRONMENT, seconds=seconds)


def refused(folder: Path, body: str, *, request: bytes = b"{}", seconds: float = 20) -> PluginError:
    with pytest.raises(PluginError) as caught:
        go(folder, body, request=request, seconds=seconds)
    return caught.value


def test_sends_a_request_and_reads_an_answer(tmp_path: Path) -> None:
    """PLUGIN-10: the command is the only argument, the request is stdin to its end."""
    body = "import sys; sys.stdout.write(repr(sys.argv[1:]) + sys.stdin.read())"
    assert go(tmp_path, body, request=b'{"a":1}') == b"['a-command']{\"a\":1}"


def test_accepts_an_answer_to_a_large_unread_request(tmp_path: Path) -> None:
    assert go(tmp_path, "print('{}')", request=b"x" * 4_000_000) == b"{}\n"


def test_ignores_any_amount_of_stderr_on_success(tmp_path: Path) -> None:
    """PLUGIN-11."""
    assert go(tmp_path, "import sys; sys.stderr.write('x' * 1_000_000); print('{}')") == b"{}\n"


def test_a_plugin_sees_a_small_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_REGION", "NOTATION_PASSWORD", "LD_PRELOAD", "PYTHONPATH"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AIRGAP_PLUGIN_ENV", "AWS_REGION, NOT_THERE")
    path = script(tmp_path, "import json, os; print(json.dumps(dict(os.environ)))")
    seen = json.loads(run("test", path, "c", b"", environment=small_environment(os.environ), seconds=20))
    assert seen["AWS_REGION"] == "/nowhere"
    assert seen["PATH"] == os.environ["PATH"]
    assert not seen.keys() & {"AWS_SECRET_ACCESS_KEY", "NOTATION_PASSWORD", "LD_PRELOAD", "PYTHONPATH", "NOT_THERE"}


def test_a_plugin_runs_in_its_own_folder(tmp_path: Path) -> None:
    """Not in the one that the command was called in, which may be the medium that is judged."""
    assert go(tmp_path, "import os; print(os.getcwd())").decode().strip() == str(tmp_path.resolve())


def test_runs_no_shell(tmp_path: Path) -> None:
    path = script(tmp_path, "import sys; print(sys.argv[1])")
    assert run("test", path, "$(touch x); `y`", b"", environment=ENVIRONMENT, seconds=20) == b"$(touch x); `y`\n"


def test_a_plugin_inherits_no_file_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("wb") as file:
        os.set_inheritable(file.fileno(), True)
        body = f"import os\ntry:\n    os.fstat({file.fileno()}); print('open')\nexcept OSError:\n    print('closed')"
        assert go(tmp_path, body) == b"closed\n"


def test_ends_a_plugin_and_its_children_after_a_timeout(tmp_path: Path) -> None:
    started = time.monotonic()
    marker = tmp_path / "child"
    body = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(marker)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)"
    )
    for seconds in (1.5, 5.0, 15.0):  # a busy machine takes longer to start them
        error = refused(tmp_path, body, seconds=seconds)
        assert f"did not end within {seconds:g} seconds" in str(error)
        assert error.code == "TIMEOUT"
        if marker.exists():
            break
    assert time.monotonic() - started < 55
    assert is_gone(int(marker.read_text()))


def test_ends_a_plugin_that_does_not_read_after_a_timeout(tmp_path: Path) -> None:
    assert "did not end" in str(refused(tmp_path, "import time; time.sleep(60)", request=b"x" * 1_000_000, seconds=0.5))


def test_refuses_a_plugin_whose_child_holds_its_output(tmp_path: Path) -> None:
    marker = tmp_path / "child"
    body = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(marker)!r}, 'w').write(str(child.pid))\n"
        "print('{}')"
    )
    assert "left a process behind" in str(refused(tmp_path, body))
    assert is_gone(int(marker.read_text()))


def is_gone(pid: int) -> bool:
    """Whether the process ends within half a minute; one that is not reaped yet is gone, too."""
    for _ in range(600):
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False


def test_ends_a_plugin_that_writes_too_much(tmp_path: Path) -> None:
    """LIM-9, with a bound of our own."""
    body = f"import sys, time\nprint('x' * {limits.PLUGIN_OUTPUT_BYTES}, flush=True)\ntime.sleep(60)"
    started = time.monotonic()
    assert f"more than {limits.PLUGIN_OUTPUT_BYTES} bytes" in str(refused(tmp_path, body))
    assert time.monotonic() - started < 55


def test_accepts_output_at_the_bound(tmp_path: Path) -> None:
    body = f"import sys\nsys.stdout.write('x' * {limits.PLUGIN_OUTPUT_BYTES})"
    assert len(go(tmp_path, body)) == limits.PLUGIN_OUTPUT_BYTES


ERROR = '{"errorCode":"ACCESS_DENIED","errorMessage":"no\\u001b[31m way","errorMetadata":{"who":"you"}}'


@pytest.mark.parametrize(
    ("stderr", "code", "says", "own"),
    [
        ("", 1, r"failed \(exit code 1\) and says nothing", None),
        (" \n", 3, r"failed \(exit code 3\) and says nothing", None),
        ("Traceback", 1, "without an error as the contract has it: Traceback", None),
        ("{}", 1, "without an error as the contract has it", None),
        ('{"a":1}', 1, "without an error as the contract has it", None),
        (ERROR, 1, r"no\\x1b\[31m way \(ACCESS_DENIED\)", "ACCESS_DENIED"),
        (ERROR, 3, r"no\\x1b\[31m way \(ACCESS_DENIED\)", "ACCESS_DENIED"),
        ('{"errorMessage":"x"}', 1, r"x \(ERROR\)", "ERROR"),
        ('{"errorCode":"THROTTLED"}', 1, r"no reason given \(THROTTLED\)", "THROTTLED"),
    ],
)
def test_a_failure_holds_the_message_of_the_plugin(
    tmp_path: Path, stderr: str, code: int, says: str, own: str | None
) -> None:
    """PLUGIN-11, PLUGIN-12, NEG-127: stdout counts for nothing then."""
    body = f"import sys\nprint('{{}}')\nsys.stderr.write({stderr!r})\nsys.exit({code})"
    with pytest.raises(PluginError, match=says) as caught:
        go(tmp_path, body)
    assert caught.value.code == own


def test_reports_a_crash_of_a_plugin(tmp_path: Path) -> None:
    assert "(signal 9)" in str(refused(tmp_path, "import os; os.kill(os.getpid(), 9)"))


def test_reports_a_plugin_that_cannot_be_started(tmp_path: Path) -> None:
    path = tmp_path / "notation-test"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    with pytest.raises(PluginError, match="cannot be started"):
        run("test", path, "c", b"", environment=ENVIRONMENT, seconds=5)
