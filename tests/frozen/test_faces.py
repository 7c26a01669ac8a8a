"""No help text and no JSON document changes by accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.frozen.faces import DOCUMENTS, HELP, SCENES, document, help_texts


def test_the_help_texts_are_these() -> None:
    assert help_texts() == HELP.read_text(encoding="utf-8"), "run `make frozen` if this is on purpose"


@pytest.mark.parametrize("name", SCENES)
def test_the_documents_have_this_shape(name: str, tmp_path: Path) -> None:
    """Names of members, reason codes, verdicts and exit codes: what programs read. Sentences and numbers may change."""
    frozen = json.loads(DOCUMENTS.read_text(encoding="utf-8"))
    assert document(name, tmp_path) == frozen[name], "run `make frozen` if this is on purpose"
