"""Trusted identities: who may have signed, compared with the signing certificate's subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from airgap.errors import FormatError, Rejected
from airgap.parse.json_members import Notes
from airgap.pki.certificate import Certificate
from airgap.text import safe
from airgap.trust.identity_names import is_known, parse_name, read_subject, render_name

ANY: Final = "*"
"""The identity that every signer has whose chain ends in the statement's trust stores (ID-1)."""

X509_SUBJECT: Final = "x509.subject"
"""The one kind of identity that is compared here; others are for plugins (ID-3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One entry of `trustedIdentities`."""

    text: str
    """The text in the policy."""
    kind: str
    """The part before the first ":", or "*"."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Attribute type to value, of an x509.subject."""

    def __str__(self) -> str:
        return self.text

    def covers(self, attributes: Mapping[str, str]) -> bool:
        """Whether a subject has every attribute of this identity with the same value (ID-8).

        An empty value means "does not have this attribute" (ID-9).
        """
        return all(attributes.get(name, "") == value for name, value in self.attributes.items())

    def includes(self, other: Identity) -> bool:
        """Whether everybody who has the identity `other` has this one, too."""
        if self.kind == X509_SUBJECT == other.kind:
            return self.attributes.items() <= other.attributes.items()
        return self.kind == ANY or self == other


def parse_identity(text: str) -> Identity:
    """One entry of `trustedIdentities`. Raises FormatError."""
    if text == ANY:
        return Identity(text=text, kind=ANY)
    kind, colon, value = text.partition(":")
    if text.strip() == ANY:
        raise FormatError(f"{safe(text, limit=128)!r} has blanks around the '*', which must be alone")
    if not colon:  # ID-2: a prefix, a colon and a value
        how = _respelt(text) or f"; write {X509_SUBJECT}: C=US, ST=WA, O=Example"
        raise FormatError(f"{safe(text, limit=128)!r} has no ':' after a kind{how}")
    if not kind.strip() or not value.strip():
        raise FormatError(f"{safe(text, limit=128)!r} lacks its {'value' if kind.strip() else 'kind'}")
    if kind != X509_SUBJECT:
        return Identity(text=text, kind=kind)
    try:
        return Identity(text=text, kind=kind, attributes=MappingProxyType(parse_name(value)))
    except FormatError as error:
        if value.strip() == ANY:
            raise FormatError(f"{safe(text, limit=128)!r} is no identity: write '*' alone for every signer") from None
        raise FormatError(f"{safe(text, limit=128)!r} {error.problem}{_respelt(text)}") from None


def _check_together(identities: Mapping[int, Identity], *, count: int) -> None:
    """Checks those of the `count` entries of one statement that can be read against each other, by their places.

    Raises FormatErrors with the place of each later one.
    """
    notes = Notes()
    for number, identity in identities.items():
        if identity.kind == ANY and count > 1:  # ID-1: the wildcard is alone
            notes.add(FormatError(_NOT_ALONE, where=f"[{number}]"))
    seen: list[tuple[int, Identity]] = []
    for second, other in identities.items():
        if other.kind != X509_SUBJECT:
            continue
        twin = next((item for item in seen if _overlap(item[1], other)), None)
        if twin:  # ID-13: identities do not overlap
            notes.add(
                FormatError(
                    f"{safe(other.text, limit=128)!r} and [{twin[0]}] {safe(twin[1].text, limit=128)!r} overlap: "
                    "every signer that the narrower one names, the wider one names too; keep one of them",
                    where=f"[{second}]",
                )
            )
        seen.append((second, other))
    notes.check()


_NOT_ALONE: Final = "'*' is every identity and must be alone: remove it, or all the others"


def _overlap(one: Identity, other: Identity) -> bool:
    return one.covers(other.attributes) or other.covers(one.attributes)


_OF_PLUGINS: Final = ("arn:aws:signer:", "arn:aws-us-gov:signer:", "arn:aws-cn:signer:")
"""The kind that the plugin of AWS Signer checks: its policies need it, so there is no warning about it."""


