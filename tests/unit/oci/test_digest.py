from __future__ import annotations

import pytest

from airgap.errors import ContentError, FormatError
from airgap.oci.digest import Digest

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX * 2}", f"sha384:{HEX}{HEX[:32]}", f"blake3:{HEX}"])
def test_registered_digest_is_its_own_text(text: str) -> None:
    """LAYOUT-4."""
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"sha256:{HEX.upper()}", id="NEG-154-upper-case"),
        pytest.param("sha256:../../../../etc/passwd", id="NEG-154-traversal"),
        pytest.param(f"../sha256:{HEX}", id="NEG-154-traversal-in-algorithm"),
        pytest.param("sha256:" + "/" * 64, id="NEG-154-slashes"),
        pytest.param(f"sha256:{HEX[:-1]}\n", id="line-end"),
        pytest.param(f"sha256:{HEX}\n", id="line-behind"),
        pytest.param(f"sha256:{HEX[1:]}", id="short"),
        pytest.param(f"sha256:{HEX}0", id="long"),
        pytest.param(f"sha512:{HEX}", id="sha512-with-64-digits"),
        pytest.param(f"SHA256:{HEX}", id="upper-case-algorithm"),
        pytest.param(f"sha256:{chr(0x660) * 64}", id="digits-of-another-script"),
        pytest.param(HEX, id="no-algorithm"),
        pytest.param("sha256:", id="empty"),
        pytest.param("", id="nothing"),
        pytest.param("x:" + "a" * 1000, id="endless"),
        pytest.param("a..b:abc", id="separators"),
        pytest.param("a:b\\c", id="backslash"),
        pytest.param("a:b\0c", id="nul"),
    ],
)
def test_refuses_malformed_digests(text: str) -> None:
    with pytest.raises(FormatError, match="is not a digest"):
        Digest.parse(text)


def test_unknown_algorithm_passes_the_grammar_and_cannot_be_checked() -> None:
    """LAYOUT-4: SHOULD pass syntactic validation."""
    digest = Digest.parse("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8")
    assert not digest.supported
    with pytest.raises(ContentError) as caught:
        digest.new_hash()
    assert caught.value.reason == "content.algorithm"
    assert "known: sha256, sha384, sha512" in str(caught.value)


def test_registered_algorithm_that_cannot_be_computed_is_not_supported() -> None:
    assert not Digest.parse(f"blake3:{HEX}").supported


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_digest_of_data_is_what_its_hash_says(algorithm: str) -> None:
    digest = Digest.of(b"abc", algorithm)
    hasher = digest.new_hash()
    hasher.update(b"abc")
    assert hasher.hexdigest() == digest.encoded
    assert Digest.parse(str(digest)) == digest


def test_digests_sort_as_their_text_does() -> None:
    digests = [Digest.of(bytes([number]), algorithm) for number in range(9) for algorithm in ("sha512", "sha256")]
    assert [str(digest) for digest in sorted(digests)] == sorted(map(str, digests))
