"""The content of a signature envelope of any format.

Every field is a claim until `verify_signature` and the checks of the verifier have passed. `signing_input` is the
signed bytes as received, never serialised again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from airgap.oci.digest import Digest
from airgap.pki.algorithms import Algorithm
from airgap.pki.certificate import Offered

PAYLOAD_CONTENT_TYPE: Final = "application/vnd.cncf.notary.payload.v1+json"
"""The one content type of a payload, exact and case-sensitive (PAY-1)."""

RESERVED_PREFIX: Final = "io.cncf.notary"
"""Annotation keys that start so belong to the Notary Project (PAY-5, MAN-9)."""

SCHEME: Final = "io.cncf.notary.signingScheme"
SIGNING_TIME: Final = "io.cncf.notary.signingTime"
AUTHENTIC_SIGNING_TIME: Final = "io.cncf.notary.authenticSigningTime"
EXPIRY: Final = "io.cncf.notary.expiry"
PLUGIN: Final = "io.cncf.notary.verificationPlugin"
PLUGIN_MIN_VERSION: Final = "io.cncf.notary.verificationPluginMinVersion"
TIMESTAMP: Final = "io.cncf.notary.timestampSignature"
SIGNING_AGENT: Final = "io.cncf.notary.signingAgent"


class Scheme(StrEnum):
    """How trust in the signing time is established (SCHEME-1)."""

    X509 = "notary.x509"
    """The signer's own claim; anchors come from `ca` stores."""
    SIGNING_AUTHORITY = "notary.x509.signingAuthority"
    """A trusted authority states the time; anchors come from `signingAuthority` stores."""


class ExtendedAttribute(NamedTuple):
    """A signed attribute that the Notary Project does not define."""

    value: Any
    """As the format's parser gives it: JSON values, for COSE also bytes and Epoch."""
    critical: bool


class PluginDemand(NamedTuple):
    """The signature may only be accepted by this verification plugin (JWS-22)."""

    name: str
    min_version: str | None
    """SemVer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A parsed envelope, not judged: signature value, chain and payload are not checked."""

    media_type: str
    algorithm: Algorithm
    """The algorithm in the protected header; `verify_signature` compares it with the key."""
    content_type: str
    payload: bytes
    scheme: Scheme
    signing_time: datetime | None
    """The signer's claim; present exactly with notary.x509. Never decides about trust (SCHEME-2)."""
    authentic_signing_time: datetime | None
    """The signing authority's statement; present exactly with notary.x509.signingAuthority."""
    expiry: datetime | None
    extended: Mapping[int | str, ExtendedAttribute]
    plugin: PluginDemand | None
    certificates: Offered
    """Leaf first, at least one; not signed, and not trusted (SCHEME-9)."""
    signature: bytes
    """The signature value, which a timestamp token is about (TS-11)."""
    signing_input: bytes
    """The bytes that the signature value covers."""
    timestamp_token: bytes | None
    """DER of an RFC 3161 token, unread."""
    signing_agent: str | None
    """Opaque and unsigned: for showing only (JWS-32)."""

    @property
    def unprocessed(self) -> tuple[str, ...]:
        """The critical attributes that are not understood here, which only a verification plugin can process (D6)."""
        return tuple(str(label) for label, attribute in self.extended.items() if attribute.critical)

    @property
    def stated_time(self) -> datetime | None:
        """The signing time of whichever kind the scheme has."""
        return self.authentic_signing_time if self.scheme is Scheme.SIGNING_AUTHORITY else self.signing_time


class Payload(NamedTuple):
    """The signed payload: a descriptor of the target artifact (PAY-2)."""

    media_type: str
    digest: Digest
    size: int
    """Bytes."""
    annotations: Mapping[str, str]
    """User metadata, among others."""
    raw: bytes
    """The payload as it was signed."""
