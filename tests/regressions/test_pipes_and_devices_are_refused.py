"""A pipe or device on the medium, where a file was expected, made a command wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.trust import write_trust

GLOBAL = {
    "version": "1.0",
    "trustPolicies": [
        {
            "name": "files",
            "globalPolicy": True,
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:harbour"],
            "trustedIdentities": ["*"],
        }
    ],
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
@pytest.mark.parametrize("pipe", ["app.bin.jws.sig", "app.bin"])
def test_blob_verify_refuses_a_pipe(tmp_path: Path, pipe: str) -> None:
    for name in ("app.bin", "app.bin.jws.sig"):
        os.mkfifo(tmp_path / name) if name == pipe else (tmp_path / name).write_bytes(b"{}")
    trust = write_trust(tmp_path / "trust", blob_policy=GLOBAL)
    command = [sys.executable, "-m", "airgap", "blob", "verify", str(tmp_path / "app.bin"), "--trust", str(trust)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "is no regular file" in done.stdout + done.stderr) == (1, True), done
