from __future__ import annotations

from typing import Any

import pytest

from airgap.errors import FormatError, Rejected
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import (
    Anchors,
    timestamping_chains,
)
from airgap.pki.constraints import check_policies
from tests.support import asn1, extensions, names
from tests.support.extensions import Extension
from tests.support.pki import AT, Issued, Pki, issue


def tsa_chain(*kind: Any, **changes: Any) -> tuple[Issued, ...]:
    return Pki().tsa_chain(*kind, **changes).chain


def offered(*issued: Issued) -> Offered:
    return Offered(tuple(Certificate.parse(item.der) for item in issued))


def passes(**changes: Any) -> None:
    """A chain with these deviations and its root trusted."""
    chain = offered(*tsa_chain(**changes))
    trusted = Anchors.of({"tsa:test": [chain[-1]]})
    assert timestamping_chains(chain[0], chain, trusted, at=AT) == (chain,)


def deviating(match: str, **changes: Any) -> None:
    with pytest.raises(Rejected, match=match) as caught:
        passes(**changes)
    assert caught.value.reason == "chain.extension"


def directory(text: str) -> bytes:
    return extensions.directory_name(names.parse(text))


def excluded(*general_names: bytes) -> Extension:
    trees = (asn1.sequence(item) for item in general_names)
    return Extension(extensions.NAME_CONSTRAINTS, asn1.sequence(asn1.explicit(1, *trees)), critical=True)


SUBJECT = "C=DE,O=Harbour Works,CN=TSA"
ALTERNATIVE_NAME = "2.5.29.17"


def _address(value: str) -> bytes:
    return asn1.explicit(0, asn1.sequence(asn1.tlv(0x87, bytes.fromhex(value))))


@pytest.mark.parametrize("role", ["root", "intermediate"])
@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        (extensions.permitted_names(directory("C=DE")), True),
        (extensions.permitted_names(directory("C=DE,O=Harbour Works")), True),
        (extensions.permitted_names(directory("C=de,O=HARBOUR  works")), True),
        (extensions.permitted_names(directory("C=FR"), directory("C=DE")), True),
        (extensions.permitted_names(directory("C=FR")), False),
        (extensions.permitted_names(directory("O=Harbour Works")), False),
        (extensions.permitted_names(directory(f"{SUBJECT},OU=x")), False),
        (extensions.permitted_names(directory("C=FR"), critical=False), False),
        (excluded(directory("C=FR")), True),
        (excluded(directory("C=de")), False),
        (excluded(directory(SUBJECT)), False),
        (excluded(asn1.implicit(2, b"")), True),
        (extensions.permitted_names(asn1.implicit(2, b"harbour.test")), True),
    ],
)
def test_directory_name_constraints(role: str, constraint: Extension, fits: bool) -> None:
    """TSACH-6; RFC 5280, 4.2.1.10. Constraints on names of which there are none are kept."""
    changes: dict[str, dict[str, Any]] = {
        "root": {"subject": "C=DE,O=Root"},
        "intermediate": {"subject": "C=DE,O=Harbour Works,CN=CA"},
        "tsa": {"subject": SUBJECT},
    }
    changes[role]["extra"] = [constraint]
    if fits:
        passes(**changes)
    else:
        deviating("does not permit|excludes", **changes)


@pytest.mark.parametrize(
    "general_name", [asn1.implicit(2, b"tsa.test"), asn1.implicit(6, b"http://tsa.test")], ids=["DNS", "URI"]
)
def test_constraints_on_other_names_that_occur_are_refused(general_name: bytes) -> None:
    """TSACH-6: not compared here, so not passed."""
    alternative = Extension(ALTERNATIVE_NAME, asn1.sequence(general_name))
    deviating(
        "names, which cannot be compared here",
        root={"extra": [extensions.permitted_names(general_name)]},
        tsa={"extra": [alternative]},
    )


def test_directory_names_among_the_alternative_names_are_constrained_too() -> None:
    alternative = Extension(ALTERNATIVE_NAME, asn1.sequence(directory("C=FR")))
    deviating(
        'does not permit the name "C=FR"',
        root={"extra": [extensions.permitted_names(directory("C=US"))]},
        tsa={"extra": [alternative]},
    )


def test_mail_addresses_in_subjects_are_constrained() -> None:
    """RFC 5280, 4.2.1.10."""
    deviating(
        "e-mail names",
        root={"extra": [extensions.permitted_names(asn1.implicit(1, b"harbour.test"))]},
        tsa={"subject": names.name(("CN", "TSA"), ("EMAIL", "tsa@other.test"))},
    )


