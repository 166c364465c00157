"""The statements that random programs are made of: each kind looks for values that it fits."""

from __future__ import annotations

from fuzz.generator import Generator, Retry, is_float, is_integer

UNARY = ["jnp.sin({x})", "jnp.cos({x})", "jnp.tanh({x})", "jnp.exp(-jnp.abs({x}))",
         "jnp.sqrt(jnp.abs({x}) + 1)", "jnp.log1p(jnp.abs({x}))", "jnp.arctan({x})", "lax.erf({x})",
         "lax.logistic({x})", "-{x}", "{x} * 0.5", "{x} * {x} * 0.25", "jnp.maximum({x}, 0)",
         "jnp.where({x} > 0, {x}, 0.1 * {x})", "lax.stop_gradient({x})", "jnp.abs({x}) * 0.5",
         "jnp.cbrt({x} + 2)", "jnp.sinh({x} * 0.3)", "jnp.arcsin(jnp.tanh({x}) * 0.9)"]
STEPS = ["jnp.floor({x} * 3)", "jnp.round({x} * 2)", "jnp.sign({x})", "jnp.trunc({x} * 4)"]
BINARY = ["{x} + {y}", "{x} - {y}", "jnp.tanh({x}) * {y}", "jnp.maximum({x}, {y})",
          "jnp.minimum({x}, {y})", "{x} / (1 + jnp.abs({y}))", "jnp.arctan2({x}, 1 + jnp.abs({y}))",
          "jnp.where({x} > {y}, {x}, {y} * 0.5)", "jnp.hypot({x}, 1 + {y} * {y}) * 0.5"]
REDUCE = ["jnp.sum({x}{axis}) / {size}", "jnp.max({x}{axis})", "jnp.min({x}{axis})",
          "jnp.mean({x}{axis})", "jnp.prod(jnp.tanh({x}){axis})",
          "jnp.var({x}{axis})", "jnp.linalg.norm({x}.reshape(-1)) / {size}",
          "jax_logsumexp({x}{axis})"]


def unary(g: Generator) -> None:
    x = g.floating()
    options = UNARY if g.reversible or g.draw.chance(0.85) else STEPS
    g.add(g.draw.one(options).format(x=x))


def binary(g: Generator) -> None:
    x = g.floating()
    vx = g.value(x)
    y = g.find(lambda v: is_float(v) and v.size
               and (v.shape == vx.shape or v.ndim == 0 or v.shape == vx.shape[-v.ndim:]))
    g.add(g.draw.one(BINARY).format(x=x, y=y))


def outer(g: Generator) -> None:
    x, y = g.floating(1), g.floating(1)
    if g.value(x).size * g.value(y).size > 40_000:
        raise Retry
    g.add(f"{x}[:, None] * {y}[None, :]")


def integers(g: Generator) -> None:
    x = g.find(is_integer)
    g.add(g.draw.one(["{x} + 1", "{x} ^ 3", "~{x}", "{x} // 3", "{x} % 5", "{x} << 1", "{x} >> 1",
                      "-{x}", "{x} * {x}", "jnp.minimum({x}, 7)", "{x} & 6",
                      "lax.population_count({x})", "lax.clz({x})"]).format(x=x))


def compare(g: Generator) -> None:
    x = g.floating()
    y = g.alike(g.value(x))
    z = g.alike(g.value(x))
    g.add(f"jnp.where({x} {g.draw.one(['<', '<=', '>', '=='])} {y}, {y}, {z})")


def convert(g: Generator) -> None:
    x = g.find(lambda v: v.size)
    target = g.draw.one(["float64", "float32", "float16", "bfloat16", "int32", "int64", "int8",
                         "bool"], [5, 5, 2, 2, 2, 2, 1, 1])
    if g.reversible and "float" not in target:
        raise Retry
    vx = g.value(x)
    if is_float(vx) and "int" in target:
        g.add(f"jnp.floor({x} * 10).astype({target!r})")
    elif vx.dtype.kind == "c":
        raise Retry
    elif is_integer(vx):
        g.add(f"({x} % 50).astype({target!r})")
    else:
        g.add(f"{x}.astype({target!r})")


def axis_of(g: Generator, x: str, whole: bool = True) -> str:
    """An axis as an argument, perhaps none."""
    ndim = g.value(x).ndim
    if not ndim or whole and g.draw.chance(0.4):
        return ""
    keep = ", keepdims=True" if g.draw.chance(0.3) else ""
    return f", axis={g.draw.below(ndim)}{keep}"


def reduce(g: Generator) -> None:
    x = g.floating()
    form = g.draw.one(REDUCE)
    if "jax_logsumexp" in form:
        form = form.replace("jax_logsumexp", "ingot.nn.logsumexp")
    g.add(form.format(x=x, axis=axis_of(g, x), size=max(g.value(x).size, 1)))


