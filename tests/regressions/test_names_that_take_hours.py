"""Names of a layout that patterns took hours to refuse."""

from __future__ import annotations

from time import perf_counter

from airgap.oci.tags import is_referrers_tag


def test_a_tag_of_dashes_alone_held_a_verify_for_hours() -> None:
    began = perf_counter()
    assert not is_referrers_tag("a-" * 500_000 + "!")
    assert perf_counter() - began < 1
    assert is_referrers_tag(f"sha512-{'0' * 128}")
