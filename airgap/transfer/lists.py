"""Lists of references and other small files of lines that an operator names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import UsageError
from airgap.files import read_given
from airgap.text import safe

_COMMENT: Final = re.compile(r"(?:^|\s)#.*")


def read_list(path: Path, what: str = "list") -> list[str]:
    """The lines of a list of references, or of `what`; no blank lines and comments after `#`. Raises UsageError."""
    raw = read_given(path, limits.LIST_BYTES, f"the {what} {safe(path)}")
    try:
        text = raw.decode("utf-8-sig")  # editors on Windows write it
    except UnicodeDecodeError as error:
        raise UsageError(f"the {what} {safe(path)} is not UTF-8 (byte {error.start})") from None
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    found = [line for line in lines if line]
    if not found:
        raise UsageError(f"the {what} {safe(path)} names nothing")
    return found
