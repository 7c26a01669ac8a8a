"""Distinguished names as raw DER: several attributes in one RDN, repeated types, any string type."""

from __future__ import annotations

from typing import Final, NamedTuple

from airgap.pki.distinguished_names import parse_name
from tests.support import asn1

OIDS: Final = {
    "CN": "2.5.4.3",
    "SERIALNUMBER": "2.5.4.5",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "ST": "2.5.4.8",
    "STREET": "2.5.4.9",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "POSTALCODE": "2.5.4.17",
    "DC": "0.9.2342.19200300.100.1.25",
    "UID": "0.9.2342.19200300.100.1.1",
    "EMAIL": "1.2.840.113549.1.9.1",
}
ENCODINGS: Final = {
    asn1.UTF8: "utf-8",
    asn1.PRINTABLE: "ascii",
    asn1.T61: "latin-1",
    asn1.IA5: "ascii",
    asn1.BMP: "utf-16-be",
}


class Attribute(NamedTuple):
    """One attribute; `tag` is the string type, and bytes as value are the content of any tag."""

    type: str
    value: str | bytes
    tag: int = asn1.UTF8

    def der(self) -> bytes:
        content = self.value if isinstance(self.value, bytes) else self.value.encode(ENCODINGS[self.tag])
        return asn1.sequence(asn1.oid(OIDS.get(self.type, self.type)), asn1.tlv(self.tag, content))


def name(*rdns: Attribute | tuple[str, str] | list[Attribute]) -> bytes:
    """A Name. A list is one RDN with several attributes: `name(("C", "US"), [Attribute(...), Attribute(...)])`."""
    return asn1.sequence(*(asn1.set_of(*(attribute.der() for attribute in _rdn(item))) for item in rdns))


def _rdn(item: Attribute | tuple[str, str] | list[Attribute]) -> list[Attribute]:
    return item if isinstance(item, list) else [Attribute(*item)]


def parse(text: str) -> bytes:
    """`C=US,ST=WA,O=Harbour Works,CN=builder` as a Name in this order; no escapes, one attribute per RDN."""
    pairs = (part.strip().partition("=") for part in text.split(","))
    return name(*((kind, value) for kind, _, value in pairs))


def harbour(common_name: str) -> bytes:
    """The subject of a well-behaved certificate of the tests' organisation."""
    return parse(f"C=US,ST=WA,O=Harbour Works,CN={common_name}")


def respelt(raw: bytes, tag: int = asn1.BMP) -> bytes:
    """The same name by RFC 5280, 7.1, in other bytes: another string type, upper case, more white space."""
    rdns = [[Attribute(item.oid, f" {item.text.upper()}  ", tag) for item in rdn] for rdn in parse_name(raw)]
    return name(*rdns)
