"""Names of a layout that patterns took hours to refuse."""

from __future__ import annotations

from time import process_time

from airgap.oci.tags import is_referrers_tag


def test_a_tag_of_dashes_alone_held_a_verify_for_hours() -> None:
    began = process_time()
    assert not is_referrers_tag("a-" * 500_000 + "!")
    assert process_time() - began < 5
    assert is_referrers_tag(f"sha512-{'0' * 128}")
