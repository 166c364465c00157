"""Mistakes that users make, and what they are told: the rule, the types, the remedy, their line.

Length: the table of mistakes is one thing.
"""

import linecache
import re
import traceback
import warnings
from typing import NamedTuple

import numpy as np
import pytest

import ingot
from ingot import dtypes, errors, lax, numpy as jnp, random

MAX_LINES = 25


class Mistake(NamedTuple):
    """A snippet whose last line (or line `line`) is wrong, the error, and what its text must say.

    said: regular expressions for the rule and the types; remedy: what to do instead.
    """

    source: str
    error: type[BaseException]
    said: tuple[str, ...]
    remedy: str
    line: int = 0


def row(source, error, *said, remedy, line=0):
    return Mistake(source, error, said, remedy, line)


JIT = "f = jit(lambda x: {})\nf({})"

SHAPES = {
    "shapes of numpy.add": row(
        "jnp.add(jnp.ones(3), jnp.ones(4))",
        ValueError, "add", r"f64\[3\]", r"f64\[4\]", remedy="shape|broadcast|length 1"),
    "shapes of an operator": row(
        "jnp.ones((2, 3)) * jnp.ones((2, 4))",
        ValueError, "mul", r"f64\[2,3\]", r"f64\[2,4\]", remedy="shape|broadcast|length 1"),
    "shapes of lax.add": row(
        "lax.add(jnp.ones(3), jnp.ones(4))",
        TypeError, "add: shapes must match", r"f64\[3\] and f64\[4\]", remedy="broadcast"),
    "dtypes of lax.add": row(
        "lax.add(jnp.ones(3), jnp.ones(3, 'float32'))",
        TypeError, "add: dtypes must match", r"f64\[3\] and f32\[3\]", remedy="convert"),
    "matmul": row(
        "jnp.ones((3, 4)) @ jnp.ones((5, 6))",
        TypeError, "matmul|dot", r"f64\[3,4\]", r"f64\[5,6\]", "4", "5",
        remedy="transpose|equal|match"),
    "dot": row(
        "jnp.dot(jnp.ones((3, 4)), jnp.ones(5))",
        TypeError, "dot", r"f64\[3,4\]", r"f64\[5\]", remedy="transpose|equal|match"),
    "dot_general": row(
        "lax.dot_general(jnp.ones((3, 4)), jnp.ones((5, 6)), (((1,), (0,)), ((), ())))",
        TypeError, "dot_general", r"f64\[3,4\]", r"f64\[5,6\]", remedy="transpose|equal|match"),
    "einsum, unknown letter": row(
        "jnp.einsum('ij,jk->il', jnp.ones((2, 3)), jnp.ones((3, 4)))",
        ValueError, "einsum", "ij,jk->il", "'?l'?", remedy="l"),
    "einsum, sizes": row(
        "jnp.einsum('ij,jk->ik', jnp.ones((2, 3)), jnp.ones((4, 5)))",
        ValueError, "einsum", "j", "3", "4", remedy="j"),
    "einsum, number of operands": row(
        "jnp.einsum('ij,jk->ik', jnp.ones((2, 3)))",
        ValueError, "einsum", remedy="operand"),
    "reshape": row(
        "jnp.ones(6).reshape(4, 2)",
        TypeError, "reshape", r"f64\[6\] \(6 elements\)", r"\(4, 2\) \(8 elements\)",
        remedy="shape|-1"),
    "concatenate": row(
        "jnp.concatenate([jnp.ones(3), jnp.ones((3, 1))])",
        TypeError, "concatenate", r"f64\[3\]", r"f64\[3,1\]", remedy="rank|dimension|axes|reshape"),
    "stack": row(
        "jnp.stack([jnp.ones(3), jnp.ones(4)])",
        ValueError, "stack", r"f64\[3\]", r"f64\[4\]", remedy="shape"),
    "axis of sort": row(
        "jnp.sort(jnp.ones((2, 3)), axis=2)",
        ValueError, "axis 2", r"f64\[2,3\]|dimension 2|rank 2", remedy="out of (bounds|range)"),
    "axis of sum": row(
        "jnp.sum(jnp.ones(3), axis=1)",
        ValueError, "axis 1", r"f64\[3\]|dimension 1|rank 1", remedy="out of (bounds|range)"),
    "axis named twice": row(
        "jnp.sum(jnp.ones((2, 3)), axis=(0, 0))",
        ValueError, r"\(0, 0\)", remedy="twice|duplicate|distinct|once"),
    "transpose": row(
        "jnp.transpose(jnp.ones((2, 3)), (0, 0))",
        (TypeError, ValueError), r"\(0, 0\)", remedy="once|twice|distinct|permutation|duplicate"),
    "broadcast_to": row(
        "jnp.broadcast_to(jnp.ones(3), (2, 4))",
        ValueError, r"f64\[3\]", r"\(2, 4\)", remedy="broadcast|length 1"),
    "scatter": row(
        "jnp.ones(3).at[:2].set(jnp.ones(5))",
        (TypeError, ValueError), r"f64\[5\]|\(5,\)", r"f64\[2\]|\(2,\)", remedy="broadcast|shape"),
    "slice": row(
        "lax.slice(jnp.ones(3), (0,), (5,))",
        (TypeError, ValueError), "slice", r"f64\[3\]", "5", remedy="limit|bound|at most|within"),
    "dynamic_slice": row(
        "lax.dynamic_slice(jnp.ones(3), (0,), (5,))",
        (TypeError, ValueError), "dynamic_slice", r"f64\[3\]", "5",
        remedy="size|at most|larger|exceed|within"),
    "inverse": row(
        "jnp.linalg.inv(jnp.ones((2, 3)))",
        ValueError, "inv", r"f64\[2,3\]", remedy="square"),
    "clip of a list": row(
        "jnp.sum([1.0, 2.0])",
        TypeError, "sum", "list", remedy="asarray|jnp.array|array"),
    "string array": row(
        "jnp.array(['a', 'b'])",
        TypeError, "str|<U1", remedy="numbers|convert|booleans"),
    "ragged list": row(
        "jnp.array([[1.0, 2.0], [3.0]])",
        (TypeError, ValueError), "array", remedy="shape|length|inhomogeneous"),
    "misspelled dtype": row(
        "jnp.zeros(3, 'flot32')",
        TypeError, "'flot32' is not a dtype", remedy="dtype"),
    "unsupported dtype": row(
        "jnp.ones(3).astype('datetime64[s]')",
        TypeError, "datetime64", remedy="numbers"),
    "64 bits while they are off": row(
        "with ingot.enable_x64(False):\n    jnp.zeros(3, 'float64')",
        UserWarning, "float64", "float32", remedy="enable_x64"),
    "strict promotion": row(
        "with ingot.numpy_dtype_promotion('strict'):\n    jnp.ones(3) + jnp.ones(3, 'int32')",
        errors.TypePromotionError, "f64, i32|i32, f64", "strict", remedy="convert|astype"),
    "integer overflow": row(
        "jnp.ones(3, 'int8') + 300",
        OverflowError, "300", "i8", remedy="-128 to 127"),
    "bits of floats": row(
        "jnp.ones(3) & 1",
        TypeError, "and", r"f64\[3\]|f64|float64", remedy="integer|boolean"),
    "negative of booleans": row(
        "lax.neg(jnp.array([True]))",
        TypeError, "neg", r"bool\[1\]", remedy="convert"),
}

