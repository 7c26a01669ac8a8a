"""Settings for the whole suite."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A slow machine is no failure. The same examples are drawn each time, so that the suite is never red by chance and a
# change is judged by itself. `AIRGAP_EXPLORE=1` draws more and new ones, to look for faults; so do `make fuzz` and
# `make campaign`.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "same",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
    max_examples=40,
)
settings.load_profile("explore" if os.environ.get("AIRGAP_EXPLORE") else "same")

# Of a thousand modules and ten thousand tests nothing becomes garbage. To search them again and again took a quarter of
# the time in which tests are collected.
gc.set_threshold(20_000)

# The tests make and remove a hundred thousand small files, and wait for the disk at each flush: in memory, where there
# is room and programs may run. Folders of tests that passed are removed at once.
MEMORY = Path("/dev/shm")  # noqa: S108 - below it pytest makes a folder of this user
if (
    "TMPDIR" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    and shutil.disk_usage(MEMORY).free > 2**31
):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the garbage collector does not search it."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What other programs leave in the shared one is neither looked through nor removed; no terminal has a width."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        patch.delenv("COLUMNS", raising=False)
        yield
