"""No help text and no JSON document changes by accident."""

from __future__ import annotations

import json

from tests.frozen.faces import DOCUMENTS, HELP, documents, help_texts


def test_the_help_texts_are_these() -> None:
    assert help_texts() == HELP.read_text(encoding="utf-8"), "run `make frozen` if this is on purpose"


def test_the_documents_have_this_shape() -> None:
    """Names of members, reason codes, verdicts and exit codes: what programs read. Sentences and numbers may change."""
    assert documents() == json.loads(DOCUMENTS.read_text(encoding="utf-8")), "run `make frozen` if this is on purpose"
