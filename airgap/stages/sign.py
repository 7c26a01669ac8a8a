"""Sign: signs artifacts in registries, layout directories and layout tars, and attaches the signatures.

Every target is resolved, signed, timestamped and verified before anything is attached: if something fails before that,
nothing has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airgap import __version__
from airgap.errors import AirgapError, ContentError, FormatError, Rejected, UsageError
from airgap.net.attach_places import Places
from airgap.oci.descriptor import NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.reference import registries_in
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp_token import VerifiedTimestamp
from airgap.signature.attachment import AttachedSignature, read_attached, signature_attachment
from airgap.signature.formats import EnvelopeFormat
from airgap.signature.model import Envelope, ExtendedAttribute, PluginDemand, Scheme
from airgap.signature.produce import Draft, EnvelopeSigner, encode_payload
from airgap.signature.results import SignedArtifact
from airgap.signature.sealing import check_signing_chain, seal
from airgap.signature.signature_manifest import Form
from airgap.signature.signer import Signer
from airgap.signature.timestamper import Timestamper
from airgap.transfer.attach import Attachment, Holder, Place
from airgap.transfer.lists import read_list

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions

AGENT: Final = f"airgap/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignRequest:
    """The artifacts to sign, the key, and the signed attributes."""

    targets: Sequence[str]
    """References, each to one artifact: registry, layout directory or layout tar."""
    lists: Sequence[Path] = ()
    """Files with more references, one a line; blank lines and comments after `#` are ignored."""
    spell: Callable[[str], str] = str
    """The reference that a line of a list means: with `oci:` before it, where all lines are layouts."""
    signer: Signer | EnvelopeSigner
    at: datetime
    """The signing time; aware. With the scheme signingAuthority it is the authentic time that verifiers trust."""
    envelope: EnvelopeFormat = EnvelopeFormat.JWS
    lifetime: timedelta | None = None
    """The lifetime of the signature in whole seconds. None: without end (CLI-3)."""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """User metadata, signed as annotations of the target (PAY-5)."""
    scheme: Scheme = Scheme.X509
    timestamper: Timestamper | None = None
    extended: Mapping[str, ExtendedAttribute] = field(default_factory=lambda: MappingProxyType({}))
    """Further signed attributes."""
    plugin: PluginDemand | None = None
    """A verification plugin that must also accept the signature."""
    form: Form = "artifactType"
    """`config` for registries that know no artifact types (MAN-3)."""
    referrers_tag: bool = False
    """Write the referrers tag also where referrers can be found without it."""
    force: bool = False
    """Attach a signature even if an equal one is attached."""
    agent: str | None = AGENT
    """The name of the signing tool, unsigned and for display only (JWS-32)."""

    def __post_init__(self) -> None:
        if not self.targets and not self.lists:
            raise UsageError("there is nothing to sign", remedy="Name an artifact, or a list with --file.")
        EnvelopeFormat.check(self.envelope)
        if self.lifetime is not None and (self.lifetime < timedelta() or self.lifetime.microseconds):
            raise UsageError("the expiry must be whole seconds, and not negative")
        if self.scheme is Scheme.SIGNING_AUTHORITY and self.timestamper is not None:
            raise UsageError("a signature with the scheme signingAuthority has no timestamp")


_NEARER: Final = 0.1
"""How much of the asked lifetime may have passed since an equal signature was made: a pipeline may run many times."""


def sign(
    request: SignRequest,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    attached: Callable[[SignedArtifact], object] | None = None,
) -> tuple[SignedArtifact, ...]:
    """Sign every target of the request, and attach the signatures. A target with an equal signature is left alone.

    `transport` and `credentials` are for registries (by default as docker's configuration says). `attached` is called
    for each target that is done, also if a later one fails: when all are attached, and their registries list them.

    Raises UsageError, NotFoundError, ContentError, SigningError, TimestampingError, and what signer and transport
    raise.
    """
    targets = [*request.targets, *(request.spell(line) for path in request.lists for line in read_list(path))]
    meant = credentials and credentials.only_for(registries_in(targets))
    always_tag, blind = request.referrers_tag, request.force
    with Places(transport=transport, credentials=meant, referrers_tag=always_tag, blind=blind) as places:
        prepared: dict[str, _Prepared] = {}
        for target in targets:
            place = places.open(target)
            if place.name not in prepared:
                prepared[place.name] = _Prepared.of(request, target, place)
        grouped = _by_holder(prepared.values())
        answers = places.attach_unless(
            [(item.place, item.attachment) for item in grouped if item.attachment],
            lambda place, _: prepared[place.name].equal(place),
        )
        done: list[SignedArtifact] = []
        for item in grouped:
            done.append(item.finished(next(answers)) if item.attachment else item.result)
            if attached is not None:
                attached(done[-1])
        return tuple(done)


def _by_holder(prepared: Collection[_Prepared]) -> list[_Prepared]:
    """In their order, but those of one layout one after another: it is written once."""
    first: dict[Holder, int] = {}
    for number, item in enumerate(prepared):
        first.setdefault(item.place.holder, number)
    return sorted(prepared, key=lambda item: first[item.place.holder])


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A target with a signature to attach, or with an equal one."""

    request: SignRequest
    draft: Draft
    place: Place
    result: SignedArtifact
    attachment: Attachment | None = None

    def equal(self, place: Place) -> AttachedSignature | None:
        """An equal signature that another process attached to it since it was looked for."""
        if self.request.force:
            return None
        return _find_equal(self.request, place, self.draft, self.result.signer, but=self.result.signature.digest)

    def finished(self, answer: str | AttachedSignature) -> SignedArtifact:
        """The result with where it is listed, or with the equal signature that was attached in the meantime."""
        if not isinstance(answer, str):
            return _existing(self.result.target, self.place, answer)
        return replace(self.result, listed=answer, warnings=(*self.result.warnings, *self._of_others()))

    def _of_others(self) -> Iterator[str]:
        """What another machine may have done at the same time, which no lock prevents."""
        if not self.place.shared:
            return
        try:
            other = self.equal(self.place)
        except AirgapError as error:
            yield f"it cannot be seen whether another run attached an equal signature at the same time: {error}"
            return
        if other is not None:
            yield f"another run attached an equal signature at the same time, {other.descriptor.digest}: both are there"

    @classmethod
    def of(cls, request: SignRequest, target: str, place: Place) -> _Prepared:
        draft = _draft(request, place.subject)
        chain = () if isinstance(request.signer, EnvelopeSigner) else request.signer.chain
        if chain:
            check_signing_chain(chain, draft)
        if chain and not request.force and (equal := _find_equal(request, place, draft, chain[0])):
            return cls(request, draft, place, _existing(target, place, equal))
        media_type = EnvelopeFormat(request.envelope).media_type
        sealed = seal(draft, request.signer, media_type=media_type, timestamper=request.timestamper)
        if not chain and not request.force:  # the signer is known only now
            leaf = sealed.envelope.certificates[0]
            if equal := _find_equal(request, place, draft, leaf):
                return cls(request, draft, place, _existing(target, place, equal))
        attachment = signature_attachment(sealed, place.subject, request.form)
        layer = attachment.blobs[0][0]
        result = _result(target, place, attachment.manifest, layer, sealed.envelope, timestamp=sealed.timestamp)
        return cls(request, draft, place, result, attachment)


def _draft(request: SignRequest, subject: Descriptor) -> Draft:
    return Draft(
        payload=encode_payload(subject, request.metadata),
        signing_time=request.at,
        scheme=request.scheme,
        expiry=request.at + request.lifetime if request.lifetime else None,
        extended=request.extended,
        plugin=request.plugin,
        signing_agent=request.agent,
    )


def _existing(target: str, place: Place, equal: AttachedSignature) -> SignedArtifact:
    return _result(target, place, equal.descriptor, equal.layer, equal.envelope, existed=True)


def _result(
    target: str,
    place: Place,
    signature: Descriptor,
    layer: Descriptor,
    envelope: Envelope,
    *,
    timestamp: VerifiedTimestamp | None = None,
    existed: bool = False,
) -> SignedArtifact:
    warnings: tuple[str, ...] = ()
    if str(place.subject.digest) not in target:
        warnings = (f"{target} is a name that can move to another artifact; the signed one is {place.subject.digest}",)
    return SignedArtifact(
        target=target,
        name=place.name,
        subject=place.subject,
        signature=signature,
        envelope=layer,
        signer=envelope.certificates[0],
        signed_at=envelope.stated_time,
        expiry=envelope.expiry,
        timestamp=timestamp,
        existed=existed,
        warnings=warnings,
    )


def _find_equal(
    request: SignRequest, place: Place, draft: Draft, leaf: Certificate, *, but: Digest | None = None
) -> AttachedSignature | None:
    """An attached signature with the content of `draft`, by the same certificate, that has not expired.

    The manifest `but` does not count.

    Raises ContentError, and what the transport raises, if one cannot be read: it may be the equal one.
    """
    wanted = {**place.subject.annotations, **request.metadata}
    for found in place.attached(NOTARY_SIGNATURE):
        if found.descriptor.digest == but:
            continue
        try:
            known = read_attached(place, found)
        except (Rejected, FormatError):
            continue  # an invalid signature is not equal
        except ContentError as error:
            raise ContentError(
                error.reason,
                f"the signature {found.descriptor.digest} is attached already and cannot be read, so it is not known "
                f"whether it says the same: {error}",
                remedy="Copy the artifact with its signatures again. --force attaches one more, whatever is there.",
                **error.facts,
            ) from None
        envelope = known.envelope
        if (
            known.layer.media_type == EnvelopeFormat(request.envelope).media_type
            and envelope.certificates[0] == leaf
            and envelope.scheme is draft.scheme
            and dict(known.payload.annotations) == wanted
            and _lasts(envelope.expiry, draft)
            and (known.has_timestamp or request.timestamper is None)
            and dict(envelope.extended) == dict(draft.extended)
            and envelope.plugin == draft.plugin
        ):
            return known
    return None


def _lasts(expiry: datetime | None, draft: Draft) -> bool:
    """Whether a signature with this end lasts about as long as a new one: a new one extends what is much nearer."""
    if expiry is None or draft.expiry is None:
        return expiry is draft.expiry
    return draft.expiry - expiry <= (draft.expiry - draft.signing_time) * _NEARER
