"""What refers to an artifact, in a word: `sig`, `sbom`, `crl`, ... Nothing is judged."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from airgap.oci.descriptor import ACQUISITION
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import LayoutMechanism, Referrer
from airgap.revocation.artifact import evidence_kinds
from airgap.signature.signature_manifest import is_signature
from airgap.verifier.nearby import foreign_kind

_OTHER: Final = "other"
_COSIGN: Final[Mapping[str, str]] = MappingProxyType({"sig": "cosign sig", "att": "att", "sbom": "sbom"})
"""By the suffix of cosign's tags."""
_SBOM: Final = ("spdx", "cyclonedx", "syft", "sbom")
_ATTESTATION: Final = ("in-toto", "dsse", "attestation", "provenance", "slsa")


def kinds_of(referrer: Referrer) -> tuple[str, ...]:
    """What it is, in a word; evidence counts by the file."""
    manifest = referrer.manifest
    if is_signature(manifest):
        return ("sig",)
    evidence = evidence_kinds(manifest) if isinstance(manifest, Manifest) else ()
    return evidence or (_kind(referrer),)


def _kind(referrer: Referrer) -> str:
    if referrer.artifact_type == ACQUISITION:
        return "record"
    suffix = (referrer.tag or "").rpartition(".")[2]
    if referrer.mechanism is LayoutMechanism.COSIGN and suffix in _COSIGN:
        return _COSIGN[suffix]
    foreign = foreign_kind(referrer)
    if foreign is not None:
        return foreign.replace("signature", "sig")
    layers = referrer.manifest.layers if isinstance(referrer.manifest, Manifest) else ()
    types = " ".join((referrer.artifact_type or "", *(layer.media_type for layer in layers))).lower()
    if any(word in types for word in _SBOM):
        return "sbom"
    return "att" if any(word in types for word in _ATTESTATION) else _OTHER


_ORDER: Final = ("sig", "cosign sig", "sigstore bundle", "sbom", "att", "crl", "ocsp", "record")


def by_kind(item: tuple[str, int]) -> tuple[int, str]:
    """A key to sort numbers of kinds by: signatures first, what is not known last."""
    kind, _ = item
    if kind in _ORDER:
        return _ORDER.index(kind), kind
    return (len(_ORDER) + (kind == _OTHER), kind)
