"""Timestamp: adds timestamps to existing signatures before their certificates expire.

The token goes into the unsigned header, so that the signed part does not change. But the stamped envelope has other
bytes. So it is another blob with another signature manifest, which is attached beside the old one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airgap.errors import AirgapError, FormatError, NotFoundError, Rejected
from airgap.net.attach_places import Places
from airgap.oci.descriptor import NOTARY_SIGNATURE
from airgap.oci.digest import Digest
from airgap.signature.attachment import AttachedSignature, read_attached, signature_attachment
from airgap.signature.model import Scheme
from airgap.signature.results import StampedSignature, Stamping
from airgap.signature.sealing import stamp
from airgap.signature.signer import SigningError
from airgap.signature.timestamper import Timestamper
from airgap.transfer.attach import Attachment, Place

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampRequest:
    """The artifact whose signatures to stamp, and the authority."""

    target: str
    """A reference to one artifact."""
    timestamper: Timestamper
    signature: Digest | None = None
    """Digest of one signature's manifest; None: every signature that has no timestamp yet."""
    force: bool = False
    """Stamp also those that have a timestamp, or a stamped copy."""
    referrers_tag: bool = False
    """Write the referrers tag also where referrers can be found without it."""


def add_timestamps(
    request: TimestampRequest,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    attached: Callable[[StampedSignature], object] | None = None,
) -> tuple[StampedSignature, ...]:
    """Stamp the artifact's signatures, all of them or one, and attach the stamped copies.

    All tokens are fetched and verified before the first copy is attached; `attached` is called for each copy.
    Raises NotFoundError where there is no such signature, SigningError, TimestampingError, and what the transport
    raises.
    """
    with Places(transport=transport, credentials=credentials, referrers_tag=request.referrers_tag) as places:
        place = places.open(request.target)
        prepared = list(_prepare(request, place))
        if not prepared:
            wanted = "no signature" if request.signature is None else f"no signature {request.signature}"
            raise NotFoundError(f"{place.name} has {wanted} attached")
        listed = places.attach([(place, attachment) for _, attachment in prepared if attachment])
        done = []
        for result, attachment in prepared:
            finished = replace(result, listed=next(listed)) if attachment else result
            done.append(finished)
            if attached is not None:
                attached(finished)
        return tuple(done)


def _prepare(request: TimestampRequest, place: Place) -> Iterator[tuple[StampedSignature, Attachment | None]]:
    known: list[AttachedSignature] = []
    unusable: list[StampedSignature] = []
    for found in place.attached(NOTARY_SIGNATURE):
        try:
            known.append(read_attached(place, found))
        except AirgapError as error:
            looked = isinstance(error, Rejected | FormatError)
            if found.descriptor.digest == request.signature or (request.signature is None and not looked):
                raise
            unusable.append(
                StampedSignature(name=place.name, before=found.descriptor, state=Stamping.UNUSABLE, problem=str(error))
            )
    stamped = {item.envelope.signature for item in known if item.has_timestamp}
    for item in known:
        if request.signature is None or request.signature == item.descriptor.digest:
            state = Stamping.STAMPED if request.force else _state(item, stamped)
            yield _result(place, item, state, request.timestamper)
    if request.signature is None:
        yield from ((result, None) for result in unusable)


def _state(item: AttachedSignature, stamped: set[bytes]) -> Stamping:
    if item.has_timestamp:
        return Stamping.HAS_ONE
    return Stamping.COPIED if item.envelope.signature in stamped else Stamping.STAMPED


def _result(
    place: Place, item: AttachedSignature, state: Stamping, timestamper: Timestamper
) -> tuple[StampedSignature, Attachment | None]:
    if item.envelope.scheme is Scheme.SIGNING_AUTHORITY:  # SCHEME-3: its time is authentic without one
        state = Stamping.AUTHORITY
    result = StampedSignature(
        name=place.name, before=item.descriptor, state=state, signer=item.envelope.certificates[0]
    )
    if state is not Stamping.STAMPED:
        return result, None
    try:
        sealed = stamp(item.layer.media_type, item.raw, timestamper)
    except Rejected as error:
        raise SigningError(f"the signature {item.descriptor.digest}: {error}", reason=error.reason) from None
    # MAN-9: other annotations stay; the two of the Notary Project are written again
    attachment = signature_attachment(replace(sealed, annotations=item.manifest.annotations), place.subject, item.form)
    return replace(result, after=attachment.manifest, timestamp=sealed.timestamp), attachment
