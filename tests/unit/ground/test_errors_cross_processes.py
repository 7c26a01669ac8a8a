"""Every error of ours goes to another process and back: pickle calls the class with the sentence alone otherwise."""

from __future__ import annotations

import pickle

import pytest

from airgap.errors import (
    AirgapError,
    Cause,
    ContentError,
    FormatError,
    Rejected,
    TransferError,
    TrustMaterialError,
    UntrustedError,
)


@pytest.mark.parametrize(
    "error",
    [
        AirgapError("it", remedy="do", path="p"),
        FormatError("wrong", where="a.b", line=3, n=1),
        TransferError("gone", cause=Cause.GONE),
        UntrustedError("bad", reason=None, exit_code=14),
        Rejected("expiry.passed", "late", at="now"),
        ContentError("content.missing", "lost", digest="d"),
        TrustMaterialError("policy.missing", "none"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_keeps_what_it_says(error: AirgapError) -> None:
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)
    assert again.exit_code == error.exit_code
