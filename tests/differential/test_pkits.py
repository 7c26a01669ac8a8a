"""NIST's Public Key Interoperability Test Suite: no chain that it rejects is accepted (RFC 5280, section 6).

The certificates and CRLs come with the package `cryptography-vectors` (`make pkits`). The CRLs are in a trust
directory, as an operator would have them, and the real judge is asked. The suite is for any purpose: what only a
signing certificate must have (key usage, purposes) is not looked at here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from airgap.errors import FormatError, Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate, verify_issued
from airgap.pki.chain import _UNDERSTOOD, _check_authorities, _check_order, check_validity
from airgap.pki.constraints import check_name_constraints, check_policies
from airgap.pki.distinguished_names import same_name
from airgap.revocation.evidence_directory import EvidenceDirectory
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge

AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
CERTIFICATES: Final = 405
LONGEST: Final = 8

# Every certificate of these names no way to ask about it, and no CRL lists one of them. The suite wants a CRL for every
# certificate; the Notary Project calls such a certificate one that cannot be revoked (REV-1).
NAMES_NO_WAY: Final = {
    "InvalidMissingCRLTest1EE",
    "InvalidBadCRLIssuerNameTest5EE",
    "InvalidWrongCRLTest6EE",
    "InvalidUnknownCRLExtensionTest10EE",
    "InvalidOldCRLnextUpdateTest11EE",
    "Invalidpre2000CRLnextUpdateTest12EE",
    "InvalidSeparateCertificateandCRLKeysTest21EE",
    "InvalidkeyUsageCriticalcRLSignFalseTest4EE",
    "InvalidkeyUsageNotCriticalcRLSignFalseTest5EE",
    "InvaliddistributionPointTest9EE",
    "InvalidonlyContainsUserCertsTest11EE",
    "InvalidonlyContainsCACertsTest12EE",
    "InvalidonlyContainsAttributeCertsTest14EE",
    "InvalidonlySomeReasonsTest17EE",
    "InvaliddeltaCRLIndicatorNoBaseTest1EE",
}
# An indirect CRL condemns, and does not clear.
INDIRECT: Final = {
    "ValidIDPwithindirectCRLTest24EE",
    "ValidIDPwithindirectCRLTest25EE",
    "ValidcRLIssuerTest28EE",
    "ValidcRLIssuerTest29EE",
    "ValidcRLIssuerTest30EE",
    "ValidcRLIssuerTest33EE",
}
STRICTER: Final = {
    # names are compared as bytes (CHAIN-2)
    "ValidNameChainingCapitalizationTest5EE",
    "ValidNameChainingWhitespaceTest3EE",
    "ValidNameChainingWhitespaceTest4EE",
    "ValidRolloverfromPrintableStringtoUTF8StringTest10EE",
    "ValidUTF8StringCaseInsensitiveMatchTest11EE",
    # its CRL lists -1, which is how a CA that forgets the leading zero would spell 255: the question stays open
    "ValidNegativeSerialNumberTest14EE",
    # the Notary Project has no DSA (ALG-1)
    "ValidDSASignaturesTest4EE",
    # basic constraints must be critical (CHAIN-6)
    "ValidbasicConstraintsNotCriticalTest4EE",
    # each CA counts for a path length, also one that issued itself
    "ValidSelfIssuedpathLenConstraintTest15EE",
    "ValidSelfIssuedpathLenConstraintTest17EE",
    # DNS, e-mail and URI names are not compared (TSACH-6)
    "ValidDNSnameConstraintsTest30EE",
    "ValidDNSnameConstraintsTest32EE",
    "ValidDNandRFC822nameConstraintsTest27EE",
    "ValidRFC822nameConstraintsTest21EE",
    "ValidRFC822nameConstraintsTest23EE",
    "ValidRFC822nameConstraintsTest25EE",
    "ValidURInameConstraintsTest34EE",
    "ValidURInameConstraintsTest36EE",
    # policy mappings are not followed (TSACH-6)
    "ValidPolicyMappingTest11EE",
    "ValidPolicyMappingTest1EE",
    "ValidPolicyMappingTest3EE",
    "ValidPolicyMappingTest5EE",
    "ValidPolicyMappingTest6EE",
    "ValidSelfIssuedinhibitPolicyMappingTest7EE",
    "ValidinhibitPolicyMappingTest2EE",
    "ValidinhibitPolicyMappingTest4EE",
}


@cache
def suite() -> Path:
    try:
        import cryptography_vectors  # it is absent where only `make test` was run
    except ImportError:
        if os.environ.get("AIRGAP_PKITS"):
            raise
        pytest.skip("`make pkits` installs the test suite and runs this")
    return Path(cryptography_vectors.__file__).parent / "x509" / "PKITS_data"


@cache
def certificates() -> Mapping[str, Certificate]:
    found: dict[str, Certificate] = {}
    files = sorted((suite() / "certs").glob("*.crt"))
    assert len(files) == CERTIFICATES
    for path in files:
        try:
            found[path.stem] = Certificate.parse(path.read_bytes())
        except FormatError:  # a certificate that cannot be parsed is in no accepted chain
            continue
    return found


def paths(certificate: Certificate, below: tuple[Certificate, ...] = ()) -> Iterator[tuple[Certificate, ...]]:
    """Each chain from `certificate` up to the suite's trust anchor, leaf first, by names and signatures alone."""
    chain = (*below, certificate)
    if certificate == certificates()["TrustAnchorRootCertificate"]:
        yield chain
        return
    for issuer in certificates().values():
        if len(chain) < LONGEST and issuer not in chain and same_name(issuer.subject, certificate.issuer):
            try:
                verify_issued(certificate, issuer)
            except Rejected:
                continue
            yield from paths(issuer, chain)


