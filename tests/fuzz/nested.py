"""Loops in loops and what they carry: tuples that swap, buffers filled row by row, keys, pairs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import ingot.numpy as jnp
from fuzz.control import tuple_of, unpack
from fuzz.generator import Generator, Retry, is_float


@contextmanager
def smaller(g: Generator, times: int) -> Any:
    """Arrays of a function that runs for `times` elements at once."""
    most, g.most = g.most, max(g.most // max(times, 1), 1)
    try:
        yield
    finally:
        g.most = most


def of_type(g: Generator, x: Any) -> str:
    """An expression of the type of `x`, from what the function that is written computes."""
    found = [n for n, v in g.scope.own.items() if v.shape == x.shape and is_float(v)]
    return f"({g.draw.one(found[-3:])} * 0.5).astype({x.dtype.name!r})"


def swapping(g: Generator) -> None:
    """A loop in a scan; both carry a pair, updated in one and exchanged in the other."""
    draw, first = g.draw, g.find(lambda v: is_float(v) and v.ndim and v.shape[0] > 1)
    x = g.value(first)
    second = g.alike(x)
    n, k, i = x.shape[0], g.name("k"), g.name("i")
    a, b, c, d = (g.name("c") for _ in range(4))
    inner_pack, outer_pack = g.name("t"), g.name("t")
    with g.function("outer", {k: jnp.asarray(1), a: x, b: g.value(second)}) as outer:
        with g.function("inner", {i: jnp.asarray(1), c: x, d: x}) as inner:
            if draw.chance(0.5):
                g.steps(2)
            value = draw.one([f"{d}[({i} + {k}) % {n}] * 0.5 + {c}[{i} % {n}] * 0.25",
                              f"{a}[{i} % {n}] * 0.5 + 0.1", f"jnp.cos({d}[{n - 1}])"])
            update = draw.one([f"{c}.at[{i} % {n}].set({value})", f"{d}.at[{k} % {n}].add({value})",
                               of_type(g, x)])
        inner.statements.insert(0, unpack([c, d], inner_pack))
        inner.arguments = [i, inner_pack]
        inner.returns = tuple_of(draw.one([[d, update], [update, c], [update, d], [c, c]]))
        start = draw.one([f"({a}, {b})", f"({b}, {a})", f"({a}, {a})"])
        g.add(f"lax.fori_loop(0, {draw.one([0, 1, 2, 5])}, {inner.name}, {start})", [inner])
        new = list(g.scope.own)[-2:]
    outer.statements.insert(0, unpack([a, b], outer_pack))
    outer.arguments = [outer_pack, k]
    outer.returns = f"{tuple_of(draw.one([new, new[::-1], [new[0], a], [b, new[1]]]))}, " \
        f"{draw.one([*new, a, k, '(' + a + '[0], ' + k + ')'])}"
    out, trips = g.name("s"), draw.one([1, 2, 3, 8])
    g.add(f"(lambda {out}: {out}[0])(lax.scan({outer.name}, ({first}, {second}),"
          f" jnp.arange({trips}){draw.one(['', ', reverse=True', ', unroll=2'])}))", [outer])


def buffers(g: Generator) -> None:
    """A buffer that a loop fills block by block, and reads what was filled before."""
    draw, x = g.draw, g.floating(least=1)
    vx = g.value(x)
    row = vx[0] if vx.ndim > 1 else vx
    if not row.size:
        raise Retry
    rows = draw.one([1, 2, 5, 9])
    if rows * row.size > g.most:
        raise Retry
    i, buffer, last, packed = g.name("i"), g.name("c"), g.name("c"), g.name("t")
    dtype, zeros = vx.dtype.name, ", 0" * row.ndim
    samples = {i: jnp.asarray(0), buffer: jnp.zeros((rows, *row.shape), dtype), last: row}
    with g.function("fill", samples) as fill:
        if draw.chance(0.7):
            g.steps(2)
        new = draw.one([of_type(g, row), f"{last} * 0.5 + {buffer}[{i} - 1] * 0.25",
                        f"{buffer}[{rows - 1} - {i}] + 0.1"])
    place = draw.one([f"{i}", f"{rows - 1} - {i}", f"{i} + 1", f"{i} // 2"])
    update = draw.one([f"lax.dynamic_update_slice({buffer}, ({new})[None], ({place}{zeros}))",
                       f"{buffer}.at[{place}].set({new})",
                       f"lax.dynamic_update_index_in_dim({buffer}, {new}, {place}, 0)"])
    fill.statements.insert(0, unpack([buffer, last], packed))
    fill.arguments = [i, packed]
    fill.returns = f"({update}, {draw.one([last, f'{buffer}[{i}]', of_name(g, row, new, last)])})"
    first = x if vx.ndim == 1 else f"{x}[0]"
    source = draw.one([f"jnp.zeros(({rows}, *{first}.shape), {dtype!r})",
                       f"jnp.broadcast_to({first}, ({rows}, *{first}.shape))",
                       f"jnp.stack([{first}] * {rows})"])
    g.add(f"lax.fori_loop(0, {rows}, {fill.name}, ({source}, {first}))", [fill])


def of_name(g: Generator, row: Any, new: str, last: str) -> str:
    """What is handed on for the next row: the row that was written, or the one before."""
    return new if g.draw.chance(0.5) else f"({last} * 0.5).astype({row.dtype.name!r})"


def keys(g: Generator) -> None:
    """A chain of random numbers, as samplers are written."""
    draw, x = g.draw, g.find(lambda v: is_float(v) and v.size <= 600 and v.dtype.itemsize >= 4)
    vx = g.value(x)
    step, dtype = g.name("step"), vx.dtype.name
    body = draw.one([
        "jnp.where(ingot.random.uniform(k[1], ()) < jnp.exp(-jnp.sum(c * c)), c * 0.5, c)",
        f"c * 0.5 + 0.1 * ingot.random.normal(k[1], {vx.shape}, {dtype!r})",
        f"jnp.where(ingot.random.bernoulli(k[1], 0.5, {vx.shape}), c, -c)"])
    form = f"(lambda {step}: lax.scan({step}, ({x}, ingot.random.key({draw.below(9)})), None," \
        f" length={draw.one([1, 2, 5])}))(lambda s, _: (lambda c, k: (({body}, k[0]), c))" \
        f"(s[0], ingot.random.split(s[1])))"
    g.add(f"(lambda r: (r[0][0], r[1]))({form})")


def twice_mapped(g: Generator) -> None:
    """vmap in vmap, over different axes of two arrays."""
    draw = g.draw
    x = g.find(lambda v: is_float(v) and v.ndim == 2 and v.size and v.size <= 3000)
    y = g.floating(1)
    vx, vy = g.value(x), g.value(y)
    if vx.shape[0] * vy.size * vx.shape[1] > g.most:
        raise Retry
    row, one = g.name("r"), g.name("o")
    with smaller(g, vx.shape[0] * vy.size), g.function("body", {row: vx[0], one: vy[0]}) as body:
        g.steps(2)
        result = list(g.scope.own)[-1]
    body.returns = result
    inner = f"ingot.vmap({body.name}, in_axes=(None, 0){draw.one(['', ', out_axes=-1'])})"
    g.add(draw.one([f"ingot.vmap({inner}, in_axes=(0, None))({x}, {y})",
                    f"ingot.vmap({inner}, in_axes=(0, None), out_axes=1)({x}, {y})",
                    f"lax.map(lambda r: {inner}(r, {y}), {x}, batch_size=3)"]), [body])


def remembered(g: Generator) -> None:
    """The gradient of a scan whose body is computed again, saved or replaced by its own rule."""
    draw, x = g.draw, g.find(lambda v: is_float(v) and v.size and v.dtype.itemsize >= 4)
    vx = g.value(x)
    carry, start, before = g.name("c"), g.name("d"), g.reversible
    g.reversible = True
    try:
        with g.function("step", {carry: vx}) as step:
            g.steps(2)
            step.returns = of_type(g, vx)
    finally:
        g.reversible = before
    wrapper = draw.one(["ingot.checkpoint", "with_jvp", "with_vjp", "ingot.jit", ""])
    policy = "(lambda f: ingot.checkpoint(f, policy=ingot.checkpoint_policies.dots_saveable))"
    wrapper = draw.one([wrapper, wrapper, policy])
    loop = f"lax.scan(lambda c, _: ({wrapper}({step.name})(c), jnp.sum(c)), {start}, None," \
        f" length={draw.one([1, 2, 5])})"
    if draw.chance(0.3):
        loop = f"ingot.checkpoint(lambda {start}: {loop})({start})"
    total = f"lambda {start}: (lambda r: jnp.sum(jnp.sin(r[0])) + jnp.sum(r[1]) / 9)({loop})"
    g.add(draw.one([f"ingot.grad({total})({x})", f"ingot.jvp({total}, ({x},), ({x},))[1]"
                    f" / {vx.size}", f"ingot.vmap(ingot.grad({total}))(jnp.stack([{x}, -{x}]))"]),
          [step])


LOOPS = [(swapping, 3), (buffers, 3), (keys, 0.7), (twice_mapped, 1.5), (remembered, 2)]
