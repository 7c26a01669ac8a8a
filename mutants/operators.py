"""What a mutant is: one small change to one expression or statement, as a slip of the hand would make it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one file."""

    path: str
    line: int
    column: int
    kind: str
    before: str
    after: str
    start: int
    """Where the replaced text begins and ends, in bytes of the source."""
    end: int

    @property
    def id(self) -> str:
        """Names it as long as the text around it stays."""
        return f"{self.path}:{self.line}:{self.column} {self.kind} {self.after}"

    def apply(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.after.encode() + source[self.end :]


_COMPARE: Final[Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
_ARITHMETIC: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_NOT_JUDGED: Final = {"annotation", "returns", "decorator_list"}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mutants_of(path: str, source: bytes) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its text."""
    tree = ast.parse(source)
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _judged(tree):
        for kind, after in _changes(node):
            last = node.end_lineno or node.lineno
            start, end = starts[node.lineno - 1] + node.col_offset, starts[last - 1] + (node.end_col_offset or 0)
            before = source[start:end].decode()
            if after != before:
                yield Mutant(path, node.lineno, node.col_offset, kind, before, after, start, end)


def _judged(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """All nodes that may change: no annotations, decorators, docstrings, or what only a type checker reads."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        pending.extend(child for name, child in _children(node) if name not in _NOT_JUDGED)


def _children(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_wording(child):
                yield name, child


def _is_wording(node: ast.AST) -> bool:
    """Sentences, and how much of a text they show: no judgement rests on them."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "safe"
    return isinstance(node, ast.JoinedStr)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    """Kinds of change and the text that each puts in the node's place."""
    return _statements(node) if isinstance(node, ast.stmt) else _expressions(node)


def _expressions(node: ast.expr) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield from _booleans(node)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "not removed", f"({ast.unparse(operand)})"
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            yield "arithmetic", f"({_with(node, op=_ARITHMETIC[type(op)]())})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield "branches swapped", f"({ast.unparse(ast.IfExp(test, orelse, body))})"
        case ast.Constant(value=bool() as value):
            yield "constant", str(not value)
        case ast.Constant(value=int() as value):
            yield from (("constant", f"({other})") for other in (value + 1, value - 1) if other >= 0)
        case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
            yield "call", _with(node, func=ast.Name(_CALLS[name], ast.Load()))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            yield from _filters(node)


def _booleans(node: ast.BoolOp) -> Iterator[tuple[str, str]]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "boolean", f"({_with(node, op=other)})"
    for number in range(len(node.values)):
        rest = [value for place, value in enumerate(node.values) if place != number]
        yield "operand removed", f"({_with(node, values=rest) if len(rest) > 1 else ast.unparse(rest[0])})"


def _with(node: ast.expr, **fields: object) -> str:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.unparse(changed)


def _compared(node: ast.Compare) -> Iterator[tuple[str, str]]:
    for number, op in enumerate(node.ops):
        for other in _COMPARE[type(op)]:
            ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
            yield "comparison", f"({_with(node, ops=ops)})"


def _filters(node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Iterator[tuple[str, str]]:
    for number, generator in enumerate(node.generators):
        for place in range(len(generator.ifs)):
            fewer = copy.copy(generator)
            fewer.ifs = [test for other, test in enumerate(generator.ifs) if other != place]
            generators = [*node.generators[:number], fewer, *node.generators[number + 1 :]]
            yield "filter removed", _with(node, generators=generators)


def _statements(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Raise():
            yield "raise removed", "pass"
        case ast.Expr(value=ast.Call()) | ast.AugAssign() | ast.Delete():
            yield "statement removed", "pass"
        case ast.Continue() | ast.Break():
            yield "jump removed", "pass"
        case ast.Return(value=ast.expr() as value) if not _is_empty(value):
            yield "return", "return None"
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            yield "yield removed", "yield from ()"


def _is_empty(value: ast.expr) -> bool:
    """Whether None in its place means the same where only its truth is asked for."""
    if isinstance(value, ast.Constant):
        return not value.value
    return isinstance(value, ast.Tuple | ast.List) and not value.elts
