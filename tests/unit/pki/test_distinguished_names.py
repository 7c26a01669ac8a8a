from __future__ import annotations

import pytest

from airgap.errors import FormatError
from airgap.pki.distinguished_names import name_text, parse_name
from tests.support import names


def test_a_name_keeps_its_order_and_its_groups() -> None:
    raw = names.name(("C", "US"), [names.Attribute("O", "Works"), names.Attribute("OU", "Build")], ("CN", "builder"))
    parsed = parse_name(raw)
    assert [[attribute.text for attribute in rdn] for rdn in parsed] == [["US"], ["Works", "Build"], ["builder"]]
    assert name_text(parsed) == "CN=builder,O=Works+OU=Build,C=US"


def test_an_empty_name_is_a_name() -> None:
    assert parse_name(names.name()) == ()
    assert name_text(()) == ""


@pytest.mark.parametrize(
    ("text", "written"),
    [(" a", "\\ a"), ("a ", "a\\ "), ("#a", "\\#a"), ("a#", "a#"), ('a"<b>;', 'a\\"\\<b\\>\\;'), ("a\\b", "a\\\\b")],
)
def test_special_characters_are_escaped(text: str, written: str) -> None:
    """RFC 4514, 2.4: two names never look alike because a value holds a separator."""
    assert name_text(parse_name(names.name(("CN", text)))) == f"CN={written}"


def test_trailing_data_after_a_name_is_refused() -> None:
    with pytest.raises(FormatError, match="issuer: has 1 bytes of trailing data"):
        parse_name(names.harbour("x") + b"\0", where="issuer")
