"""Programs of others that some tests need. Where CI is set they must be there; elsewhere the test is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.registry import free_port, wait_for_port


def needed(name: str, package: str = "") -> str:
    """The path of a program. Where it is absent the test is skipped; in CI it fails and names the Debian package."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/bin")
    return found or absent(name, package or name)


def absent(what: str, package: str) -> NoReturn:
    """Skips the test, or in CI fails it."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is required in CI (apt-get install {package})")
    pytest.skip(f"{what} is not installed")


@contextmanager
def distribution(folder: Path) -> Iterator[str]:
    """The host of Debian's docker-registry: no referrers API, and it takes no index with children missing."""
    found = needed("docker-registry")
    port = free_port()
    (folder / "config.yml").write_text(
        f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            assert wait_for_port(port, seconds=60), (folder / "log").read_text()
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
