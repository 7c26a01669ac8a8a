"""The one decorator of every command: groups of options, `--debug`, and the place where errors become exit codes."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

import typer

import airgap.report
from airgap.cli.console import Output, boundary
from airgap.errors import AirgapError

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


Function = TypeVar("Function", bound=Callable[..., None])

DebugOption = Annotated[bool, typer.Option("--debug", "-d", help="Show a traceback where an error is unexpected.")]


def _plain(error: AirgapError, _given: Mapping[str, Any]) -> airgap.report.Report:
    return airgap.report.ErrorReport(error)


def command(
    app: typer.Typer, name: str | None = None, *, failure: FailureReport = _plain
) -> Callable[[Function], Function]:
    """Make a function a command of `app`, called `name` or as the function is.

    A parameter whose type is a dataclass is a group of options: each field that is `Annotated` with a Typer option
    becomes one, in the order of the fields, and the function gets the dataclass; with a `CopySide` beside the type, the
    options have its prefix. `--debug` is added, and errors become
    a sentence and an exit code (`airgap.cli.console.boundary`), with `--format json` the document of `failure`, too.
    """

    def register(function: Function) -> Function:
        app.command(name)(_with_options(function, failure))
        return function

    return register


def _with_options(function: Callable[..., None], failure: FailureReport) -> Callable[..., None]:
    groups: dict[str, _Group] = {}
    options: list[inspect.Parameter] = []
    hints = get_type_hints(function, include_extras=True)
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if (group := _group(hint)) is not None:
            groups[parameter.name] = group
            options += group.options.values()
        else:
            options.append(parameter.replace(annotation=hint, kind=inspect.Parameter.KEYWORD_ONLY))
    options.append(inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=DebugOption))

    def run(*, debug: bool, **given: Any) -> None:
        for name, group in groups.items():
            given[name] = group.kind(**{field: given.pop(option.name) for field, option in group.options.items()})
        output = next((value for value in given.values() if isinstance(value, Output)), None)

        def tell(error: AirgapError) -> None:
            if output is not None and output.lacks_document and (report := failure(error, given)) is not None:
                output.show(report)

        with boundary(debug=debug, tell=tell):
            function(**given)

    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run


class _Group(NamedTuple):
    """A dataclass whose fields are options."""

    kind: type
    options: Mapping[str, inspect.Parameter]
    """Those of its fields that are options, each with the option."""


def _group(hint: Any) -> _Group | None:
    kind, *beside = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    if not (dataclasses.is_dataclass(kind) and isinstance(kind, type)):
        return None
    side = next((item for item in beside if isinstance(item, CopySide)), None)
    return _Group(kind, {name: side.option(option) if side else option for name, option in _options(kind)})


def _options(kind: Any) -> Iterator[tuple[str, inspect.Parameter]]:
    hints = get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if get_origin(hints[field.name]) is Annotated:
            default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
            keyword = inspect.Parameter.KEYWORD_ONLY
            yield field.name, inspect.Parameter(field.name, keyword, default=default, annotation=hints[field.name])
