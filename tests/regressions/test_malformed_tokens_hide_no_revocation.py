"""Evidence in a timestamp token counts whatever else is wrong with the token, and keys of signers count in exports.

A token with another version, content type or TSTInfo, in the signature of another image, hid the CRL that it holds; and
notation accepted a signer whose key was revoked in another certificate, which is in the trust directory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import Descriptor
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.pki import END, Pki, issue
from tests.support.scenario import Scene, Signature, add_image
from tests.support.tsa import token

LEAF = Pki().code_chain()
CA = LEAF.chain[1]
REVOKING = crl(CA, number=2, revoked=[entry(LEAF.serial, reason="keyCompromise")])
MALFORMED: dict[str, dict[str, Any]] = {
    "well formed": {},
    "another version": {"version": 9},
    "another content type": {"e_content_type": "1.2.3.4"},
    "another TSTInfo": {"tst_version": 3},
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("where", ["another image", "a second signature"])
def test_a_crl_in_a_malformed_token_counts(tmp_path: Path, name: str, where: str) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    tsa = Pki().tsa_chain()
    stamped = Signature("jws", LEAF, token=lambda value: token(tsa, value, crls=[REVOKING], **MALFORMED[name]))
    if where == "a second signature":
        scene.signatures.append(stamped)
    else:

        def pack(builder: LayoutBuilder, _: Descriptor) -> None:
            other = add_image(builder, "other")
            builder.tag(other, "v2")
            stamped.attach(builder, other)

        scene.packing.append(pack)
    assert run_here(scene.write(tmp_path).arguments()).code == 14


@pytest.mark.parametrize(("reason", "code"), [("keyCompromise", 20), ("superseded", 0)])
def test_an_export_keeps_back_the_crl_of_a_signers_revoked_key(tmp_path: Path, reason: str, code: int) -> None:
    """The certificate of the signer itself is in signatures alone."""
    url = "http://crl.example/signing.crl"
    older = issue("leaf", issuer=CA, key=LEAF.key, subject="C=US,O=Older,CN=older")
    scene = Scene()
    scene.sign_with(LEAF)
    scene.put_crls({url: crl(CA, number=3, next_update=END, revoked=[entry(older.serial, reason=reason)])})
    written = scene.write(tmp_path)
    (written.trust / "crls" / "older.pem").write_bytes(older.pem)
    ran = run_here(["trust", "export", str(tmp_path / "out"), "--for", "notation", "--trust", str(written.trust)])
    assert ran.code == code, ran.out
