"""The program is killed while it writes volumes: each is complete or not there, and the same command completes them."""

from __future__ import annotations

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

KILLS = 40 if os.environ.get("AIRGAP_SLOW") == "1" else 3
SIZE = "260kB"


def split(written: Written, folder: Path) -> subprocess.Popen[str]:
    arguments = ["bundle", "split", str(written.layout), str(folder), "--volume-size", SIZE]
    return subprocess.Popen(
        [sys.executable, "-m", "airgap", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("usual_signals", [(9,), (15, 1, 2)], ids=["kill", "end"])
def test_kills(tmp_path: Path, usual_signals: tuple[int, ...]) -> None:
    written = many_on_a_stick(tmp_path)
    whole = tmp_path / "whole" / "trip"
    began = time.monotonic()
    _, err = split(written, whole).communicate(timeout=120)
    assert whole.exists(), err
    usual = time.monotonic() - began
    expected = tree(whole)
    assert len(expected) > 1
    assert IMAGES
    for seed in range(KILLS):
        chance = random.Random(seed)  # noqa: S311
        place = tmp_path / str(seed) / "trip"
        process = split(written, place)
        time.sleep(usual * chance.uniform(0.4, 1.1))
        process.send_signal(chance.choice(usual_signals))
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        there = {path.name: path.read_bytes() for path in place.glob("*.tar")} if place.is_dir() else {}
        assert there.items() <= expected.items()
        if there != expected:
            again = split(written, place)
            _, err = again.communicate(timeout=120)
            assert again.returncode == 0, err
        assert tree(place) == expected
