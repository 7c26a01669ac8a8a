"""The command on systems that lock and open no folders, rename no open file, and start workers anew.

Simulated by `tests.support.other_systems`; what only the real systems show is left to a CI that has them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.command import Ran
from tests.support.other_systems import PLATFORMS, THEN

ROOT = Path(__file__).parents[2]
GOOD, TRUST = str(ROOT / "layouts/good"), ("--trust", str(ROOT / "layouts/trust"))
JUDGED = (*TRUST, "--scope", "registry.example/net-monitor")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the simulation reads /proc")


def run_on(system: str, *arguments: str, encoding: str = "utf-8") -> Ran:
    """The command in a process that looks like `system`, with a console of this encoding."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.other_systems", system, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        encoding=encoding,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


Run = Callable[..., str]


@pytest.fixture(params=sorted(PLATFORMS))
def run(request: pytest.FixtureRequest) -> Run:
    """Runs commands one after the other; the result is what they print."""

    def checked(*commands: Sequence[str], code: int = 0) -> str:
        first, *others = commands
        ran = run_on(request.param, *first, *(word for other in others for word in (THEN, *other)))
        assert ran.code == code, ran
        return ran.out

    return checked


def test_what_a_layout_gets_is_whole(run: Run, tmp_path: Path) -> None:
    """Content takes its name when its file is closed: Windows renames and removes no open file."""
    copied, packed, unpacked, large = (str(tmp_path / name) for name in ("copied", "packed.tar", "unpacked", "large"))
    Path(large).write_bytes(os.urandom(5 * 2**20))
    said = run(
        ["copy", "-q", GOOD, copied],
        ["copy", "-q", copied, packed],
        ["copy", "-q", packed, unpacked],
        ["copy", GOOD, copied],
        ["attach", large, f"{unpacked}:v1", "--artifact-type", "application/x.large"],
        ["copy", "-q", unpacked, copied],
        *(["verify", "-q", target, *JUDGED] for target in (copied, packed, unpacked)),
    )
    assert "21.0 KiB there already" in said
    left = {path.name for folder in (copied, unpacked) for path in Path(folder).iterdir()}
    assert left == {"blobs", "index.json", "oci-layout"}
    sizes = [path.stat().st_size for path in Path(copied, "blobs/sha256").iterdir()]
    assert sizes.count(5 * 2**20) == 1


def test_processes_beside_this_one_are_spawned(run: Run, tmp_path: Path) -> None:
    """A child of the index under a name of its own is a second artifact, without a signature."""
    copied = str(tmp_path / "copied")
    index = json.loads((ROOT / "layouts/good/index.json").read_text(encoding="utf-8"))["manifests"][0]["digest"]
    image = (ROOT / "layouts/good/blobs" / index.replace(":", "/")).read_text(encoding="utf-8")
    child = json.loads(image)["manifests"][0]["digest"]
    said = run(
        ["copy", "-q", GOOD, copied],
        ["copy", "-q", f"{GOOD}@{child}", f"{copied}:child"],
        ["verify", "--jobs", "2", "--format", "json", copied, *JUDGED],
        code=10,
    )
    document = json.loads(said[said.index("{") :])
    assert sorted(artifact["verdict"] for artifact in document["artifacts"]) == ["fail", "pass"]


def test_keys_trust_and_signatures_of_files(run: Run, tmp_path: Path) -> None:
    keys, trust = ("--key-config", str(tmp_path / "keys")), ("--trust", str(tmp_path / "trust"))
    file, root = str(tmp_path / "firmware.bin"), str(tmp_path / "keys/localkeys/mine.root.crt")
    Path(file).write_text("firmware", encoding="ascii")
    statement = ("--name", "mine", "--trust-store", "ca:mine", "--trusted-identity", "*")
    said = run(
        ["key", "generate", "mine", *keys],
        ["blob", "sign", file, "--key", "mine", *keys],
        ["trust", "cert", "add", root, "-t", "ca", "-s", "mine", *trust],
        ["trust", "policy", "init", "--blob", *statement, *trust],
        ["blob", "verify", file, *trust],
    )
    assert "the signature is good. Exit code 0." in said


def test_reports_ledger_bundles_and_snapshots(run: Run, tmp_path: Path) -> None:
    copied = shutil.copytree(ROOT / "layouts/trust", tmp_path / "trust")  # it counts its snapshots in there
    ledger, report = ("--ledger", str(tmp_path / "ledger.db")), str(tmp_path / "report.json")
    said = run(
        ["verify", "-q", GOOD, *JUDGED, "--report", report, *ledger],
        ["verify", "-q", GOOD, *JUDGED, "--report", report, *ledger],
        ["ledger", "list", *ledger],
        ["recheck", "-q", report, *TRUST],
        ["bundle", "create", str(tmp_path / "trip.tar"), f"{GOOD}:v1", *JUDGED, "--no-download"],
        ["trust", "snapshot", "create", "--trust", str(copied), "-o", f"oci:{tmp_path}/snapshot"],
    )
    assert "total: 2 rows of 2" in said
    assert (tmp_path / "trip.tar").is_file()
    assert (tmp_path / "snapshot/index.json").is_file()


@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
def test_a_console_shows_what_it_can(encoding: str) -> None:
    ran = run_on("windows", "verify", str(ROOT / "layouts/revoked"), *JUDGED, encoding=encoding)
    assert ran.code == 14, ran
    assert "FAIL: do not use" in ran.out
    assert "Traceback" not in ran.out + ran.err
