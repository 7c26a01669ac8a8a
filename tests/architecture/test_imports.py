"""What a command may load: `make contracts` holds the floors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scenario import Scene

ROOT = Path(__file__).resolve().parents[2]
NETWORK = {"requests", "urllib3", "oras", "http.client", "ssl", "airgap.net"}
"""Not `socket`: cryptography.x509 loads it. That nothing uses it is shown by tests/e2e/test_no_network.py."""


def loaded_by(*arguments: str) -> set[str]:
    """Modules that a run of the command has loaded when it ends."""
    script = (
        "import sys, runpy, atexit\n"
        "atexit.register(lambda: sys.stderr.write('\\nLOADED ' + ' '.join(sys.modules)))\n"
        f"sys.argv = ['airgap', *{arguments!r}]\n"
        "runpy.run_module('airgap', run_name='__main__')\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    _, marker, modules = result.stderr.rpartition("LOADED ")
    assert marker, result.stderr
    return set(modules.split())


LAZY = {
    "cbor2": "COSE envelopes",
    "secrets": "writing",
    "tomllib": "airgap.toml",
    "concurrent.futures": "much to hash",
    "cryptography.x509": "CRLs with entries",
    "airgap.near_names": "files whose names a medium changed",
    "airgap.oci.archive": "tars",
    "airgap.oci.recognise": "what is not a layout",
    "airgap.oci.record": "acquisition records",
    "airgap.oci.tar": "tars",
    "airgap.oci.tar_header": "tars",
    "airgap.parse.lines": "mistakes in JSON",
    "airgap.transfer.writer": "writing",
    "airgap.parse.cbor": "COSE envelopes",
    "airgap.pki.crl": "CRLs",
    "airgap.pki.ocsp": "OCSP responses",
    "airgap.pki.file_kinds": "files of another kind",
    "airgap.pki.timestamp_token": "timestamps",
    "airgap.plugin.plugin_directory": "verification plugins",
    "airgap.plugin.protocol": "verification plugins",
    "airgap.report.verify_document": "JSON",
    "airgap.verifier.artifact_document": "JSON",
    "airgap.signature.blob_payload": "signatures of plain files",
    "airgap.signature.cose": "COSE envelopes",
    "airgap.trust.blob_policy": "signatures of plain files",
    "airgap.verifier.verification_plugins": "verification plugins",
}
"""What only some verifies need, and for what: start-up is most of the time that a small one takes."""


def test_plain_verify_loads_only_what_it_needs(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    arguments = written.arguments()
    loaded = loaded_by(*arguments[: arguments.index("--format")])
    assert {"airgap.verifier.engine", "airgap.signature.jws", "airgap.revocation.judge"} <= loaded
    assert {name: why for name, why in LAZY.items() if name in loaded} == {}


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_by("--help")
    assert not loaded & (NETWORK | {"cryptography", "cbor2", "rich", "jwcrypto", "jsonschema", "airgap.verifier"})


@pytest.mark.parametrize("command", ["copy", "key", "recheck", "sign", "trust cert", "trust fetch", "verify"])
def test_help_of_a_command_loads_no_cryptography(command: str) -> None:
    loaded = loaded_by(*command.split(), "--help")
    assert not loaded & (NETWORK | {"cryptography", "json", "airgap.oci.descriptor", "airgap.pki", "airgap.verifier"})


@pytest.mark.parametrize("output", ["text", "json"])
def test_verify_loads_no_network_code(output: str) -> None:
    layout = ROOT / "layouts" / "good"
    loaded = loaded_by(
        "verify", str(layout), "--trust", str(ROOT / "layouts" / "trust"),
        "--scope", "registry.example/net-monitor", "--format", output,
    )  # fmt: skip
    assert "airgap.verifier.engine" in loaded
    assert "airgap.signature.jws" in loaded
    assert not loaded & (NETWORK | {"rich", "jwcrypto", "jsonschema"})


def test_plain_copy_loads_only_what_it_needs(tmp_path: Path) -> None:
    """Most of the time of a copy with nothing new is start-up."""
    loaded = loaded_by("copy", str(ROOT / "layouts" / "good"), str(tmp_path / "to"))
    assert "airgap.transfer.writer" in loaded
    unneeded = {"airgap.verifier", "airgap.pki", "airgap.signature", "airgap.oci.recognise", "airgap.oci.tar_header"}
    assert not loaded & (NETWORK - {"airgap.net"} | unneeded | {"cryptography", "jsonschema", "airgap.net.client"})
