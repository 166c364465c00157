"""The primitive that calls an exported program, and its program for certain types of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ingot import dtypes
from ingot.config import config
from ingot.control.call import jit_p
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import Axis
from ingot.core.backend import run
from ingot.core.division import Operands, Spec
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.primitive import NoRule, Primitive, PythonFallback
from ingot.core.program_division import divide_program
from ingot.core.specs import names_of
from ingot.export.checks import portable
from ingot.export.shapes import refine_types
from ingot.primitives.movement import zeros
from ingot.primitives.random_keys import random_unwrap_p, random_wrap
from ingot.transforms.batch import batch_jaxpr
from ingot.transforms.stage import stage


def words_of(aval: ShapedArray) -> ShapedArray:
    """Return the type that a module has for arrays of a type: keys are words in it."""
    if isinstance(aval.dtype, dtypes.KeyDType):
        return ShapedArray((*aval.shape, *aval.dtype.key_shape), "uint32")
    if aval.dtype == dtypes.float0:
        return ShapedArray(aval.shape, "bool")
    return aval.unplaced().strip_weak_type()


def to_words(x: Any) -> Any:
    """Return keys as words, float0 as booleans, other arrays as they are."""
    dtype = typeof(x).dtype
    if dtype == dtypes.float0:
        return zeros(ShapedArray(typeof(x).shape, "bool"))
    return random_unwrap_p.bind(x, impl=dtype) if isinstance(dtype, dtypes.KeyDType) else x


def of_words(x: Any, aval: ShapedArray) -> Any:
    """Return words as keys, and booleans as float0, where the type says so."""
    if aval.dtype == dtypes.float0:
        return zeros(aval)
    return random_wrap(x, aval.dtype) if isinstance(aval.dtype, dtypes.KeyDType) else x


def program(exported: Any, avals: Sequence[ShapedArray], platform: str = "cpu") -> Jaxpr:
    """Return an exported program for arguments of certain types as a jaxpr."""
    key = (platform, *avals)
    if key not in exported._memo:
        with config.override("enable_x64", True):  # the module says which types there are
            exported._memo[key] = _program(exported, avals, platform)
    return exported._memo[key]


def _program(exported: Any, avals: Sequence[ShapedArray], platform: str) -> Jaxpr:
    index = exported.platform_index(platform)
    outs = refine_types(exported, avals)
    kept = [words_of(avals[k]) for k in exported.module_kept_var_idx]
    results = [words_of(a) for a in outs]
    module = portable().known(
        exported.mlir_module_serialized, kept, results, exported.uses_global_constants,
        index if len(exported.platforms) > 1 else None)
    try:
        main = portable().jaxpr(module)
    except NotImplementedError:
        data = portable().whole(module)
        main = stage(lambda *args: run_by_xla_p.bind(
            *args, data=data, outs=tuple(results), devices=exported.nr_devices), kept)

    def evaluate(*args: Any) -> list[Any]:
        words = [to_words(args[k]) for k in exported.module_kept_var_idx]
        return [of_words(x, a) for x, a in zip(
            eval_jaxpr(main, main.consts, *words), outs, strict=True)]

    return stage(evaluate, [a.strip_weak_type() for a in avals], exported.fun_name)


# ---- a program that cannot be read is run --------------------------------------------------------
_WHOLE = NoRule("it runs an exported program as a whole, which has operations that only XLA has")
run_by_xla_p = Primitive(
    "run_by_xla", type=lambda *avals, outs, **_: list(outs), jvp=_WHOLE, transpose=_WHOLE,
    batch=_WHOLE, multiple_results=True,
    eval=lambda *args, data, outs, devices: portable().run(data, args, outs, devices),
    kernel=PythonFallback("XLA runs it"))


# ---- the primitive -------------------------------------------------------------------------------
def _type(*avals: ShapedArray, exported: Any) -> list[ShapedArray]:
    return refine_types(exported, avals)


def _eval(*args: Any, exported: Any) -> Any:
    return run(program(exported, [typeof(x) for x in args]), args)


def _batch(axis: Axis, args: Sequence[Any], dims: Sequence[Any], *, exported: Any) -> Any:
    avals = [typeof(x) if d is None else _without(typeof(x), d)
             for x, d in zip(args, dims, strict=True)]
    jaxpr, out_dims = batch_jaxpr(program(exported, avals), axis, dims)
    return jit_p.bind(*args, jaxpr=jaxpr, name=exported.fun_name,
                      inline=False), out_dims


def _without(aval: ShapedArray, axis: int) -> ShapedArray:
    return aval.update(shape=aval.shape[:axis] + aval.shape[axis + 1:])


def _kernel(build: Any, *args: Any, out: Any, exported: Any) -> Any:
    avals = [ShapedArray(x.shape, a.dtype) for x, a in zip(args, exported.in_avals, strict=True)]
    return build.inline(program(exported, avals), args)


def _division(given: Operands) -> list[Spec]:
    """As its program divides results, where axes of the mesh have the names of the export."""
    jaxpr = program(given.params["exported"], [a.unplaced() for a in given.avals])
    found = divide_program(jaxpr, given.specs, given.sizes)
    return [tuple(e if given.sizes.keys() >= set(names_of(e)) else None for e in spec)
            for spec in found]


_REVERSE = NoRule("an exported program has a derivative backwards alone; use grad or vjp")
call_exported_p = Primitive(
    "call_exported", type=_type, eval=_eval, jvp=_REVERSE, transpose=_REVERSE, batch=_batch,
    kernel=_kernel, multiple_results=True, higher_order=True)
call_exported_p.division = _division

__all__ = ["call_exported_p", "of_words", "program", "to_words", "words_of"]