def find_extreme(g: Generator) -> None:
    x = g.find(lambda v: v.size and v.dtype.kind != "c")
    axis = axis_of(g, x).replace(", keepdims=True", "")
    g.add(f"jnp.{g.draw.one(['argmax', 'argmin'])}({x}{axis})")


def cumulative(g: Generator) -> None:
    x = g.floating(least=1)
    vx = g.value(x)
    axis = g.draw.below(vx.ndim)
    length = max(vx.shape[axis], 1)
    form = g.draw.one([f"jnp.cumsum({x}, axis={axis}) / {length}",
                       f"lax.cummax({x}, axis={axis}, reverse=True)", f"lax.cummin({x}, {axis})",
                       f"jnp.cumprod(jnp.tanh({x}), axis={axis})",
                       f"lax.cumlogsumexp({x}, axis={axis})",
                       f"lax.associative_scan(jnp.maximum, {x}, axis={axis})"])
    g.add(form)


def movement(g: Generator) -> None:
    x = g.find(lambda v: v.ndim and v.size)
    vx = g.value(x)
    axis, k = g.draw.below(vx.ndim), g.draw.below(vx.shape[0] + 1)
    other = ", ".join(["slice(None)"] * axis + [g.draw.one(
        ["slice(None, None, 2)", "slice(1, None)", "slice(None, -1)", "slice(None, None, -1)",
         f"slice({k // 3}, {k // 3 + max(vx.shape[axis] // 2, 1)})"])])
    g.add(g.draw.one([
        f"{x}.T", f"{x}.reshape(-1)", f"jnp.flip({x}, {axis})", f"jnp.roll({x}, {k}, {axis})",
        f"jnp.concatenate([{x}, {x} ], {axis})", f"jnp.tile({x}, 2)",
        f"jnp.pad({x}, {1 + k % 3})", f"jnp.pad({x}, 1, mode='edge')", f"{x}[({other},)]",
        f"{x}[None]", f"jnp.stack([{x}, {x}], {axis})", f"jnp.repeat({x}, 2, {axis})",
        f"jnp.broadcast_to({x}, (2, *{x}.shape))", f"jnp.swapaxes({x}, 0, -1)",
        f"{x}.reshape({vx.shape[::-1]})", f"jnp.split({x}, [{k}])[0]",
        f"lax.pad({x}, {x}.dtype.type(0), [({k % 2}, 1, 1)] * {vx.ndim})"]))


def coprime(n: int) -> int:
    """A factor that permutes the numbers below n."""
    return next(k for k in (7, 11, 13, 17, 1) if n % k or k == 1)


def index_into(g: Generator, n: int, unique: bool = False) -> str:
    """An expression for indices below n."""
    if unique:
        return g.draw.one([f"np.arange({n})[::2]", f"np.arange({n})[::-1]",
                           f"jnp.arange({n} // 2)", f"np.arange({n}) * {coprime(n)} % {n}"])
    try:
        i = g.find(lambda v: is_integer(v) and v.size and v.ndim <= 1)
        return g.draw.one([f"{i} % {n}", f"jnp.abs({i}.astype('int32') % {n})"])
    except Retry:
        return f"np.arange({max(n // 2, 1)}) * 7 % {n}"


def gather(g: Generator) -> None:
    x = g.find(lambda v: v.ndim and v.shape[0] and v.dtype != bool)
    vx = g.value(x)
    n = vx.shape[0]
    axis = g.draw.below(vx.ndim)
    index = index_into(g, n)
    along = index_into(g, vx.shape[axis]) if vx.shape[axis] else "0"
    g.add(g.draw.one([
        f"{x}[{index}]", f"jnp.take({x}, {along}, axis={axis}, mode='clip')",
        f"jnp.take({x}, {along}, axis={axis}, mode='wrap')",
        f"jnp.take_along_axis({x}, jnp.argsort({x}, axis={axis}), axis={axis})",
        f"lax.dynamic_slice_in_dim({x}, jnp.sum({index}) % {n}, {max(n // 2, 1)})",
        f"{x}[jnp.sum({index}) % {n}]", f"lax.dynamic_index_in_dim({x}, {n - 1}, 0, False)",
        f"{x}[::-1][{index}]"]))


