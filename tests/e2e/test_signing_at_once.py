"""Several runs sign one artifact at the same time: one signature, or a report of the other one."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import airgap
from airgap.locking import alone
from airgap.values import SignedArtifact
from tests.support.command import run_here, run_process
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki
from tests.support.registry import LoopbackRegistry, then
from tests.support.signing import key_options, local

LEAF = Pki().code_chain()
NOTARY = "application/vnd.cncf.notary.signature"


@pytest.fixture(autouse=True)
def _own_locks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as server:
        yield server


def target(kind: str, folder: Path, registry: LoopbackRegistry) -> str:
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"layer", b"{}"), "v1")
    if kind == "directory":
        return f"{builder.write_directory(folder / 'layout')}:v1"
    if kind == "tar":
        return f"{builder.write_tar(folder / 'trip.tar')}:v1"
    registry.referrers_api = kind == "registry"
    registry.put_image("app", tag="v1")
    return f"{registry.host}/app:v1"


def signatures(kind: str, reference: str, folder: Path) -> int:
    """In a layout, or in a copy of what the registry lists."""
    if kind.startswith("registry"):
        ran = run_here(["copy", reference, str(folder / "copy")])
        assert ran.code == 0, ran
        reference = f"{folder / 'copy'}:v1"
    ran = run_here(["discover", reference, "--format", "json"])
    return ran.out.count(NOTARY)


class TogetherSigner:
    """A key that signs when four runs want to sign: none of them has seen a signature of the others."""

    def __init__(self, start: threading.Barrier) -> None:
        self._own, self._start = local(LEAF), start
        self.algorithm, self.chain = self._own.algorithm, self._own.chain

    def sign(self, message: bytes) -> bytes:
        self._start.wait(60)
        return self._own.sign(message)


@pytest.mark.parametrize("kind", ["directory", "tar", "registry", "registry-tag"])
def test_four_concurrent_runs_make_one_signature(tmp_path: Path, registry: LoopbackRegistry, kind: str) -> None:
    reference = target(kind, tmp_path, registry)
    start = threading.Barrier(4)

    def run(number: int) -> SignedArtifact:
        at = AT + timedelta(seconds=number)  # signatures differ
        (result,) = airgap.sign(airgap.SignRequest(targets=[reference], signer=TogetherSigner(start), at=at))
        return result

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert len({result.signature.digest for result in results}) == 1
    assert [result.existed for result in results].count(False) == 1
    assert not any("at the same time" in warning for result in results for warning in result.warnings)
    assert signatures(kind, reference, tmp_path) == 1


def test_four_concurrent_processes_make_one_signature(tmp_path: Path, registry: LoopbackRegistry) -> None:
    reference = target("registry-tag", tmp_path, registry)
    command = [sys.executable, "-m", "airgap", "sign", reference, "--format", "json"]
    command += [str(option) for option in key_options(tmp_path / "k", LEAF)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    done = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, done
    assert len({json.loads(out)["signed"][0]["signature"]["digest"] for out, _ in done}) == 1
    assert signatures("registry-tag", reference, tmp_path) == 1


def test_reports_a_concurrent_signature_of_another_machine(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lock reaches it: it attaches an equal signature between our last look and our own."""
    reference = target("registry", tmp_path, registry)
    command = ["sign", reference, "--format", "json", *map(str, key_options(tmp_path / "k", LEAF))]
    other: list[str] = []

    def elsewhere() -> None:
        with monkeypatch.context() as there:
            (tmp_path / "there").mkdir()
            there.setenv("XDG_RUNTIME_DIR", str(tmp_path / "there"))
            other.append(run_process(command).document["signed"][0]["signature"]["digest"])

    registry.on("PUT", "/manifests/sha256:", then(elsewhere), times=1)
    ran = run_here(command)
    assert ran.code == 0, ran
    (record,) = ran.document["signed"]
    assert not record["existed"]
    assert any(f"at the same time, {other[0]}: both are there" in warning for warning in record["warnings"]), record
    assert "at the same time" in ran.err, "and the message says so"
    assert signatures("registry", reference, tmp_path) == 2


def test_force_adds_an_equal_signature(tmp_path: Path, registry: LoopbackRegistry) -> None:
    reference = target("registry", tmp_path, registry)
    command = ["sign", reference, "--force", "--format", "json", *map(str, key_options(tmp_path / "k", LEAF))]
    first, second = run_here(command), run_here(command)
    assert (first.code, second.code) == (0, 0)
    assert not [text for text in second.document["signed"][0]["warnings"] if "at the same time" in text]
    assert signatures("registry", reference, tmp_path) == 2


def test_refuses_a_lock_folder_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alone("a"), alone("b") as locked:
        assert locked
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    with alone("a") as locked:
        assert not locked
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "airgap").symlink_to(tmp_path / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "linked"))
    with alone("a") as locked:
        assert not locked
