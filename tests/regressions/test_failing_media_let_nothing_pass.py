"""Evidence that a medium gives wrong once is wrong: what was judged without it passes at no later reading."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from airgap.oci.descriptor import TITLE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.layout import LayoutDirectory
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from airgap.transfer.sources import MemoryFile
from tests.copy.test_trust import copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.scenario import Scene, Written

CRL = Digest.of(REVOKING)


class _Failing:
    """Opens the blobs of a layout; of the CRL it gives other bytes at some of the openings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._opened, self._bad = 0, frozenset[int]()
        well = LayoutDirectory.open

        def opened(layout: LayoutDirectory, digest: Digest) -> io.RawIOBase:
            self._opened += digest == CRL
            if digest == CRL and self._opened in self._bad:
                return MemoryFile(bytes([REVOKING[0] ^ 1]) + REVOKING[1:])
            return well(layout, digest)

        monkeypatch.setattr(LayoutDirectory, "open", opened)

    def at(self, *openings: int) -> None:
        """Counts from here."""
        self._opened, self._bad = 0, frozenset(openings)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> _Failing:
    set_clock(monkeypatch, AT)
    return _Failing(monkeypatch)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Signed, with evidence beside it that revokes the signer."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        piece = builder.add_blob(REVOKING, CRL_MEDIA_TYPE, annotations={TITLE: "crls/x.crl"})
        builder.add_referrer(target, [piece], artifact_type=EVIDENCE_TYPE)

    scene.packing.append(pack)
    return scene.write(tmp_path)


@pytest.mark.parametrize("openings", [(1,), (2,), (3,), (1, 2), (1, 3), (2, 3)], ids=str)
@pytest.mark.parametrize("content", ["all", "manifests"])
def test_verify(tmp_path: Path, written: Written, failing: _Failing, openings: tuple[int, ...], content: str) -> None:
    """It passed with a warning, and with --quiet without one."""
    report = tmp_path / "report.json"
    arguments = written.arguments("--content", content, "--report", str(report))
    assert run_here(arguments).code == 14
    for again in (arguments, ["recheck", str(report), *arguments[arguments.index("--trust") :][:4]]):
        failing.at(*openings)
        ran = run_here(again)
        assert (ran.code, "could not be read before" in ran.out or "content.digest" in ran.out) == (16, True), ran


@pytest.mark.parametrize("openings", [(1,), (2,), (3,), (4,), (1, 3)], ids=str)
def test_copy(tmp_path: Path, written: Written, failing: _Failing, openings: tuple[int, ...]) -> None:
    failing.at(*openings)
    ran = copy(written, written.layout, tmp_path / "to")
    assert (ran.code in {14, 15, 16}, (tmp_path / "to").exists()) == (True, False), ran