def doubts(identities: Sequence[Identity]) -> tuple[str, ...]:
    """Allowed but doubtful parts, one part of a sentence for each (D57, ID-3, ID-6)."""
    found = [*_overlaps(_subjects(identities))]
    for identity in identities:
        if identity.kind not in (ANY, X509_SUBJECT) and not identity.text.startswith(_OF_PLUGINS):
            found.append(
                f"the identity {safe(identity.text, limit=128)!r} is of the kind {safe(identity.kind, limit=64)!r}, "
                f"which only a plugin can check ({X509_SUBJECT} is the kind that is checked here)"
                f"{_meant(identity)}"
            )
        found.extend(
            f"nothing fits the attribute {safe(name, limit=64)!r} of the identity "
            f"{safe(identity.text, limit=128)!r}: types are case-sensitive, and types without a short name are OIDs"
            f"{_meant_type(name, value)}"
            for name, value in identity.attributes.items()
            if not is_known(name)
        )
        found.extend(
            f"the '*' in {safe(name, limit=64)}={safe(value, limit=64)} of the identity "
            f"{safe(identity.text, limit=128)!r} is not a wildcard, and only fits itself: leave out what may differ"
            for name, value in identity.attributes.items()
            if ANY in value
        )
    return tuple(found)


def match(identities: Sequence[Identity], leaf: Certificate, issuers: Sequence[Certificate] = ()) -> Identity:
    """The first identity that matches the subject of the signing certificate; only the subject counts (ID-14).

    `issuers`: the rest of the chain, for the message alone: an identity may name one of them by mistake.
    Raises Rejected: identity.none, identity.subject, identity.mismatch.
    """
    for identity in identities:
        if identity.kind == ANY:
            return identity
    subjects = [identity for _, identity in _subjects(identities)]
    shown = safe(leaf.subject_text)
    if not subjects:  # ID-3: only x509.subject is compared here
        meant = next((text for identity in identities if (text := _meant(identity))), "")
        raise Rejected(
            "identity.none",
            f"the policy names no identity of the kind {X509_SUBJECT}, and no other can be checked here{meant}",
            subject=shown,
            identities=_texts(identities),
        ).advising(_to_paste_of(leaf))
    try:
        attributes = read_subject(leaf.subject)
    except FormatError as error:
        raise Rejected(
            "identity.subject",
            f"the signing certificate's subject {shown!r} {error.problem}",
            subject=shown,
            identities=_texts(subjects),
        ).advising(_NAMELESS) from None
    for identity in subjects:
        if identity.covers(attributes):
            return identity
    wanted = safe(suggest(attributes))
    near = _near(subjects, attributes) or _of_issuer(subjects, issuers) or _best(subjects, attributes)
    raise Rejected(
        "identity.mismatch",
        f"the signer {shown!r} is not one of the policy's trusted identities: {'; '.join(_texts(subjects))}{near}",
        subject=shown,
        identities=_texts(subjects),
        identity_of_signer=wanted,
    ).advising(_to_paste(attributes))


_NAMELESS: Final = (
    "No identity can name this signer: only '*' fits it. If it is to be trusted, write '*' in a statement whose trust "
    "store holds nothing but this publisher's own CA; or ask the publisher for a certificate whose subject has C, ST "
    "and O, and each attribute once."
)


def _to_paste_of(leaf: Certificate) -> str:
    try:
        return _to_paste(read_subject(leaf.subject))
    except FormatError:
        return _NAMELESS


def _to_paste(attributes: Mapping[str, str]) -> str:
    from airgap.trust.near_identities import as_in_policy

    identity = as_in_policy(X509_SUBJECT, attributes)
    return f"If this signer is to be trusted, add to the statement's trustedIdentities: {identity}"


