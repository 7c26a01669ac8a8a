"""Files that are in no registry: signed with a detached signature, verified, and shown (requirements/trust.md).

A file may have any size: it is read once, in pieces, and hashed by the algorithm that the signing key demands. To
verify opens no socket, and reads nothing but the file, its signature and the trust directory.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

from airgap import __version__, limits
from airgap.errors import AirgapError, NotFoundError, Rejected, TrustMaterialError, UsageError
from airgap.files import check_writable, is_there, open_plain, write_file
from airgap.near_names import near_file
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.reasons import REASONS, ExitCode
from airgap.signature.blob_payload import OCTET_STREAM, BlobTarget, blob_descriptor, measure, signature_name
from airgap.signature.detached import find_signature, stated_form, usual_places
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.formats import EnvelopeFormat
from airgap.signature.model import RESERVED_PREFIX
from airgap.signature.produce import Draft, EnvelopeSigner, encode_payload
from airgap.signature.results import InspectedSignature, SignedBlob, inspect_envelope
from airgap.signature.sealing import check_signing_chain, seal
from airgap.signature.signer import Signer
from airgap.signature.timestamper import Timestamper
from airgap.text import safe
from airgap.trust.blob_policy import BlobPolicy
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.trust.separation import check_apart_from
from airgap.trust.statement import Statement
from airgap.verifier.blob_outcome import BlobOutcome
from airgap.verifier.candidate import Candidate
from airgap.verifier.outcome import AppliedPolicy
from airgap.verifier.request import JudgeRequest

AGENT: Final = f"airgap/{__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSignRequest:
    """The file to sign, the key, and the signed attributes."""

    path: Path
    signer: Signer | EnvelopeSigner
    at: datetime
    """The signing time; aware."""
    envelope: EnvelopeFormat = EnvelopeFormat.JWS
    media_type: str = OCTET_STREAM
    lifetime: timedelta | None = None
    """The lifetime of the signature in whole seconds. None: without end."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    timestamper: Timestamper | None = None
    directory: Path | None = None
    """The folder for the signature; None: that of the file (BLOB-5)."""
    force: bool = False
    """Replace a signature file that is there."""
    agent: str | None = AGENT

    def __post_init__(self) -> None:
        EnvelopeFormat.check(self.envelope)
        if self.lifetime is not None and (self.lifetime < timedelta() or self.lifetime.microseconds):
            raise UsageError("the expiry must be whole seconds, and not negative")


