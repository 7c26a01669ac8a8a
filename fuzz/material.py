"""What doors and corpus share: one signing chain, one timestamping chain, made once for each process.

The private keys are those of tests/support/keys, public and worthless; so what one process has made verifies in the
next.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.serialization import load_pem_private_key

from airgap.oci.digest import Digest
from airgap.stages.pin import propose_tuf_pin
from airgap.stages.snapshot_tuf import LIFETIME, ROLES, prepare_tuf_keys
from airgap.stages.snapshot_tuf import _metadata as tuf_metadata
from airgap.trust.snapshots.material import MaterialFile, part_of
from airgap.trust.snapshots.pins import Pin
from airgap.trust.snapshots.snapshot_document import Built, Covered
from tests.support.crls import NEXT_UPDATE, THIS_UPDATE
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import SIGNING_CRL, TSA_CRL, chain_with_crls

__all__ = ["AT", "NONCE", "SIGNATURE_VALUE", "authority", "leaf", "snapshot", "tuf_sender"]

SIGNATURE_VALUE: Final = b"a signature value"
NONCE: Final = 0x1122334455667788


@cache
def leaf() -> Issued:
    """Signs; its chain has three certificates that name CRLs."""
    return chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)


@cache
def authority() -> Issued:
    """Timestamps, likewise."""
    return chain_with_crls(Pki().tsa_chain, "tsa", TSA_CRL)


class TufSender(NamedTuple):
    """Who signs TUF metadata for the snapshot; with other keys in each process."""

    pin: Pin
    metadata: Mapping[str, bytes]
    """The files that are attached to the snapshot."""
    keys: tuple[Any, ...]

    def name_of(self, role: str) -> str:
        """The name of the file of a role; of a root that of the second."""
        return next((name for name in self.metadata if name.endswith(f"{role}.json") and role != "root"), "2.root.json")

    def signed(self, data: bytes) -> bytes:
        """These metadata with signatures by all roles, if they can be read."""
        from tuf.api.metadata import Metadata

        try:
            made: Metadata[Any] = Metadata.from_bytes(data)
            for key in self.keys:
                made.sign(key, append=True)
            return made.to_bytes()
        except Exception:  # noqa: BLE001 - then they are tried as they are
            return data


@cache
def tuf_sender() -> TufSender:
    """The sender of the snapshot below."""
    from securesystemslib.signer import CryptoSigner

    now = datetime.now(UTC)  # TUF's client asks the clock
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder, "keys")
        prepare_tuf_keys(keys, init=True, at=now)
        loaded = (load_pem_private_key((keys / f"{role}.pem").read_bytes(), None) for role in ROLES)
        return TufSender(
            pin=propose_tuf_pin(keys / "1.root.json", stream="default", at=now),
            metadata=tuf_metadata(snapshot().snapshot, keys, now + LIFETIME),
            keys=tuple(CryptoSigner(key) for key in loaded),
        )


@cache
def snapshot() -> Built:
    """A trust snapshot of three files that are not in the trust directory."""
    paths = ("trustpolicy.oci.json", "truststore/x509/ca/harbour/root.pem", "crls/signing.crl")
    covered = Covered(
        file=paths[2], kind="crl", issuer="CN=Harbour", number=7, this_update=THIS_UPDATE, next_update=NEXT_UPDATE
    )
    return Built.of(
        [MaterialFile(path=path, part=part_of(path), digest=Digest.of(path.encode()), size=1) for path in paths],
        stream="default",
        number=3,
        created=AT,
        use_by=NEXT_UPDATE,
        coverage=[covered],
    )
