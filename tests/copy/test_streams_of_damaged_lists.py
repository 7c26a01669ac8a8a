"""What is not known of a numbered bundle is not taken for new: an import says so, or ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.copy.test_bundle import WEB, made
from tests.copy.test_import import held
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def damage_list(bundle: Path) -> None:
    index = json.loads((bundle / "index.json").read_bytes())
    (entry,) = (item for item in index["manifests"] if "bundle" in str(item.get("artifactType")))
    manifest = json.loads((bundle / "blobs" / entry["digest"].replace(":", "/")).read_bytes())
    path = bundle / "blobs" / manifest["layers"][0]["digest"].replace(":", "/")
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)


@pytest.mark.parametrize("ledger", [True, False])
def test_a_list_that_cannot_be_read_ends_an_import_that_keeps_going(tmp_path: Path, *, ledger: bool) -> None:
    """It may be that of an older bundle: the images got their old tags, with 20."""
    written, bundle = made(tmp_path, "--stream", "monthly", "--number", 4)
    damage_list(bundle)
    options = ["--trust", str(written.trust), *(["--ledger", str(tmp_path / "ledger")] if ledger else [])]
    with LoopbackRegistry() as registry:
        ran = run_here(["import", str(bundle), registry.host, "--keep-going", *options])
        assert (ran.code, held(registry)) == (16, {}), ran
        assert "is not known" in ran.out + ran.err


def test_a_part_of_a_numbered_bundle_is_said_to_be_uncompared(tmp_path: Path) -> None:
    written, bundle = made(tmp_path, "--stream", "monthly", "--number", 4)
    options = ["--trust", str(written.trust), "--ledger", str(tmp_path / "ledger")]
    with LoopbackRegistry() as registry:
        assert run_here(["import", str(bundle), registry.host, *options]).code == 0
        ran = run_here(["import", f"{bundle}:{WEB}", registry.host, *options])
    assert ran.code == 0, ran
    said = ran.out + ran.err
    assert "only a part of bundle 4 of the stream 'monthly' was named" in said
    assert "the last one here is 4" in said
