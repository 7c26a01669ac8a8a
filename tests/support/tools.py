"""Programs of others that some tests need. Where CI is set they must be there; elsewhere the test is skipped."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def needed(name: str, package: str = "") -> str:
    """The path of a program. Where it is absent the test is skipped; in CI it fails and names the Debian package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin")
    return found or absent(name, package or name)


def absent(what: str, package: str) -> NoReturn:
    """Skips the test, or in CI fails it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is required in CI (apt-get install {package})")
    pytest.skip(f"{what} is not installed")
