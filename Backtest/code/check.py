"""An early warning about strategy code: what does not belong in it, line by line, with the remedy.

It reads the code and runs nothing. It is a courtesy to honest authors, who learn in a millisecond what
the sandbox would tell them later or never, such as a look at the next bar. It is no protection: Python
has more ways to a thing than can be listed. The sandbox is the boundary.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Literal

from Backtest.code.generator import HELPERS
from Backtest.code.sources import sources

MOST_ISSUES = 100  # of a severity are listed

# Modules a strategy has a use for, and of some of them only these names.
MODULES = frozenset(
    [
        "__future__",
        "abc",
        "backtesting",
        "bisect",
        "collections",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "heapq",
        "itertools",
        "math",
        "numpy",
        "operator",
        "pandas",
        "random",
        "re",
        "statistics",
        "string",
        "sys",
        "talib",
        "typing",
        "warnings",
        "zoneinfo",
    ]
)
NAMES_OF = {"sys": {"float_info", "maxsize"}, "warnings": {"warn", "catch_warnings", "simplefilter", "filterwarnings"}}
SUBMODULES_REFUSED = ("numpy.ctypeslib", "numpy.distutils", "numpy.f2py", "pandas.io", "pandas.util", "backtesting._")
BUILTINS = {
    "eval": "write the expression itself", "exec": "write the statements themselves", "compile": "write the code itself",
    "__import__": "use an import statement", "open": "a strategy reads self.data only", "input": "nobody is there to answer",
    "breakpoint": "remove it", "globals": "use attributes of self", "locals": "use variables by name",
    "vars": "use attributes of self", "delattr": "assign None instead", "help": "remove it", "exit": "use return",
    "quit": "use return", "memoryview": "use numpy arrays",
}  # fmt: skip
# Methods and functions that read or write files, programs or the network, whatever they are called on.
REACHING = frozenset(
    [
        "system",
        "popen",
        "spawn",
        "spawnv",
        "execv",
        "execve",
        "fork",
        "kill",
        "connect",
        "urlopen",
        "urlretrieve",
        "socket",
        "load",
        "loads",
        "loadtxt",
        "genfromtxt",
        "fromfile",
        "memmap",
        "save",
        "savez",
        "savez_compressed",
        "savetxt",
        "tofile",
        "dump",
        "dumps",
        "read_csv",
        "read_table",
        "read_json",
        "read_html",
        "read_xml",
        "read_pickle",
        "read_parquet",
        "read_feather",
        "read_hdf",
        "read_sql",
        "read_sql_query",
        "read_sql_table",
        "read_excel",
        "read_clipboard",
        "read_orc",
        "read_stata",
        "read_sas",
        "to_csv",
        "to_pickle",
        "to_parquet",
        "to_feather",
        "to_hdf",
        "to_sql",
        "to_excel",
        "to_json",
        "to_html",
        "to_xml",
        "to_clipboard",
        "to_orc",
        "to_stata",
        "plot",
        "hist",
        "boxplot",
        "optimize",
    ]
)
WHOLE_SAMPLE = frozenset(
    ["max", "min", "mean", "std", "var", "median", "sum", "quantile", "argmax", "argmin", "idxmax", "idxmin"]
)
BASES = frozenset({"Strategy", "SignalStrategy", "TrailingStrategy"})

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class CodeIssue:
    """One finding: where (lines from 1, columns from 0), what kind, how bad, and what to do."""

    line: int
    column: int
    pattern: str
    severity: Severity
    message: str
    suggestion: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def check_code(code: str) -> list[CodeIssue]:
    """Return what is wrong with a strategy's code, in order of lines. Empty when nothing is.

    An issue of severity error makes the code unsafe or wrong; a warning may be meant.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", 0) or 1, (getattr(error, "offset", 0) or 1) - 1
        said = getattr(error, "msg", "") or str(error) or type(error).__name__
        return [CodeIssue(line, column, "syntax", "error", f"This is no Python: {said}", "Correct the syntax")]
    tree.body = [node for node in tree.body if not _is_helper(node)]
    walker = _Walker(tree)
    try:
        walker.run()
    except RecursionError:
        walker.add(
            tree, "nesting", "error", "The code is nested too deeply to be read", "Split it into smaller functions"
        )
    for severity, count in walker.counts.items():
        if count > MOST_ISSUES:
            said = f"{count - MOST_ISSUES:,} more {severity}s are not listed"
            walker.issues.append(
                CodeIssue(len(code.splitlines()), 0, "more", severity, said, "Mend the ones above first")
            )
    return sorted(set(walker.issues), key=lambda i: (i.line, i.column, i.pattern, i.message))


