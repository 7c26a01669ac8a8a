"""Signing with a key in a token through the command, in processes of its own (SoftHSM)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.blobs import BlobScene
from tests.support.command import run_here, run_process
from tests.support.copying import family, load
from tests.support.pki import Pki
from tests.support.registry import LoopbackRegistry
from tests.support.softhsm import PIN, Token, library, make_token
from tests.support.tls import make_tls_files

LEAF = Pki().code_chain("rsa3072")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    library()
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "token" / "softhsm2.conf"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("AIRGAP_KEY_PASSPHRASE", raising=False)
    made = make_token(tmp_path / "token")
    made.add("release", LEAF.key, 1)
    return made


def test_signs_with_a_token_key_by_name_and_by_option(
    tmp_path: Path, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = BlobScene(tmp_path, leaf=LEAF, hash_name="sha384").write()
    scene.signature.unlink()
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(item.pem for item in LEAF.chain))
    key = ["--private-key", token.uri("release"), "--chain", str(chain)]
    sign = ["blob", "sign", str(scene.path)]
    without = run_process([*sign, *key])
    assert (without.code, "there is no PIN" in without.err) == (2, True), without
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    pin.chmod(0o600)
    made = run_process([*sign, *key, "--passphrase-file", str(pin)])
    assert (made.code, PIN in made.out + made.err) == (0, False), made
    verify = [item for item in scene.verify() if item not in {"--at", "2026-06-01T12:00:00Z"}]
    assert run_here(verify).code == 0
    added = run_here(["key", "add", "release", *key])
    assert added.code == 0, added
    assert '"kind": "token"' in run_here(["key", "list", "--format", "json"]).out
    monkeypatch.setenv("AIRGAP_KEY_PASSPHRASE", PIN)
    named = run_process([*sign, "--key", "release", "--force", "--signature-format", "cose"])
    assert named.code == 0, named
    assert run_here([*verify, "--signature-format", "cose"]).code == 0


def test_signs_with_a_token_key_in_registries_with_tls(
    tmp_path: Path, token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the token's library leaves in the error queue of OpenSSL was taken for an error of the connection."""
    monkeypatch.setenv("AIRGAP_KEY_PASSPHRASE", PIN)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(b"".join(item.pem for item in LEAF.chain))
    tls = make_tls_files(tmp_path)
    with LoopbackRegistry(tls=tls.server_context()) as registry:
        for number in range(3):
            load(registry, "app", family(number), tag=f"v{number}")
        names = [f"{registry.host}/app:v{number}" for number in range(3)]
        key = ["--private-key", token.uri("release"), "--chain", str(chain), "--ca-file", str(tls.authority)]
        ran = run_process(["sign", *names, *key])
    assert ran.code == 0, ran
