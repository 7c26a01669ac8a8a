"""Name and policy constraints of a CA for certificates below it (RFC 5280, 4.2.1.10 and 6.1).

They apply to timestamping chains only (TSACH-6); code-signing chains ignore them (CHAIN-16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from airgap.errors import FormatError, Rejected
from airgap.parse import der
from airgap.pki import extensions as ext
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import Rdn, name_text, read_name
from airgap.text import safe

_DIRECTORY: Final = der.context(4)
_EMAIL: Final = der.context(1, constructed=False)
_EMAIL_ATTRIBUTE: Final = "1.2.840.113549.1.9.1"
_ANY_POLICY: Final = "2.5.29.32.0"
_NAME_KINDS: Final = {
    der.context(0): "other",
    _EMAIL: "e-mail",
    der.context(2, constructed=False): "DNS",
    der.context(3): "X.400",
    _DIRECTORY: "directory",
    der.context(5): "EDI",
    der.context(6, constructed=False): "URI",
    der.context(7, constructed=False): "IP address",
    der.context(8, constructed=False): "registered",
}

Name = tuple[Rdn, ...]


def check_name_constraints(chain: Sequence[Certificate]) -> None:
    """Checks every name of every certificate against the name constraints of the CAs above it.

    Only directory names can be compared here. A constraint on another kind of name is kept if no certificate below has
    a name of that kind; otherwise the chain is refused. Raises Rejected("chain.extension").
    """
    for position, certificate in enumerate(chain):
        if extension := certificate.extensions.get(ext.NAME_CONSTRAINTS):
            # RFC 5280, 6.1.3 (b): self-issued certificates are exempt, but for the last
            below = [item for index, item in enumerate(chain[:position]) if index == 0 or not item.self_issued]
            _check_subtrees(certificate, extension.value, below)


def _check_subtrees(authority: Certificate, value: bytes, below: Sequence[Certificate]) -> None:
    fields = der.read(value, "nameConstraints").fields("nameConstraints")
    permitted = _subtrees(fields.maybe(der.context(0)), authority)
    excluded = _subtrees(fields.maybe(der.context(1)), authority)
    kinds = {base.tag for base in (*permitted, *excluded)}
    allowed = [_directory(base) for base in permitted if base.tag == _DIRECTORY]
    forbidden = [_directory(base) for base in excluded if base.tag == _DIRECTORY]
    for certificate in below:
        if other := (_kinds_of_names(certificate) & kinds) - {_DIRECTORY}:
            names = ", ".join(sorted(_NAME_KINDS[kind] for kind in other))
            _refuse(authority, certificate, f"constrains {names} names, which cannot be compared here")
        for name in _directory_names(certificate):
            if allowed and not any(_within(name, subtree) for subtree in allowed):
                _refuse(authority, certificate, f'does not permit the name "{_shown(name)}"')
            for subtree in forbidden:
                if _within(name, subtree):
                    _refuse(authority, certificate, f'excludes the name "{_shown(name)}"')


def _subtrees(element: der.Element | None, authority: Certificate) -> tuple[der.Element, ...]:
    return tuple(_base(subtree, authority) for subtree in element.walk()) if element else ()


def _base(subtree: der.Element, authority: Certificate) -> der.Element:
    fields = subtree.fields("nameConstraints")
    base = fields.any("base")
    if fields.peek() is not None:
        # RFC 5280, 4.2.1.10: minimum is zero and maximum absent
        raise Rejected(
            "chain.extension",
            f'the name constraints of "{_subject(authority)}" have a minimum or maximum, which no profile allows',
            certificate=safe(authority.subject_text),
        )
    return base


def _kinds_of_names(certificate: Certificate) -> set[int]:
    kinds = {element.tag for element in _alternative_names(certificate)}
    if any(attribute.oid == _EMAIL_ATTRIBUTE for rdn in certificate.subject_rdns for attribute in rdn):
        kinds.add(_EMAIL)
    return kinds


def _directory_names(certificate: Certificate) -> Iterator[Name]:
    if certificate.subject_rdns:
        yield certificate.subject_rdns
    for element in _alternative_names(certificate):
        if element.tag == _DIRECTORY:
            yield _directory(element)


def _alternative_names(certificate: Certificate) -> tuple[der.Element, ...]:
    extension = certificate.extensions.get(ext.SUBJECT_ALTERNATIVE_NAME)
    return der.read(extension.value).children() if extension else ()


def _directory(element: der.Element) -> Name:
    try:
        return read_name(element.only(), "directoryName")
    except FormatError as error:
        raise Rejected("chain.extension", f"a directory name in a constraint or alternative name {error}") from None


def _within(name: Name, subtree: Name) -> bool:
    return [_folded(rdn) for rdn in name[: len(subtree)]] == [_folded(rdn) for rdn in subtree]


def _folded(rdn: Rdn) -> frozenset[tuple[str, str]]:
    """RFC 5280, 7.1: case and repeated spaces are ignored."""
    return frozenset((attribute.oid, " ".join(attribute.text.split()).casefold()) for attribute in rdn)


def _refuse(authority: Certificate, certificate: Certificate, problem: str) -> NoReturn:
    raise Rejected(
        "chain.extension",
        f'"{_subject(authority)}" {problem}; "{_subject(certificate)}" is below it',
        certificate=safe(certificate.subject_text),
        authority=safe(authority.subject_text),
    )


def _subject(certificate: Certificate) -> str:
    return safe(certificate.subject_text, limit=200)


def _shown(name: Name) -> str:
    return safe(name_text(name), limit=200)


def check_policies(chain: Sequence[Certificate]) -> None:
    """If a CA requires an explicit policy, checks that one is valid from the anchor to the leaf (RFC 5280, 6.1.3 ff).

    Any policy is enough, because no certain one is required here. A mapped policy counts as lost, which is stricter
    than RFC 5280. Raises Rejected("chain.extension").
    """
    path = chain[-2::-1]
    explicit = inhibit_any = len(path) + 1
    valid = frozenset({_ANY_POLICY})
    for certificate in path:
        last = certificate is path[-1]
        any_counts = inhibit_any > 0 or (not last and certificate.self_issued)
        valid = _narrowed(valid, _policies(certificate), any_counts=any_counts)
        _require_policy(certificate, explicit, valid)
        if not last:
            valid -= _mapped(certificate)
        if last or not certificate.self_issued:
            explicit, inhibit_any = max(explicit - 1, 0), max(inhibit_any - 1, 0)
        required, inhibited = _skips(certificate)
        if required is not None:
            explicit = min(explicit, required)
        if inhibited is not None:
            inhibit_any = min(inhibit_any, inhibited)
    if path:
        _require_policy(path[-1], explicit, valid)


def _narrowed(valid: frozenset[str], stated: frozenset[str], *, any_counts: bool) -> frozenset[str]:
    named = stated - {_ANY_POLICY}
    kept = named if _ANY_POLICY in valid else named & valid
    return kept | valid if _ANY_POLICY in stated and any_counts else kept


def _require_policy(certificate: Certificate, explicit: int, valid: frozenset[str]) -> None:
    if explicit == 0 and not valid:
        raise Rejected(
            "chain.extension",
            f'the chain requires an explicit certificate policy, and none is left at "{_subject(certificate)}"',
            certificate=safe(certificate.subject_text),
        )


def _policies(certificate: Certificate) -> frozenset[str]:
    extension = certificate.extensions.get(ext.CERTIFICATE_POLICIES)
    if not extension:
        return frozenset()
    return frozenset(item.children()[0].oid() for item in der.read(extension.value).walk())


def _mapped(certificate: Certificate) -> frozenset[str]:
    extension = certificate.extensions.get(ext.POLICY_MAPPINGS)
    if not extension:
        return frozenset()
    return frozenset(item.children()[0].oid() for item in der.read(extension.value).walk())


def _skips(certificate: Certificate) -> tuple[int | None, int | None]:
    """After how many certificates requireExplicitPolicy and inhibitAnyPolicy take effect."""
    required = inhibited = None
    tag = der.context(0, constructed=False)
    if extension := certificate.extensions.get(ext.POLICY_CONSTRAINTS):
        element = der.read(extension.value).fields("policyConstraints").maybe(tag)
        required = element.integer(tag=tag) if element else None
    if extension := certificate.extensions.get(ext.INHIBIT_ANY_POLICY):
        inhibited = der.read(extension.value).integer()
    return required, inhibited
