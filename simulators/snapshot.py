"""A simulator's whole state in a file, from which a later process goes on.

It is for the same version of the code and of Python, as it also holds the compiled forms of filters and
formulas; and it is to be read only where nobody else could have written it.
"""

import io
import marshal
import pickle
import sys
from pathlib import Path
from types import CellType, CodeType, FunctionType
from typing import Any

from simulators.base import Simulator


class _Pickler(pickle.Pickler):
    """Also takes functions that were made within functions, as compiled filters and formulas are."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, FunctionType) or "<" not in obj.__qualname__:
            return NotImplemented
        cells = tuple(cell.cell_contents for cell in obj.__closure__ or ())
        code = marshal.dumps(obj.__code__)
        return _function, (code, obj.__module__, obj.__qualname__, obj.__defaults__, cells)


def _function(
    code: bytes, module: str, name: str, defaults: tuple[Any, ...] | None, cells: tuple[Any, ...]
) -> FunctionType:
    loaded = marshal.loads(code)  # noqa: S302 - what `save` wrote
    assert isinstance(loaded, CodeType)
    made = FunctionType(loaded, vars(sys.modules[module]), name, defaults, tuple(map(CellType, cells)))
    made.__qualname__ = name
    return made


def save(simulator: Simulator, path: Path) -> int:
    """Write a simulator's state; returns the number of bytes."""
    written = io.BytesIO()
    _Pickler(written, protocol=pickle.HIGHEST_PROTOCOL).dump(simulator)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(written.getbuffer())
    unfinished.replace(path)
    return written.tell()


def load(path: Path) -> Simulator:
    """The simulator that `save` wrote, with its records, settings, counters and clock."""
    found = pickle.loads(path.read_bytes())  # noqa: S301 - what `save` wrote
    assert isinstance(found, Simulator)
    return found