def sign_blob(request: BlobSignRequest) -> SignedBlob:
    """Sign a file; the signature is verified before it is written, and appears complete or not at all.

    Raises UsageError, SigningError, TimestampingError, OSError, and what the signer raises.
    """
    signer = request.signer
    if isinstance(signer, EnvelopeSigner):  # PLUGIN-25: the hash of the file follows from the key
        raise UsageError(
            "a plugin that makes whole envelopes cannot sign files: it does not say what its key demands",
            remedy="Use a plugin that signs bytes (SIGNATURE_GENERATOR.RAW), or another key.",
        )
    target = (request.directory or request.path.parent) / signature_name(request.path.name, request.envelope)
    if not request.force and is_there(target):
        raise UsageError(f"{safe(target)} is there already", remedy="Replace it with --force.")
    check_writable(target, "signature")
    with open_plain(request.path) as file:
        digest, size = measure(file, signer.algorithm.hash_name)
    subject = blob_descriptor(digest, size, request.media_type)
    draft = Draft(
        payload=encode_payload(subject, request.metadata),
        signing_time=request.at,
        expiry=request.at + request.lifetime if request.lifetime else None,
        signing_agent=request.agent,
    )
    if signer.chain:
        check_signing_chain(signer.chain, draft)
    sealed = seal(
        draft, signer, media_type=EnvelopeFormat(request.envelope).media_type, timestamper=request.timestamper
    )
    write_file(target, sealed.raw)
    return SignedBlob(
        path=request.path,
        signature=target,
        subject=subject,
        envelope=Descriptor.of(sealed.media_type, sealed.raw),
        signer=sealed.envelope.certificates[0],
        signed_at=sealed.envelope.stated_time,
        expiry=sealed.envelope.expiry,
        timestamp=sealed.timestamp,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobVerifyRequest(JudgeRequest):
    """Which file to verify, and how."""

    path: Path
    signature: Path | None = None
    """None: the signature with the usual name beside the file."""
    envelope: EnvelopeFormat | None = None
    """Needed if the name of the signature does not show it."""
    policy_name: str | None = None
    """Name of the policy statement; None: the global one (BLOB-1, BLOB-2)."""
    media_type: str | None = None
    """The media type that must have been signed; None: any (PAY-8)."""

    def __post_init__(self) -> None:
        for key in self.metadata:
            if key.startswith(RESERVED_PREFIX):  # PAY-10: a reserved key
                raise UsageError(f"metadata never begins with {RESERVED_PREFIX!r}: {safe(key)!r}")

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths beside the trust directory: nothing may be written there (`airgap.trust.check_output`)."""
        return (self.path, *([self.signature] if self.signature else usual_places(self.path)))


def verify_blob(request: BlobVerifyRequest, trust: TrustDirectory | Location | Path) -> BlobOutcome:
    """Judge a file by its detached signature.

    Faults or absence of the file, the signature or the trust directory do not raise: they are problems of the outcome.
    Raises UsageError.
    """
    place = trust if isinstance(trust, Path) else trust.path
    for path in (request.path, request.signature):
        if path is not None:
            check_apart_from(place, path, str(path))
    try:
        directory = TrustDirectory.open(trust).accepting(request.max_age)
        policy = directory.blob_policy()
    except TrustMaterialError as error:
        absent = () if is_there(request.path) else (Problem.of(_no_file(request.path)),)
        problems = (Problem.of(error), *absent)
        facts = {"directory": safe(place)}
        return BlobOutcome(moment=request.moment, trust=facts, path=safe(request.path), problems=problems)
    return _BlobVerification(request, directory, policy).outcome()


def _no_file(path: Path) -> NotFoundError:
    near = near_file(path)
    if near is not None:
        return NotFoundError(
            f"there is no file {safe(path)}; there is {safe(near.name)!r}",
            remedy=f"If that is the file, name it as it is called here: {safe(shlex.quote(str(near)))}",
        )
    return NotFoundError(
        f"there is no file {safe(path)}",
        remedy="Check the path. Images and other artifacts are judged by airgap verify, which takes layouts.",
    )


class _BlobVerification:
    """One call of `verify_blob`."""

    def __init__(self, request: BlobVerifyRequest, directory: TrustDirectory, policy: BlobPolicy) -> None:
        self._request = request
        self._directory = directory
        self._policy = policy

    def outcome(self) -> BlobOutcome:
        """The outcome."""
        request, trust = self._request, self._directory.overview(self._request.at, self._policy)
        found = self._found(BlobOutcome(moment=request.moment, trust=trust, path=safe(request.path)))
        return replace(found, warnings=request.warnings_about(self._directory))

    def _found(self, base: BlobOutcome) -> BlobOutcome:
        request = self._request
        try:
            statement = self._policy.select(request.policy_name)
            base = replace(base, policy=AppliedPolicy.of(statement))
            if statement.skip:  # D45: success, and nothing is read; but the file must be there
                self._open().close()
                skipped = f"the statement {safe(statement.name)!r} has level skip"
                return replace(base, unjudged=Problem.of_reason("policy.skip", skipped))
            return self._judged(base, statement)
        except Rejected as error:
            own = error.remedy if error.remedy != REASONS[error.reason].remedy else ""
            return replace(base, unjudged=Problem.of_reason(error.reason, str(error), remedy=own))
        except UsageError:
            raise
        except AirgapError as error:
            return replace(base, problems=(Problem.of(error),))
        except OSError as error:
            message = f"{safe(error.filename or request.path)}: {error.strerror or error}"
            return replace(base, problems=(Problem(message=message, exit_code=ExitCode.ERROR),))

    def _judged(self, base: BlobOutcome, statement: Statement) -> BlobOutcome:
        request = self._request
        with suppress(IsADirectoryError):  # find_signature() says what to do about a directory
            self._open().close()  # a missing file is reported, whatever the signature is
        signature = request.signature or find_signature(request.path, request.envelope)
        media_type, raw = _open_signature(signature, request.envelope)
        envelope = Descriptor.of(media_type, raw)
        digest, size = self._measure(_hash_algorithm(media_type, raw))
        outcome = request.verifier(self._directory).judge(
            Candidate(digest=envelope.digest, envelope=envelope, raw=raw),
            target=BlobTarget(digest=digest or Digest.of(b""), size=size or 0, media_type=request.media_type),
            statement=statement,
            metadata=request.metadata,
        )
        return replace(base, signature_path=safe(signature), signature=outcome, digest=digest, size=size)

    def _measure(self, algorithm: str | None) -> tuple[Digest | None, int | None]:
        """Digest and size of the file; None if the signature cannot be read, which makes it invalid."""
        if algorithm is None:
            return None, None
        with self._open() as file:
            return measure(file, algorithm)

    def _open(self) -> BinaryIO:
        """The file. Raises NotFoundError, OSError."""
        try:
            return open_plain(self._request.path)
        except FileNotFoundError:
            raise _no_file(self._request.path) from None


def _hash_algorithm(media_type: str, raw: bytes) -> str | None:
    """The hash of the envelope's algorithm; None if the envelope has none, which makes it invalid."""
    try:
        return parse_envelope(media_type, raw, plugins=ANY_PLUGIN).algorithm.hash_name
    except Rejected:
        return None


def inspect_blob(signature: Path, *, envelope: EnvelopeFormat | None = None) -> InspectedSignature:
    """The decoded content of a detached signature, not judged. Raises UsageError, NotFoundError, OSError."""
    media_type, raw = _open_signature(signature, envelope)
    descriptor = Descriptor.of(media_type, raw)
    return inspect_envelope(descriptor, "file", media_type, raw)


def _open_signature(path: Path, form: EnvelopeFormat | None) -> tuple[str, bytes]:
    """The envelope's media type and bytes. Raises UsageError, NotFoundError, Rejected (`stated_form`)."""
    raw = _read_signature(path)
    return stated_form(path, raw, form), raw


def _read_signature(path: Path) -> bytes:
    try:
        with open_plain(path) as file:
            return file.read(limits.ENVELOPE_BYTES + 1)  # one more is refused when it is parsed
    except FileNotFoundError:
        raise NotFoundError(f"there is no signature {safe(path)}") from None
