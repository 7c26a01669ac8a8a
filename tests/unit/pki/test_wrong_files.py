"""airgap.pki.wrong_files: what a file is that is not what it should be."""

from __future__ import annotations

import pytest

from airgap.pki.wrong_files import unknown_label_problem


@pytest.mark.parametrize(("label", "words"), [("", ""), ("CERTIFICATE", ""), ("MESSAGE\x1b", "labelled MESSAGE\\x1b")])
def test_names_a_label_of_which_nothing_else_is_known(label: str, words: str) -> None:
    """DER has no label: what is wrong with it is said by its reader."""
    problem = unknown_label_problem(label, 2)
    assert (problem is not None) is bool(words)
    assert words in str(problem or "")
