"""Signatures of calls, laid out for the fast path; callables whose calls it serves."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ingot.backends.llvm.native import fields
from ingot.backends.llvm.native.abi import PORTABLE, call_natively, native_callable_type
from ingot.backends.llvm.native.runtime import runtime
from ingot.backends.llvm.native.structs import NativeStruct
from ingot.core.array import Array
from ingot.core.avals import ShapedArray
from ingot.core.native_calls import CallSignature
from ingot.tree import PyTreeDef, tree_unflatten, treedef_is_strict_leaf
from ingot.tree.registry import node_type

MAX_SIGNATURES = 16
"""Forms of call that a function's table holds; the oldest is forgotten for another one."""

MAX_SPACE = 1 << 16
"""Bytes of stack that a native call may take."""

_NUMBERS = {float: fields.FLOAT, int: fields.INT, bool: fields.BOOL}
_FORMS = {np.dtype(np.int64): fields.AS_INT64, np.dtype(np.int32): fields.AS_INT32,
          np.dtype(np.float64): fields.AS_FLOAT64, np.dtype(np.float32): fields.AS_FLOAT32,
          np.dtype(np.bool_): fields.AS_INT64}


class UnsupportedCall(Exception):
    """A call that the fast path cannot check."""


def _is_namedtuple(x: Any) -> bool:
    kind = node_type(type(x))
    return isinstance(x, tuple) and kind is not None and kind.inferred


class ArgumentLayout:
    """NativeStruct by which native code takes arguments apart or puts a result together."""

    def __init__(self, avals: Sequence[ShapedArray], donated: Collection[int] = ()):
        self.avals, self.donated = list(avals), donated
        self.words: list[int] = []
        self.kept: list[Any] = []
        self.leaves = self.numbers = self.given = 0

    def of(self, x: Any) -> int:
        """The address of an object, which is kept alive."""
        self.kept.append(x)
        return id(x)

    def argument(self, tree: PyTreeDef, x: Any) -> None:
        """Nodes for an argument of this structure, like `x`."""
        data = tree.node_data()
        if data is None:
            self.leaf(x, self.avals[self.leaves])
            if self.leaves in self.donated and type(x) is Array:
                self.words[-2] = fields.DONATED_LEAF
                self.given += 1
            self.leaves += 1
            return
        if type(x) is dict and all(type(key) is str for key in data[1]):
            self.words += [fields.DICT, len(x)]
            for key, child in zip(data[1], tree.children(), strict=True):
                self.words.append(self.of(key))
                self.argument(child, x[key])
        elif x is None:
            self.words += [fields.NONE, id(None)]
        elif type(x) in (list, tuple) or _is_namedtuple(x):
            self.words += [fields.SEQUENCE, self.of(type(x)), len(x)]
            for child, item in zip(tree.children(), x, strict=True):
                self.argument(child, item)
        else:
            raise UnsupportedCall

    def leaf(self, x: Any, aval: ShapedArray) -> None:
        """A node for an array, or for a number to be passed in the dtype of a type."""
        if type(x) is Array:
            self.words += [fields.LEAF, self.of(aval)]
        elif type(x) is np.ndarray and x.dtype == aval.storage and not aval.weak_type:
            self.words += [fields.NUMPY, self.of(x.dtype), x.ndim, *x.shape]
        elif type(x) in _NUMBERS and aval.storage in _FORMS:
            self.numbers += 1
            self.words += [_NUMBERS[type(x)], _FORMS[aval.storage]]
        else:
            raise UnsupportedCall

    def static(self, x: Any) -> None:
        """An argument that must be this object."""
        self.words += [fields.STATIC, self.of(x)]

    def result(self, tree: PyTreeDef) -> bool:
        """Nodes for a result of this structure; False if there is a node that only Python makes."""
        data = tree.node_data()
        if data is None:
            self.words += [fields.LEAF, 0]
            return True
        cls, keys = data
        if cls is type(None):
            self.words += [fields.NONE, id(None)]
            return True
        if cls is dict:
            self.words += [fields.DICT, len(keys), self.of(dict.fromkeys(keys))]
            for key, child in zip(keys, tree.children(), strict=True):
                self.words.append(self.of(key))
                if not self.result(child):
                    return False
            return True
        self.words += [fields.SEQUENCE, self.of(cls), len(tree.children())]
        return cls in (tuple, list) and all([self.result(child) for child in tree.children()])


