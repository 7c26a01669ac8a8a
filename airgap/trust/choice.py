"""Decides which repository an artifact is from, and which policy statement judges it (decision 0023).

A name that the operator gives is used as it is. An acquisition record is a claim of the packer: it can choose a
statement, but never a weaker judgement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal, NamedTuple, NoReturn

from airgap import limits
from airgap.errors import FormatError, Rejected, UsageError
from airgap.oci.reference import docker_name, names_registry, parse_registry_reference
from airgap.oci.tags import tag_part
from airgap.text import safe, some
from airgap.trust.levels import CUSTOM, Action, Check, VerifyTimestamp
from airgap.trust.policy import OciPolicy
from airgap.trust.scopes import parse_scope, twin_scope
from airgap.trust.statement import Statement

ScopeOrigin = Literal["option", "name", "record"]
"""The source of the repository name: `--scope`, a full name that was typed as the tag, or the acquisition record."""

_STRICTNESS: Final = {Action.SKIP: 0, Action.LOG: 1, Action.ENFORCE: 2}
_SHOWN: Final = 5


class Named(NamedTuple):
    """The repository for the policy."""

    scope: str | None
    """None: it is not known."""
    origin: ScopeOrigin | None
    own: tuple[str, ...] = ()
    """Repositories in its names in the layout, if none is known: they choose no statement. If one was typed, other ones
    by which tools take the same entry."""
    by_docker: tuple[str, ...] = ()
    """Repositories that docker reads in its names: `app:v1` is docker.io/library/app. If one was typed, only in the
    other names of the same entry."""
    beside: tuple[str, ...] = ()
    """If one was typed, all names by which tools take the same entry."""
    note: str = ""
    """Why none is known, if that needs a message."""


class StatementChoice(NamedTuple):
    """The statement that judges an artifact."""

    statement: Statement
    note: str = ""
    """The actions that were made stricter than in the statement, and why; or which one was probably meant."""


def repository_of(name: str) -> str | None:
    """The repository in a full name, with or without a tag; None for other names.

    `registry.example/app:v1` and `registry.example/app` name `registry.example/app`.
    """
    try:
        return parse_registry_reference(name).name
    except UsageError:
        return None


def repositories_of(names: Iterable[str]) -> tuple[str, ...]:
    """The repositories of the full references among these, each once."""
    return tuple(dict.fromkeys(name for text in names if (name := repository_of(text)) is not None))


def docker_repositories_of(names: Iterable[str]) -> tuple[str, ...]:
    """The repositories that docker and podman take these names for, each once.

    `nginx:v1` is docker.io/library/nginx for docker, and localhost/nginx after `podman load`; a tag alone is no name
    for docker.
    """
    found: dict[str, None] = {}
    for text in names:
        name = text.partition("@")[0]
        repository = name.removesuffix(f":{tag_part(name)}")
        if repository and (repository != text or "/" in name):
            found[docker_name(repository)] = None
        if repository and not names_registry(repository):
            found[f"localhost/{repository}"] = None
    return tuple(found)


def name_artifact(
    *,
    scope: str | None,
    typed: str | None,
    called: str | None = None,
    tags: Iterable[str],
    recorded: Iterable[str | None],
    entries: Iterable[Sequence[str]] = (),
    loaded: Sequence[str] = (),
) -> Named:
    """The repository of an artifact: from `--scope`, else from the typed tag, else from the record (decision 0023).

    `scope`: what `--scope` says; `typed`: the tag as it was typed; `called`: the same as the layout has it; `tags`: all
    names of the artifact in the layout; `recorded`: the names of its acquisition records; `entries`: the names of each
    entry that is the artifact, because tools differ in which of them they take; `loaded`: what `docker load` calls it.

    Raises Rejected(`policy.name_conflict`) if no record agrees with the typed full name, or with a name of the
    artifact.
    """
    if scope is not None:
        return Named(scope=scope, origin="option")
    claimed = list(dict.fromkeys(name for name in recorded if name is not None))
    called_here = tuple(tags)
    own_names = repositories_of(called_here)
    unknown = Named(scope=None, origin=None, own=own_names, by_docker=docker_repositories_of(called_here))
    own = repository_of(typed) if typed is not None else None
    if typed is not None and own is not None:
        _check_agreement([typed], claimed)
        named = [names for names in entries if _has(own, names)]
        return typed_name(own, (name for names in (*named, loaded) for name in names))
    if not claimed:
        return unknown
    _check_agreement(called_here, claimed)
    found = repository_of(called) if called is not None else None
    meant = [found] if found is not None else own_names or claimed
    if len(meant) > 1:
        note = f"it was copied from several repositories ({_listed(claimed)}): name the one meant with --scope"
        return unknown._replace(note=note)
    try:
        by_docker = docker_repositories_of((*called_here, meant[0]))
        return Named(scope=parse_scope(meant[0]), origin="record", by_docker=by_docker)
    except FormatError:
        return unknown  # a record without a repository selects nothing


def typed_name(own: str, beside: Iterable[str]) -> Named:
    """The repository that was typed; `beside`: the names by which tools take the same entry."""
    names = tuple(dict.fromkeys(beside))
    others, by_docker = _others(own, repositories_of(names)), _others(own, docker_repositories_of(names))
    return Named(scope=own, origin="name", own=others, by_docker=by_docker, beside=names)


def _has(own: str, names: Sequence[str]) -> bool:
    """Whether one of the names is of the repository `own`."""
    known = (*repositories_of(names), *docker_repositories_of(names))
    return len(_others(own, known)) < len(known)


def _others(own: str, repositories: Iterable[str]) -> tuple[str, ...]:
    """Those that are not `own`, in whatever way docker spells it."""
    return tuple(name for name in repositories if docker_name(name) != docker_name(own))


def _check_agreement(names: Iterable[str], claimed: Sequence[str]) -> None:
    """Checks that every repository in the artifact's own names has a record, if there are records.

    A name that starts as a full one and is none (upper case, a scheme) says of no repository that is recorded.
    """
    for text in names if claimed else ():
        name = repository_of(text) or (text if text.startswith("/") or names_registry(text) else None)
        if name is not None and name not in claimed:
            raise Rejected(
                "policy.name_conflict",
                f"the artifact is called {safe(name, limit=300)} here, and its acquisition record says that it was "
                f"copied from {_listed(claimed)}",
                name=safe(name),
                recorded=", ".join(map(safe, claimed[:_SHOWN])),
            )


def choose_statement(policy: OciPolicy, named: Named) -> StatementChoice:
    """The statement for an artifact, made stricter if only a record chose it (decision 0023).

    A record cannot weaken: where another statement is stricter in some action, or about timestamps, that action is
    taken from it; trust stores and identities stay those of the statement that was chosen. Without a name, `*` counts
    only if it is at least as strict as every other statement, and no other one is for a name that the artifact has in
    the layout: by that name it is shown and run, and the other statement would judge it where the name is typed. If it
    has no full name there, either, `*` must accept no signer that another statement does not accept. Docker
    runs it by the name that it completes (docker.io/library), so that one counts, too; also where it was typed short.

    Raises Rejected: `policy.no_statement` where none applies, `policy.scope_needed` where the operator has to say which
    repository is meant.
    """
    scope = named.scope
    if scope is None and named.own and not any(statement.is_global for statement in policy.statements):
        _refuse_unsaid(policy, named.own)
    statement = policy.select(scope)
    if scope is None:
        return _choose_unnamed(policy, named, statement)
    if named.origin in {"option", "name"}:
        return _choose_typed(policy, scope, named, statement)
    return _choose_recorded(policy, scope, named, statement)


def _choose_typed(policy: OciPolicy, scope: str, named: Named, statement: Statement) -> StatementChoice:
    """The statement for the repository that was typed. Raises Rejected."""
    short = (scope,) if named.origin == "name" and statement.is_global else ()
    for name, other in _by_docker(policy, docker_repositories_of(short), statement):
        raise _scope_needed(
            f"docker takes {safe(scope)} for {safe(name)}, for which the policy has the statement {_name(other)}"
        )
    _check_beside(policy, named, statement)
    return StatementChoice(statement=statement, note=_other_spelling(policy, scope, statement))


def _other_spelling(policy: OciPolicy, scope: str, chosen: Statement) -> str:
    """A note on a statement for the same repository in another spelling, where that for all repositories was chosen."""
    if not chosen.is_global:
        return ""
    twin = twin_scope(scope, (name for statement in policy.statements for name in statement.scopes))
    for other in policy.statements if twin else ():
        if twin and twin[0] in other.scopes and not _is_alike(other, chosen):
            return (
                f"the statement {_name(chosen)} for all repositories was applied, and not {_name(other)}, which is for "
                f"{safe(twin[0])}: it differs from {safe(scope)} {twin[1]}"
            )
    return ""


def _choose_unnamed(policy: OciPolicy, named: Named, statement: Statement) -> StatementChoice:
    """The statement for all repositories, if no other one could be meant. Raises Rejected."""
    if stricter := _stricter_ones(policy, statement):
        raise _scope_needed(
            f"no repository is named, and the statement {_name(statement)} for all repositories is weaker "
            f"than {_name(stricter[0])} ({_differences(stricter[0], statement)})"
        )
    for name, other in _other_statements(policy, named.own, statement):
        raise _scope_needed(
            f"it is called {safe(name)} here, for which the policy has the statement {_name(other)}, and "
            "only the layout says so"
        )
    _check_docker(policy, named.by_docker, statement)
    narrower = () if named.own else (other for other in policy.statements if _accepts_more(statement, other))
    for other in narrower:
        raise _scope_needed(
            f"no repository is named, and the statement {_name(statement)} for all repositories accepts signers that "
            f"{_name(other)} does not accept"
        )
    return StatementChoice(statement=statement)


def _choose_recorded(policy: OciPolicy, scope: str, named: Named, statement: Statement) -> StatementChoice:
    """The statement for the repository that an acquisition record names, and all stricter ones. Raises Rejected."""
    stricter = _stricter_ones(policy, statement)
    _check_docker(policy, named.by_docker, statement)
    if statement.skip and (stricter or not statement.is_global):
        raise _scope_needed(
            f"the layout's own record names {safe(scope)}, whose statement {_name(statement)} has level skip; a claim "
            "in the layout turns no verification off"
        )
    if not stricter:
        return StatementChoice(statement=statement)
    note = (
        f"the acquisition record chose the statement {_name(statement)}, which is weaker than {_name(stricter[0])} "
        f"({_differences(stricter[0], statement)}); the stricter actions were applied, because a record is a claim. "
        "--scope says which repository is meant"
    )
    return StatementChoice(statement=_strictest(statement, stricter), note=note)


def _stricter_ones(policy: OciPolicy, statement: Statement) -> list[Statement]:
    return [other for other in policy.statements if any(_stricter(other, statement))]


def _check_beside(policy: OciPolicy, named: Named, chosen: Statement) -> None:
    """Under each other name of the entry whose name was typed, the policy judges alike. Raises Rejected.

    containerd imports an entry by its own annotation, whatever ref.name says: what was verified by one name would run
    by another one.
    """
    other_ways = [name for name in named.own if not _judges_alike(policy, name, chosen)]
    other_ways += [name for name, _ in _by_docker(policy, named.by_docker, chosen)]
    for name in other_ways:
        raise _scope_needed(
            f"what is called {safe(named.scope or '')} here is called {safe(name)}, too; tools differ in which of "
            "the two they take, and the policy does not judge both in the same way"
        )


def _judges_alike(policy: OciPolicy, name: str, chosen: Statement) -> bool:
    try:
        return _is_alike(policy.select(name), chosen)
    except Rejected:
        return False


def _check_docker(policy: OciPolicy, names: Iterable[str], chosen: Statement) -> None:
    """No other statement is for what docker and podman take the artifact's names for. Raises Rejected."""
    for name, other in _by_docker(policy, names, chosen):
        raise _scope_needed(
            f"docker or podman takes a name that it has here for {safe(name)}, for which the policy has the statement "
            f"{_name(other)}, and only the layout says which repository it is"
        )


