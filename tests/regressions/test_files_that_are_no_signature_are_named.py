"""A file of no signature's name is said to be what it is; a format for it to be judged by is not asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import Rejected
from airgap.signature.detached import stated_form


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html>log in</html>", "a web page"),
        ('{"payload": ""}'.encode("utf-16"), "text in UTF-16"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS"),
    ],
)
def test_the_kind_of_the_file_is_named(data: bytes, words: str) -> None:
    with pytest.raises(Rejected) as caught:
        stated_form(Path("app.sig"), data, None)
    assert caught.value.reason == "envelope.malformed"
    assert words in str(caught.value)
    assert "--signature-format" not in caught.value.remedy