def test_a_constraint_with_a_minimum_is_refused() -> None:
    """RFC 5280, 4.2.1.10."""
    tree = asn1.sequence(directory("C=US"), asn1.implicit(0, b"\1"))
    constraint = Extension(extensions.NAME_CONSTRAINTS, asn1.sequence(asn1.explicit(0, tree)), critical=True)
    deviating("minimum or maximum", root={"extra": [constraint]})


def test_a_broken_directory_name_in_a_constraint_is_refused() -> None:
    constraint = extensions.permitted_names(asn1.explicit(4, asn1.null()))
    deviating("directory name", root={"extra": [constraint]})


def require_policy(skip: int) -> Extension:
    return Extension("2.5.29.36", asn1.sequence(asn1.implicit(0, bytes([skip]))), critical=True)


ANY_POLICY = "2.5.29.32.0"
INHIBIT_ANY = Extension("2.5.29.54", asn1.integer(0), critical=True)


@pytest.mark.parametrize(
    ("skip", "authority", "own", "fits"),
    [
        (0, ("1.2.3",), ("1.2.3",), True),
        (0, (ANY_POLICY,), ("1.2.3",), True),
        (0, ("1.2.3",), (ANY_POLICY,), True),
        (0, ("1.2.3",), ("1.2.4",), False),
        (0, ("1.2.3",), (), False),
        (0, (), ("1.2.3",), False),
        (1, ("1.2.3",), (), False),
        (2, ("1.2.3",), (), True),
    ],
)
def test_a_required_policy_holds_down_to_the_leaf(
    skip: int, authority: tuple[str, ...], own: tuple[str, ...], fits: bool
) -> None:
    """TSACH-6; RFC 5280, 6.1."""
    changes: dict[str, dict[str, Any]] = {
        "intermediate": {"extra": [require_policy(skip), *([extensions.policies(*authority)] if authority else [])]},
        "tsa": {"extra": [extensions.policies(*own, critical=True)] if own else []},
    }
    if fits:
        passes(**changes)
    else:
        deviating("explicit certificate policy", **changes)


def test_a_root_alone_requires_nothing() -> None:
    """RFC 5280, 6.1.1: the anchor itself is not part of the path."""
    check_policies(offered(issue("root", extra=[require_policy(0)])))


def test_any_policy_can_be_inhibited() -> None:
    """RFC 5280, 4.2.1.14."""
    deviating(
        "explicit certificate policy",
        intermediate={"extra": [require_policy(0), INHIBIT_ANY, extensions.policies("1.2.3")]},
        tsa={"extra": [extensions.policies(ANY_POLICY)]},
    )


def test_a_mapped_policy_does_not_count() -> None:
    """Stricter than RFC 5280, 6.1.4 (b)."""
    mapping = asn1.sequence(asn1.sequence(asn1.oid("1.2.3"), asn1.oid("1.2.4")))
    deviating(
        "explicit certificate policy",
        intermediate={
            "extra": [require_policy(0), extensions.policies("1.2.3"), Extension("2.5.29.33", mapping, critical=True)]
        },
        tsa={"extra": [extensions.policies("1.2.3")]},
    )


def test_ignores_policies_that_are_not_required() -> None:
    passes(
        intermediate={"extra": [INHIBIT_ANY, extensions.policies("1.2.3", critical=True)]},
        tsa={"extra": [extensions.policies("1.2.4", critical=True)]},
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (asn1.explicit(0), "is empty"),
        (asn1.explicit(1), "is empty"),
        (asn1.explicit(0, asn1.sequence(asn1.tlv(0x82, b"a.example"))) + asn1.explicit(1), "is empty"),
        (_address("0a000000ff00ff00"), "mask with holes"),
        (_address("0a00000000ffffff"), "mask with holes"),
        (_address("0a000000fffffffd"), "mask with holes"),
        (_address("20010db8" + "00" * 12 + "ffffffff" + "00" * 11 + "01"), "mask with holes"),
        (_address("0a0000ff"), "an address of 4 bytes"),
    ],
)
def test_name_constraints_that_rfc_5280_forbids_are_refused(content: bytes, problem: str) -> None:
    """RFC 5280, 4.2.1.10."""
    extension = Extension(extensions.NAME_CONSTRAINTS, asn1.sequence(content), critical=True)
    with pytest.raises(FormatError, match=f"nameConstraints: .*{problem}"):
        Certificate.parse(issue("root", extra=(extension,)).der)


@pytest.mark.parametrize("mask", ["00000000", "80000000", "ffffff00", "fffffffe", "ffffffff"])
def test_address_masks_of_ones_and_then_zeros_are_read(mask: str) -> None:
    extension = Extension(extensions.NAME_CONSTRAINTS, asn1.sequence(_address("0a000000" + mask)), critical=True)
    assert Certificate.parse(issue("root", extra=(extension,)).der).is_ca