class Signature(NativeStruct):
    """A signature of calls for the fast path: the layouts of `count` arguments, the last of which
    have names, and of the result; the struct of the program, and what keeps this alive."""

    def __init__(self, program: NativeStruct, key: Any, count: int, names: Sequence[str],
                 layout: ArgumentLayout,
                 result: tuple[NativeStruct | None, Any], *kept: Any):
        """Raises UnsupportedCall if the fast path cannot serve such a call."""
        arguments, named = NativeStruct(layout.words), NativeStruct([id(name) for name in names])
        built, unflatten = result
        super().__init__(
            [0, id(self), id(key), count - len(names), len(names), named.address, count,
             arguments.address, program.address, built.address if built else 0,
             id(unflatten) if unflatten else 0, layout.given],
            program, key, layout.kept, arguments, names, named, result, *kept)
        self.identity = (id(key), program.address, count, *names, *layout.words)
        arrays = program[fields.INPUTS] + 2 * program[fields.OUTPUTS]
        self.space = (fields.STATE_SIZE + 8 * (arrays + layout.given)
                      + fields.NUMBER_SIZE * (layout.numbers + 1))
        if self.space > MAX_SPACE:
            raise UnsupportedCall

    def same(self, other: Signature) -> bool:
        """Whether both fit the same calls."""
        return self.identity == other.identity


def signature_of_call(executable: Any, call: CallSignature) -> Signature:
    """Return the signature of a call that Python has served.

    Raises UnsupportedCall if such calls cannot be told apart natively.
    """
    args, kwargs = call.args, call.kwargs
    layout = ArgumentLayout(call.in_avals, call.donated)
    _arguments(layout, args, kwargs, call.static, call.in_tree)
    return Signature(executable.record, call.key, len(args) + len(kwargs), list(kwargs), layout,
                     _result(call.out_tree), executable)


def _arguments(layout: ArgumentLayout, args: tuple[Any, ...], kwargs: Mapping[str, Any],
               static: Collection[Any], tree: PyTreeDef) -> None:
    """Nodes for all arguments, each headed by its place in the call."""
    positional, named = tree.children()
    dynamic = iter(positional.children())
    for i, x in enumerate(args):
        layout.words.append(i)
        if i in static:
            layout.static(x)
        else:
            layout.argument(next(dynamic), x)
    dynamic = iter(named.children())
    place = {name: len(args) + i for i, name in enumerate(kwargs)}
    for name in sorted(kwargs):  # the order of the leaves
        layout.words.append(place[name])
        if name in static:
            layout.static(kwargs[name])
        else:
            layout.argument(next(dynamic), kwargs[name])


def _result(tree: PyTreeDef) -> tuple[NativeStruct | None, Any]:
    """The plan of a result, None for a single array, and a function if Python must finish it."""
    if treedef_is_strict_leaf(tree):
        return None, None
    layout = ArgumentLayout([])
    if layout.result(tree):
        return NativeStruct(layout.words, layout.kept), None
    leaves = [fields.LEAF, 0] * tree.num_leaves
    flat = NativeStruct([fields.SEQUENCE, id(list), tree.num_leaves, *leaves])
    return flat, partial(tree_unflatten, tree)


_Base: Any = native_callable_type() if PORTABLE is None else object
_lock = threading.Lock()


class NativeCallable(_Base):
    """A callable whose known signatures go through the fast path, others to `__call__`."""

    _vectorcall: int
    _signatures: int
    _space: int
    _slow: int
    _known: tuple[Signature, ...] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if PORTABLE is None:
            call_natively(cls)

    def _add_signature(self, signature: Signature) -> None:
        """Serve calls of this form natively from now on."""
        with _lock:
            if any(signature.same(other) for other in self._known):
                return  # a call that fits may still be one for Python: an array with gaps, say
            known = (signature, *self._known[: MAX_SIGNATURES - 1])
            signature[fields.NEXT] = self._signatures
            known[-1][fields.NEXT] = 0
            self._space = max(self._space, signature.space)
            self._slow = id(type(self).__call__)  # the class keeps it alive
            self._signatures = signature.address
            self._known = known  # only now may the oldest be freed
            self._vectorcall = runtime.fast_path

    def _forget_signatures(self) -> None:
        """Let Python serve all calls again."""
        with _lock:
            if self._known:
                self._signatures = 0
                self._known = ()