def scatter(g: Generator) -> None:
    x = g.find(lambda v: v.ndim and v.shape[0] and is_float(v))
    vx = g.value(x)
    n = vx.shape[0]
    if g.draw.chance(0.4):
        try:
            y = g.alike(vx)
        except Retry:
            y = x
        unique = index_into(g, n, unique=True)
        g.add(f"{x}.at[{unique}].{g.draw.one(['set', 'add', 'multiply', 'max'])}"
              f"({y}[{unique}] * 0.5)")
        return
    index = index_into(g, n)
    form = g.draw.one(["{x}.at[{i}].add(0.25)", "{x}.at[{i}].max({x}[0])", "{x}.at[{i}].min(0.1)",
                       "{x}.at[{i}].set(0.3)", "{x}.at[{k}:].set({x}[:{rest}])",
                       "{x}.at[{k}].set({x}[-1] * 0.5)", "{x}.at[1:].add(-0.5 * {x}[:-1])",
                       "lax.dynamic_update_slice_in_dim({x}, {x}[:{half}] * 2, {k}, 0)",
                       "{x}.at[{i}].apply(jnp.sin)"])
    if g.reversible and "apply" in form:
        raise Retry
    k = g.draw.below(n)
    g.add(form.format(x=x, i=index, k=k, rest=n - k, half=max(n // 2, 1)))


def sort(g: Generator) -> None:
    x = g.find(lambda v: v.ndim and v.size and v.dtype.kind not in "cb")
    vx = g.value(x)
    axis = g.draw.below(vx.ndim)
    y = g.find(lambda v: v.shape == vx.shape and v.dtype.kind not in "c")
    g.add(g.draw.one([
        f"jnp.sort({x}, axis={axis})", f"jnp.argsort({x}, axis={axis})",
        f"lax.sort(({x}, {y}), dimension={axis}, num_keys=1)",
        f"lax.sort(({x}, {y}, {x}), dimension={axis}, num_keys=2)",
        f"lax.top_k({x}, {1 + g.draw.below(min(vx.shape[-1], 20))})",
        f"jnp.searchsorted(jnp.sort({x}.reshape(-1)), {y})",
        f"jnp.median({x}.astype('float64'), axis={axis})", f"jnp.argsort(-{x}, axis={axis})"]))


def linear_algebra(g: Generator) -> None:
    x = g.find(lambda v: is_float(v) and v.ndim == 2 and v.size and v.dtype.itemsize >= 4
               and max(v.shape) <= 300)
    n, m = g.value(x).shape
    small = n <= 40
    square = f"({x} @ {x}.T / {m} + jnp.eye({n}, dtype={x}.dtype))"
    options = [f"{x} @ {x}.T / {m}", f"{x}.T @ {x} / {n}",
               f"jnp.einsum('ij,ij->i', {x}, {x}) / {m}",
               f"{x} @ jnp.ones({m}, {x}.dtype) / {m}", f"jnp.vdot({x}, {x}) / {n * m}"]
    if small or g.draw.chance(0.3):
        options += [f"jnp.linalg.cholesky({square})", f"jnp.linalg.solve({square}, {x})",
                    f"lax.linalg.triangular_solve({square}, {square}, left_side=True, lower=True)",
                    f"jnp.linalg.inv({square})"]
    if small and not g.reversible:
        options += [f"jnp.linalg.eigvalsh({square})", f"jnp.linalg.det({square} / {2})",
                    f"jnp.linalg.svd({square}, compute_uv=False)"]
    g.add(g.draw.one(options))


def signals(g: Generator) -> None:
    x = g.find(lambda v: is_float(v) and v.ndim == 1 and 2 <= v.size <= 20_000
               and v.dtype.itemsize >= 4)
    k = 1 + g.draw.below(min(g.value(x).size, 40))
    g.add(g.draw.one([f"jnp.convolve({x}, {x}[:{k}], 'same') / {k}",
                      f"jnp.abs(jnp.fft.rfft({x})) / {x}.size",
                      f"jnp.fft.irfft(jnp.fft.rfft({x}), {x}.size)",
                      f"jnp.real(({x} + 1j * {x}) * jnp.exp(1j * {x}))",
                      f"jnp.interp({x}, jnp.linspace(-1, 1, 9), jnp.linspace(0, 1, 9) ** 2)",
                      f"lax.reduce_window({x}, -jnp.inf, lax.max, ({k},), (1,), 'VALID')",
                      f"jnp.polyval({x}[:4], {x})"]))


def random_bits(g: Generator) -> None:
    x = g.floating()
    vx = g.value(x)
    key = f"ingot.random.key({g.draw.below(99)})"
    g.add(g.draw.one([f"{x} + ingot.random.uniform({key}, {vx.shape}, {vx.dtype.name!r})",
                      f"ingot.random.permutation({key}, {x})" if vx.ndim else f"{x} * 1",
                      f"jnp.where(ingot.random.bernoulli({key}, 0.5, {vx.shape}), {x}, 0)"]))


def callback(g: Generator) -> None:
    x = g.floating()
    if g.reversible:
        raise Retry
    g.add(f"ingot.pure_callback(lambda v: np.sin(np.asarray(v)),"
          f" ingot.ShapeDtypeStruct({x}.shape, {x}.dtype), {x}, vmap_method='sequential')")


FIRST_ORDER = [(unary, 8), (binary, 8), (outer, 1), (integers, 2), (compare, 2), (convert, 2),
               (reduce, 4), (find_extreme, 1), (cumulative, 2), (movement, 5), (gather, 5),
               (scatter, 6), (sort, 4), (linear_algebra, 3), (signals, 1), (random_bits, 1),
               (callback, 0.3)]
WITHOUT_DERIVATIVE = (find_extreme, callback, integers)
