"""A packer, a site, and the signer whom the site has pinned: everything a snapshot needs, in one folder.

ground = Ground(tmp_path)
target = ground.packed()               # packed, numbered and signed
ground.pin()
ground.apply(target)                   # SnapshotOutcome; the site's trust directory is ground.site
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from airgap.pki.certificate import Certificate
from airgap.signature.signer import LocalSigner
from airgap.signature.timestamper import Timestamper
from airgap.stages.pin import add_pin, propose_pin
from airgap.stages.sign import SignRequest, sign
from airgap.stages.snapshot import create_snapshot
from airgap.stages.snapshot_apply import apply_snapshot, undo_snapshot, verify_snapshot
from airgap.trust.location import Location
from airgap.trust.snapshots.opened import open_snapshot
from airgap.trust.snapshots.pins import Pin
from airgap.trust.snapshots.state import State
from airgap.verifier.snapshot_judgement import ApplyRequest, SnapshotOutcome
from tests.support.crls import crl
from tests.support.pki import AT, Issued, Pki
from tests.support.trust import oci_policy, statement, write_trust

LATER = AT + timedelta(hours=1)


def chain_of(leaf: Issued) -> tuple[Certificate, ...]:
    return tuple(Certificate.parse(item.der) for item in leaf.chain)


@dataclass
class Ground:
    """Where a snapshot is made, and where it goes."""

    folder: Path
    leaf: Issued = field(default_factory=lambda: Pki().code_chain())
    packer: Path = field(init=False)
    site: Path = field(init=False)

    def __post_init__(self) -> None:
        self.packer = write_trust(
            self.folder / "packer",
            policy=oci_policy(statement(name="from the packer", trustStores=["ca:harbour"])),
            stores={"ca:harbour": [self.leaf.root]},
            crls={"a.crl": crl(self.leaf.chain[1], number=5)},
            crl_index={"http://crl.example/a.crl": "a.crl"},
        )
        self.site = write_trust(
            self.folder / "site",
            policy=oci_policy(statement(name="from the site", trustStores=["ca:old"])),
            stores={"ca:old": [Pki().code_chain("p384", 2).root]},
            freshness='[freshness]\ncrl = "3d"\n',
        )
        (self.site / "signingkeys.json").write_text("{}")

    @property
    def location(self) -> Location:
        return Location(path=self.site, origin="test")

    def packed(self, name: str = "stick", *, leaf: Issued | None = None, signed: bool = True, **options: Any) -> str:
        """A reference to a new snapshot."""
        expiry = options.pop("lifetime", None)
        stamp: Timestamper | None = options.pop("timestamper", None)
        members: dict[str, Any] = {"stream": "default", "number": None, "created": AT, **options}
        made = create_snapshot(self.packer, str(self.folder / name), **members)
        if signed:
            self.sign(made.reference, leaf, lifetime=expiry, timestamper=stamp)
        return made.reference

    def sign(
        self,
        reference: str,
        leaf: Issued | None = None,
        *,
        lifetime: timedelta | None = None,
        timestamper: Timestamper | None = None,
    ) -> None:
        signer = leaf or self.leaf
        local = LocalSigner(signer.key, chain_of(signer))  # type: ignore[arg-type]
        sign(SignRequest(targets=[reference], signer=local, at=AT, lifetime=lifetime, timestamper=timestamper))

    def pin(self, *, leaf: Issued | None = None, exact: bool = False, **options: Any) -> Pin:
        """Pin the signer."""
        file = self.folder / "signer.pem"
        file.write_bytes(b"".join(item.pem for item in (leaf or self.leaf).chain))
        pin = propose_pin(str(file), stream=options.pop("stream", "default"), at=AT, exact=exact)
        add_pin(self.location, pin, at=AT, **options)
        return pin

    def apply(
        self, reference: str, at: datetime = LATER, *, clock: datetime | None = None, **options: Any
    ) -> SnapshotOutcome:
        with open_snapshot(reference) as opened:
            request = ApplyRequest(at=at, clock=clock or at, **options)
            return apply_snapshot(opened, self.location, request)

    def verify(self, reference: str, at: datetime = LATER, **options: Any) -> SnapshotOutcome:
        with open_snapshot(reference) as opened:
            request = ApplyRequest(at=at, clock=at, **options)
            return verify_snapshot(opened, self.site, request)

    def undo(self) -> str | None:
        return undo_snapshot(self.location, at=LATER)

    def policy_name(self) -> str:
        """Whose policy is in force."""
        text = (self.site / "trustpolicy.oci.json").read_text()
        return "packer" if "from the packer" in text else "site"

    def state(self) -> State:
        state = State.read(self.site)
        assert state is not None
        return state

    def write_key(self) -> tuple[Path, Path]:
        """The signer's key and chain as files."""
        key, chain = self.folder / "key.pem", self.folder / "chain.pem"
        key.touch(mode=0o600)
        key.write_bytes(
            self.leaf.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        chain.write_bytes(b"".join(item.pem for item in self.leaf.chain))
        return key, chain


def tree_of(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, what changes each time left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "generation"
    }


def fresh(source: Path, target: Path) -> Path:
    """A copy of a folder with what is beside it."""
    shutil.rmtree(target, ignore_errors=True)
    return shutil.copytree(source, target, symlinks=True)
