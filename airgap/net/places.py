"""Where references lead for those who attach something: a layout directory, a layout tar, or a registry.

What opens sockets is loaded when the first registry is named: to sign in a layout takes no network code.
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
    """Opens artifacts to attach to, by reference; all are closed with it."""

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
        """The one artifact that `text` names (design 5), wherever it is.

        Raises UsageError, NotFoundError, ContentError and what the transport raises.
        """
        reference = parse_reference(text, exists=os.path.exists)
        if isinstance(reference, LayoutReference):
            return self._stack.enter_context(open_layout_place(reference, fallback=self._always_tag))
        from airgap.net.attach import RegistryPlace

        tag = ReferrersTag.ALWAYS if self._always_tag else ReferrersTag.AUTO
        return RegistryPlace(reference, self._registries.sink(reference, referrers_tag=tag))
