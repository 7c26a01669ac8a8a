"""Where a reference leads for those who attach something: a layout directory, a layout tar, or a registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from airgap.net.attach import RegistryPlace
from airgap.net.registries import Registries
from airgap.net.registry import ReferrersTag
from airgap.oci.attach import Place, open_layout_place
from airgap.oci.reference import LayoutReference, parse_reference


@contextmanager
def open_place(text: str, registries: Registries, *, referrers_tag: bool = False) -> Iterator[Place]:
    """The one artifact that `text` names (design 5), wherever it is.

    `referrers_tag`: keep the referrers tag up to date, too, where referrers can be found without it. Raises
    UsageError, NotFoundError, ContentError and what the transport raises.
    """
    reference = parse_reference(text, exists=os.path.exists)
    if isinstance(reference, LayoutReference):
        with open_layout_place(reference, fallback=referrers_tag) as place:
            yield place
        return
    tag = ReferrersTag.ALWAYS if referrers_tag else ReferrersTag.AUTO
    yield RegistryPlace(reference, registries.store(reference, writable=True, referrers_tag=tag))
