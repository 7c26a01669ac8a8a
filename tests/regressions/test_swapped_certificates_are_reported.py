"""One key, two certificates, one of them revoked: a swap in the unsigned header passed without a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.pki import Pki, issue
from tests.support.scenario import CREATED, THUMBPRINTS, Scene

SIGNED_WITH = Pki().code_chain()


def _swapped() -> Scene:
    """The envelope carries another certificate of the same key than the one that its manifest was annotated with."""
    scene = Scene()
    scene.sign_with(SIGNED_WITH)
    other = issue("leaf", issuer=SIGNED_WITH.chain[1], key=SIGNED_WITH.key, serial=4711)
    assert other.fingerprint != SIGNED_WITH.fingerprint
    scene.signature.chain = [other, *SIGNED_WITH.chain[1:]]
    fingerprints = json.dumps([item.fingerprint for item in SIGNED_WITH.chain])
    scene.signature.manifest = {"annotations": {THUMBPRINTS: fingerprints, CREATED: "2026-01-01T00:00:00Z"}}
    return scene


@pytest.mark.parametrize("how", [[], ["-q"], ["--format", "json"]], ids=["text", "quiet", "json"])
def test_reports_swapped_certificates(tmp_path: Path, how: list[str]) -> None:
    scene = _swapped()
    written = scene.write(tmp_path)
    arguments = [item for item in written.arguments() if item not in {"--format", "json"}]
    ran = run_here([*arguments, *how])
    assert ran.code == 0, ran  # the annotation is not signed: a hint, never evidence (MAN-10, D1)
    carried = scene.signature.chain
    assert carried is not None
    said = ran.err if how == ["-q"] else ran.out
    assert SIGNED_WITH.fingerprint in said
    assert carried[0].fingerprint in said
    assert "are not those of the envelope's chain" in said


def test_reports_nothing_without_a_swap(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    arguments = [item for item in written.arguments() if item not in {"--format", "json"}]
    assert len(run_here([*arguments, "-q"]).out.splitlines()) == 1
