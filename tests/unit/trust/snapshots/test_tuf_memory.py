"""The memory of TUF after a kill: none of it counts without the root that names its keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import TrustMaterialError
from airgap.files import write_file
from airgap.trust.snapshots import memory
from airgap.trust.snapshots.pins import Pin, PinKind
from tests.support.pki import AT

PIN = Pin(stream="default", kind=PinKind.TUF, added=AT, tuf_root=b"{}")
FORMER = {"1.root.json": b"{}", "timestamp.json": b'{"by": "the first key"}'}
LATER = {
    "timestamp.json": b'{"by": "the second key"}',
    "snapshot.json": b"{}",
    "1.root.json": b"{}",
    "2.root.json": b'{"version": 2}',
}


@pytest.mark.parametrize("written", range(len(LATER)))
def test_a_new_root_is_written_before_what_its_keys_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    """Else the timestamp that was there is gone, the new one counts for nothing, and an old one can come again."""
    memory.remember(tmp_path, PIN, FORMER)
    done: list[str] = []

    def killed(path: Path, data: bytes) -> None:
        if len(done) == written:
            raise KeyboardInterrupt
        done.append(path.name)
        write_file(path, data)

    monkeypatch.setattr(memory, "write_file", killed)
    with pytest.raises(KeyboardInterrupt):
        memory.remember(tmp_path, PIN, LATER)
    known = memory.recall(tmp_path, PIN)
    assert known["timestamp.json"] == FORMER["timestamp.json"] or known["2.root.json"] == LATER["2.root.json"]


def test_a_damaged_file_is_not_taken_for_none(tmp_path: Path) -> None:
    """python-tuf would begin anew from the pinned root, and trust keys again that a later root removed."""
    memory.remember(tmp_path, PIN, FORMER | {"2.root.json": b'{"signed":'})
    with pytest.raises(TrustMaterialError, match=r"2\.root\.json") as caught:
        memory.recall(tmp_path, PIN)
    assert caught.value.reason == "snapshot.state.malformed"
