"""Statements with functions inside: loops, branches, derivatives, mapped and nested functions."""

from __future__ import annotations

from typing import Any

import ingot.numpy as jnp
from fuzz.blocks import Function, Statement
from fuzz.generator import Generator, Retry, is_float


def some(g: Generator, most: int) -> list[str]:
    """A few different names of arrays, rather of the same type."""
    first = g.floating()
    names = [first]
    for _ in range(g.draw.below(most)):
        try:
            name = g.alike(g.value(first)) if g.draw.chance(0.7) else g.floating()
        except Retry:
            continue
        if name not in names:
            names.append(name)
    return names


def updated(g: Generator, names: list[str], k: int, counter: str | None) -> str:
    """What a loop hands on in the place of its k-th value: an expression of that type."""
    draw, c, x = g.draw, names[k], g.value(names[k])
    dtype = x.dtype.name
    same = [n for n in names if g.value(n).shape == x.shape and g.value(n).dtype == x.dtype]
    choice = draw.below(6)
    if choice == 0:
        return draw.one(same)  # handed on, exchanged with another, or copied to two places
    if choice in (1, 2) and x.ndim and x.shape[0]:
        n = x.shape[0]
        i = f"{counter} % {n}" if counter else f"{draw.below(n)}"
        source = draw.one([n_ for n_, v in g.scope.values.items()
                           if v.shape == x.shape and is_float(v)] or [c])
        value = draw.one([f"{source}[{n} - 1 - {i}] * 0.5 + 0.1", f"{c}[{draw.below(n)}]", "0.3",
                          f"{source}[({i} + 1) % {n}] + 0.25 * {c}[({i} - 1) % {n}]"])
        return f"{c}.at[{i}].{draw.one(['set', 'set', 'set', 'max', 'min'])}({value})"
    found = [n for n, v in g.scope.own.items() if v.shape == x.shape and is_float(v)]
    if choice < 5 and found:
        return f"({draw.one(found[-3:])} * 0.5).astype({dtype!r})"
    return f"(jnp.sin({c}) * 0.9 + 0.05).astype({dtype!r})"


def body(g: Generator, arguments: dict[str, Any], carried: list[str], counter: str | None,
         most: int = 3) -> tuple[Function, list[str]]:
    """A function that takes `arguments` and hands on something for each of `carried`."""
    with g.function("body", arguments) as written:
        if g.draw.chance(0.8):
            g.steps(most)
        news = [updated(g, carried, k, counter) for k in range(len(carried))]
        written.arguments = list(arguments)
        return written, news


def tuple_of(parts: list[str]) -> str:
    return f"({', '.join(parts)},)"


def trips(g: Generator) -> int:
    return g.draw.one([0, 1, 2, 3, 4, 7, 8, 9])


def unpack(carried: list[str], packed: str) -> Statement:
    """A first statement that takes a tuple of carried values apart; it cannot be a filler."""
    return Statement([tuple_of(carried)[1:-1]], packed, [])


def loop(g: Generator) -> None:
    """fori_loop, with static or dynamic bounds, or while_loop."""
    names = some(g, 3)
    carried = [g.name("c") for _ in names]
    samples = {c: g.value(n) for c, n in zip(carried, names, strict=True)}
    counter = g.name("i")
    packed = g.name("t")
    with g.function("body", {counter: jnp.asarray(0), **samples}) as written:
        if g.draw.chance(0.8):
            g.steps(3)
        news = [updated(g, carried, k, counter) for k in range(len(carried))]
    written.statements.insert(0, unpack(carried, packed))
    n, start = trips(g), tuple_of(names)
    kind = g.draw.below(3)
    if kind < 2 or g.reversible:
        written.arguments, written.returns = [counter, packed], tuple_of(news)
        bound = f"jnp.asarray({n})" if kind == 1 and not g.reversible else f"{n}"
        g.add(f"lax.fori_loop(0, {bound}, {written.name}, {start})", [written])
        return
    written.arguments = [packed]
    written.statements[0] = unpack([counter, *carried], packed)
    written.returns = tuple_of([f"{counter} + 1", *news])
    g.add(f"lax.while_loop(lambda t: t[0] < {n}, {written.name}, (0, *{start}))[1:]", [written])


