"""The one decorator of every command: groups of options, `--debug`, and the place where errors become exit codes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

import airgap.report
from airgap.cli.console import Format, Output, boundary
from airgap.cli.lazy import ExplainedCommand
from airgap.errors import AirgapError, UsageError

if TYPE_CHECKING:  # reports are made when a command runs
    FailureReport = Callable[[AirgapError, Mapping[str, Any]], airgap.report.Report | None]
    """The document of a command that ended with an error, from that and its parameters; None where there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class CopySide:
    """Beside the type of a group of options: it is about one side of a copy, and its options have a prefix.

    Their other names (`-u`) are left to the group without a prefix.
    """

    prefix: str
    """`from` or `to`."""
    whom: str
    """The words for it in help texts."""

    def option(self, option: inspect.Parameter) -> inspect.Parameter:
        """The option as this side has it."""
        kind, information = get_args(option.annotation)
        mine = copy(information)
        name = option.name.replace("_", "-")
        mine.default, mine.param_decls = f"--{self.prefix}-{name}", ()  # Typer takes the first name as this default
        mine.help = f"As --{name}, for {self.whom} only."
        return option.replace(name=f"{self.prefix}_{option.name}", annotation=Annotated[kind, mine])


FORMAT: Final = "-o"
"""The short name of `--format`, where a command has no file of this name."""

Function = TypeVar("Function", bound=Callable[..., None])

DebugOption = Annotated[bool, typer.Option("--debug", "-d", help="Show a traceback where an error is unexpected.")]


def _plain(error: AirgapError, _given: Mapping[str, Any]) -> airgap.report.Report:
    return airgap.report.ErrorReport(error)


def command(
    app: typer.Typer, name: str | None = None, *, failure: FailureReport = _plain
) -> Callable[[Function], Function]:
    """Make a function a command of `app`, called `name` or as the function is.

    A parameter whose type is a dataclass is a group of options: each field that is `Annotated` with a Typer option
    becomes one, in the order of the fields. A field whose type is a dataclass is a group, too. The function gets the
    dataclass; with a `CopySide` beside the type, the options have its prefix. `--debug` is added, and errors become a
    sentence and an exit code (`airgap.cli.console.boundary`), with `--format json` the document of `failure`, too.
    """

    def register(function: Function) -> Function:
        app.command(name, cls=ExplainedCommand)(_with_options(function, failure))
        return function

    return register


def _with_options(function: Callable[..., None], failure: FailureReport) -> Callable[..., None]:
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    groups = {item.name: group for item in parameters if (group := _Group.of(hints[item.name])) is not None}
    own = {name for item in parameters if item.name not in groups for name in _names(hints[item.name])}
    options: list[inspect.Parameter] = []
    for parameter in parameters:
        if parameter.name in groups:
            options += (_without(own, option) for option in groups[parameter.name].options())
        else:
            options.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
    options.append(inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DebugOption))

    taken = next((item.name for item in parameters if FORMAT in own and FORMAT in _names(hints[item.name])), "")

    def run(*, debug: bool, **given: Any) -> None:
        for name, group in groups.items():
            given[name] = group.made(given)
        output = next((value for value in given.values() if isinstance(value, Output)), None)

        def tell(error: AirgapError) -> None:
            if output is not None and output.lacks_document and (report := failure(error, given)) is not None:
                output.show(report)

        with boundary(debug=debug, tell=tell):
            _check_output(given, taken)
            function(**given)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


def _names(hint: Any) -> set[str]:
    """The names of an option, `-o` and `--output`; none for what is no option."""
    _, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    found = (item for item in beside if isinstance(item, OptionInfo))
    return {name for item in found for name in (item.default, *(item.param_decls or ())) if isinstance(name, str)}


def _without(own: set[str], option: inspect.Parameter) -> inspect.Parameter:
    """An option of a group, without the names that an option of the command has."""
    kind, information = get_args(option.annotation)
    if not own & {*(information.param_decls or ())}:
        return option
    mine = copy(information)
    mine.param_decls = tuple(name for name in information.param_decls if name not in own)
    return option.replace(annotation=Annotated[kind, mine])


def _check_output(given: Mapping[str, Any], taken: str) -> None:
    """Raises UsageError where `-o` is a file of this command, and a word for a format is given."""
    if taken and str(given[taken]) in {*Format}:
        raise UsageError(
            f"{FORMAT} {given[taken]} would be a file here: {FORMAT} is --output",
            remedy=f"Write --format {given[taken]}; or name the file in another way.",
        )


class _Group(NamedTuple):
    """A dataclass whose fields are options."""

    kind: type
    parts: Mapping[str, inspect.Parameter | _Group]
    """Those of its fields that are options, or groups themselves."""

    @classmethod
    def of(cls, hint: Any, side: CopySide | None = None) -> _Group | None:
        """The group that a type is; None for any other type."""
        kind, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        if not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
            return None
        side = next((item for item in beside if isinstance(item, CopySide)), side)
        return cls(kind, dict(_parts(kind, side)))

    def options(self) -> Iterator[inspect.Parameter]:
        """All its options, in the order of the fields."""
        for part in self.parts.values():
            yield from part.options() if isinstance(part, _Group) else [part]

    def made(self, given: dict[str, Any]) -> Any:
        """The dataclass, from the options that were given, which are taken out."""
        parts = self.parts.items()
        return self.kind(
            **{field: part.made(given) if isinstance(part, _Group) else given.pop(part.name) for field, part in parts}
        )


def _parts(kind: Any, side: CopySide | None) -> Iterator[tuple[str, inspect.Parameter | _Group]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if (group := _Group.of(hint, side)) is not None:
            yield field.name, group
        elif get_origin(hint) is Annotated:
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            keyword = inspect.Parameter.KEYWORD_ONLY
            option = inspect.Parameter(field.name, keyword, default=default, annotation=hint)
            yield field.name, side.option(option) if side else option
