"""The judgement of the artifacts of one layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airgap.oci.content import ContentChecker
from airgap.stages.verify import verify
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.request import VerifyRequest
from tests.support.scenario import Scene


def test_content_is_hashed_while_signatures_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing begins first, and its result is asked for last."""
    order: list[str] = []

    def noted(kind: type, name: str) -> None:
        plain = getattr(kind, name)

        def call(*given: Any, **named: Any) -> Any:
            order.append(name)
            return plain(*given, **named)

        monkeypatch.setattr(kind, name, call)

    noted(ContentChecker, "prepare")
    noted(SignatureVerifier, "judge_all")
    noted(ContentChecker, "check")
    written = Scene().write(tmp_path)
    verify(VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope), written.trust)
    assert order == ["prepare", "judge_all", "check"]
