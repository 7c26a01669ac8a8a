"""Names of a layout that patterns took hours to refuse."""

from __future__ import annotations

from time import perf_counter

from airgap.oci.tags import may_be_fallback


def test_a_tag_of_dashes_alone_held_a_verify_for_hours() -> None:
    began = perf_counter()
    assert not may_be_fallback("a-" * 500_000 + "!")
    assert perf_counter() - began < 1
    assert may_be_fallback(f"sha512-{'0' * 128}")
