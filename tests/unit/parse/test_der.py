"""The strict DER reader: one spelling for each structure, FormatError for everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import core
from hypothesis import given
from hypothesis import strategies as st

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError
from airgap.parse import der
from tests.support import asn1


def test_element_keeps_the_bytes_as_received() -> None:
    data = b"\x30\x05\x02\x01\x07\x04\x00"
    element = der.read(data)
    number, text = element.children()
    assert (element.raw, element.value) == (data, data[2:])
    assert (number.raw, number.integer(), text.octets()) == (b"\x02\x01\x07", 7, b"")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "ends inside an element"),
        (b"\x30", "ends inside an element"),
        (b"\x30\x03\x02\x01", "3 bytes announced, 2 there"),
        (b"\x30\x82\x01", "ends inside a length"),
        (b"\x02\x01\x07\x00", "1 bytes of trailing data"),
        (b"\x1f\x81\x01\x00", "tag number above 30"),
    ],
)
def test_broken_framing_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        der.read(data)


def test_indefinite_length_is_refused_by_name() -> None:
    """TS-15, LIM-14."""
    with pytest.raises(FormatError, match="indefinite length, which is BER"):
        der.read(b"\x30\x80\x02\x01\x07\x00\x00")


@pytest.mark.parametrize("data", [b"\x04\x81\x01a", b"\x04\x82\x00\x81" + bytes(129), b"\x04\x81\x7f" + bytes(127)])
def test_length_not_in_its_shortest_form_is_refused(data: bytes) -> None:
    """TS-15: definite-length BER is refused, not converted."""
    with pytest.raises(FormatError, match="shortest form, which is BER"):
        der.read(data)


def test_lengths_have_at_most_four_octets() -> None:
    """LIM-14."""
    with pytest.raises(LimitError, match="5 length octets"):
        der.read(b"\x04\x85\x01\x00\x00\x00\x00")


def test_nesting_is_bounded() -> None:
    data = b""
    for _ in range(limits.DER_DEPTH + 2):
        data = der.sequence(data)

    def descend(element: der.Element) -> None:
        for child in element.children():
            descend(child)

    with pytest.raises(LimitError, match=f"more than {limits.DER_DEPTH} deep"):
        descend(der.read(data))


def test_an_element_may_not_reach_out_of_its_parent() -> None:
    with pytest.raises(FormatError, match="5 bytes announced, 1 there"):
        der.read(b"\x30\x03\x04\x05a").children()


def test_a_primitive_element_has_no_children() -> None:
    with pytest.raises(FormatError, match="OCTET STRING holds no elements"):
        der.read(b"\x04\x02\x05\x00").children()


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, -128, -129, 255, 256, 2**159, -(2**159), 2**503])
def test_reads_integers(value: int) -> None:
    assert der.read(der.integer(value)).integer() == value
    assert der.integer(value) == core.Integer(value).dump()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x02\x00", "without octets"),
        (b"\x02\x02\x00\x7f", "shortest form"),
        (b"\x02\x02\xff\x80", "shortest form"),
        (b"\x02\x41\x01" + bytes(64), "65 octets, more than 64"),
        (b"\x04\x01\x01", "is OCTET STRING, not INTEGER"),
    ],
)
def test_bad_integers_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        der.read(data).integer("number")


@pytest.mark.parametrize(
    "dotted", ["1.2.840.113549.1.7.2", "2.5.29.20", "0.4.0.2023.1.1", "2.999.3", "0.0", "1.39.128"]
)
def test_reads_object_identifiers(dotted: str) -> None:
    assert der.read(der.oid(dotted)).oid() == dotted
    assert der.oid(dotted) == core.ObjectIdentifier(dotted).dump()


@pytest.mark.parametrize(
    "data", [b"\x06\x00", b"\x06\x01\x80", b"\x06\x02\x2a\x86", b"\x06\x03\x2a\x80\x01", b"\x06\x41" + b"\x01" * 65]
)
def test_bad_object_identifiers_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="OBJECT IDENTIFIER"):
        der.read(data).oid()


def test_booleans_have_two_encodings_only() -> None:
    assert der.read(der.boolean(True)).boolean() is True
    assert der.read(der.boolean(False)).boolean() is False
    with pytest.raises(FormatError, match="neither 00 nor FF"):
        der.read(b"\x01\x01\x01").boolean()


def test_reads_bit_strings_of_whole_octets() -> None:
    assert der.read(asn1.bit_string(b"ab")).bits() == b"ab"
    for data in (b"\x03\x00", b"\x03\x02\x01\x02"):
        with pytest.raises(FormatError, match="whole octets"):
            der.read(data).bits()


def test_reads_named_bits() -> None:
    assert der.read(b"\x03\x02\x05\xa0").flags() == {0, 2}
    assert der.read(b"\x03\x01\x00").flags() == frozenset()
    assert der.read(b"\x03\x03\x07\x06\x80").flags() == {5, 6, 8}


@pytest.mark.parametrize(
    "data", [b"\x03\x00", b"\x03\x01\x01", b"\x03\x02\x08\x00", b"\x03\x02\x05\xa1", b"\x03\x06\x00" + bytes(5)]
)
def test_bad_named_bits_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        der.read(data).flags()


def test_reads_times() -> None:
    assert der.read(b"\x17\x0d500102030405Z").time() == datetime(1950, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert der.read(b"\x17\x0d490102030405Z").time() == datetime(2049, 1, 2, 3, 4, 5, tzinfo=UTC)
    moment = datetime(2051, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert der.read(der.generalized_time(moment)).time() == moment
    east = moment.astimezone(timezone(timedelta(hours=5)))
    assert der.generalized_time(east) == der.generalized_time(moment)
    assert der.read(asn1.time(moment.replace(year=2031))).time() == moment.replace(year=2031)


@pytest.mark.parametrize(
    ("text", "microsecond"), [("", 0), (".5", 500_000), (".000001", 1), (".123456789", 123_456), (".0000009", 0)]
)
def test_reads_a_generalized_time_with_fraction(text: str, microsecond: int) -> None:
    data = der.tlv(der.GENERALIZED_TIME, b"20260102030405", text.encode(), b"Z")
    expected = datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)
    assert der.read(data).generalized_time(fractions=True) == expected


@pytest.mark.parametrize(
    "text",
    ["20260102030405", "20260102030405+0100", "202601020304Z", "20260102030405.Z", "20260102030405.50Z",
     "20260102030405,5Z", "20260230000000Z", "20260102240000Z", "20260102030460Z", "00000101000000Z",
     "2026010203040\u0665Z"],
)  # fmt: skip
def test_bad_generalized_times_are_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"GeneralizedTime|moment"):
        der.read(der.tlv(der.GENERALIZED_TIME, text.encode())).generalized_time("genTime", fractions=True)


def test_fractions_are_for_timestamps_only() -> None:
    """RFC 5280, 4.1.2.5.2."""
    with pytest.raises(FormatError, match="GeneralizedTime"):
        der.read(der.tlv(der.GENERALIZED_TIME, b"20260102030405.5Z")).time()


@pytest.mark.parametrize("text", [b"2601020304Z", b"260102030405+0000", b"260102030405", b"261302030405Z"])
def test_bad_utc_times_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        der.read(der.tlv(der.UTC_TIME, text)).time()


def test_fields_are_taken_in_order_and_named() -> None:
    data = der.sequence(der.integer(1), der.tlv(der.context(0), der.oid("1.2.3")), der.null())
    fields = der.read(data).fields("thing")
    assert fields.take(der.INTEGER, "version").integer() == 1
    assert fields.maybe(der.BOOLEAN) is None
    inner = fields.maybe(der.context(0))
    assert inner is not None
    assert inner.only().oid() == "1.2.3"
    with pytest.raises(FormatError, match=r"^thing.text: is NULL, not OCTET STRING$"):
        fields.take(der.OCTET_STRING, "text")
    with pytest.raises(FormatError, match=r"^thing.more: is missing$"):
        fields.any("more")
    fields.end()


def test_members_that_are_left_over_are_refused() -> None:
    fields = der.read(der.sequence(der.integer(1), der.null())).fields("thing")
    fields.take(der.INTEGER, "version")
    with pytest.raises(FormatError, match=r"^thing: has an unexpected NULL at its end$"):
        fields.end()


def test_an_explicit_tag_holds_one_element() -> None:
    with pytest.raises(FormatError, match="holds 2 elements instead of one"):
        der.read(der.tlv(der.context(0), der.null(), der.null())).only("it")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_writer_and_reader_agree_on_lengths(length: int) -> None:
    data = der.octet_string(bytes(length))
    assert data == core.OctetString(bytes(length)).dump()
    assert len(der.read(data).octets()) == length


def _everything(element: der.Element) -> None:
    readers = (element.integer, element.oid, element.boolean, element.bits, element.flags, element.octets, element.time)
    for reader in readers:
        try:
            reader()
        except FormatError:
            continue
    if element.tag & 0x20:
        for child in element.walk():
            _everything(child)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(der.sequence))
def test_any_bytes_raise_nothing_but_project_errors(data: bytes) -> None:
    try:
        _everything(der.read(data))
    except AirgapError:
        return
    # what is accepted has only one spelling: an oracle reads the same frame
    assert core.load(data, strict=True).dump() == data
