"""A bug planted in a function of the program, for as long as a block of code runs.

The function's code is replaced and not the function, so that everybody who has imported it gets the bug too.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any


@contextmanager
def planted(module: ModuleType, function: str, old: str, new: str) -> Iterator[None]:
    """`function` by its qualified name; `old` stands in its source exactly once."""
    found = _function(module, function)
    before = found.__code__
    lines, _ = inspect.getsourcelines(found)
    source = "".join(lines)
    if source.count(old) != 1:
        raise LookupError(f"{function} holds {old!r} {source.count(old)} times")
    whole = inspect.getsource(module).replace(source, source.replace(old, new))
    code = _search(compile(whole, before.co_filename, "exec"), before.co_qualname)
    assert code is not None, function
    found.__code__ = code
    try:
        yield
    finally:
        found.__code__ = before


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    found = inspect.unwrap(found)
    assert isinstance(found, FunctionType), name
    return found


def _search(code: CodeType, qualified: str) -> CodeType | None:
    """The code of that function in a compiled module."""
    if code.co_qualname == qualified:
        return code
    inner = (one for one in code.co_consts if isinstance(one, CodeType))
    return next((found for one in inner if (found := _search(one, qualified)) is not None), None)
