"""Whether an answer has changed what checks it: every part of the checker, noted before the answer is imported.

An answer runs in the process that judges it, so it could replace `expect`, patch pytest or call into the reporter.
`Originals` finds what was replaced; `forbid_reaching` stops what would change a part in place, or find the reporter.
"""

import ast
import ctypes
import inspect
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_GUARDED = frozenset({"pytest", "_pytest", "pluggy", "pytest_asyncio", "workbook"}) | {
    *(
        "asyncio",
        "builtins",
        "contextlib",
        "functools",
        "gc",
        "hashlib",
        "importlib",
        "inspect",
        "io",
        "itertools",
        "json",
    ),
    *("math", "operator", "os", "posix", "random", "signal", "statistics", "sys", "threading", "time", "traceback"),
}
_REACHING = frozenset(
    {
        "sys._getframe",
        "sys._current_frames",
        "sys._current_exceptions",
        "sys.settrace",
        "sys.setprofile",
        "gc.get_objects",
        "gc.get_referrers",
        "gc.get_referents",
        "object.__getattr__",  # of frames, tracebacks and code: the ones that CPython audits
        "object.__setattr__",
        "ctypes.dlopen",
        "ctypes.dlsym",
        "code.__new__",
    }
)
_LOOKING_FOR_OTHERS = frozenset({inspect.__file__, ctypes.__file__})


class Originals:
    """The functions, classes and methods of the modules that decide a grade, as they are now."""

    def __init__(self) -> None:
        self._modules: dict[str, ModuleType] = {}
        self._parts: list[tuple[str, Mapping[str, Any], str, Any]] = []
        for name in tuple(sys.modules):
            if name.partition(".")[0] in _GUARDED:
                self.note(name)

    def note(self, name: str) -> None:
        """Note one module more."""
        module = sys.modules[name]
        if isinstance(module, ModuleType) and name not in self._modules:
            self._modules[name] = module
            self._parts += _parts(module)

    def replaced(self) -> str:
        """Give the dotted name of the first part that is another one now; empty when all are as they were."""
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                return name
        for owner, namespace, name, part in self._parts:
            if namespace.get(name) is not part:
                return f"{owner}.{name}"
        return ""


def _parts(module: ModuleType) -> Iterator[tuple[str, Mapping[str, Any], str, Any]]:
    for name, value in tuple(vars(module).items()):
        if callable(value) and not name.endswith("hook"):  # the interpreter's hooks are pytest's to replace
            yield module.__name__, vars(module), name, value
        if isinstance(value, type) and value.__module__ == module.__name__:
            for each, method in tuple(vars(value).items()):
                if isinstance(method, FunctionType | staticmethod | classmethod | property):
                    yield f"{module.__name__}.{name}", vars(value), each, method


def codes(checkpoint: Path) -> frozenset[CodeType]:
    """Give the code of every function in *checkpoint*, as its text says."""

    def inside(code: CodeType) -> Iterator[CodeType]:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                yield each
                yield from inside(each)

    tree = ast.parse(checkpoint.read_text(encoding="utf-8"))
    return frozenset(inside(compile(tree, str(checkpoint), "exec")))


def forbid_reaching(source: Path) -> None:
    """Refuse, for good, that code in *source* looks into the interpreter: at frames, at all objects, at memory.

    Code elsewhere is left alone, so libraries that an answer calls work as ever.
    """
    theirs, getframe = str(source), sys._getframe
    asking = threading.local()

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event not in _REACHING or getattr(asking, "now", False):
            return
        asking.now = True  # what the hook itself looks at is an event too
        try:
            frame: Any = getframe(1)
            while frame is not None and frame.f_code.co_filename in _LOOKING_FOR_OTHERS:
                frame = frame.f_back
            if frame is not None and frame.f_code.co_filename == theirs:
                raise PermissionError(f"an answer is checked without {event}: it reaches into the checker")
        finally:
            asking.now = False

    sys.addaudithook(hook)
