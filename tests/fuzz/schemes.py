"""Statements in the form that users write often, and that the compiler has rules of its own for:
schemes of time levels, loops in loops, mapped loops and branches, derivatives of derivatives."""

from __future__ import annotations

from typing import Any

import ingot.numpy as jnp
from fuzz.blocks import Function
from fuzz.control import HIGHER_ORDER, derivative, tuple_of, unpack
from fuzz.families import FAMILIES
from fuzz.generator import Generator, Retry, is_float, is_integer
from fuzz.nested import LOOPS
from fuzz.sums import TILED
from fuzz.vocabulary import FIRST_ORDER


def levels(g: Generator) -> None:
    """Two or three time levels, one of them updated, that take each other's places."""
    draw = g.draw
    first = g.find(lambda v: is_float(v) and v.ndim and v.shape[0] > 2)
    x = g.value(first)
    names = [first, *(g.alike(x) for _ in range(1 + draw.below(2)))]
    n, i, packed = x.shape[0], g.name("i"), g.name("t")
    c = [g.name("c") for _ in names]
    samples = dict(zip(c, map(g.value, names), strict=True))
    with g.function("step", {i: jnp.asarray(1), **samples}) as step:
        if draw.chance(0.4):
            g.steps(2)
        found = [v for v, y in g.scope.own.items()
                 if y.shape == x.shape and y.dtype == x.dtype and v not in c]
    source = draw.one([*c, *found])
    value = draw.one([f"{source}[({i} + 1) % {n}] * 0.5 + {c[0]}[({i} - 1) % {n}] * 0.25",
                      f"{c[-1]}[{i} % {n}] * 0.5 - 0.1", f"jnp.sin({source}[{n} - 1])"])
    update = draw.one([f"{c[0]}.at[{i} % {n}].set({value})", f"{c[0]}.at[{i} % {n}].add({value})",
                       f"{c[-1]}.at[{i} % {n}].set({value})", f"{c[-1]} * 0.5 + {c[0]} * 0.25"])
    news = draw.one([[update, *c[:-1]], [update, *c[:-1]], [*c[1:], update],
                     [c[0], update, *c[2:]]])
    step.statements.insert(0, unpack(c, packed))
    trips, start = draw.one([1, 2, 3, 7, 8, 19]), tuple_of(names)
    kind = draw.below(3)
    if kind == 0 or g.reversible:
        step.arguments, step.returns = [i, packed], tuple_of(news)
        g.add(f"lax.fori_loop(1, {trips + 1}, {step.name}, {start})", [step])
    elif kind == 1:
        step.arguments, step.returns = [packed, i], f"{tuple_of(news)}, {c[-1]}[{i} % {n}]"
        out = g.name("s")
        g.add(f"(lambda {out}: (*{out}[0], {out}[1]))"
              f"(lax.scan({step.name}, {start}, jnp.arange({trips})))", [step])
    else:
        step.arguments, step.returns = [packed], tuple_of([f"{i} + 1", *news])
        step.statements[0] = unpack([i, *c], packed)
        g.add(f"lax.while_loop(lambda t: t[0] < {trips}, {step.name}, (0, *{start}))[1:]", [step])


def waiting(g: Generator) -> None:
    """A loop for as long as the data say: alone, in a scan, or of each row."""
    draw, x = g.draw, g.find(lambda v: is_float(v) and v.ndim and v.shape[0])
    vx = g.value(x)
    row, c, i = g.name("r"), g.name("c"), g.name("i")
    mapped = vx.ndim > 1 and draw.chance(0.7)
    one = vx[0] if mapped else vx
    packed = g.name("t")
    with g.function("body", {i: jnp.asarray(0), c: one}) as body:
        g.steps(2)
        found = [v for v, y in g.scope.own.items() if y.shape == one.shape and is_float(y)]
    last = draw.one(found[-2:])
    body.statements.insert(0, unpack([i, c], packed))
    body.arguments = [packed]
    body.returns = f"({i} + 1, ({last} * 0.5).astype({one.dtype.name!r}))"
    total = g.name("s")
    bound = f"jnp.floor(jnp.abs({total}) * 3) % 6"
    wait = Function(g.name("wait"), [row], [],
                    f"lax.while_loop(lambda t: t[0] < {bound}, {body.name}, (0, {row}))[1]")
    wait.statements.append(unpack([total], f"(jnp.sum({row}),)"))
    wait.statements[0].functions = [body]
    form = [f"{wait.name}({x})"] if not mapped else [
        f"ingot.vmap({wait.name})({x})", f"lax.map({wait.name}, {x}[:5])",
        f"lax.scan(lambda s, v: (s + jnp.sum({wait.name}(v)) / {one.size}, {wait.name}(v + s * 0)),"
        f" jnp.zeros((), {one.dtype.name!r}), {x}[:5])"]
    if g.reversible:
        raise Retry
    g.add(draw.one(form), [wait])


