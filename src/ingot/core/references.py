"""References: variables that hold an array and can be assigned to, also inside programs.

Programs know nothing of them. A reference knows the interpreter in which it was made; a program
that is staged inside that one keeps its own cell for it, and whoever asked for the program learns
which references it used (`ReferencesUsed`): they become its arguments and results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingot import dtypes
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import (
    Interpreter,
    Tracer,
    current,
    interpreting,
    leaked_tracer_error,
    to_array,
    typeof,
)
from ingot.core.source_info import here
from ingot.tree import register_pytree_node, tree_flatten, tree_map, tree_unflatten


class ReferencePassed(TypeError):  # noqa: N818 - mostly it is a message between our own parts
    """Raised where a reference stands for an array."""


class ReferencesUsed(NotImplementedError):  # noqa: N818
    """Raised by staging: a program reads or writes references that were made outside of it."""

    def __init__(self, references: Sequence[Ref]):
        super().__init__(
            "a program that is made here uses references that were made outside of it, of types"
            f" {', '.join(str(r.aval) for r in references)}, where they cannot become arguments and"
            f" results of it; pass their values, r[...], and return the new ones (at {here()})")
        self.references = list(references)


class AbstractRef:
    """The type of a reference.

    inner_aval: that of the array which it holds.

    >>> ingot.typeof(ingot.new_ref(np.zeros(2))).shape
    (2,)
    """

    def __init__(self, inner_aval: ShapedArray, memory_space: Any = None):
        self.inner_aval, self.memory_space = inner_aval, memory_space

    def __getattr__(self, name: str) -> Any:
        if name == "inner_aval":
            raise AttributeError(name)
        return getattr(self.inner_aval, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractRef) and other.inner_aval == self.inner_aval

    def __hash__(self) -> int:
        return hash((AbstractRef, self.inner_aval))

    def __repr__(self) -> str:
        return f"Ref{{{self.inner_aval.str_short()}}}"

    def str_short(self, short_dtypes: bool = False, **_: Any) -> str:
        """How programs print it."""
        return f"Ref{{{self.inner_aval.str_short(short_dtypes)}}}"


class Cell:
    """What a program holds for a reference; `bound` if it is an argument of the program."""

    __slots__ = ("bound", "value")

    def __init__(self, value: Any, bound: bool = False):
        self.value, self.bound = value, bound


class Slice:
    """A slice of a reference whose start may be traced.

    start: an integer, size and stride: static ones.

    >>> ingot.new_ref(np.arange(5.0))[ingot.ref.Slice(1, 2)]
    Array([1., 2.], dtype=float64)
    """

    def __init__(self, start: Any, size: int, stride: int = 1):
        self.start, self.size, self.stride = start, size, stride

    def index(self) -> Any:
        """As an index of an array."""
        if isinstance(self.start, (int, np.integer)):
            return slice(self.start, self.start + self.size * self.stride, self.stride)
        return self.start + np.arange(self.size) * self.stride


def _as_index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(i.index() if isinstance(i, Slice) else i for i in index)
    return index.index() if isinstance(index, Slice) else index


class Ref:
    """A variable that holds an array: `ref[...]` reads it, `ref[...] = x` and `ref[i] += x` write.

    value: the first one, whose shape and dtype stay -> made by `new_ref`.

    >>> ref = ingot.new_ref(np.zeros(2))
    >>> ref[1] = 5.0
    >>> ref
    Ref([0., 5.], dtype=float64)
    """

    def __init__(self, value: Any):
        self._home = current()
        self._value = to_array(value)
        self.aval = AbstractRef(typeof(self._value).update(weak_type=False))
        if typeof(self._value).weak_type:
            self._value = self._value.astype(self.aval.dtype)

    shape = property(lambda self: self.aval.shape)
    dtype = property(lambda self: self.aval.dtype)
    ndim = property(lambda self: self.aval.ndim)
    size = property(lambda self: self.aval.size)
    sharding = property(lambda self: self._value.sharding)
    committed = property(lambda self: self._value.committed)
    format = property(lambda self: self._value.format)

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        value = read(self)
        return f"Ref{{{self.aval.inner_aval}}}" if isinstance(value, Tracer) else (
            "Ref" + repr(value).removeprefix("Array"))

    def __getitem__(self, index: Any) -> Any:
        """The array, or a part of it."""
        value = read(self)
        return value if index is Ellipsis else value[_as_index(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        """Another value for the array, or for a part of it."""
        _update(self, index, value, lambda place, x: place.set(x))

    def addupdate(self, value: Any, index: Any = Ellipsis) -> None:
        """Add to the array, or to a part of it."""
        _update(self, index, value, lambda place, x: place.add(x))

    def set(self, value: Any, index: Any = Ellipsis) -> None:
        """Another value for the array, or for a part of it."""
        self[index] = value

    def get(self, index: Any = Ellipsis) -> Any:
        """The array, or a part of it."""
        return self[index]

    @property
    def at(self) -> Any:
        """Parts by index, which are references themselves: `ref.at[0][...]`."""
        return _Views(self)

    def __jax_array__(self) -> Any:
        raise ReferencePassed(
            f"an array or a number is needed, got a Ref of type {self.aval}; read its value with"
            f" ref[...] (at {here()})")


class TransformedRef:
    """A part of a reference, to be read and written like it.

    ref: a reference. index: which part -> made by `ref.at[index]`.

    >>> ref = ingot.new_ref(np.zeros(2))
    >>> ref.at[0][...] = 3.0
    >>> ref
    Ref([3., 0.], dtype=float64)
    """

    def __init__(self, ref: Any, index: Any):
        self.ref, self.index = ref, index

    def __getitem__(self, index: Any) -> Any:
        part = self.ref[self.index]
        return part if index is Ellipsis else part[_as_index(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.ref[self.index] = value if index is Ellipsis else (
            self.ref[self.index].at[_as_index(index)].set(value))

    at = Ref.at
    set, get = Ref.set, Ref.get
    shape = property(lambda self: self[...].shape)
    dtype = property(lambda self: self.ref.dtype)

    def addupdate(self, value: Any, index: Any = Ellipsis) -> None:
        """Add to this part."""
        self[index] = self[index] + value


class _Views:
    def __init__(self, ref: Any):
        self.ref = ref

    def __getitem__(self, index: Any) -> TransformedRef:
        return TransformedRef(self.ref, index)


# ---- where values are ---------------------------------------------------------------------------
def _place(ref: Ref, start: Interpreter | None = None) -> tuple[Interpreter, list[Interpreter]]:
    """The interpreter that holds a reference for those inside of it, and these."""
    at: Interpreter | None = start or current()
    inner: list[Interpreter] = []
    while at is not None:
        if at is ref._home or at.keeps_references:
            return at, inner
        inner.append(at)
        at = at.parent
    if isinstance(ref._value, Tracer):
        raise leaked_tracer_error(ref._value)
    raise ReferencePassed(f"a Ref of type {ref.aval} was made inside a transformation that is over"
                          f" (at {here()})")


def _cell(ref: Ref, at: Interpreter) -> Cell:
    """What a program holds for a reference: at first the value that it has outside."""
    if at.references is None:
        at.references = {}
    cell = at.references.get(ref)
    if cell is None:
        outer, _ = _place(ref, at.parent)
        cell = at.references[ref] = Cell(_held(ref, outer))
    return cell


def _held(ref: Ref, at: Interpreter) -> Any:
    return ref._value if at is ref._home else _cell(ref, at).value


def read(ref: Ref) -> Any:
    """The whole value of a reference."""
    return _held(ref, _place(ref)[0])


def write(ref: Ref, value: Any) -> None:
    """Another whole value for a reference, of its type."""
    at, inner = _place(ref)
    value = _outside(ref, value, inner)
    if at is ref._home:
        ref._value = value
    else:
        _cell(ref, at).value = value


def _outside(ref: Ref, x: Any, inner: Sequence[Interpreter]) -> Any:
    """A value as interpreters around these see it; an error if it has a tangent or is mapped."""
    for interpreter in inner:
        if not hasattr(interpreter, "split"):
            continue
        x, more = interpreter.split(x)  # type: ignore[attr-defined]
        if more is not None:
            kind = interpreter.name()
            raise ValueError(
                f"a value that is transformed by {kind} cannot be written to a Ref of type"
                f" {ref.aval} from outside of it; make the reference inside, pass it as an argument"
                f" (vmap), or write lax.stop_gradient(x) (derivatives) (at {here()})")
    return x


def _update(ref: Ref, index: Any, value: Any, change: Callable[[Any, Any], Any]) -> None:
    at, inner = _place(ref)
    value = to_array(value)
    aval = typeof(value)
    fits = aval.dtype == ref.dtype or aval.weak_type and ref.dtype == dtypes.lattice_promote(
        [ref.dtype, aval.dtype], [False, True])[0]
    if not fits:
        raise ValueError(f"a Ref of type {ref.aval} holds {ref.dtype.name}, got a value of type"
                         f" {aval}; convert it with x.astype({ref.dtype.name!r}) (at {here()})")
    value = _outside(ref, value, inner)
    index = tree_map(lambda i: _outside(ref, i, inner) if isinstance(i, Tracer) else i,
                     _as_index(index))
    with interpreting(at):
        new = change(_held(ref, at).at[index], value)
    write(ref, new)


# ---- programs -----------------------------------------------------------------------------------
def used_references(interpreter: Interpreter) -> list[Ref]:
    """References that a program uses and that are no arguments of it."""
    return [r for r, cell in (interpreter.references or {}).items() if not cell.bound]


def bind_references(refs: Sequence[Ref], values: Sequence[Any]) -> Callable[[], list[Any]]:
    """Let a program that is staged now hold these values for references; the result is called for
    those that it holds in the end."""
    interpreter = current()
    if interpreter.references is None:
        interpreter.references = {}
    cells = interpreter.references
    for ref, value in zip(refs, values, strict=True):
        cells[ref] = Cell(value, bound=True)
    return lambda: [cells[ref].value for ref in refs]


def read_all(refs: Sequence[Ref]) -> list[Any]:
    """The values of references."""
    return list(map(read, refs))


def write_all(refs: Sequence[Ref], values: Sequence[Any]) -> None:
    """New values for references."""
    for ref, value in zip(refs, values, strict=True):
        write(ref, value)


# ---- arguments ----------------------------------------------------------------------------------
class _Hidden:
    """A node without leaves that stands for a reference in a tree, and unflattens to it."""

    def __init__(self, content: Any):
        self.content = content


register_pytree_node(_Hidden, lambda x: ((), x.content), lambda content, _: content)


def is_reference(x: Any) -> bool:
    """Whether a leaf is a reference."""
    return isinstance(x, (Ref, TransformedRef))


def hide_references(tree: Any, stand_in: Callable[[Any], Any] = lambda ref: ref) -> Any:
    """A tree without the references among its leaves, whose structure knows them: it unflattens to
    them, or to what stands for them."""
    leaves, treedef = tree_flatten(tree)
    return tree_unflatten(treedef, [
        _Hidden(stand_in(x)) if is_reference(x) else x for x in leaves])