def _refuse_unsaid(policy: OciPolicy, names: Sequence[str]) -> NoReturn:
    """Only the layout says which repository it is, and no statement is for all. Raises Rejected."""
    known = [name for name in names if any(name in statement.scopes for statement in policy.statements)]
    if not known:
        policy.select(names[0])  # raises, with what is near
    raise _scope_needed(
        f"it is called {_listed(known)} here, only the layout says so, and no statement is for all repositories"
    )


def _other_statements(policy: OciPolicy, names: Iterable[str], chosen: Statement) -> Iterator[tuple[str, Statement]]:
    """The statements for these repositories that judge in another way than the chosen one."""
    for name in names:
        for other in policy.statements:
            if name in other.scopes and not _is_alike(other, chosen):
                yield name, other


def _by_docker(policy: OciPolicy, names: Iterable[str], chosen: Statement) -> Iterator[tuple[str, Statement]]:
    """The other statements for these repositories by docker's names for them, and for those of the policy."""
    wanted = tuple(names)
    for other in policy.statements if wanted else ():
        spelt = _spelt(other.scopes)
        for scope in (spelt[name] for name in wanted if name in spelt):
            if not _is_alike(other, chosen):
                yield scope, other


@lru_cache(maxsize=limits.POLICY_STATEMENTS)
def _spelt(scopes: tuple[str, ...]) -> Mapping[str, str]:
    """Scopes as written and as docker reads them; used for every artifact of a layout."""
    return {docker_name(scope): scope for scope in scopes} | {scope: scope for scope in scopes}


