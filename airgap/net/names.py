"""Lists of names that a registry gives in pages: the tags of a repository, and its repositories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.http import Reply
from airgap.net.wire import refusal_error, wrong_there
from airgap.parse.json import Reading, load_object, take_list, text_or_null

A_PAGE: Final = 1000
"""Names that are asked for at a time."""
_NO_CATALOG: Final = frozenset({400, 404, 405, 406, 501})
_REMEDY: Final = "Many registries list no repositories (docker.io, ghcr.io). Name a repository to see its tags."


class NameList(NamedTuple):
    """How to read a list of names."""

    client: RegistryClient
    owner: str
    """Whose names they are, for messages."""
    member: str
    """The member of each page that has them: `tags`, `repositories`."""
    limit: int
    """Most names of the list."""
    witness: str = ""
    """A member that shows that a page without names is a page of this list."""

    def names(self, pages: Iterable[Reply]) -> Iterator[str]:
        """The names of all pages, each once, in the registry's order.

        Raises LimitError for too many names, or names that are too long to be held, RegistryError for what is no page
        of names, and what `pages` raises.
        """
        seen: set[str] = set()
        characters = 0
        for page in pages:
            for name in self.on(page):
                if name not in seen:
                    seen.add(name)
                    characters += len(name)
                    yield name
            if len(seen) > self.limit:
                raise LimitError(f"the {self.member} of {self.owner} are more than {self.limit}")
            if characters > limits.REGISTRY_NAMES_CHARACTERS:
                most = limits.REGISTRY_NAMES_CHARACTERS
                raise LimitError(f"the {self.member} of {self.owner} have more than {most} characters")

    def on(self, page: Reply) -> tuple[str, ...]:
        """The names on one page. Raises RegistryError."""
        try:
            document = load_object(page.body, Reading.OPEN, limit=limits.TAG_PAGE_BYTES, what=f"list of {self.member}")
            required = self.witness not in document
            names = take_list(document, self.member, text_or_null, limit=self.limit, required=required)
        except FormatError as error:
            problem = f"what {self.owner} gives as its {self.member} cannot be read: {error}"
            raise self.client.error(problem, remedy=wrong_there(page, "")) from None
        return tuple(name for name in names if name)


def repositories(client: RegistryClient) -> Iterator[str]:
    """The repositories that the registry lists, by `/v2/_catalog`; many have no such list, or do not show it.

    Raises RegistryError where it has no list, or one that cannot be read, AuthenticationError, TransportError,
    LimitError.
    """
    what = f"the repositories of {client.host} cannot be listed"

    def pages() -> Iterator[Reply]:
        path = f"_catalog?n={A_PAGE}"
        limit = limits.TAG_PAGE_BYTES
        for reply in client.pages(path, access=Access(), what=what, limit=limit, absent=_NO_CATALOG):
            if reply.status != 200:  # noqa: PLR2004
                raise refusal_error(reply, what, remedy=_REMEDY)
            yield reply

    return NameList(client, client.host, "repositories", limits.REGISTRY_REPOSITORIES).names(pages())