def scan(g: Generator) -> None:
    """scan over the rows of an array, short enough to be run by Python too."""
    names = some(g, 2)
    xs = g.find(lambda v: v.ndim and v.size and v.dtype.kind != "c")
    length = min(g.value(xs).shape[0], g.draw.one([1, 2, 5, 8, 13]))
    carried, x, packed = [g.name("c") for _ in names], g.name("x"), g.name("t")
    samples = {c: g.value(n) for c, n in zip(carried, names, strict=True)}
    with g.function("body", {**samples, x: g.value(xs)[0]}) as written:
        g.steps(3)
        news = [updated(g, carried, k, None) for k in range(len(carried))]
        ys = g.draw.one([k for k in g.scope.own])
    written.statements.insert(0, unpack(carried, packed))
    written.arguments, written.returns = [packed, x], f"{tuple_of(news)}, {ys}"
    options = g.draw.one(["", "", ", reverse=True", ", unroll=2"])
    out = g.name("s")
    g.add(f"(lambda {out}: (*{out}[0], {out}[1]))(lax.scan({written.name}, {tuple_of(names)},"
          f" {xs}[:{length}]{options}))", [written])


def branch(g: Generator) -> None:
    """cond or switch on a value of the program."""
    names = some(g, 3)
    count = g.draw.one([2, 2, 3])
    arguments = [g.name("b") for _ in names]
    samples = {a: g.value(n) for a, n in zip(arguments, names, strict=True)}
    functions = []
    for _ in range(count):
        function, news = body(g, dict(samples), arguments, None, 2)
        function.returns = tuple_of(news)
        functions.append(function)
    where = g.floating()
    predicate = f"jnp.sum({where}) > {g.draw.one([-0.5, 0.0, 0.5])}"
    operands = ", ".join(names)
    if count == 2:
        g.add(f"lax.cond({predicate}, {functions[0].name}, {functions[1].name}, {operands})",
              functions)
    else:
        choices = ", ".join(f.name for f in functions)
        g.add(f"lax.switch(({predicate}).astype(int) + 1, [{choices}], {operands})", functions)


def called(g: Generator) -> None:
    """A function under jit or checkpoint, or with a derivative of its own, called twice."""
    names = some(g, 2)
    arguments = [g.name("p") for _ in names]
    samples = {a: g.value(n) for a, n in zip(arguments, names, strict=True)}
    function, news = body(g, samples, arguments, None)
    function.returns = tuple_of(news)
    wrapper = g.draw.one(["ingot.jit", "ingot.jit", "ingot.checkpoint", "with_jvp", "with_vjp"])
    inner = f"{wrapper}({function.name})({', '.join(names)})"
    g.add(f"{wrapper}({function.name})(*{inner})" if g.draw.chance(0.5) else inner, [function])


def mapped(g: Generator) -> None:
    """vmap of a function over the leading axis, or over the last."""
    x = g.find(lambda v: is_float(v) and v.ndim and v.size)
    axis = g.draw.below(g.value(x).ndim)
    row, other = g.name("r"), g.name("o")
    closed = g.floating()
    samples = {row: g.value(x).take(0, axis=axis), other: g.value(closed)}
    rows, most = g.value(x).shape[axis], g.most
    if rows * g.value(closed).size > most:
        raise Retry
    g.most //= rows
    try:
        with g.function("body", samples) as written:
            g.steps(3)
            result = list(g.scope.own)[-1]
    finally:
        g.most = most
    written.returns = result
    out = g.draw.one([0, 0, -1])
    name = g.draw.one(["ingot.vmap", "ingot.vmap", "loop"])
    if name == "loop" and axis == 0 and out == 0:
        g.add(f"lax.map(lambda v: {written.name}(v, {closed}), {x})", [written])
    else:
        g.add(f"ingot.vmap({written.name}, in_axes=({axis}, None), out_axes={out})({x}, {closed})",
              [written])


def derivative(g: Generator) -> None:
    """grad, jvp or a gradient of a gradient of a sum."""
    x = g.floating()
    argument = g.name("d")
    before, g.reversible = g.reversible, True
    try:
        with g.function("body", {argument: g.value(x)}) as written:
            g.steps(3)
            found = [n for n, v in g.scope.own.items() if is_float(v)]
            result = g.draw.one(found[-2:])
    finally:
        g.reversible = before
    written.returns = f"jnp.sum(jnp.sin({result}))"
    f = written.name
    scale = max(g.value(x).size, 1)
    g.add(g.draw.one([f"ingot.grad({f})({x})", f"ingot.value_and_grad({f})({x})[1]",
                      f"ingot.jvp({f}, ({x},), ({x},))[1] / {scale}",
                      f"ingot.grad(lambda v: jnp.sum(ingot.grad({f})(v) ** 2))({x})"]), [written])


HIGHER_ORDER = [(loop, 6), (scan, 4), (branch, 3), (called, 2), (mapped, 3), (derivative, 3)]