def _is_alike(one: Statement, other: Statement) -> bool:
    """Whether two statements judge alike."""
    return one == replace(other, name=one.name, scopes=one.scopes, is_global=one.is_global)


def _accepts_more(one: Statement, other: Statement) -> bool:
    """Whether `one` may accept a signer that `other` does not: by another trust store, or by another identity."""
    if other.skip:
        return False
    known = all(any(wide.includes(identity) for wide in other.identities) for identity in one.identities)
    return not (known and set(one.stores) <= set(other.stores))


def _stricter(one: Statement, other: Statement) -> Iterator[str]:
    """The checks in which `one` is stricter than `other`."""
    for check in Check:
        if _STRICTNESS[one.actions[check]] > _STRICTNESS[other.actions[check]]:
            yield check.value
    if not one.skip and one.verify_timestamp is VerifyTimestamp.ALWAYS != other.verify_timestamp:
        yield "verifyTimestamp"


def _strictest(statement: Statement, others: Sequence[Statement]) -> Statement:
    together = (statement, *others)
    always = any(not item.skip and item.verify_timestamp is VerifyTimestamp.ALWAYS for item in together)
    return replace(
        statement,
        level=CUSTOM,
        actions={
            check: max((item.actions[check] for item in together), key=_STRICTNESS.__getitem__) for check in Check
        },
        verify_timestamp=VerifyTimestamp.ALWAYS if always else statement.verify_timestamp,
    )


def _differences(stricter: Statement, statement: Statement) -> str:
    return ", ".join(_stricter(stricter, statement))


def _scope_needed(message: str) -> Rejected:
    return Rejected("policy.scope_needed", message)


def _name(statement: Statement) -> str:
    return repr(safe(statement.name, limit=64))


def _listed(names: Sequence[str]) -> str:
    return some(names, _SHOWN, lambda name: safe(name, limit=200))