CONCRETE = {
    "item assignment": row(
        "x = jnp.ones(3)\nx[0] = 1.0",
        TypeError, "immutable|assign", remedy=r"\.at\[.*\.set"),
    "if on a tracer": row(
        "@jit\ndef f(x):\n    if x > 0:\n        return x\n    return -x\nf(1.0)",
        errors.TracerBoolConversionError, r"bool\[\]", remedy=r"where|lax\.cond", line=3),
    "and on tracers": row(
        "f = jit(lambda x: x > 0 and x < 1)\nf(1.0)",
        errors.TracerBoolConversionError, r"bool\[\]", remedy=r"where|lax\.cond|&", line=1),
    "while on a tracer": row(
        "@jit\ndef f(x):\n    while x > 0:\n        x = x - 1\n    return x\nf(1.0)",
        errors.TracerBoolConversionError, r"bool\[\]", remedy="lax.while_loop|lax.cond", line=3),
    "int of a tracer": row(
        JIT.format("int(x)", "1.0"),
        errors.ConcretizationTypeError, r"f64\[\]", remedy="astype|static", line=1),
    "float of a tracer": row(
        JIT.format("float(x)", "1"),
        errors.ConcretizationTypeError, r"i64\[\]", remedy="astype|static", line=1),
    "range of a tracer": row(
        JIT.format("[i for i in range(x)]", "3"),
        errors.TracerIntegerConversionError, r"i64\[\]", remedy="fori_loop|static", line=1),
    "list indexed by a tracer": row(
        JIT.format("[1, 2, 3][x]", "1"),
        errors.TracerIntegerConversionError, r"i64\[\]", remedy="array|static", line=1),
    "NumPy on a tracer": row(
        JIT.format("np.asarray(x)", "1.0"),
        errors.TracerArrayConversionError, r"f64\[\]", remedy="ingot.numpy", line=1),
    "NumPy function on a tracer": row(
        JIT.format("np.sin(x)", "1.0"),
        errors.TracerArrayConversionError, r"f64\[\]", remedy="ingot.numpy", line=1),
    "item of a tracer": row(
        JIT.format("x.item()", "1.0"),
        errors.ConcretizationTypeError, r"f64\[\]", remedy="static|jit", line=1),
    "NumPy on a vmapped value": row(
        "vmap(lambda x: np.sin(x))(jnp.ones(3))",
        errors.TracerArrayConversionError, r"f64\[\]", remedy="ingot.numpy"),
    "mask under jit": row(
        JIT.format("x[x > 0]", "jnp.ones(3)"),
        errors.NonConcreteBooleanIndexError, r"bool\[3\]", remedy="where", line=1),
    "nonzero under jit": row(
        JIT.format("jnp.nonzero(x)", "jnp.ones(3)"),
        errors.ConcretizationTypeError, "nonzero", remedy="size", line=1),
    "unique under jit": row(
        JIT.format("jnp.unique(x)", "jnp.ones(3)"),
        errors.ConcretizationTypeError, "unique", remedy="size", line=1),
    "arange of a tracer": row(
        JIT.format("jnp.arange(x)", "3"),
        errors.ConcretizationTypeError, "arange", r"i64\[\]", remedy="static", line=1),
    "zeros of a traced shape": row(
        JIT.format("jnp.zeros(x)", "3"),
        TypeError, r"i64\[\]", remedy="static", line=1),
    "reshape to a traced shape": row(
        JIT.format("jnp.ones(6).reshape(x, 2)", "3"),
        TypeError, r"i64\[\]", remedy="static", line=1),
    "slice of traced length": row(
        JIT.format("jnp.ones(6)[:x]", "3"),
        (IndexError, TypeError), r"i64\[\]", remedy="static|dynamic_slice", line=1),
    "leak through a global": row(
        "kept = []\njit(lambda x: kept.append(x * 2))(1.0)\nkept[0] + 1",
        errors.UnexpectedTracerError, r"f64\[\]", r"jit", r"made at .*:2 ",
        remedy="Return values"),
    "leak into another transformation": row(
        "kept = []\ngrad(lambda x: kept.append(x) or x)(1.0)\njit(lambda y: kept[0] + y)(1.0)",
        errors.UnexpectedTracerError, r"f64\[\]", "grad", remedy="Return values"),
    "leak while checking": row(
        "kept = []\nf = jit(lambda x: kept.append(x))\nwith ingot.checking_leaks():\n    f(1.0)",
        errors.LeakChecked, "leaked 1 ", r"f64\[\]", remedy="Return values"),
    "bool of an array": row(
        "if jnp.ones(3) > 0: pass",
        ValueError, "truth|bool", r"bool\[3\]|3 elements|more than one",
        remedy=r"any\(\)|all\(\)|\.any|\.all"),
    "float of an array": row(
        "float(jnp.ones(3))",
        TypeError, r"f64\[3\]|scalar|one element", remedy="scalar|one element"),
    "hash of an array": row(
        "{jnp.ones(3): 1}",
        TypeError, "hash", remedy="unhashable|hash"),
    "length of a scalar": row(
        "len(jnp.array(1.0))",
        TypeError, "len", remedy=r"f64\[\]|rank 0|0-d|unsized"),
    "iteration over a scalar": row(
        "list(jnp.array(1.0))",
        TypeError, "iter", remedy=r"f64\[\]|rank 0|0-d"),
    "too many indices": row(
        "jnp.ones(3)[0, 0]",
        IndexError, "too many indices", r"f64\[3\]|\(3,\)", remedy="at most 1"),
    "float index": row(
        "jnp.ones(3)[1.5]",
        (IndexError, TypeError), r"f64\[\]", remedy="integer"),
    "string index": row(
        "jnp.ones(3)['a']",
        (IndexError, TypeError), "'a'|str", remedy="integer|int"),
    "NaN while debugging": row(
        "f = jit(lambda x: jnp.log(x))\nwith ingot.debug_nans():\n    f(-1.0)",
        FloatingPointError, "nan", "log", remedy=r":\d+"),
}

DERIVATIVES = {
    "gradient of an array": row(
        "grad(lambda x: x * 2)(jnp.ones(3))",
        TypeError, "grad", r"f64\[3\]", remedy="jacrev"),
    "gradient of a tree": row(
        "grad(lambda x: (x, x))(1.0)",
        TypeError, "grad", r"f64\[\]", remedy="has_aux"),
    "gradient at an integer": row(
        "grad(lambda x: x * 2.0)(3)",
        TypeError, r"i64\[\] for x", remedy="1.0 for 1"),
    "forward Jacobian at a complex number": row(
        "ingot.jacfwd(lambda z: abs(z))(1j)",
        TypeError, r"c128\[\] for z", remedy="holomorphic"),
    "gradient of an integer": row(
        "grad(lambda x: jnp.array(3))(1.0)",
        TypeError, r"i64\[\]", remedy="floating"),
    "gradient of a complex number": row(
        "grad(lambda x: x * 1j)(1.0)",
        TypeError, r"c128\[\]", remedy="holomorphic"),
    "gradient of a real function as holomorphic": row(
        "grad(lambda x: x, holomorphic=True)(1.0)",
        TypeError, r"f64\[\] for x", remedy="leave holomorphic out"),
    "gradient by a string": row(
        "grad(lambda x, name: x, argnums=1)(1.0, 'a')",
        TypeError, "'a' of type str for name", remedy="argnums"),
    "gradient by an argument that is not there": row(
        "grad(lambda x, y: x, argnums=2)(1.0, 2.0)",
        TypeError, "argnums=2", "2 positional", remedy="pass it by position"),
    "gradient without auxiliary data": row(
        "grad(lambda x: x, has_aux=True)(1.0)",
        TypeError, "has_aux=True", remedy=r"pair \(result, auxiliary data\)"),
    "gradient of a value": row(
        "grad(jnp.sin(1.0))(1.0)",
        TypeError, "expected a callable", remedy=r"grad\(f\)\(x\)"),
    "tangent of another dtype": row(
        "jvp(jnp.sin, (1.0,), (np.float32(1),))",
        TypeError, "jvp", r"must be f64\[\], got f32\[\]", remedy="convert"),
    "tangent of another shape": row(
        "jvp(jnp.sin, (jnp.ones(3),), (jnp.ones(4),))",
        TypeError, r"must be f64\[3\], got f64\[4\]", remedy="reshape"),
    "tangent of another structure": row(
        "jvp(lambda p: p['a'], ({'a': 1.0},), ({'b': 1.0},))",
        ValueError, "tangent must have the structure", remedy="'a'"),
    "primals without a tuple": row(
        "jvp(jnp.sin, 1.0, 1.0)",
        TypeError, "primals must be a tuple", remedy=r"write \(primal,\)"),
    "tangent of an integer": row(
        "jvp(lambda x: x * 2.0, (3,), (1,))",
        TypeError, r"float0\[\], got i64\[\]", remedy="float0"),
    "cotangent of another shape": row(
        "vjp(jnp.sin, jnp.ones(3))[1](jnp.ones(4))",
        TypeError, r"must be f64\[3\], got f64\[4\]", remedy="reshape"),
    "cotangent of another structure": row(
        "vjp(lambda x: (x, x), 1.0)[1](1.0)",
        ValueError, "cotangent must have the structure", remedy="tuple of length 2"),
    "reverse through while_loop": row(
        "grad(lambda x: lax.while_loop(lambda y: y < 10, lambda y: y * 2, x))(1.0)",
        (ValueError, NotImplementedError), "while", remedy="scan|fori_loop|forward"),
    "forward through custom_vjp": row(
        "f = ingot.custom_vjp(jnp.sin)\nf.defvjp(lambda x: (x, None), lambda r, ct: (ct,))\n"
        "jvp(f, (1.0,), (1.0,))",
        (TypeError, errors.UndefinedRuleError), "custom_vjp", remedy="custom_jvp|reverse|grad"),
    "custom_vjp without rules": row(
        "f = ingot.custom_vjp(lambda x: x)\ngrad(f)(1.0)",
        (AttributeError, TypeError), "custom_vjp", remedy="defvjp"),
    "custom_vjp, wrong cotangents": row(
        "f = ingot.custom_vjp(lambda x: x)\n"
        "f.defvjp(lambda x: (x, None), lambda r, ct: (ct, ct))\ngrad(f)(1.0)",
        TypeError, "bwd|backward|cotangent", remedy="structure|length 1|one for each|argument"),
    "custom_jvp without a rule": row(
        "f = ingot.custom_jvp(lambda x: x)\ngrad(f)(1.0)",
        (AttributeError, TypeError), "custom_jvp", remedy="defjvp"),
}

MAPS = {
    "in_axes, rank": row(
        "vmap(jnp.sin, in_axes=1)(jnp.ones(3))",
        ValueError, "axis 1 of", r"f64\[3\]", remedy="None"),
    "in_axes, structure": row(
        "vmap(lambda p: p['a'], in_axes=({'b': 0},))({'a': jnp.ones(3)})",
        ValueError, "in_axes", "'b'", remedy="prefix"),
    "in_axes, length": row(
        "vmap(lambda x, y: x, in_axes=(0,))(jnp.ones(3), jnp.ones(3))",
        ValueError, "1 entries", "2 arguments", remedy="each positional argument"),
    "in_axes, type": row(
        "vmap(jnp.sin, in_axes={'a': 0})",
        TypeError, "in_axes", "dict", remedy="tuple"),
    "in_axes, leaves": row(
        "vmap(jnp.sin, in_axes=(0.5,))",
        TypeError, "in_axes", "0.5", remedy="int, None"),
    "sizes disagree": row(
        "vmap(lambda x, y: x)({'a': jnp.ones(3)}, jnp.ones((4, 2)))",
        ValueError, r"x\['a'\]: f64\[3\], axis 0 has size 3", r"y: f64\[4,2\], axis 0 has size 4",
        remedy="None in in_axes"),
    "out_axes is None": row(
        "vmap(lambda x: {'y': x}, out_axes=None)(jnp.ones(3))",
        ValueError, r"result\['y'\]", "depends on the mapped axis", remedy="give an axis"),
    "out_axes, rank": row(
        "vmap(lambda x: x, out_axes=1)(jnp.ones(3))",
        ValueError, "out_axes asks for axis 1", remedy="1 axes"),
    "nothing mapped": row(
        "vmap(lambda x: x, in_axes=None)(jnp.ones(3))",
        ValueError, "every entry of in_axes is None", remedy="axis_size"),
    "scalar mapped": row(
        "vmap(lambda x: x)(1.0)",
        ValueError, r"f64\[\]", "0 axes", remedy="None"),
    "unknown axis name": row(
        "lax.psum(1.0, 'i')",
        NameError, "unbound axis name: i", remedy="axis_name"),
    "if on a mapped value": row(
        "vmap(lambda x: x if x > 0 else -x)(jnp.ones(3))",
        errors.TracerBoolConversionError, r"bool\[\]", remedy="where"),
}

PROGRAMS = {
    "unhashable static argument": row(
        "f = jit(lambda x, n: x, static_argnums=1)\nf(1.0, [1])",
        ValueError, r"\[1\] of type list for n", remedy="use a tuple"),
    "static array": row(
        "f = jit(lambda x, n: x, static_argnames='n')\nf(1.0, n=np.ones(3))",
        ValueError, "ndarray for n", remedy="ordinary argument"),
    "static argument that is not there": row(
        "jit(lambda x: x, static_argnames='n')",
        ValueError, "no argument is called 'n'", remedy=r"\['x'\]"),
    "argument that is no array": row(
        "jit(lambda p: p['x'])({'x': 1.0, 'name': 'a'})",
        TypeError, r"'a' of type str for p\['name'\]", remedy="static"),
    "result that is no array": row(
        "jit(lambda x: {'a': x, 'b': 'text'})(1.0)",
        TypeError, "'text' of type str", remedy=r"result\['b'\]"),
    "wrong number of arguments": row(
        "jit(lambda x, y: x)(1.0)",
        TypeError, "missing 1 required positional argument", remedy="'y'"),
    "jit of a value": row(
        "jit(jnp.sin(1.0))",
        TypeError, "jit: expected a callable", remedy=r"jit\(f\)\(x\)"),
    "compiled for another type": row(
        "f = jit(lambda x: x).lower(1.0).compile()\nf(jnp.ones(3))",
        TypeError, r"Argument 'x' compiled with float64\[\] and called with float64\[3\]",
        remedy="again for these"),
    "carry of another dtype": row(
        "lax.scan(lambda c, x: ({'n': c['n'] + 0.5}, x), {'n': jnp.zeros((), int)}, jnp.ones(3))",
        TypeError, "scan", r"\['n'\]", r"i64\[\]", r"f64\[\]", remedy="carry"),
    "carry of another structure": row(
        "lax.scan(lambda c, x: ((c, c), None), 0.0, None, length=3)",
        TypeError, "scan", "carry", remedy="structure|tuple"),
    "scanned lengths": row(
        "lax.scan(lambda c, x: (c, None), 0.0, (jnp.ones(3), jnp.ones(4)))",
        ValueError, "scan", "3", "4", remedy="length|size"),
    "scan body without a pair": row(
        "lax.scan(lambda c, x: c, 0.0, jnp.ones(3))",
        TypeError, "scan", remedy="pair|tuple|carry"),
    "branches differ": row(
        "lax.cond(True, lambda x: x, lambda x: x.astype('float32'), jnp.ones(3))",
        TypeError, "cond", r"f64\[3\]", r"f32\[3\]", remedy="branch|same"),
    "branches of another structure": row(
        "lax.cond(True, lambda x: x, lambda x: (x, x), 1.0)",
        TypeError, "cond", remedy="structure"),
    "predicate": row(
        "lax.cond(jnp.ones(3) > 0, lambda x: x, lambda x: x, 1.0)",
        TypeError, "cond", r"bool\[3\]", remedy="scalar"),
    "body of while_loop": row(
        "lax.while_loop(lambda x: x < 3, lambda x: x + 0.5, jnp.zeros((), int))",
        TypeError, "while", r"i64\[\]", r"f64\[\]", remedy="body|same"),
    "condition of while_loop": row(
        "lax.while_loop(lambda x: x, lambda x: x, 1.0)",
        TypeError, "while", r"f64\[\]", remedy="bool"),
    "key that is a number": row(
        "random.normal(0)",
        TypeError, "key", remedy=r"random\.key"),
    "key of raw floats": row(
        "random.normal(jnp.ones(2))",
        TypeError, "key", r"f64\[2\]|float64", remedy=r"random\.key"),
    "arithmetic with keys": row(
        "random.key(0) + 1",
        TypeError, r"key<fry>", remedy="key"),
    "many keys where one is due": row(
        "random.normal(random.split(random.key(0)))",
        ValueError, r"key<fry>\[2\]|\(2,\)", remedy="vmap"),
    "unknown flag": row(
        "ingot.config.update('enable_x65', True)",
        AttributeError, "enable_x65", remedy="enable_x64"),
    "wrong value of a flag": row(
        "ingot.config.update('backend', 'gpu')",
        ValueError, "'gpu'", remedy="llvm"),
    "trees that do not fit": row(
        "ingot.tree.map(lambda x, y: x, {'a': 1}, {'b': 1})",
        ValueError, "'a'", "'b'", remedy="missing|prefix"),
    "unknown device": row(
        "ingot.devices('gpu')",
        RuntimeError, "'gpu'",
        remedy=r"install it with: pip install 'ingot-arrays\[cuda|no.*devices"),
}

TABLE = SHAPES | CONCRETE | DERIVATIVES | MAPS | PROGRAMS
NAMES = {name: getattr(ingot, name) for name in ("jit", "grad", "vmap", "jvp", "vjp")}
NAMES |= {"ingot": ingot, "jnp": jnp, "lax": lax, "np": np, "random": random}


def raised(mistake, filename):
    """The error of a snippet, run as a file of this name."""
    lines = mistake.source.splitlines(keepends=True)
    linecache.cache[filename] = (len(mistake.source), None, lines, filename)
    code = compile(mistake.source, filename, "exec")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(code, dict(NAMES))
    except mistake.error as error:
        return error
    return None


@pytest.mark.parametrize("name", TABLE)
def test_mistake(name):
    mistake = TABLE[name]
    filename = f"{name.replace(' ', '_')}.py"
    error = raised(mistake, filename)
    assert error is not None, "no error"
    text, shown = str(error), "".join(traceback.format_exception(error))
    for pattern in (*mistake.said, mistake.remedy):
        assert re.search(pattern, text), f"{pattern!r} is not in: {text}"
    lines = [x for x in shown.splitlines()  # of Python 3.13, too, which shows more of statements
             if x.strip("~^ ") and not re.fullmatch(r" *(\.\.\.<\d+ lines>\.\.\.|\))", x)]
    assert len(lines) <= MAX_LINES, shown
    line = mistake.line or len(mistake.source.splitlines())
    assert f'File "{filename}", line {line}' in shown, shown


def test_the_table_is_large():
    assert len(TABLE) >= 100
    assert dtypes.float0 is not None