def _of_issuer(subjects: Sequence[Identity], issuers: Sequence[Certificate]) -> str:
    """The hint that an identity names a CA of the chain, as the end of a sentence; empty if none does."""
    for certificate in issuers:
        try:
            attributes = read_subject(certificate.subject)
        except FormatError:
            continue
        if any(identity.covers(attributes) for identity in subjects):
            return (
                f" ({safe(certificate.subject_text)!r} is the CA above the signer; an identity names the signer itself)"
            )
    return ""


def _near(subjects: Sequence[Identity], attributes: Mapping[str, str]) -> str:
    """How the first similar identity differs, as the end of a sentence; empty if none is similar."""
    from airgap.trust.near_identities import near_misses

    found = (near_misses(identity.attributes, attributes) for identity in subjects)
    return next((f" (near: {'; '.join(differences)})" for differences in found if differences), "")


def _best(subjects: Sequence[Identity], attributes: Mapping[str, str]) -> str:
    """What differs from the identity that fits best, as the end of a sentence; empty if none fits in any attribute."""
    from airgap.trust.near_identities import difference

    best = max(subjects, key=lambda identity: _fitting(identity, attributes))
    if not _fitting(best, attributes):
        return ""
    which = f"of {safe(best.text, limit=128)!r}, " if len(subjects) > 1 else ""
    return f" ({which}what differs: {'; '.join(difference(best.attributes, attributes))})"


def _fitting(identity: Identity, attributes: Mapping[str, str]) -> int:
    return sum(attributes.get(name, "") == value for name, value in identity.attributes.items())


def _respelt(text: str) -> str:
    from airgap.trust.near_identities import respelt

    return respelt(text, X509_SUBJECT)


def _meant(identity: Identity) -> str:
    """How an identity of another kind is to be written, where x509.subject is probably meant."""
    from airgap.trust.near_identities import is_kind

    if identity.kind in {ANY, X509_SUBJECT}:
        return ""
    if is_kind(identity.kind, X509_SUBJECT):
        return f"; {safe(identity.kind, limit=64)!r} is to be written {X509_SUBJECT}"
    return _respelt(identity.text)


def _meant_type(name: str, value: str) -> str:
    from airgap.trust.near_identities import type_for

    meant = type_for(name, value)
    return f"; write {meant}={safe(value, limit=64)}" if meant else ""


def suggest(attributes: Mapping[str, str]) -> str:
    """The identity that fits exactly a subject with these attributes (`names.read_subject`)."""
    return f"{X509_SUBJECT}: {render_name(attributes)}"


def parse_identities(items: Sequence[Any]) -> tuple[Identity, ...]:
    """A whole `trustedIdentities` list. Raises FormatErrors with the place of every entry that is wrong."""
    notes = Notes()
    identities: dict[int, Identity] = {}
    for number, item in enumerate(items):
        with notes.keep(f"[{number}]"):
            identities[number] = _entry(item)
    with notes.keep():
        _check_together(identities, count=len(items))
    notes.check()
    return tuple(identities.values())


def _entry(item: Any) -> Identity:
    if not isinstance(item, str):
        raise FormatError("is not a string")
    return parse_identity(item)


def _subjects(identities: Sequence[Identity]) -> list[tuple[int, Identity]]:
    return [(number, identity) for number, identity in enumerate(identities) if identity.kind == X509_SUBJECT]


def _compatible(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether one subject can match both."""
    return all(other[name] == value for name, value in one.items() if name in other)


def _overlaps(subjects: Sequence[tuple[int, Identity]]) -> Iterator[str]:
    for place, (_, other) in enumerate(subjects):
        for _, one in subjects[:place]:
            if _compatible(one.attributes, other.attributes):
                yield (
                    f"the identities {safe(one.text, limit=128)!r} and {safe(other.text, limit=128)!r} "
                    "can both fit one certificate"
                )
                break  # one example for each is enough


def _texts(identities: Sequence[Identity]) -> list[str]:
    return [safe(identity.text) for identity in identities]
