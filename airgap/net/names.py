"""The names in a list of a registry: tags of a repository, or repositories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from airgap import limits
from airgap.errors import LimitError
from airgap.net.http import Reply


def names_in(
    pages: Iterable[Reply], parse: Callable[[Reply], Iterable[str]], *, what: str, limit: int
) -> Iterator[str]:
    """The names of all pages, each once, in the registry's order; `parse` reads a page.

    `what` names all of them, for messages. Raises LimitError for more than `limit` names, or names that are too long
    to be held, and what `pages` and `parse` raise.
    """
    seen: set[str] = set()
    characters = 0
    for page in pages:
        for name in parse(page):
            if name not in seen:
                seen.add(name)
                characters += len(name)
                yield name
        if len(seen) > limit:
            raise LimitError(f"{what} are more than {limit}")
        if characters > limits.REGISTRY_NAMES_CHARACTERS:
            raise LimitError(f"{what} have more than {limits.REGISTRY_NAMES_CHARACTERS} characters")
