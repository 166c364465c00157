"""First-order statements by family: operations with their modes, axes and dtypes."""

from __future__ import annotations

import re
from typing import Any

import ingot.numpy as jnp
from fuzz.generator import Generator, Retry, is_float, is_integer


def _wide(v: Any) -> bool:
    """Real floating numbers of 32 or 64 bits, at least one."""
    return bool(is_float(v) and v.dtype.itemsize >= 4 and v.size)


def _matrices(g: Generator) -> tuple[str, int, int]:
    """An expression for a small matrix or a stack of them, and the size of one."""
    x = g.find(lambda v: _wide(v) and v.size >= 4)
    vx, most = g.value(x), g.draw.one([2, 3, 5, 8, 9, 17, 33])
    if vx.ndim >= 2 and 2 <= min(vx.shape[-2:]) and max(vx.shape[-2:]) <= 40 and vx.ndim <= 3:
        return x, vx.shape[-2], vx.shape[-1]
    side = min(most, int(vx.size**0.5))
    if g.draw.chance(0.4) and vx.size >= 8:
        side = min(side, 4)
        count = min(vx.size // side**2, 9)
        return f"{x}.reshape(-1)[:{count * side * side}].reshape({count}, {side}, {side})", \
            side, side
    return f"{x}.reshape(-1)[:{side * side}].reshape({side}, {side})", side, side


def small_matrices(g: Generator) -> None:
    """Factorizations and solutions of small matrices and stacks of them."""
    x, n, m = _matrices(g)
    a = f"(lambda x: x @ jnp.swapaxes(x, -1, -2) / {m} + jnp.eye({n}, dtype=x.dtype))({x})"
    forms = [f"jnp.linalg.cholesky({a})", f"jnp.linalg.solve({a}, {x})", f"jnp.linalg.inv({a})",
             f"jnp.linalg.slogdet({a})[1]", f"jnp.linalg.qr({a})[1]", f"jnp.trace({a}, 0, -1, -2)",
             f"jnp.linalg.matrix_power({a} * 0.3, 3)", f"jnp.tril({a}, -1) + jnp.triu({a}, 1)",
             f"(lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True,"
             f" transpose_a={g.draw.chance(0.5)}))({a}, {x})",
             f"(lambda a: lax.linalg.triangular_solve(a, a, lower={g.draw.chance(0.5)}))({a})",
             f"jnp.diagonal({a}, axis1=-2, axis2=-1)", f"jnp.kron({a}, jnp.eye(2))"
             if n * n < 300 else f"{a}"]
    if not g.reversible:
        forms += [f"jnp.linalg.eigvalsh({a})", f"jnp.linalg.svd({a}, compute_uv=False)",
                  f"jnp.linalg.det({a} * 0.5)", f"ingot.scipy.linalg.expm({a} * 0.1)"]
    g.add(g.draw.one(forms))


def contraction(g: Generator) -> None:
    """Products of arrays along any axes, of integers too."""
    x = g.find(lambda v: v.ndim and v.size and v.size <= 20_000 and (is_float(v) or is_integer(v)))
    vx = g.value(x)
    y = g.alike(vx)
    k = g.draw.below(vx.ndim)
    scale = "" if is_integer(vx) else f" / {max(vx.shape[k], 1)}"
    letters = "ijk"[: vx.ndim]
    if vx.ndim > 3:
        raise Retry
    other = letters.replace(letters[k], "z")
    if vx.size * vx.size // vx.shape[k] > 40_000:
        g.add(f"jnp.einsum('{letters},{letters}->{letters.replace(letters[k], '')}', {x}, {y})"
              f"{scale}")
        return
    batch = letters[0] if vx.ndim > 1 and k else ""
    second = "".join(c if c in (letters[k], batch) else c.upper() for c in letters)
    rest = "".join(c for c in letters if c != letters[k]) + \
        "".join(c for c in second if c.isupper())
    g.add(g.draw.one([f"jnp.einsum('{letters},{second}->{rest}', {x}, {y}){scale}",
                      f"jnp.einsum('{letters},{second}->{rest[::-1]}', {x}, {y}){scale}",
                      f"jnp.tensordot({x}, {y}, axes=([{k}], [{k}])){scale}",
                      f"jnp.einsum('{letters}->{other.replace('z', '')}', {x}){scale}",
                      f"jnp.inner({x}, {y}) / {vx.shape[-1]}"]))


def one_operand(g: Generator) -> None:
    """One array, which nothing else reads, as several operands of what may overwrite one."""
    x, n, _ = _matrices(g)
    source, argument = x.partition(".")[0], g.name("x")
    if g.draw.chance(0.6) and g.value(source).size >= 400:
        n = g.draw.one([17, 20, 33])
        x = f"jnp.resize({source}, ({n}, {n}))"
    x = re.sub(rf"\b{source}\b", argument, x)
    a = f"(lambda x: x @ jnp.swapaxes(x, -1, -2) / {n} + jnp.eye({n}, dtype=x.dtype))({x})"
    a = g.draw.one([a, f"jnp.flip({a}, -1) + 2 * jnp.eye({n}, dtype={a}.dtype)",
                    f"{a}.at[..., 0, 0].set(3)"])
    solved = [f"lax.linalg.triangular_solve(a, a, left_side={g.draw.chance(0.5)},"
              f" lower={g.draw.chance(0.5)}, transpose_a={g.draw.chance(0.5)})"]
    forms = [*solved * 4, "jnp.linalg.solve(a, a)",
             "a @ a", "jnp.matmul(a, jnp.swapaxes(a, -1, -2))", "lax.sort((a, a), num_keys=1)",
             "a.at[..., ::2, :].set(a[..., ::2, :] * 0.5)", "a.at[..., 1:].add(a[..., :-1])",
             "lax.dynamic_update_slice_in_dim(a, a[..., :1], 1, -1)",
             "a.at[(a[..., 0].astype('int32') % 2)].set(a[:1])", "jnp.where(a > 0.5, a, a.T)",
             "(jnp.linalg.cholesky(a), a)", "(lax.cumsum(a, 0), lax.cummax(a, 0), a)"]
    with g.function("twice", {argument: g.value(source)}) as twice:
        (name,) = g.add(a)
    twice.returns = f"(lambda a: {g.draw.one(forms)})({name})"
    g.add(f"{twice.name}({source})", [twice])


def tables(g: Generator) -> None:
    """A small table that is computed, looked up for what may be left to a library, and again."""
    x, draw = g.floating(1), g.draw
    n, k = g.value(x).size, draw.one([2, 3, 8, 16, 17, 63, 64, 65])
    i = f"(jnp.arange({n}) * 7 % {k})"
    if draw.chance(0.6):
        i = f"(jnp.abs({x} * {k}).astype('int32') % {k})"
    table = draw.one([f"jnp.cos(jnp.arange({k}.))", f"jnp.resize({x}, {k}) * 2",
                      f"jnp.sin(jnp.linspace(0, 1, {k})) + jnp.max({x})"])
    keys = draw.one([x, f"{x}.astype('float64')", f"({x} * 9).astype('int64')"])
    if g.reversible and "int64" in keys:
        raise Retry
    used = draw.one([f"lax.sort(({keys}, jnp.sin(t[i])), num_keys=1)[1]",
                     f"lax.sort(({keys}, t[i], t[i] * {x}), num_keys=2)[1]",
                     f"lax.sort(({keys}, t[i]), num_keys=2)[1]",
                     f"lax.sort((jnp.sin(t[i]), {x}), num_keys=2)[1]",
                     f"jnp.cumsum(t[i] * {x}) / {n}", f"jnp.convolve(t[i], {x}[:3], 'same')",
                     f"lax.top_k(t[i] * {x}, 1)[0]", f"jnp.fft.rfft(jnp.sin(t[i])).real / {n}"])
    again = draw.one(["t[i]", "t[::-1][i]", f"t[i] * {x}", "jnp.cos(t)[i]", f"t[i[0]] + {x}"])
    g.add(f"(lambda t, i: ({used}, {again}))({table}, {i})")


def modes(g: Generator) -> None:
    """Gathers and scatters with places outside, of several axes, in each mode."""
    x = g.find(lambda v: v.ndim and v.shape[0] and v.dtype.kind != "c")
    vx, draw = g.value(x), g.draw
    n, m = vx.shape[0], vx.shape[-1]
    try:
        i = g.find(lambda v: is_integer(v) and v.size and v.ndim == 1 and v.size <= 5000)
        i = f"({i}.astype('int32') % {2 * n + 1} - {n // 2})"
    except Retry:
        i = f"(jnp.arange({min(n, 99) + 3}) * 3 - 2)"
    mode = draw.one(["drop", "clip", "fill"])
    method = draw.one(["set", "add", "min", "max", "multiply"])
    value = {"b": "True"}.get(vx.dtype.kind, "1" if is_integer(vx) else "0.5")
    if g.reversible and method == "multiply" or not vx.size or not m:
        raise Retry
    if vx.dtype == bool and method in ("add", "multiply", "min", "max"):
        method = "set"
    fill = mode if mode in ("clip", "drop") else "drop"
    forms = [f"{x}.at[{i}].get(mode={mode!r}, fill_value=0)",
             f"{x}.at[{i}].{method}({value}, mode={fill!r})",
             f"{x}.at[{i}].get(mode='fill', fill_value=1)",
             f"jnp.take({x}, {i}, 0, mode={mode!r}, fill_value=0)",
             f"lax.dynamic_slice_in_dim({x}, {i}[0], {max(n // 3, 1)})",
             f"lax.dynamic_update_slice_in_dim({x}, {x}[::2][: {max(n // 3, 1)}], {i}[-1], 0)"]
    if vx.ndim == 2:
        forms += [f"{x}.at[{i}, {i} % {m}].{method}({value}, mode={fill!r})",
                  f"{x}.at[:, {i} % {m}].{method}({value})", f"{x}[{i} % {n}, {i} % {m}]",
                  f"{x}[:, {i} % {m}]", f"{x}.at[{i}, 0].get(mode={mode!r}, fill_value=0)",
                  f"{x}.at[{i} % {n}, ::2].{method}({x}[0, ::2])"]
    g.add(draw.one(forms))


def orders(g: Generator) -> None:
    """Sorts by several keys, in either direction, and what is found in sorted arrays."""
    x = g.find(lambda v: v.ndim and v.size and v.dtype.kind != "c")
    vx, draw = g.value(x), g.draw
    axis, n = draw.below(vx.ndim), vx.shape[0]
    y = g.find(lambda v: v.shape == vx.shape and v.dtype.kind != "c")
    z = g.find(lambda v: v.shape == vx.shape)
    stable = draw.one(["", ", is_stable=True"])
    forms = [f"lax.sort(({y}, {x}, {z}), dimension={axis}, num_keys=2)",
             f"lax.sort(({x}, {z}), dimension={axis}, num_keys=1{stable})",
             f"lax.sort(({x}, {y}, {z}), dimension={axis}, num_keys=1)",
             f"jnp.lexsort(({x}, {y}), axis={axis})",
             f"jnp.argsort({x}, axis={axis}, descending=True)",
             f"jnp.sort({x}, axis={axis}, descending=True)",
             f"lax.sort(({x}, lax.broadcasted_iota('int32', {vx.shape}, {axis})),"
             f" dimension={axis}, num_keys=1)",
             f"jnp.searchsorted(jnp.sort({x}.reshape(-1)), {y}, side='right')"]
    if vx.dtype != bool:
        forms += [f"lax.top_k({x}, {1 + draw.below(min(vx.shape[-1], 9))})[0]",
                  # The others are in any order, and of equal ones any has the derivative.
                  f"jnp.partition(lax.stop_gradient({x}), {n // 2})[{n // 2}]"
                  if vx.ndim == 1 else f"{x}[::-1]"]
    if vx.dtype == bool or is_integer(vx):
        forms += [f"jnp.sort({x}.astype('uint8'), {axis})", f"jnp.argsort({x} % 2, {axis})"]
    g.add(draw.one(forms))


def ties(g: Generator) -> None:
    """Sorts of as many numbers as what sorts them takes at a time, of which many are equal."""
    x, draw = g.find(lambda v: is_float(v) and v.size), g.draw
    n = draw.one([15, 17, 63, 65, 129, 255, 257, 511, 513, 1025, 2049, 4097])
    dtype = draw.one(["float16", "bfloat16", "float32", "float64", "int8", "uint16", "int32"],
                     [4, 1, 1, 1, 1, 1, 1])
    if g.reversible and "int" in dtype:
        raise Retry
    keys = f"jnp.floor(jnp.resize({x}, {n}) * {draw.one([2, 8, 99])}).astype({dtype!r})"
    g.add(draw.one([f"jnp.sort({keys})", f"jnp.sort({keys})", f"jnp.sort({keys}[None], 1)[0]",
                    f"jnp.sort({keys}, descending=True)", f"jnp.argsort({keys})",
                    f"jnp.sort(jnp.stack([{keys}, {keys}], {draw.below(2)}), {draw.below(2)})",
                    f"lax.sort(({keys}, jnp.resize({x}, {n})), num_keys=1)",
                    f"jnp.unique({keys}, size={min(n, 9)}, fill_value=0)"]))


def cumulations(g: Generator) -> None:
    """Running operations in either direction, of any dtype, of pairs."""
    x = g.find(lambda v: v.ndim and v.size)
    vx = g.value(x)
    axis, reverse = g.draw.below(vx.ndim), g.draw.chance(0.6)
    length = vx.shape[axis]
    tail = f", axis={axis}, reverse={reverse})"
    if vx.dtype == bool:
        g.add(f"lax.cumsum({x}.astype('int32'){tail}")
        return
    inexact = jnp.issubdtype(vx.dtype, jnp.inexact)
    forms = [f"lax.cumsum({x}{tail} / {length}" if inexact else f"lax.cumsum({x}{tail}",
             f"lax.cumprod({x} * 0.5{tail}" if inexact else f"lax.cumprod({x}{tail}"]
    if vx.dtype.kind != "c":
        forms += [f"lax.cummax({x}{tail}", f"lax.cummin({x}{tail}"]
    if is_float(vx):
        forms += [f"lax.cumlogsumexp({x}{tail}",
                  f"jnp.diff({x}, axis={axis})" if length > 1 else f"{x}",
                  f"lax.associative_scan(lambda p, q: (p[0] * q[0], p[1] * q[0] + q[1]),"
                  f" (jnp.tanh({x}), {x} * 0.1){tail}"]
    g.add(g.draw.one(forms))


def convolutions(g: Generator) -> None:
    """Convolutions and reductions over windows in one and two dimensions."""
    x, draw = g.find(lambda v: _wide(v) and 1 <= v.ndim <= 2 and 4 <= v.size <= 9000), g.draw
    vx = g.value(x)
    k, stride = draw.one([1, 2, 3, 5]), draw.one([1, 1, 2, 3])
    padding = draw.one(["'SAME'", "'VALID'", None])
    if vx.ndim == 1:
        k = min(k, vx.size)
        pad = padding or f"[({draw.below(3)}, {draw.below(3)})]"
        forms = [f"lax.conv_general_dilated({x}[None, None], {x}[:{2 * k}].reshape(2, 1, -1),"
                 f" ({stride},), {pad})[0] / {k}",
                 f"lax.conv_general_dilated({x}[None, None], {x}[:{k}].reshape(1, 1, -1), (1,),"
                 f" [({k}, {k})], lhs_dilation=({stride},))[0] / {k}",
                 f"jnp.correlate({x}, {x}[:{k}], 'full') / {k}",
                 f"lax.reduce_window({x}, 0., lax.add, ({k},), ({stride},), {pad}) / {k}"]
    else:
        k = min(k, *vx.shape)
        pad = padding or f"[({draw.below(3)}, 0), (1, {draw.below(3)})]"
        forms = [f"lax.conv_general_dilated({x}[None, None], {x}[:{k}, :{k}][None, None],"
                 f" ({stride}, 1), {pad})[0, 0] / {k * k}",
                 f"lax.conv_general_dilated({x}.T[None, ..., None], jnp.ones(({k}, 1, 1, 3),"
                 f" {x}.dtype), (1, {stride}), {pad},"
                 f" dimension_numbers=('NHWC', 'HWIO', 'NHWC'))[0] / {k}",
                 f"lax.reduce_window({x}, 0., lax.add, ({k}, 1), ({stride}, 1), {pad}) / {k}",
                 f"lax.reduce_window({x}, -jnp.inf, lax.max, ({k}, {k}), (1, {stride}), 'VALID')"]
    g.add(draw.one(forms))


def transforms(g: Generator) -> None:
    """Fourier transforms along any axis, to other lengths too."""
    z = g.find(lambda v: v.ndim and v.size and v.size <= 20_000
               and (_wide(v) or v.dtype.kind == "c"))
    vz = g.value(z)
    axis = g.draw.below(vz.ndim)
    n = vz.shape[axis]
    other = g.draw.one([n, n, n + 3, max(n // 2, 1), 2 * n])
    if vz.dtype.kind == "c":
        forms = [f"jnp.fft.fft({z}, {other}, {axis}) / {n}", f"jnp.fft.ifft({z}, {other}, {axis})",
                 f"jnp.fft.irfft({z}, {other}, {axis})", f"jnp.fft.ifftn({z})",
                 f"jnp.fft.fftshift({z}, {axis})"]
    else:
        forms = [f"jnp.fft.rfft({z}, {other}, {axis}) / {n}",
                 f"jnp.fft.fft({z}, {other}, {axis}) / {n}",
                 f"jnp.fft.irfft(jnp.fft.rfft({z}, axis={axis}), {other}, {axis})",
                 f"jnp.real(jnp.fft.ifft({z}, axis={axis}))"]
    g.add(g.draw.one(forms))


def random_numbers(g: Generator) -> None:
    """Numbers from keys made and split in the program."""
    x = g.floating()
    vx, draw = g.value(x), g.draw
    key = draw.one([f"ingot.random.split(ingot.random.key({draw.below(99)}))[1]",
                    f"ingot.random.fold_in(ingot.random.PRNGKey(3), {draw.below(9)})",
                    f"ingot.random.fold_in(ingot.random.key(1), jnp.argmax({x}))"])
    forms = [f"{x} + ingot.random.normal({key}, {vx.shape}, {vx.dtype.name!r}) * 0.5",
             f"ingot.random.bits({key}, {vx.shape}, {draw.one(['uint8', 'uint16', 'uint32'])!r})",
             f"ingot.random.randint({key}, {vx.shape}, 0, 9)",
             f"jnp.where(ingot.random.bernoulli({key}, 0.3, {vx.shape}), {x}, -{x})",
             f"ingot.vmap(lambda k: ingot.random.uniform(k, (3,)))(ingot.random.split({key}, 5))",
             f"{x} * ingot.random.exponential({key}, {vx.shape}, {vx.dtype.name!r}) * 0.2"]
    if vx.ndim:
        forms += [f"ingot.random.permutation({key}, {x}, axis={draw.below(vx.ndim)})",
                  f"ingot.random.choice({key}, {x}, (7,))"]
    g.add(draw.one(forms))


def booleans(g: Generator) -> None:
    """Truth values: made, combined, counted, used as masks."""
    draw = g.draw
    if draw.chance(0.4):
        x = g.floating()
        y = g.alike(g.value(x))
        g.add(draw.one([f"{x} > {y}", f"jnp.isfinite({x})", f"({x} > 0) ^ ({y} > 0)",
                        f"jnp.abs({x}) >= 0.5", f"jnp.signbit({x})"]))
        return
    p = g.find(lambda v: v.dtype == bool and v.size)
    vp = g.value(p)
    q = g.alike(vp)
    forms = [f"{p} & {q}", f"{p} | ~{q}", f"{p} ^ {q}", f"jnp.sum({p})", f"jnp.mean({p})",
             f"{p}.astype('uint8')", f"jnp.where({p}, {q}, {p})", f"{p} == {q}", f"{p} * 2.5",
             f"jnp.any({p})", f"jnp.argmax({p})", f"jnp.count_nonzero({p})", f"{p} >= {q}"]
    if vp.ndim:
        axis = draw.below(vp.ndim)
        forms += [f"jnp.all({p}, {axis})", f"jnp.any({p}, {axis}, keepdims=True)",
                  f"jnp.cumsum({p}, {axis})", f"jnp.nonzero({p}, size=5, fill_value=-1)[0]",
                  f"jnp.packbits({p}, {axis})", f"jnp.flip({p}, {axis})",
                  f"jnp.flatnonzero({p}, size={min(vp.size, 70)}, fill_value=0)"]
    g.add(draw.one(forms))


def elementwise(g: Generator) -> None:
    """What is chosen, clamped, cut to fewer bits, or seen as other bits."""
    x = g.find(lambda v: (is_float(v) or is_integer(v)) and v.size)
    vx, draw = g.value(x), g.draw
    y = g.alike(vx)
    forms = [f"jnp.clip({x}, {y}, None)", f"lax.clamp({x} * 0, {x}, {y})",
             f"lax.select({x} > {y}, {x}, {y})", f"jnp.where({x} == {y}, {x}, 0)",
             f"jnp.maximum({x}, jnp.max({y}))"]
    bits = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}[vx.dtype.itemsize]
    if is_float(vx):
        forms += [f"lax.rem({x}, 1 + jnp.abs({y}))", f"jnp.abs({x}) ** 1.5", f"{x} ** 3 * 0.1",
                  f"jnp.power(1 + jnp.abs({x}), {y})", f"jnp.logaddexp({x}, {y})",
                  f"jnp.select([{x} > 0.5, {y} > 0], [{x}, {y}], 0.25)", f"jnp.sinc({x})",
                  f"jnp.arctan2({x}, {y} + 2)", f"jnp.expm1({x} * 0.1)", f"ingot.nn.softmax({x})"
                  if vx.ndim else f"ingot.nn.relu({x})", f"ingot.nn.gelu({x})",
                  f"jnp.nan_to_num({x} / 1)", f"lax.rsqrt(1 + {x} * {x})",
                  f"jnp.tanh({x}.astype('float16'))", f"jnp.arctan({x}.astype('float16'))",
                  f"jnp.sinh({x}.astype('bfloat16') * 0.5)"]
        if not g.reversible:
            forms += [f"lax.nextafter({x}, {y})", f"jnp.frexp({x})[1]", f"jnp.copysign({x}, {y})",
                      f"lax.bitcast_convert_type({x}, {bits!r}) >> 3", f"jnp.heaviside({x}, {y})"]
            if vx.dtype.itemsize >= 4:
                forms.append(f"lax.reduce_precision({x}, 8, 7)")
    else:
        forms += [f"lax.bitcast_convert_type({x}, {bits!r})", f"jnp.gcd({x}, {y})",
                  f"{x} ** 2", f"jnp.abs({x})", f"jnp.sign({x})", f"jnp.divmod({x}, {y} | 1)",
                  f"{x} > {y}", f"{x} / (1 + jnp.abs({y}.astype('float64')))"]
    g.add(draw.one(forms))


FAMILIES = [(small_matrices, 2.5), (one_operand, 3), (tables, 2), (contraction, 1.5), (modes, 3),
            (orders, 3), (ties, 2.5), (cumulations, 2), (convolutions, 1), (transforms, 1),
            (random_numbers, 1), (booleans, 1.5), (elementwise, 3)]
