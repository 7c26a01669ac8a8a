"""What certificates and signers are in a timestamp token, in which order, decided between revoked and good."""

from __future__ import annotations

import shutil
from datetime import timedelta
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.fetching import site
from tests.support.layouts import LayoutBuilder
from tests.support.names import harbour
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Signature
from tests.support.tsa import signer, token, tst_info

MADE = AT - timedelta(days=10)
ROOTS = [issue("root", subject=harbour(f"TSA Root {n}"), slot=5 + n) for n in (1, 2)]
# one intermediate, certified by both roots
CROSSED = [
    issue(
        "intermediate", issuer=root, subject=harbour("TSA Intermediate"), slot=4, crl_urls=[f"http://crl.example/{n}"]
    )
    for n, root in enumerate(ROOTS)
]
TSA = issue("tsa", issuer=CROSSED[0], crl_urls=["http://crl.example/tsa.crl"])
# two authorities, one below each root
AUTHORITIES = [
    issue("tsa", issuer=root, slot=n, subject=harbour(f"Authority {n}"), crl_urls=[f"http://crl.example/{n}"])
    for n, root in enumerate(ROOTS)
]
ORDERS = list(permutations((0, 1)))


def _scene(embed: list[Issued], listed: dict[int, str | None], certificates: list[Issued]) -> Scene:
    """Root `n` lists its one of `certificates` for the reason `listed[n]`; a root that is not in it has no CRL."""
    scene = Scene()
    scene.sign_with(Pki().code_chain(depth=2))
    scene.timestamp(TSA, embed=embed, gen_time=MADE)
    scene.stores = {**scene.stores, "tsa:harbour": ROOTS}
    scene.crls["tsa.crl"] = crl(CROSSED[0])
    for n, reason in listed.items():
        revoked = [] if reason == "none" else [entry(certificates[n].serial, reason=reason)]
        scene.crls[f"{n}.crl"] = crl(ROOTS[n], revoked=revoked)
    return scene


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kept", ["trust", "target"])
@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ({0: "none", 1: "none"}, 0),
        ({0: "keyCompromise", 1: "none"}, 14),
        ({0: "none", 1: "cACompromise"}, 14),
        ({0: None, 1: "none"}, 14),
        ({0: "superseded", 1: "none"}, 0),
        ({0: "certificateHold", 1: "none"}, 0),
        ({0: "superseded", 1: "cessationOfOperation"}, 14),
        ({0: "none"}, 0),
        ({0: "keyCompromise"}, 14),
        ({1: "superseded"}, 15),
    ],
)
def test_of_cross_certificates_one_is_enough_unless_their_key_is_revoked(
    tmp_path: Path, listed: dict[int, str | None], code: int, kept: str, order: tuple[int, int]
) -> None:
    """TS-24, decision 0012."""
    scene = _scene([TSA, *(item for n in order for item in (CROSSED[n], ROOTS[n]))], listed, CROSSED)
    if kept == "target":
        scene.builder.extra_files |= {f"crls/{name}": data for name, data in scene.crls.items()}
        scene.crls = {}
    here = scene.write(tmp_path)
    report = tmp_path / "report.json"
    ran = run_here(here.arguments("--report", str(report)))
    assert ran.code == code, ran
    if "superseded" in listed.values() and code == 0:
        assert "another chain" in report.read_text()
    recheck = ["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]
    assert run_here(recheck).code == code
    shutil.rmtree(here.layout)
    assert run_here(recheck).code >= code


@pytest.mark.parametrize("place", ["trust", "store", "target", "other token"])
@pytest.mark.parametrize(
    ("reason", "code"), [("none", 0), ("superseded", 0), ("certificateHold", 0), ("keyCompromise", 14), (None, 14)]
)
def test_a_token_hides_no_revoked_certificate_of_the_same_key(
    tmp_path: Path, reason: str | None, code: int, place: str
) -> None:
    """Decision 0012: the certificates in a token are under no signature, and it was asked for the chain in it alone."""
    scene = _scene([TSA, CROSSED[0]], {0: "none", 1: reason}, CROSSED)
    twin = CROSSED[1]
    if place == "store":
        scene.stores = {**scene.stores, "tsa:other": [twin]}
    elif place == "target":
        scene.builder.extra_files["intermediate.pem"] = twin.pem
    elif place == "other token":
        other = Signature("jws", scene.signature.leaf)
        other.token = lambda _: token(TSA, b"of another value", gen_time=MADE, embed=CROSSED)
        scene.packing.append(partial(_attached, other))
    here = scene.write(tmp_path)
    if place == "trust":
        (here.trust / "certificates").mkdir()
        (here.trust / "certificates" / "intermediate.pem").write_bytes(twin.pem)
    ran = run_here(here.arguments())
    assert ran.code == code, ran


def _attached(other: Signature, builder: LayoutBuilder, target: Descriptor) -> None:
    other.attach(builder, target)


@pytest.mark.parametrize("end", ["", "root"])
def test_a_certificate_below_no_trusted_root_revokes_no_key(tmp_path: Path, end: str) -> None:
    """A key is public: every CA can certify it, and revoke that certificate."""
    other = issue("root", subject=harbour("Another Root"), slot=7)
    twin = issue("intermediate", issuer=other, subject=harbour("TSA Intermediate"), slot=4)
    scene = _scene([TSA, CROSSED[0]], {0: "none"}, CROSSED)
    scene.crls["other.crl"] = crl(other, revoked=[entry(twin.serial, reason="keyCompromise")])
    scene.builder.extra_files |= {"a.pem": twin.pem, "b.pem": other.pem}
    if end:
        scene.stores = {**scene.stores, "tsa:other": [other]}  # the policy does not name it
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == 0, ran


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ({0: "keyCompromise", 1: "none"}, 0),
        ({0: "none", 1: "keyCompromise"}, 0),
        ({0: "keyCompromise", 1: "keyCompromise"}, 14),
        ({0: "keyCompromise"}, 15),
    ],
)
def test_of_several_signers_one_that_holds_is_enough(
    tmp_path: Path, listed: dict[int, str | None], code: int, order: tuple[int, int]
) -> None:
    """TS-24, decision 0012: the first one decided, so that a token was refused by a signer that need not be there."""
    scene = _scene([], listed, AUTHORITIES)

    def stamped(value: bytes) -> bytes:
        content = tst_info(value, gen_time=MADE)
        signers = [signer(AUTHORITIES[n], content) for n in order]
        return token(AUTHORITIES[0], value, gen_time=MADE, signers=signers, embed=AUTHORITIES)

    scene.signature.token = stamped
    ran = run_here(scene.write(tmp_path).arguments())
    assert ran.code == code, ran


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("stored", "code"), [([], 15), (ROOTS[:1], 0), (ROOTS, 15)])
def test_fetch_gets_evidence_for_every_chain_that_a_site_may_build(
    tmp_path: Path, stored: list[Issued], code: int, order: tuple[int, int]
) -> None:
    """It was complete with the evidence of the chain that is first in the token; a site had the root of the other."""
    scene = _scene([TSA, *(item for n in order for item in (CROSSED[n], ROOTS[n]))], {0: "none"}, CROSSED)
    scene.stores = {"ca:harbour": [scene.signature.leaf.root], **({"tsa:harbour": stored} if stored else {})}
    scene.crls["leaf.crl"] = crl(scene.signature.leaf.root)
    with site(tmp_path) as here:
        here.scene, here.written = scene, scene.write(tmp_path)
        assert here.fetch(download=False, required=True).exit_code == code
