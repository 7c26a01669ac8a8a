"""A CRL of the CA's renewed key counts wherever in the trust directory the certificate with that key is.

Only the files of stores that could be read as a whole, and have the right names, counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.pki import Issued, Pki, issue
from tests.support.scenario import Scene, Written

OTHER = "truststore/x509/ca/other"


def put(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def written(folder: Path, reason: str = "keyCompromise") -> tuple[Written, Issued]:
    """A layout with a CRL of the CA's renewed key against the signer, and that key's certificate, not placed yet."""
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    renewed = issue("root", subject=chain.root.subject, slot=6)
    scene = Scene()
    scene.sign_with(chain)
    scene.crls = {"good.crl": crl(chain.root, number=1)}
    here = scene.write(folder)
    put(here.layout, "x.crl", crl(renewed, number=2, revoked=[entry(chain.serial, reason=reason)]))
    return here, renewed


def linked(root: Path, renewed: Issued, place: str, target: str) -> None:
    put(root, "keep/r2.pem", renewed.pem)
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).symlink_to(target)


PLACES: dict[str, Callable[[Path, Issued], None]] = {
    name: lambda root, renewed, name=name: put(root, name, renewed.der if name.endswith(".der") else renewed.pem)
    for name in (
        f"{OTHER}/r2.txt", f"{OTHER}/r2.der", f"{OTHER}/r2.pem~", f"{OTHER}/sub/r2.pem", "truststore/x509/ca/r2.pem",
        "truststore/x509/CA/other/r2.pem", "truststore/x509/foo/other/r2.pem", "truststore/X509/ca/other/r2.pem",
        "truststore/x509/ca/my store/r2.pem", "Truststore/x509/ca/other/r2.pem", "r2.pem", "crls/r2.pem", "old/r2.bak",
    )
} | {
    "link": lambda root, renewed: linked(root, renewed, f"{OTHER}/r2.pem", "../../../../keep/r2.pem"),
    "link to a store": lambda root, renewed: linked(root, renewed, OTHER, "../../../keep"),
    "beside text": lambda root, renewed: put(root, f"{OTHER}/r2.pem", b"x" * 9000 + b"\n" + renewed.pem),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_certificate_in_any_file_shows_who_made_a_crl(tmp_path: Path, place: str) -> None:
    here, renewed = written(tmp_path)
    assert run_here(here.arguments()).code == 0
    PLACES[place](here.trust, renewed)
    assert run_here(here.arguments()).code == 14


BESIDE: dict[str, Callable[[Issued], bytes]] = {
    "README": lambda _: b"hello",
    "z.pem": lambda _: b"",
    "leaf.pem": lambda renewed: issue("leaf", issuer=renewed).pem,
    "r2.key": lambda _: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "cut.pem": lambda renewed: renewed.pem[:-10],
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_makes_a_store_unreadable_hides_no_key_beside_it(tmp_path: Path, name: str) -> None:
    """The whole store was left out. It still is for what trusts: see tests/unit/trust/test_stores.py."""
    here, renewed = written(tmp_path)
    put(here.trust, f"{OTHER}/r2.pem", renewed.pem)
    put(here.trust, f"{OTHER}/{name}", BESIDE[name](renewed))
    assert run_here(here.arguments()).code == 14
    put(here.trust, f"{OTHER}/r2.pem", BESIDE[name](renewed) + renewed.pem)
    (here.trust / OTHER / name).unlink()
    assert run_here(here.arguments()).code == 14
