"""A bundle that is killed while it is made has nothing under a name, and the same command completes it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.copy.test_import_kill import IMAGES, many_on_a_stick
from tests.support.scenario import Written
from tests.support.signing import tree

KILLS = 30 if os.environ.get("AIRGAP_SLOW") == "1" else 4


def create(written: Written, destination: Path) -> subprocess.Popen[str]:
    arguments = ["bundle", "create", str(destination), str(written.layout), "--trust", str(written.trust)]
    return subprocess.Popen(
        [sys.executable, "-m", "airgap", *arguments, "--no-download", "--at", written_at(written)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def written_at(written: Written) -> str:
    """A moment for which its CRL is good: the same for each run."""
    changed = (written.trust / "crls" / "good.crl").stat().st_mtime
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(changed))


@pytest.mark.parametrize("name", ["folder", "trip.tar"])
def test_kills(tmp_path: Path, name: str) -> None:
    written = many_on_a_stick(tmp_path)
    whole = tmp_path / f"whole-{name}"
    began = time.monotonic()
    out, err = create(written, whole).communicate(timeout=120)
    assert whole.exists(), out + err
    usual = time.monotonic() - began
    for seed in range(KILLS):
        chance = random.Random(seed)  # noqa: S311
        place = tmp_path / f"{seed}-{name}"
        process = create(written, place)
        time.sleep(usual * chance.uniform(0.2, 1.1))
        process.send_signal(chance.choice([9, 9, 15]))
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        if place.is_file():
            assert place.read_bytes() == whole.read_bytes()  # a tar is complete, or not there
        elif (place / "index.json").exists():
            listed = json.loads((place / "index.json").read_bytes())["manifests"]
            assert len(listed) in {0, len(json.loads((whole / "index.json").read_bytes())["manifests"])}
        again = create(written, place)
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0, out + err
        assert tree(place) == tree(whole) if place.is_dir() else place.read_bytes() == whole.read_bytes()
        assert f"{IMAGES} artifacts" in out