def streams(code: str) -> bool:
    """Return whether code reads prices in `next` alone: it declares no indicator, and its `init` sets plain values and calls nothing.

    Such code can be given its bars one after the other.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    tree.body = [node for node in tree.body if not _is_helper(node)]
    if any(isinstance(node, ast.Attribute) and node.attr in ("I", "_data", "_indicators") for node in ast.walk(tree)):
        return False
    inits = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in ("init", "__init__")]
    reads = (ast.Call, ast.Attribute, ast.Lambda, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    found = [node for init in inits for part in init.body for node in ast.walk(part) if isinstance(node, reads)]
    return all(isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) for node in found)


def _is_helper(node: ast.stmt) -> bool:
    """Return whether a function or class is one that generated code brings along, word for word: it may use the engine's private names."""
    if isinstance(node, ast.FunctionDef) and node.name in HELPERS:
        return ast.dump(node) in _helpers()
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in sources() and ast.dump(node) in _classes()


@cache
def _helpers() -> frozenset[str]:
    return frozenset(ast.dump(ast.parse(source).body[0]) for source in HELPERS.values())


@cache
def _classes() -> frozenset[str]:
    return frozenset(ast.dump(ast.parse(source).body[0]) for source in sources().values())


class _Walker:
    """Goes through a syntax tree and collects issues."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.issues: list[CodeIssue] = []
        self.counts: Counter[Severity] = Counter()
        self.modules: dict[str, str] = {}  # local name to the module it means

    def add(self, node: ast.AST, pattern: str, severity: Severity, message: str, suggestion: str) -> None:
        self.counts[severity] += 1
        if self.counts[severity] > MOST_ISSUES:
            return
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        self.issues.append(CodeIssue(line, column, pattern, severity, message, suggestion))

    def run(self) -> None:
        body = [node for node in self.tree.body if not _is_main(node)]  # which is not run in the sandbox
        for node in _walk(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        for node in _walk(body):
            match node:
                case ast.Call():
                    self._call(node)
                case ast.Name():
                    self._name(node)
                case ast.Attribute():
                    self._attribute(node)
                case ast.Subscript():
                    self._subscript(node)
                case ast.While():
                    self._while(node)
                case ast.Constant(value=str()):
                    self._text(node)
                case ast.Global() | ast.Nonlocal():
                    names = ", ".join(node.names)
                    self.add(node, "global", "warning", f"{names} outlives the run", "Keep state in attributes of self")
                case ast.AsyncFunctionDef() | ast.Await():
                    self.add(node, "async", "error", "Nothing awaits a strategy", "Use plain functions")
        self._classes(body)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.ImportFrom):
            full = [node.module or ""] if not node.level else [f"{'.' * node.level}{node.module or ''}"]
            for alias in node.names:
                self.modules[alias.asname or alias.name] = f"{full[0]}.{alias.name}"
                allowed = NAMES_OF.get(full[0])
                if alias.name == "*":
                    self.add(node, "import", "warning", f"Everything of {full[0]} is imported", "Name what is used")
                elif (allowed is not None and alias.name not in allowed) or f"{full[0]}.{alias.name}".startswith(
                    SUBMODULES_REFUSED
                ):
                    self._refuse_import(node, f"{full[0]}.{alias.name}")
        else:
            full = [alias.name for alias in node.names]
            for alias in node.names:
                self.modules[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        for name in full:
            if name.partition(".")[0] not in MODULES or name.startswith(SUBMODULES_REFUSED):
                self._refuse_import(node, name)

    def _refuse_import(self, node: ast.AST, name: str) -> None:
        usual = "backtesting, numpy, pandas, talib, math, datetime and the like"
        self.add(node, "import", "error", f"{name} is not among the pre-approved packages", f"Use only {usual}")

    def _name(self, node: ast.Name) -> None:
        if node.id.startswith("__") and node.id.endswith("__") and node.id not in ("__name__", "__doc__", "__import__"):
            self.add(node, "dunder", "error", f"{node.id} is Python's own machinery", "Remove it")
        elif node.id in BUILTINS and isinstance(node.ctx, ast.Load):
            kind = "dynamic_code" if node.id in ("eval", "exec", "compile", "__import__") else "builtin"
            remedy = BUILTINS[node.id]
            self.add(node, kind, "error", f"{node.id} has no place in a strategy", f"{remedy[0].upper()}{remedy[1:]}")

    def _attribute(self, node: ast.Attribute) -> None:
        name = node.attr
        on_self = isinstance(node.value, ast.Name) and node.value.id == "self"
        of_super = (
            isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name) and node.value.func.id == "super"
        )
        if name.startswith("__") and name.endswith("__"):
            if not of_super and name not in ("__name__", "__doc__"):
                self.add(node, "dunder", "error", f"{name} is Python's own machinery", "Remove it")
            return
        if name.startswith("_") and (not on_self or name in ("_broker", "_data", "_params", "_indicators")):
            self.add(
                node, "private", "error", f"{name} is private to the engine", "Use the documented names of Strategy"
            )
        if isinstance(node.value, ast.Name):
            module = self.modules.get(node.value.id, "")
            allowed = NAMES_OF.get(module)
            if allowed is not None and name not in allowed:
                self.add(node, "attribute", "error", f"{module}.{name} has no place in a strategy", "Remove it")
            elif f"{module}.{name}".startswith(SUBMODULES_REFUSED):
                self._refuse_import(node, f"{module}.{name}")
        if isinstance(node.ctx, ast.Store | ast.Del) and isinstance(node.value, ast.Name):
            module = self.modules.get(node.value.id, "")
            if module:
                self.add(
                    node,
                    "patching",
                    "error",
                    f"{module}.{name} is changed for everybody",
                    "Write a function of your own",
                )
            elif node.value.id == "self" and name in (
                "data",
                "equity",
                "position",
                "orders",
                "trades",
                "closed_trades",
            ):
                self.add(node, "patching", "error", f"self.{name} belongs to the engine", "Use another name")

    def _call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name) and function.id in ("getattr", "setattr", "hasattr"):
            name = node.args[1] if len(node.args) > 1 else None
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                self.add(
                    node,
                    "dynamic_code",
                    "error",
                    f"{function.id} with a name that is computed",
                    "Write the attribute itself",
                )
            elif name.value.startswith("_"):
                self.add(node, "dunder", "error", f"{name.value} is not for strategies", "Remove it")
        if not isinstance(function, ast.Attribute):
            return
        if function.attr in REACHING and not self._own_method(function):
            self.add(
                node,
                "io",
                "error",
                f"{function.attr}() reaches outside the strategy",
                "Use only self.data and what is computed from it",
            )
        self._look_ahead(node, function)

    def _own_method(self, function: ast.Attribute) -> bool:
        """Return whether it is a method that the code defines itself."""
        own = {node.name for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}
        return isinstance(function.value, ast.Name) and function.value.id == "self" and function.attr in own

    def _look_ahead(self, node: ast.Call, function: ast.Attribute) -> None:
        keywords = {k.arg: k.value for k in node.keywords if k.arg}

        def found(message: str, remedy: str, severity: Severity = "error") -> None:
            self.add(node, "look_ahead", severity, message, remedy)

        match function.attr:
            case "shift" | "diff" | "pct_change":
                periods = keywords.get("periods", node.args[0] if node.args else None)
                if _negative(periods):
                    found(
                        f"{function.attr} by a negative number looks into the future", "Use a positive number: the past"
                    )
            case "roll":
                shift = keywords.get("shift", node.args[1] if len(node.args) > 1 else None)
                if _negative(shift):
                    found(
                        "roll by a negative number looks into the future",
                        "Use a positive number, and drop what wraps around",
                    )
                else:
                    found("roll carries the last values to the start", "Use Series.shift", "warning")
            case "rolling" | "ewm":
                if _true(keywords.get("center")):
                    found("A centred window contains bars of the future", "Remove center=True")
            case "bfill" | "backfill":
                found("Filling backwards uses values of the future", "Use ffill()")
            case "fillna" | "reindex":
                method = keywords.get("method")
                if isinstance(method, ast.Constant) and str(method.value) in ("bfill", "backfill"):
                    found("Filling backwards uses values of the future", "Use ffill()")
            case "interpolate":
                found("Interpolation draws a line to values of the future", "Use ffill()")
            case "resample":
                found(
                    "A resampled bar is known only when it has ended",
                    "Shift it by one, or name a time frame in the strategy",
                    "warning",
                )
            case "fit" | "fit_transform":
                found(
                    f"{function.attr} on all data learns from the future",
                    "Fit on bars before the one that is decided",
                    "warning",
                )
            case name if name in WHOLE_SAMPLE and _all_data(function.value):
                found(f"{name}() over all bars is known only at the end", "Use a rolling window", "warning")

    def _subscript(self, node: ast.Subscript) -> None:
        if (
            _all_data(node.value)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, int)
            and node.slice.value > 0
        ):
            self.add(
                node,
                "look_ahead",
                "warning",
                "A bar counted from the start may lie in the future",
                "Count from the end: [-1] is the bar that has closed",
            )

    def _while(self, node: ast.While) -> None:
        forever = isinstance(node.test, ast.Constant) and bool(node.test.value)
        if forever and not any(isinstance(n, ast.Break | ast.Return | ast.Raise) for n in _walk(node.body)):
            self.add(node, "infinite_loop", "error", "This loop never ends", "Give it a condition or a break")

    def _text(self, node: ast.Constant) -> None:
        if any(name in str(node.value) for name in ("__class__", "__globals__", "__subclasses__")):
            self.add(node, "dunder", "error", "A text names Python's own machinery", "Remove it")

    def _classes(self, body: list[ast.stmt]) -> None:
        classes = [node for node in body if isinstance(node, ast.ClassDef)]
        bases = {
            node.name: {
                b.id if isinstance(b, ast.Name) else b.attr if isinstance(b, ast.Attribute) else "" for b in node.bases
            }
            for node in classes
        }
        found: list[ast.ClassDef] = []
        for node in classes:
            if bases[node.name] & (BASES | {c.name for c in found}):
                found.append(node)
        if not found:
            self.add(
                self.tree,
                "no_strategy",
                "error",
                "There is no Strategy class",
                "Define: class MyStrategy(Strategy) with init and next",
            )
        elif len(found) > 1:
            names = ", ".join(c.name for c in found)
            self.add(found[1], "no_strategy", "error", f"There are several Strategy classes: {names}", "Keep one")
        for node in found[:1]:
            methods = {n.name for n in node.body if isinstance(n, ast.FunctionDef)}
            missing = {"init", "next"} - methods
            inherited = bases[node.name] & (BASES - {"Strategy"})
            if "next" in missing and not inherited:
                self.add(
                    node,
                    "no_strategy",
                    "error",
                    f"{node.name} has no next(self)",
                    "Decide in next(self) what to do at each bar",
                )
            if "init" in missing and not inherited:
                self.add(
                    node,
                    "no_strategy",
                    "error",
                    f"{node.name} has no init(self)",
                    "Prepare indicators in init(self), or write: pass",
                )


def _walk(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        yield from ast.walk(node)


def _is_main(node: ast.stmt) -> bool:
    """Return whether it is `if __name__ == "__main__":`."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
        and not node.orelse
        and [c.value for c in node.test.comparators if isinstance(c, ast.Constant)] == ["__main__"]
        and isinstance(node.test.ops[0], ast.Eq)
    )


def _negative(node: ast.expr | None) -> bool:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return value > 0
        case ast.UnaryOp(op=ast.USub()):
            return True
        case ast.Constant(value=int() | float() as value):
            return value < 0
    return False


def _true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _all_data(node: ast.expr) -> bool:
    """Return whether it is self.data.Close or the like."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ("Open", "High", "Low", "Close", "Volume")
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "data"
    )
