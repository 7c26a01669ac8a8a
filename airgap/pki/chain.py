"""Certificate chains: their rules (requirements/chains.md; decision 0003).

A code-signing chain is ordered and complete in its envelope and is checked as it is. A timestamping chain is built from
the certificates of the token and the anchors. `Offered` certificates never end a path, and no function here takes
anchors and offered certificates as one list (RULE-1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, NoReturn, Self

from airgap import limits
from airgap.errors import Rejected
from airgap.parse.time import iso
from airgap.pki import algorithms
from airgap.pki import extensions as ext
from airgap.pki.certificate import Certificate, Offered, verify_issued
from airgap.pki.constraints import check_name_constraints, check_policies
from airgap.text import safe

_TIME_STAMPING: Final = "1.3.6.1.5.5.7.3.8"
_ANY_PURPOSE: Final = "2.5.29.37.0"
# CHAIN-12, CHAIN-13; D14, D15
_FORBIDDEN_PURPOSES: Final = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    _TIME_STAMPING: "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    _ANY_PURPOSE: "anyExtendedKeyUsage",
}
# CHAIN-11: usages that a leaf must not have
_FORBIDDEN_USAGES: Final = frozenset(ext.KEY_USAGE_BITS) - {"digitalSignature", "contentCommitment"}
# Critical extensions that are understood (TSACH-6)
_UNDERSTOOD: Final = frozenset(
    {
        ext.KEY_USAGE,
        ext.BASIC_CONSTRAINTS,
        ext.EXTENDED_KEY_USAGE,
        ext.SUBJECT_ALTERNATIVE_NAME,
        ext.NAME_CONSTRAINTS,
        ext.CERTIFICATE_POLICIES,
        ext.POLICY_MAPPINGS,
        ext.POLICY_CONSTRAINTS,
        ext.INHIBIT_ANY_POLICY,
        ext.CRL_DISTRIBUTION_POINTS,
    }
)


@dataclass(frozen=True, slots=True)
class Anchors:
    """The certificates that the operator trusts, each with the store that it came from (`ca:name`).

    Only `Anchors.of` makes them, from trust stores. Certificates are compared by all bytes (CHAIN-21).
    """

    stores: Mapping[Certificate, str]
    _by_subject: Mapping[bytes, tuple[Certificate, ...]] = field(repr=False, compare=False)

    @classmethod
    def of(cls, stores: Mapping[str, Iterable[Certificate]]) -> Self:
        """Anchors from store names and certificates. A certificate in several stores gets the name of the first."""
        named: dict[Certificate, str] = {}
        subjects: dict[bytes, tuple[Certificate, ...]] = {}
        for store, certificates in stores.items():
            for certificate in certificates:
                # an anchor with an unusable key can verify nothing
                if certificate not in named and not certificate.unusable_key:
                    named[certificate] = store
                    subjects[certificate.subject] = (*subjects.get(certificate.subject, ()), certificate)
        return cls(MappingProxyType(named), MappingProxyType(subjects))

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate in self.stores

    def __len__(self) -> int:
        return len(self.stores)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self.stores)

    def store_of(self, certificate: Certificate) -> str:
        """The store that this anchor came from. Raises KeyError if it is none."""
        return self.stores[certificate]

    def named(self, subject: bytes) -> tuple[Certificate, ...]:
        """The anchors with this raw subject Name."""
        return self._by_subject.get(subject, ())


def check_code_signing_chain(chain: Offered) -> None:
    """Checks the chain of an envelope, signing certificate first.

    It does not check validity periods and trust (CHAIN-17, CHAIN-18, CHAIN-21). Extensions other than basic
    constraints, key usage and extended key usage are ignored, also critical ones (CHAIN-16). Raises
    Rejected("chain.*").
    """
    _check_order(chain)
    _check_leaf_key(chain)
    _check_leaf_constraints(chain)
    _check_leaf_usage(chain, critical=True)
    _check_code_signing_purposes(chain)
    _check_authorities(chain, critical=True)


def check_timestamping_chain(chain: Sequence[Certificate]) -> None:
    """Checks a complete timestamping chain, the certificate of the authority first.

    Order and authorities have the rules of a signing chain (TSACH-1). Raises
    Rejected("timestamp.chain"); its fact `rule` is the reason code of the same fault in a code-signing chain.
    """
    try:
        _check_order(chain)
        _check_leaf_key(chain)
        _check_leaf_constraints(chain)
        # TSACH-2: that key usage is critical is only a SHOULD here
        _check_leaf_usage(chain, critical=False)
        _check_timestamping_purpose(chain)
        _check_authorities(chain, critical=False)
    except Rejected as error:
        raise Rejected(
            "timestamp.chain", f"the timestamping chain: {error}", **{**error.facts, "rule": error.reason}
        ) from None


def anchor_flaw(certificate: Certificate, *, stamping: bool) -> str:
    """Why no chain that ends in this certificate of a store is accepted, whatever is below it; empty if one may be."""
    if certificate.is_ca:
        return next((text for _, text in _authority_flaws(certificate, below=0, critical=not stamping)), "")
    try:
        check_code_signing_chain(Offered((certificate,)))  # CHAIN-5: it may sign by itself
    except Rejected as error:
        return f"is no CA (X.509 version {certificate.version}), and may not sign by itself: {error}"
    return ""


def check_validity(chain: Sequence[Certificate], at: datetime) -> None:
    """Checks that every certificate is valid at the time `at`; the first and the last second count.

    Raises Rejected("time.certificate.expired" or "time.certificate.not_yet").
    """
    for position, certificate in enumerate(chain):
        facts = {"certificate": safe(certificate.subject_text), "at": iso(at)}
        if certificate.begins_after(at):
            raise Rejected(
                "time.certificate.not_yet",
                f"{_named(chain, position)} is valid from {iso(certificate.not_before)}, which is after {iso(at)}",
                **facts,
                not_before=iso(certificate.not_before),
            )
        if certificate.ended_before(at):
            raise Rejected(
                "time.certificate.expired",
                f"{_named(chain, position)} expired at {iso(certificate.not_after)}, before {iso(at)}",
                **facts,
                not_after=iso(certificate.not_after),
            )


# Rules of one chain


def _check_order(chain: Sequence[Certificate]) -> None:
    if not chain:
        raise Rejected("chain.order", "the chain has no certificate")
    if len(chain) > limits.CHAIN_CERTIFICATES:
        raise Rejected(
            "chain.length",
            f"the chain has {len(chain)} certificates, more than {limits.CHAIN_CERTIFICATES}",
            certificates=len(chain),
            limit=limits.CHAIN_CERTIFICATES,
        )
    for position, certificate in enumerate(chain):
        # CHAIN-15, D16: also for a single self-signed certificate, and for the signature of a root
        if algorithms.signature_scheme(certificate.signature_algorithm) is None:
            text = algorithms.signature_text(certificate.signature_algorithm)
            _refuse("chain.hash", chain, position, f"is signed with {text}, which is not accepted")
    last = len(chain) - 1
    for position, certificate in enumerate(chain[:last]):
        if certificate.self_signed:  # CHAIN-3, CHAIN-5: only the root may be
            _refuse("chain.self_signed", chain, position, "is self-signed, which only the last one may be")
        verify_issued(certificate, chain[position + 1])  # CHAIN-2: the next one issued it
    if not chain[last].self_signed:  # CHAIN-1: a chain ends with its root
        issuer = safe(chain[last].issuer_text, limit=200)
        ending = "its signature is not its own" if chain[last].self_issued else f'it was issued by "{issuer}"'
        _refuse("chain.root", chain, last, f"ends the chain and is not a self-signed root: {ending}")


def _check_leaf_key(chain: Sequence[Certificate]) -> None:
    if chain[0].algorithm is None:  # CHAIN-14, TSACH-4, ALG-1, ALG-2: types and sizes that may sign
        allowed = ", ".join(row.key_spec for row in algorithms.ALGORITHMS)
        problem = f"has the key {chain[0].key_name}; only {allowed} may sign"
        _refuse("chain.leaf.key", chain, 0, problem, key=chain[0].key_name)


def _check_leaf_constraints(chain: Sequence[Certificate]) -> None:
    if chain[0].is_ca:  # CHAIN-4, CHAIN-9: a leaf is no CA
        _refuse("chain.leaf.basic_constraints", chain, 0, "signs and is a CA certificate (cA is true)")


def _check_leaf_usage(chain: Sequence[Certificate], *, critical: bool) -> None:
    reason, usage = "chain.leaf.key_usage", chain[0].key_usage
    if usage is None:  # CHAIN-10: a critical key usage with digitalSignature
        _refuse(reason, chain, 0, "has no key usage")
    if critical and not usage.critical:
        _refuse(reason, chain, 0, "has a key usage that is not marked critical")
    if "digitalSignature" not in usage.bits:
        _refuse(reason, chain, 0, f"has the key usage {_listed(usage.bits)}, without digitalSignature")
    if forbidden := usage.bits & _FORBIDDEN_USAGES:
        _refuse(reason, chain, 0, f"has the key usage {_listed(forbidden)}, which a signing certificate must not have")


def _check_code_signing_purposes(chain: Sequence[Certificate]) -> None:
    purposes = chain[0].extended_key_usage
    forbidden = [_FORBIDDEN_PURPOSES[oid] for oid in purposes.oids if oid in _FORBIDDEN_PURPOSES] if purposes else []
    if forbidden:
        problem = f"has the extended key usage {_listed(forbidden)}, which a code-signing certificate must not have"
        _refuse("chain.leaf.extended_key_usage", chain, 0, problem)


def _check_timestamping_purpose(chain: Sequence[Certificate]) -> None:
    reason, purposes = "chain.leaf.extended_key_usage", chain[0].extended_key_usage
    if purposes is None:  # TSACH-3: exactly timeStamping, and critical
        _refuse(reason, chain, 0, "has no extended key usage; it must be exactly timeStamping")
    if purposes.oids != (_TIME_STAMPING,):
        shown = _listed(_FORBIDDEN_PURPOSES.get(oid, oid) for oid in purposes.oids)
        _refuse(reason, chain, 0, f"has the extended key usage {shown}; it must be exactly timeStamping")
    if not purposes.critical:
        _refuse(reason, chain, 0, "has an extended key usage that is not marked critical")


def _check_authorities(chain: Sequence[Certificate], *, critical: bool) -> None:
    for position, certificate in enumerate(chain[1:], start=1):
        for reason, problem in _authority_flaws(certificate, below=position - 1, critical=critical):
            facts = {"key": certificate.key_name} if reason == "chain.ca.key" else {}
            _refuse(reason, chain, position, problem, **facts)


def _authority_flaws(certificate: Certificate, *, below: int, critical: bool) -> Iterator[tuple[str, str]]:
    """Why a certificate may not issue others, with `below` CA certificates under it: reason codes and sentences."""
    reason, constraints = "chain.ca.basic_constraints", certificate.basic_constraints
    if constraints is None:
        yield reason, "issues certificates without basic constraints"
    elif not constraints.ca:
        yield reason, "issues certificates although its cA is false"
    elif not constraints.critical:  # CHAIN-6, D13: also where the reference does not check
        yield reason, "has basic constraints that are not marked critical"
    elif constraints.path_length is not None and constraints.path_length < below:  # CHAIN-7: the path length
        problem = f"allows {constraints.path_length} CA certificates below it, and the chain has {below}"
        yield "chain.ca.path_length", problem
    reason, usage = "chain.ca.key_usage", certificate.key_usage
    if usage is None:  # CHAIN-8: a critical key usage with keyCertSign
        yield reason, "issues certificates without a key usage"
    elif critical and not usage.critical:
        yield reason, "has a key usage that is not marked critical"
    elif "keyCertSign" not in usage.bits:
        yield reason, f"has the key usage {_listed(usage.bits)}, without keyCertSign"
    # D17: also CA keys have a least size
    if certificate.pss_only or not algorithms.strong_enough_for_ca(certificate.public_key):
        problem = (
            f"has the key {certificate.key_name}; a CA needs RSA of {algorithms.CA_RSA_BITS} bits or more, "
            "or one of the curves P-256, P-384 and P-521"
        )
        yield "chain.ca.key", problem


# Building a timestamping chain


def timestamping_chains(
    leaf: Certificate, offered: Offered, anchors: Anchors, *, at: datetime | None
) -> tuple[tuple[Certificate, ...], ...]:
    """The chains from `leaf` to an anchor that keep every rule at the time `at` (TS-22).

    `at`: None for chains that are to be asked for revocation alone, whatever their validity.

    Only anchors end a path. The token need not contain the root, and a root in it has no effect. If several
    certificates have the name of an issuer, all are tried, within bounds. The shortest chain is first: the order of the
    certificates does not matter. If no path keeps all rules, the fault of the first complete path is reported.

    Raises Rejected: "timestamp.untrusted" (no path ends in an anchor), "timestamp.chain" (another rule is
    broken), "timestamp.validity" (a certificate was not valid at `at`), "chain.extension" (a constraint is not met).
    """
    if not len(anchors):
        raise Rejected("timestamp.untrusted", "no trust store for timestamping holds a certificate")
    search = _Search(offered, anchors)
    flaw: Rejected | None = None
    kept: list[tuple[Certificate, ...]] = []
    for path in search.paths((leaf,)):
        try:
            _check_path(path, at)
        except Rejected as error:
            flaw = flaw or error
        else:
            kept.append(path)
    if not kept:
        raise flaw or search.dead_end()
    return tuple(sorted(kept, key=lambda path: (len(path), [item.fingerprint for item in path])))


def offered_chains(leaf: Certificate, offered: Offered, anchors: Anchors) -> tuple[tuple[Certificate, ...], ...]:
    """The chains from `leaf` upwards, as far as issuers are available, trusted or not.

    Raises Rejected ("timestamp.chain") if there are too many.
    """
    return tuple(_Search(offered, anchors).climb((leaf,)))


class _Search:
    """A depth-first search from the leaf to anchors, bounded in length and checked signatures, as in the reference."""

    def __init__(self, offered: Offered, anchors: Anchors) -> None:
        self._offered: dict[bytes, tuple[Certificate, ...]] = {}
        for certificate in dict.fromkeys(offered):
            self._offered[certificate.subject] = (*self._offered.get(certificate.subject, ()), certificate)
        self._anchors = anchors
        self._checks = 0
        self._longest: tuple[Certificate, ...] = ()
        self._mismatch: Rejected | None = None

    def paths(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        """Every path that begins with `path` and ends in an anchor."""
        if len(path) > len(self._longest):
            self._longest = path
        for anchor in self._issuers(path, self._anchors.named(path[-1].issuer)):
            yield (*path, anchor)
        if len(path) < limits.CHAIN_CERTIFICATES - 1:
            for issuer in self._issuers(path, self._offered.get(path[-1].issuer, ())):
                yield from self.paths((*path, issuer))

    def climb(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        """Every path that begins with `path` and cannot be continued, whether or not it ends in an anchor."""
        name = path[-1].issuer
        further: tuple[Certificate, ...] = ()
        if not path[-1].self_issued and len(path) < limits.CHAIN_CERTIFICATES:
            named = dict.fromkeys((*self._anchors.named(name), *self._offered.get(name, ())))
            further = tuple(self._issuers(path, tuple(named)))
        if not further:
            yield path
        for issuer in further:
            yield from self.climb((*path, issuer))

    def dead_end(self) -> Rejected:
        """The error if there is no path: the issuer that is missing at the furthest point."""
        end = self._longest[-1]
        missing = safe(end.issuer_text, limit=200)
        facts = {"certificate": safe(end.subject_text), "issuer": safe(end.issuer_text)}
        if (
            algorithms.signature_scheme(end.signature_algorithm) is None
        ):  # whatever its issuer is, and wherever that is found
            text = algorithms.signature_text(end.signature_algorithm)
            problem = f'the timestamping chain: "{safe(end.subject_text)}" is signed with {text}, which is not accepted'
            return Rejected("timestamp.chain", problem, **facts)
        text = f'no trusted certificate for timestamping ends the chain of "{safe(self._longest[0].subject_text)}": '
        remedy = ""
        if end.self_issued:
            text += f'it leads to "{missing}", which is not in the trust stores'
        else:
            text += f'the issuer "{missing}" is neither in the trust stores nor in the token'
            remedy = (
                f'If "{missing}" is the root of an authority that is to be trusted, add it to a tsa store that the '
                "policy names. If it is an intermediate, the token lacks it: ask the publisher for a signature whose "
                "timestamp carries its whole chain."
            )
        if self._mismatch:
            text += f" ({self._mismatch})"
        return Rejected("timestamp.untrusted", text, **facts).advising(remedy)

    def _issuers(self, path: tuple[Certificate, ...], candidates: tuple[Certificate, ...]) -> Iterator[Certificate]:
        for candidate in candidates:
            # the same name and key again: a loop through cross-certificates
            if any(_same_entity(candidate, member) for member in path):
                continue
            self._checks += 1
            if self._checks > limits.PATH_SIGNATURES:
                raise Rejected(
                    "timestamp.chain",
                    f"the timestamping chain needs more than {limits.PATH_SIGNATURES} signature checks to be found",
                    limit=limits.PATH_SIGNATURES,
                )
            try:
                verify_issued(path[-1], candidate)
            except Rejected as error:
                self._mismatch = error
            else:
                yield candidate


def _same_entity(one: Certificate, other: Certificate) -> bool:
    return one.subject == other.subject and one.public_key_bits == other.public_key_bits


def _check_path(path: tuple[Certificate, ...], at: datetime | None) -> None:
    check_timestamping_chain(path)
    try:
        if at is not None:
            check_validity(path, at)
    except Rejected as error:
        raise Rejected("timestamp.validity", f"the timestamping chain: {error}", **error.facts) from None
    for position, certificate in enumerate(path):
        if unknown := certificate.critical_extensions - _UNDERSTOOD:
            problem = f"has the critical extension {_listed(unknown)}, which is not understood"
            _refuse("chain.extension", path, position, problem)
        purposes = certificate.extended_key_usage
        if purposes and not {_TIME_STAMPING, _ANY_PURPOSE} & set(purposes.oids):
            _refuse("chain.extension", path, position, "limits what is below it to purposes without timeStamping")
    check_name_constraints(path)
    check_policies(path)


# Sentences


def _refuse(reason: str, chain: Sequence[Certificate], position: int, problem: str, **facts: str) -> NoReturn:
    subject = safe(chain[position].subject_text)
    raise Rejected(reason, f"{_named(chain, position)} {problem}", certificate=subject, position=position, **facts)


def _named(chain: Sequence[Certificate], position: int) -> str:
    return f'certificate {position + 1} of {len(chain)}, "{safe(chain[position].subject_text, limit=200)}",'


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "(empty)"