def check_path(chain: tuple[Certificate, ...]) -> None:
    """The rules of chains that do not depend on what the signing certificate is for."""
    check_validity(chain, AT)
    _check_order(chain)
    _check_authorities(chain, critical=False)
    check_name_constraints(chain)
    check_policies(chain)
    for certificate in chain:
        if unknown := certificate.critical_extensions - _UNDERSTOOD:
            raise Rejected("chain.extension", f"the critical extensions {unknown} are not understood")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> EvidenceDirectory:
    root = tmp_path_factory.mktemp("pkits")
    (root / "crls").mkdir()
    for path in sorted((suite() / "crls").glob("*.crl")):
        (root / "crls" / path.name).write_bytes(path.read_bytes())
    return EvidenceDirectory.open(root)


@pytest.fixture(scope="module")
def accepted(evidence: EvidenceDirectory) -> dict[str, tuple[Certificate, ...]]:
    """The end entities for which one chain at least is accepted, with that chain."""
    found: dict[str, tuple[Certificate, ...]] = {}
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    for name, certificate in certificates().items():
        if name.startswith(("Valid", "Invalid")):
            for chain in paths(certificate):
                try:
                    check_path(chain)
                    judge.check_chain(chain, kind="signing", signed_at=None)
                except (Rejected, Undecided):
                    continue
                found[name] = chain
    return found


def test_accepts_nothing_that_the_suite_rejects(accepted: dict[str, tuple[Certificate, ...]]) -> None:
    assert {name for name in accepted if name.startswith("Invalid")} == NAMES_NO_WAY


def test_no_crl_lists_a_certificate_without_a_source_of_revocation(
    accepted: dict[str, tuple[Certificate, ...]], evidence: EvidenceDirectory
) -> None:
    for name in NAMES_NO_WAY:
        for certificate in accepted[name][:-1]:
            assert not certificate.distribution_points, name
            assert not certificate.ocsp_urls, name
            assert not any(file.load().entries(certificate) for file in evidence.crls(certificate.issuer)), name


def test_accepts_what_the_suite_accepts_except_documented_stricter_rules(
    accepted: dict[str, tuple[Certificate, ...]],
) -> None:
    refused = {name for name in certificates() if name.startswith("Valid")} - set(accepted)
    assert refused == INDIRECT | STRICTER
