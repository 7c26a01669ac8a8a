"""Evidence artifacts: evidence that is attached to an image as a referrer.

One OCI artifact for each image, artifactType `application/vnd.airgap.evidence.v1`, one layer a file, named as in a
trust directory (`crls/...`, `ocsp/...`), so that `oras pull` restores these files. Its subject is the image: so tools
that copy referrers copy it, registries list it, and no tool takes it for an image. The same evidence gives the same
bytes.

Here is which artifacts, layers and file names are called evidence; `airgap.revocation.target_evidence` reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Final

from airgap import limits
from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import EMPTY, EVIDENCE, IMAGE_MANIFEST, TITLE, Descriptor, essence
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import Root, reported_elsewhere
from airgap.oci.store import Store, read_by_digest
from airgap.problem import Problem
from airgap.revocation.index import INDEX
from airgap.revocation.misplaced import POSSIBLE, says_evidence

EVIDENCE_TYPE: Final = EVIDENCE
CRL_MEDIA_TYPE: Final = "application/pkix-crl"
OCSP_MEDIA_TYPE: Final = "application/ocsp-response"
RESPONDER_MEDIA_TYPE: Final = "application/pkix-cert"
INDEX_MEDIA_TYPE: Final = "application/json"
_FOLDERS: Final = {"crls": (".crl", CRL_MEDIA_TYPE), "ocsp": (".ors", OCSP_MEDIA_TYPE)}
FILE_NAME_ENDINGS: Final = tuple(ending for ending, _ in _FOLDERS.values())
_CERTIFICATES: Final = {
    RESPONDER_MEDIA_TYPE, "application/x-x509-ca-cert", "application/x-pem-file",
    "application/pkcs7-mime", "application/x-pkcs7-mime", "application/x-pkcs7-certificates",
}  # fmt: skip
"""Types of what may be the certificate of an OCSP responder, which a response may lack, or hold CRLs as well."""
_ENCODED: Final = (".p7b", ".p7c", ".b64", ".base64")
"""Other endings of files with CRLs: they are not read, but reported."""
_TRUST_TYPES: Final = "application/vnd.airgap.trust."
"""The prefix of artifact types of trust snapshots."""


def evidence_artifacts(graph: Graph, subject: Descriptor) -> tuple[tuple[Digest, Manifest], ...]:
    """The evidence artifacts that refer to `subject`, each with its digest. Content of a layout never makes it raise.

    An unreadable one is a problem of the closure of the subject, which verify and fetch report.
    """
    referrers = graph.referrers(subject).readable(reported_elsewhere)
    return tuple(
        (item.descriptor.digest, item.manifest)
        for item in referrers
        if isinstance(item.manifest, Manifest) and item.manifest.artifact_type == EVIDENCE_TYPE
    )


def evidence_layers(manifest: Manifest) -> tuple[Descriptor, ...]:
    """What a manifest holds as evidence by our names: all layers of an evidence artifact, elsewhere what is called so.

    That may be its config: other tools name the type of an artifact by it.
    """
    is_ours = manifest.artifact_type == EVIDENCE_TYPE
    return tuple(
        item
        for place, item in manifest.successors()
        if (is_ours and place != "config" and item.media_type != RESPONDER_MEDIA_TYPE) or states_evidence(item)
    )


def states_evidence(item: Descriptor) -> bool:
    """Whether its title or its media type says that it is evidence."""
    return _title(item).endswith(FILE_NAME_ENDINGS) or _is_called_type(item.media_type)


@lru_cache(maxsize=256)
def _is_called_type(media_type: str) -> bool:
    return essence(media_type) in {CRL_MEDIA_TYPE, OCSP_MEDIA_TYPE}


def evidence_kinds(manifest: Manifest) -> tuple[str, ...]:
    """Of each file that a manifest holds as evidence, `crl` or `ocsp`, by its name or type."""
    ocsp = (
        _title(item).endswith(FILE_NAME_ENDINGS[1]) or essence(item.media_type) == OCSP_MEDIA_TYPE
        for item in evidence_layers(manifest)
    )
    return tuple("ocsp" if is_ocsp else "crl" for is_ocsp in ocsp)


def is_evidence_alone(graph: Graph, root: Root) -> bool:
    """Whether an artifact without a name is one of ours and nothing else: evidence about what is not here.

    It proves itself, so it needs no signature of its own. Nothing in it can be taken for an image or another artifact:
    it has the config of none, and no layer but evidence.
    """
    if root.tags or root.aliases or not _is_readable(graph, root.descriptor):
        return False
    manifest = graph.manifest(root.descriptor)
    return (
        isinstance(manifest, Manifest)
        and (manifest.media_type, manifest.artifact_type) == (IMAGE_MANIFEST, EVIDENCE_TYPE)
        and manifest.config is not None
        and manifest.config.media_type == EMPTY
        and bool(manifest.layers)
        and all(
            layer.media_type in {CRL_MEDIA_TYPE, OCSP_MEDIA_TYPE, RESPONDER_MEDIA_TYPE}
            or (layer.media_type, layer.annotations.get(TITLE)) == (INDEX_MEDIA_TYPE, f"crls/{INDEX}")
            for layer in manifest.layers
        )
    )


def possible_evidence_layers(manifest: Manifest) -> Iterator[Descriptor]:
    """What may be evidence by the names that others give it (`oras attach IMAGE crl.pem`); its content tells."""
    in_evidence = says_evidence(manifest.artifact_type or "")
    for _, item in manifest.successors():
        if is_likely_evidence(item, in_evidence=in_evidence):
            yield item


def read_as_evidence(manifest: Manifest) -> Iterator[Descriptor]:
    """What a judgement reads of a manifest because it is evidence, or may be."""
    yield from evidence_layers(manifest)
    yield from possible_evidence_layers(manifest)


def is_likely_evidence(item: Descriptor, *, in_evidence: bool) -> bool:
    """`in_evidence`: whether the type of its artifact is one of evidence."""
    if item.media_type == EMPTY:
        return False
    title = _title(item)
    return (
        in_evidence
        or _is_likely_type(item.media_type)
        or says_evidence(title)
        or title.endswith((*POSSIBLE, *_ENCODED))
    )


@lru_cache(maxsize=256)  # a layout has few types
def _is_likely_type(media_type: str) -> bool:
    named = essence(media_type)
    return says_evidence(named) or named in _CERTIFICATES


def _title(item: Descriptor) -> str:
    return item.annotations.get(TITLE, "").lower() if item.annotations else ""


def is_called_evidence(artifact_type: str | None) -> bool:
    """Whether this type of an artifact is that of evidence, or a usual name for it."""
    return artifact_type == EVIDENCE_TYPE or says_evidence(artifact_type or "")


def find_proposals(graph: Graph, roots: Iterable[Descriptor], origin: str) -> tuple[Problem, ...]:
    """`trust.proposal` for everything in a target that holds trust stores or a policy; these are never used."""
    notices: dict[Digest, Problem] = {}
    for root in roots:
        referrers = graph.referrers(root).readable(reported_elsewhere)
        own = [(root.digest, graph.manifest(root))] if root.is_manifest and _is_readable(graph, root) else []
        for digest, manifest in (*own, *((item.descriptor.digest, item.manifest) for item in referrers)):
            if _is_proposal(manifest) and len(notices) < limits.SIGNATURES:
                notices[digest] = Problem(
                    reason="trust.proposal",
                    message=f"{origin} holds trust material that was not used: {digest}",
                    facts={"target": origin, "digest": str(digest)},
                )
    return tuple(notices.values())


def _is_proposal(manifest: Manifest | Index) -> bool:
    if not isinstance(manifest, Manifest):
        return False
    titles = (layer.annotations.get(TITLE, "") for layer in manifest.layers)
    named = any(title.startswith(("truststore/", "trustpolicy")) for title in titles)
    return named or (manifest.artifact_type or "").startswith(_TRUST_TYPES)


def _is_readable(graph: Graph, descriptor: Descriptor) -> bool:
    try:
        graph.manifest(descriptor)
    except ContentError:
        return False
    return True


def possible_evidence(names: Collection[str]) -> tuple[str, ...]:
    """Which of some loose files would be looked into, where they cannot be read any more; of too many, any may be."""
    found = tuple(sorted(filter(may_be_evidence, names)))
    return found or (tuple(sorted(names)) if len(names) > limits.LOOSE_FILES else ())


def may_be_evidence(name: str) -> bool:
    """Whether a loose file of this name is looked into."""
    return ends_as_evidence(name) or says_evidence(name)


def ends_as_evidence(name: str) -> bool:
    """Whether a file name ends as one of evidence, in a form that is read or not."""
    return name.lower().endswith((*FILE_NAME_ENDINGS, *POSSIBLE, *_ENCODED))


def read_piece(store: Store, layer: Descriptor) -> bytes:
    """One file of evidence in a layer. Raises FormatError."""
    try:
        return read_by_digest(store, layer, limits.CRL_FILE_BYTES)
    except ContentError as error:
        raise FormatError(f"cannot be read: {error}") from None
