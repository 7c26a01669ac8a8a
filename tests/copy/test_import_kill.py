"""An import that is killed at any moment leaves no tag without its content, and the next one completes it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airgap import Ledger
from airgap.oci.descriptor import REF_NAME, Descriptor
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written

IMAGES = 12
KILLS = 25 if os.environ.get("AIRGAP_SLOW") == "1" else 3
"""A kill takes some seconds."""


def many_on_a_stick(tmp_path: Path) -> Written:
    """Images of four repositories, for the real clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    scene = Scene(archive=True, scope=None)
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, this_update=now - timedelta(days=1), next_update=now + timedelta(days=9))}

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.entries.clear()
        for number in range(IMAGES):
            config = {"architecture": "amd64", "os": "linux", "n": number, "rootfs": {"type": "layers", "diff_ids": []}}
            layers = [os.urandom(300_000) for _ in range(3)]
            image = builder.add_image(*layers, config=json.dumps(config).encode())
            builder.list(image, **{REF_NAME: f"registry.example/lab/db{number % 4}:v{number}"})
            scene.signature.attach(builder, image)

    scene.packing.append(pack)
    return scene.write(tmp_path)


def import_(written: Written, bundle: Path, host: str, ledger: Path) -> subprocess.Popen[str]:
    arguments = ["import", "--trust", str(written.trust), "--ledger", str(ledger), str(bundle), host]
    return subprocess.Popen(
        [sys.executable, "-m", "airgap", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check_whole(registry: LoopbackRegistry) -> int:
    """The number of tags; what each leads to is there."""
    tags = 0
    for repository in registry.repositories.values():
        for tag, digest in repository.tags.items():
            if not tag.startswith("sha256-"):
                tags += 1
                manifest = json.loads(repository.manifests[digest][1])
                for part in (manifest["config"], *manifest["layers"]):
                    assert part["digest"] in repository.blobs
    return tags


def test_kills(tmp_path: Path) -> None:
    written, ledger = many_on_a_stick(tmp_path), tmp_path / "ledger"
    for seed in range(KILLS):
        chance = random.Random(seed)  # noqa: S311
        bundle = tmp_path / f"{seed + 1}.tar"
        numbered = ["--stream", "monthly", "--number", str(seed + 1), "--no-download", "--trust", str(written.trust)]
        assert run_here(["bundle", "create", str(bundle), str(written.layout), *numbered]).code == 0
        with LoopbackRegistry() as registry:
            process = import_(written, bundle, registry.host, ledger)
            # by what it has sent, not by the clock: a loaded machine needs longer for the beginning
            after = chance.randrange(0, 90)
            until = time.monotonic() + 60
            while len(registry.seen) < after and process.poll() is None and time.monotonic() < until:
                time.sleep(0.002)
            process.send_signal(chance.choice([9, 9, 15]))
            _, err = process.communicate(timeout=60)
            assert "Traceback" not in err
            check_whole(registry)
            again = import_(written, bundle, registry.host, ledger)
            out, err = again.communicate(timeout=120)
            assert (again.returncode, check_whole(registry)) == (0, IMAGES), out + err
        with Ledger.open(ledger) as opened:
            marks = [mark.number for mark in opened.mark_history()["monthly"]]
        assert marks == list(range(1, seed + 2)), "one of each, whenever it was killed"
    checked = subprocess.run(
        [sys.executable, "-m", "airgap", "ledger", "check", "--ledger", str(ledger)], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked
