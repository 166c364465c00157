"""First-order statements whose native code is cut into tiles and blocks, or counts first:
convolutions of channels, sums of segments and at places, and functions of complex numbers."""

from __future__ import annotations

from typing import Any

from fuzz.generator import Generator, Retry, is_float

FUNCTIONS = ["jnp.exp2", "jnp.log1p", "jnp.log2", "jnp.sqrt", "jnp.arcsin", "jnp.arccos",
             "jnp.arctan", "jnp.arcsinh", "jnp.arccosh", "jnp.arctanh", "jnp.tanh", "jnp.sin",
             "jnp.cosh", "jnp.expm1", "jnp.log", "lax.logistic", "lax.rsqrt", "jnp.sign"]


def _small(v: Any) -> bool:
    """Real floating numbers, from a few to some thousands."""
    return bool(is_float(v) and 4 <= v.size <= 20_000)


def complex_functions(g: Generator) -> None:
    """Elementary functions of complex numbers, powers and quotients, away from their poles."""
    x, draw = g.find(lambda v: _small(v) and v.dtype.itemsize >= 4), g.draw
    vx = g.value(x)
    y = g.alike(vx)
    z = draw.one([f"({x} + (1.5 + jnp.abs({y})) * 1j)", f"lax.complex(jnp.sin({x}), {y} * 0 + 2)"])
    fun = draw.one(FUNCTIONS)
    forms = [f"{fun}({z})", f"jnp.real({fun}({z}))", f"jnp.abs({fun}({z}))", f"{z} ** 2.5",
             f"jnp.power({z}, jnp.cos({z}.real) + 0.5j)", f"{z} ** -3", f"{z} ** 20 * 1e-12",
             f"{fun}({z}) / {z}", f"jnp.sum({fun}({z})) / {vx.size}", f"jnp.conj({fun}({z})) * {z}",
             f"lax.complex(jnp.imag({fun}({z})), {x})"]
    if vx.ndim:
        forms += [f"jnp.cumsum({fun}({z}), {vx.ndim - 1}) / {vx.size}", f"{fun}({z})[::-1] * {z}",
                  f"{z}.at[::2].set({fun}({z})[::2])", f"jnp.prod({z} / jnp.abs({z}))"]
    g.add(draw.one(forms))


def channels(g: Generator) -> None:
    """Convolutions of several channels: strides, dilations, groups, layouts, narrow dtypes."""
    x, draw = g.find(_small), g.draw
    n, i, o = draw.one([1, 2, 3]), draw.one([1, 3, 4, 8, 17]), draw.one([1, 5, 8, 16, 33])
    h, w, k = draw.one([5, 8, 13]), draw.one([4, 7, 16, 33]), draw.one([1, 2, 3, 5])
    groups = draw.one([1, 1, 1, i])
    o = o - o % groups or groups
    dtype = draw.one([g.value(x).dtype.name, "float32", "float64", "bfloat16", "float16"])
    if g.reversible and dtype not in ("float32", "float64"):
        raise Retry
    image = f"jnp.resize({x}, ({n}, {i}, {h}, {w})).astype({dtype!r})"
    kernel = f"jnp.cos(jnp.resize({x}[::-1] if {x}.ndim else {x}, ({o}, {i // groups}, {k}, {k})))"
    options = [f"feature_group_count={groups}"]
    if draw.chance(0.3):
        options.append(f"rhs_dilation=({draw.one([1, 2])}, {draw.one([1, 3])})")
    elif draw.chance(0.3):
        options.append(f"lhs_dilation=({draw.one([1, 2])}, 2)")
    padding = draw.one(["'SAME'", "'VALID'", f"[({draw.below(3)}, 1), (0, {draw.below(4)})]"])
    strides = (draw.one([1, 2]), draw.one([1, 1, 3]))
    if "lhs" in options[-1] and padding == "'SAME'":
        padding = "[(1, 1), (2, 0)]"
    places = draw.one(["('NCHW', 'OIHW', 'NCHW')", "('NHWC', 'HWIO', 'NHWC')"])
    if "NHWC" in places:
        image = f"jnp.moveaxis({image}, 1, -1)"
        kernel = f"jnp.transpose({kernel}, (2, 3, 1, 0))"
    g.add(f"lax.conv_general_dilated({image}, {kernel}.astype({dtype!r}), {strides}, {padding},"
          f" {', '.join(options)}, dimension_numbers={places}) / {i * k * k}")


def segments(g: Generator) -> None:
    """Sums, products and extremes of segments, and at few of many places, some outside."""
    x, draw = g.find(lambda v: _small(v) and v.ndim), g.draw
    n = g.value(x).shape[0]
    count = draw.one([1, 3, 16, n, 2 * n + 1])
    places = draw.one([f"jnp.arange({n}) * 7 % {count}", f"jnp.arange({n}) // 3",
                       f"jnp.arange({n}) * 5 % {count + 2} - 1",
                       f"jnp.full({n}, {count - 1})", f"jnp.arange({n})[::-1] % {count}"])
    reduce = draw.one(["sum", "sum", "max", "min"])
    many = draw.one([65, 1025, 40_001])
    forms = [f"ingot.ops.segment_{reduce}({x}, {places}, {count}) / {n}"
             if reduce == "sum" else f"jnp.nan_to_num(ingot.ops.segment_{reduce}({x}, {places},"
             f" {count}), posinf=1, neginf=0)",
             f"jnp.zeros(({many}, *{x}.shape[1:]), {x}.dtype).at[{places} * 31].add({x}) * 0.5",
             f"jnp.resize({x}, ({many}, *{x}.shape[1:])).at[{places}].add({x} * 0.5)",
             f"jnp.bincount(jnp.maximum({places}, 0), jnp.resize({x}, {n}), length={count}) / {n}"]
    g.add(draw.one(forms))


TILED = [(complex_functions, 2), (channels, 2), (segments, 2)]