def choosing(g: Generator) -> None:
    """A branch or a switch of each row."""
    x = g.find(lambda v: is_float(v) and v.ndim and v.shape[0])
    vx = g.value(x)
    arms = []
    most, g.most = g.most, max(g.most // vx.shape[0], 1)
    try:
        for _ in range(2 + g.draw.below(2)):
            argument = g.name("b")
            with g.function("arm", {argument: vx[0]}) as arm:
                g.steps(2)
                found = [v for v, y in g.scope.own.items() if y.shape == vx[0].shape]
            arm.returns = f"({g.draw.one(found[-2:])}).astype({vx.dtype.name!r})"
            arms.append(arm)
    finally:
        g.most = most
    names = ", ".join(a.name for a in arms)
    where = "jnp.sum(r).astype('float64')"
    form = f"lax.cond({where} > 0, {names}, r)" if len(arms) == 2 else \
        f"lax.switch((jnp.floor({where} * 2) % 3).astype(int), [{names}], r)"
    g.add(f"ingot.vmap(lambda r: {form})({x})", arms)


def curvature(g: Generator) -> None:
    """Products of a Hessian with a vector, and whole derivatives of small functions."""
    x = g.find(lambda v: is_float(v) and v.dtype.itemsize >= 4 and v.size)
    vx = g.value(x)
    argument = g.name("d")
    before, g.reversible = g.reversible, True
    try:
        with g.function("energy", {argument: vx}) as energy:
            g.steps(3)
            found = [n for n, v in g.scope.own.items() if is_float(v)]
            result = g.draw.one(found[-2:])
    finally:
        g.reversible = before
    energy.returns = f"jnp.sum(jnp.sin({result}))"
    f, scale = energy.name, max(vx.size, 1)
    forms = [f"ingot.jvp(ingot.grad({f}), ({x},), ({x},))[1] / {scale}",
             f"ingot.grad(lambda v: jnp.vdot(ingot.grad({f})(v), {x}))({x}) / {scale}",
             f"ingot.linearize({f}, {x})[1]({x}) / {scale}",
             f"ingot.vjp({f}, {x})[1](jnp.ones_like({f}({x})))[0]"]
    if vx.size <= 9:
        forms += [f"ingot.hessian({f})({x})", f"ingot.jacfwd(ingot.grad({f}))({x})",
                  f"ingot.jacrev({f})({x})"]
    g.add(g.draw.one(forms), [energy])


def complex_numbers(g: Generator) -> None:
    """Make complex numbers, compute with them, or take their parts."""
    draw = g.draw
    if draw.chance(0.4):
        x = g.find(lambda v: is_float(v) and v.dtype.itemsize >= 4 and v.size)
        y = g.alike(g.value(x))
        g.add(draw.one([f"lax.complex({x}, {y})", f"jnp.exp(1j * {x})", f"{x} + 0.5j * {y}"]))
        return
    z = g.find(lambda v: v.dtype.kind == "c" and v.size)
    vz = g.value(z)
    w = g.alike(vz)
    forms = [f"{z} * {w} * 0.5", f"{z} - jnp.conj({w})", f"{z} / (2 + jnp.abs({w}))",
             f"jnp.real({z})", f"jnp.imag({z})", f"jnp.abs({z} + 2)", f"jnp.tanh({z} * 0.3)",
             f"jnp.where(jnp.real({z}) > 0, {z}, -{w})", f"jnp.sum({z}) / {vz.size}",
             f"jnp.exp({z} * 0.1)", f"jnp.prod({z}.reshape(-1)[:3])", f"jnp.real({z} * {w})"]
    if vz.ndim:
        n = vz.shape[0]
        forms += [f"{z}.at[{n // 2}].set({w}[0])", f"{z}.at[::2].add({w}[::2] * 0.5)",
                  f"jnp.cumsum({z}, 0) / {n}", f"jnp.fft.fft({z}) / {vz.shape[-1]}",
                  f"jnp.sum({z}, -1) / {vz.shape[-1]}", f"jnp.vdot({z}, {w}) / {vz.size}"]
    g.add(draw.one(forms))


def constants(g: Generator) -> None:
    """Arrays that the function closes over."""
    x = g.floating(least=1)
    vx = g.value(x)
    table = f"np.linspace(-1, 1, {vx.shape[-1]}).astype({vx.dtype.name!r})"
    g.add(g.draw.one([f"{x} + {table}", f"{x} * jnp.asarray({table})",
                      f"jnp.where({table} > 0, {x}, {table})",
                      f"jnp.maximum({table}, {x}) + jnp.asarray({table})[0]",
                      f"np.linspace(0, 1, 70).astype({vx.dtype.name!r})"]))


def empty(g: Generator) -> None:
    """Arrays without elements, and what is made of them."""
    x = g.find(lambda v: v.ndim and v.dtype.kind in "fiu")
    g.add(g.draw.one([f"{x}[:0]", f"jnp.concatenate([{x}[:0], {x}])", f"jnp.sum({x}[:0], 0)",
                      f"jnp.sort({x}[:0], 0)", f"{x}[:0].T", f"{x}[np.arange(0)]",
                      f"{x}.at[np.arange(0)].set(1)", f"jnp.pad({x}[:0], 1)",
                      f"jnp.cumsum({x}[:0], 0)", f"lax.scan(lambda c, v: (c, v), 0, {x}[:0])[1]"]))


def whole_numbers(g: Generator) -> None:
    """Integers of two arrays, their sums, and other widths of theirs."""
    x = g.find(is_integer)
    vx = g.value(x)
    y = g.alike(vx)
    target = g.draw.one(["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
    forms = [f"{x} + {y}", f"{x} - {y}", f"{x} * {y}", f"{x} | {y}", f"{x} ^ {y}",
             f"jnp.maximum({x}, {y})", f"{x}.astype({target!r})", f"{x}.astype({target!r})",
             f"jnp.sum({x})", f"jnp.max({x}, initial=0)", f"jnp.where({x} > {y}, {x}, {y})",
             f"{x} // ({y} | 1)", f"{x} % ({y} | 1)", f"lax.shift_right_logical({x}, {y} & 7)",
             f"jnp.left_shift({x}, {y} & 3)", f"jnp.sum({x} == {y})"]
    if vx.ndim and vx.size:
        forms += [f"jnp.cumsum({x}, 0)", f"jnp.bincount(jnp.ravel({x} % 5), length=5)",
                  f"{x}.at[{y} % {vx.shape[0]}].add({x})" if vx.ndim == 1 else f"{x}.T",
                  f"jnp.sort({x}, 0)", f"jnp.prod({x}, 0)", f"jnp.any({x} > 3, -1)"]
    g.add(g.draw.one(forms))


def halves(g: Generator) -> None:
    """Functions of numbers that were made narrower for them."""
    x = g.floating()
    target = g.draw.one(["float16", "bfloat16", "float32"])
    f = g.draw.one(["jnp.tanh", "jnp.sin", "jnp.cbrt", "jnp.arctan", "jnp.sinh", "jnp.abs",
                    "jnp.sort", "jnp.sort", "jnp.sort", "jnp.mean", "jnp.negative"])
    if f == "jnp.sort" and not g.value(x).ndim:
        raise Retry
    g.add(f"{f}({x}.astype({target!r}))")


PLAIN = [*FIRST_ORDER, *FAMILIES, *TILED, (complex_numbers, 3), (constants, 1), (empty, 0.5),
         (whole_numbers, 2), (halves, 2)]
NESTED = [*HIGHER_ORDER, *LOOPS, (levels, 4), (waiting, 1.5), (choosing, 2), (curvature, 1.5)]
DEEPEST = 3


def vocabulary(g: Generator) -> tuple[list[Any], list[float]]:
    """The kinds of statements and their weights where the generator stands."""
    kinds = list(PLAIN)
    if g.depth < DEEPEST:
        scale = {1: 1.0, 2: 0.4}.get(g.depth, 1.0)
        twice = (derivative, curvature) if g.depth > 1 else ()
        kinds += [(f, w * scale) for f, w in NESTED if f not in twice]
    return [f for f, _ in kinds], [w for _, w in kinds]
