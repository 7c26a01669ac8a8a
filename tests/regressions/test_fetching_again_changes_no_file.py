"""A fetch that finds nothing new leaves every file as it is: backups, media and file watchers would see changes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.fetching import site


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """What tells that a file was written again, with the same bytes or with others."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.mark.parametrize("prune", [False, True], ids=["", "pruned"])
@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize("into", [False, True], ids=["into the trust directory", "into the layout"])
def test_the_same_evidence_is_written_once(tmp_path: Path, *, into: bool, archive: bool, prune: bool) -> None:
    with site(tmp_path) as here:
        here.sign(timestamp=True, archive=archive)
        here.serve()
        request: dict[str, Any] = {"prune": prune}
        if into:
            request["into"] = here.written.target.partition("@")[0]
        assert here.fetch(**request).complete
        before = state(tmp_path)
        here.at += timedelta(hours=1)
        assert here.fetch(**request).complete
        assert state(tmp_path) == before
        here.web.put("/leaf.crl", here.crl(here.ca, number=2))
        assert here.fetch(**request).complete
        assert state(tmp_path) != before
