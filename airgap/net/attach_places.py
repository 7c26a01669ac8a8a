"""Opens the artifact that a reference names, to attach something to it: in a layout directory, a tar or a registry.

Network code is loaded when the first registry is named: signing in a layout needs none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import groupby
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from airgap.errors import AirgapError
from airgap.locking import alone
from airgap.net.registries import Registries
from airgap.oci.lookup import ReferrersTag
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.transfer.attach import AttachableLayout, Attachment, Holder, Place

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions

Found = TypeVar("Found")


class Places:
    """Opens artifacts by reference, to attach something to them. Closes all of them when it is closed."""

    def __init__(
        self,
        *,
        transport: TransportOptions | None = None,
        credentials: Credentials | None = None,
        referrers_tag: bool = False,
        blind: bool = False,
    ) -> None:
        """`referrers_tag`: keep the referrers tag up to date, too, where referrers can be found without it.

        `blind`: attach also where a registry does not let see before what is attached; how many may be is not checked.
        """
        self._always_tag: Final = referrers_tag
        self._blind: Final = blind
        self._stack: Final = ExitStack()
        self._layouts: Final[dict[str, AttachableLayout]] = {}
        self._registries: Final = self._stack.enter_context(Registries(credentials, transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)  # after a failure nothing is checked

    def open(self, text: str) -> Place:
        """The one artifact that `text` names (decision 0025), in a layout or a registry.

        Raises UsageError, NotFoundError, ContentError and what the transport raises.
        """
        reference = parse_reference(text)
        if isinstance(reference, LayoutReference):
            return self._layout(reference).place(reference)
        from airgap.net.registry_place import RegistryPlace

        tag = ReferrersTag.ALWAYS if self._always_tag else ReferrersTag.AUTO
        return RegistryPlace(reference, self._registries.sink(reference, referrers_tag=tag), blind=self._blind)

    def attach(self, wanted: Iterable[tuple[Place, Attachment]]) -> Iterator[str]:
        """Attaches one after another, and says of each how it can be found; in one step what follows in one layout.

        The answers come when all is attached, because a registry's list is looked at again after a while. Raises
        AirgapError: those without an answer cannot be found.
        """
        return self.attach_unless(wanted, _nothing)

    @staticmethod
    def attach_unless(
        wanted: Iterable[tuple[Place, Attachment]], there: Callable[[Place, Attachment], Found | None]
    ) -> Iterator[str | Found]:
        """Attaches all; what `there` finds, because others attached it in the meantime, is the answer instead.

        No other run of this user on this machine attaches anything in between.
        """
        done: list[tuple[Holder, str | Found]] = []
        failure: AirgapError | None = None
        try:
            for holder, group in groupby(wanted, key=lambda item: item[0].holder):
                items = list(group)
                with alone(holder.name):
                    with holder.renewed() as now:
                        found = [
                            there(place, attachment) if (place := now(known)) else None for known, attachment in items
                        ]
                    new = [attachment for (_, attachment), known in zip(items, found, strict=True) if known is None]
                    listed = iter(holder.attach(new))
                    for known in found:
                        done.append((holder, next(listed) if known is None else known))  # noqa: PERF401 - see `failure`
        except AirgapError as error:
            failure = error  # those before it count
        for holder, answer in done:
            holder.settle()
            yield answer
        if failure is not None:
            raise failure

    def _layout(self, reference: LayoutReference) -> AttachableLayout:
        path = os.path.realpath(reference.path)
        if path not in self._layouts:
            layout = AttachableLayout(reference.path, by_tag=self._always_tag)
            self._layouts[path] = self._stack.enter_context(layout)
        return self._layouts[path]


def _nothing(_place: Place, _attachment: Attachment) -> None:
    return None
