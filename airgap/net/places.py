"""Opens the artifact that a reference names, to attach something to it: in a layout directory, a tar or a registry.

Network code is loaded when the first registry is named: signing in a layout needs none.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from airgap.net.registries import Registries
from airgap.oci.lookup import ReferrersTag
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.transfer.attach import Place, open_layout_place

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions


class Places:
    """Opens artifacts by reference, to attach something to them. Closes all of them when it is closed."""

    def __init__(
        self,
        *,
        transport: TransportOptions | None = None,
        credentials: Credentials | None = None,
        referrers_tag: bool = False,
    ) -> None:
        """`referrers_tag`: keep the referrers tag up to date, too, where referrers can be found without it."""
        self._always_tag: Final = referrers_tag
        self._stack: Final = ExitStack()
        self._registries: Final = self._stack.enter_context(Registries(credentials, transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, text: str) -> Place:
        """The one artifact that `text` names (design 5), in a layout or a registry.

        Raises UsageError, NotFoundError, ContentError and what the transport raises.
        """
        reference = parse_reference(text, exists=os.path.exists)
        if isinstance(reference, LayoutReference):
            return self._stack.enter_context(open_layout_place(reference, fallback=self._always_tag))
        from airgap.net.attach import RegistryPlace

        tag = ReferrersTag.ALWAYS if self._always_tag else ReferrersTag.AUTO
        return RegistryPlace(reference, self._registries.sink(reference, referrers_tag=tag))
