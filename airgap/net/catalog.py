"""The repositories of a registry, by `/v2/_catalog`. Many registries have no such list, or do not show it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.http import Reply
from airgap.net.names import names_in
from airgap.net.wire import failure
from airgap.parse.json import Reading, load_object, take_list, text_or_null

_A_PAGE: Final = 1000
_NO_LIST: Final = frozenset({400, 404, 405, 406, 501})
_REMEDY: Final = "Many registries list no repositories (docker.io, ghcr.io). Name a repository to see its tags."


def repositories(client: RegistryClient) -> Iterator[str]:
    """The names of all repositories that the registry lists, each once, in its order; follows pages.

    Raises RegistryError where it has no list, or one that cannot be read, AuthenticationError, TransportError,
    LimitError.
    """
    what = f"the repositories of {client.host} cannot be listed"
    pages = client.pages(
        f"_catalog?n={_A_PAGE}", access=Access(), what=what, limit=limits.TAG_PAGE_BYTES, absent=_NO_LIST
    )

    def parse(reply: Reply) -> tuple[str, ...]:
        if reply.status != 200:  # noqa: PLR2004
            raise failure(reply, what, remedy=_REMEDY)
        return _parse(client, reply)

    return names_in(pages, parse, what=f"the repositories of {client.host}", limit=limits.REGISTRY_REPOSITORIES)


def _parse(client: RegistryClient, reply: Reply) -> tuple[str, ...]:
    try:
        document = load_object(reply.body, Reading.OPEN, limit=limits.TAG_PAGE_BYTES, what="list of repositories")
        names = take_list(document, "repositories", text_or_null, limit=limits.REGISTRY_REPOSITORIES)
    except FormatError as error:
        raise client.error(f"what {client.host} gives as its repositories cannot be read: {error}") from None
    return tuple(name for name in names if name)
