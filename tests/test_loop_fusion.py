"""Merged loops: fewer, over less memory, and with the results of the loops they are made of."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import ingot
import ingot.numpy as jnp
from ingot import lax
from ingot.backends.llvm import compilation, engine, threads
from ingot.backends.llvm.codegen import vector_bytes
from ingot.compiler import loop_fusion, pipeline
from ingot.compiler.array_contraction import shrink_temporaries
from ingot.compiler.buffer_assignment import assign_buffers
from ingot.kernel import ir
from ingot.kernel.access_analysis import AffineExprs
from ingot.kernel.rules import INT, Buffer, Builder
from ingot.kernel.schedule import SCHEDULE
from ingot.kernel.summation import DOUBLE_BYTES, LEAF, VECTORS_AT_ONCE
from ingot.kernel.visit import EffectsCache

pytestmark = pytest.mark.llvm("loops of machine code")

N, ROWS, COLUMNS = 3000, 70, 130
VECTORS = st.sampled_from([5, 130, 1030, 2500])
SHAPES = st.sampled_from([(3, 33), (17, 130), (70, 4)])


@pytest.fixture(autouse=True, scope="module")
def compiled_anew():
    """Entries on disk do not know what is patched here."""
    with ingot.config.override("cache", False), ingot.config.override("optimize", "full"):
        ingot.clear_caches()
        yield
    ingot.clear_caches()


def loops(block, depth=0):
    for node in block.nodes:
        if type(node) is ir.For:
            yield depth, node
            yield from loops(node.body, depth + 1)


def outermost(fun, *args, **options):
    """The outermost loops of a program as compiled."""
    program = ingot.jit(fun, **options).lower(*args).compile()
    lines = program.as_text("kernels").splitlines()
    return [line for line in lines if line.startswith(("  for", "  parallel for"))]


def temporary_bytes(fun, *args):
    program = ingot.jit(fun).lower(*args).compile()
    return program.memory_analysis()["temp_size_in_bytes"]


# ---- equal to the loops that were merged ---------------------------------------------------------
VECTOR_STEPS = [
    lambda a, b, s: jnp.sin(a) * b + s,
    lambda a, b, s: a * b + b - 1.5,
    lambda a, b, s: jnp.concatenate([a[1:] - a[:-1], b[:1]]),
    lambda a, b, s: a[::-1] * 2 + b,
    lambda a, b, s: a.at[: a.size // 2].set(b[a.size - a.size // 2 :]),
    lambda a, b, s: jnp.where(a > b, a, jnp.tanh(b)),
    lambda a, b, s: lax.fori_loop(0, 3, lambda i, c: c * 0.5 + jnp.sin(a) + b, a),
    lambda a, b, s: (a.astype("float16") * 3).astype(a.dtype) + b,
    lambda a, b, s: a * jnp.exp(-b * b) + jnp.sum(a * b),
    lambda a, b, s: jnp.real((a + 1j * b) * (b - 2j)) + jnp.imag((a + 1j * s) * b),
    lambda a, b, s: jnp.cumsum(a) * b,
]
MATRIX_STEPS = [
    lambda a, b, s: a * b + s,
    lambda a, b, s: jnp.exp(-a * a) + b,
    lambda a, b, s: a - a.mean(-1, keepdims=True),
    lambda a, b, s: a / (1 + jnp.abs(b).max(0, keepdims=True)),
    lambda a, b, s: a.at[1:].add(b[:-1]),
    lambda a, b, s: (a.T + 1).T[::-1],
    lambda a, b, s: a.reshape(-1)[::-1].reshape(a.shape) + b,
    lambda a, b, s: ingot.vmap(lambda r, t: r * t.sum() + jnp.cumsum(t))(a, b),
    lambda a, b, s: ingot.nn.softmax(a) * b,
    lambda a, b, s: a.astype("float32").astype(a.dtype) * b.sum(1)[:, None],
    lambda a, b, s: (a @ (a.T @ b)) * 0.01,
]
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 10), st.integers(0, 99),
                           st.integers(0, 99)), min_size=2, max_size=10)


def program(steps):
    """A function of two vectors and two matrices that applies steps to what there is."""
    def run(x, y, a, b):
        values = {False: [x, y], True: [a, b]}
        for matrix, which, first, second in steps:
            there = values[matrix]
            scale = values[not matrix][-1].ravel()[0]
            there.append((MATRIX_STEPS if matrix else VECTOR_STEPS)[which](
                there[first % len(there)], there[second % len(there)], scale))
        return values[False][-3:] + values[True][-3:]

    return run


def results(fun, args, donated, passes=0):
    """Results of code that was not optimized, but for merged loops; or of optimized code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_fusion, "MIN_COMMON_BYTES", 1)  # sums of few have parts and blocks
        patch.setattr(SCHEDULE, "parallel_reduction_work", 500)
        patch.setattr(SCHEDULE, "reduction_block", 32)
        patch.setattr(engine, "FULL", engine.Tier("full", passes, passes))
        patch.setattr(compilation, "STRAIGHT_PASSES", min(passes, 1))
        compiled = ingot.jit(fun, donate_argnums=donated)
        outs = compiled(*[jnp.array(x) for x in args])
        return [np.asarray(x) for x in ingot.tree.leaves(outs)]


def unmerged(*args):
    """Results of a program whose loops were not merged."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "fuse_loops", lambda function, neighbors=False: False)
        return results(*args)


def arguments(n, shape, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=n), rng.normal(size=n), rng.normal(size=shape),
            rng.normal(size=shape))


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@settings(deadline=None, max_examples=60)
@given(STEPS, VECTORS, SHAPES, st.booleans(), st.booleans())
def test_merged_loops_give_the_same_bits(steps, n, shape, donate, gradient):
    fun, args = program(steps), arguments(n, shape)
    if gradient:
        def fun(*args, forward=fun):
            def loss(*args):
                return sum(jnp.sum(jnp.sin(x)) for x in forward(*args))

            return forward(*args), ingot.grad(loss, (0, 1, 2, 3))(*args)

    donated = (0, 2) if donate and not gradient else ()
    # Before LLVM regroups sums: what it takes for a vector depends on all of a loop.
    for mine, plain in zip(results(fun, args, donated), unmerged(fun, args, donated),
                           strict=True):
        np.testing.assert_array_equal(mine, plain)


ELEMENTWISE = [k for k in range(len(VECTOR_STEPS)) if k != 8]


@settings(deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.just(False), st.sampled_from(ELEMENTWISE), st.integers(0, 99),
                          st.integers(0, 99)), min_size=3, max_size=10), VECTORS)
def test_vectors_give_the_same_bits(steps, n):
    fun, args = program(steps), arguments(n, (3, 4))
    for mine, plain in zip(results(fun, args, (), 2), unmerged(fun, args, (), 2),
                           strict=True):
        np.testing.assert_array_equal(mine, plain)


# ---- what becomes one loop -----------------------------------------------------------------------
def adam(p, m, v, g):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return p - 1e-3 * m / (jnp.sqrt(v) + 1e-8), m, v


def standardized(x, scale, shift):
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + shift


def residuals(x, w):
    y, pull = ingot.vjp(lambda x, w: jnp.tanh(x * w) * x, x, w)
    return y, *pull(y)


def weighted(x, w):
    """Value and derivative of a sum that is done in parts."""
    return ingot.value_and_grad(lambda x: jnp.sum(ingot.nn.gelu(x) * w))(x)


VECTOR, MATRIX = np.ones(N), np.ones((ROWS, COLUMNS))
PATTERNS = {
    "Adam": (adam, (VECTOR,) * 4, 1),
    "value and cheap residual": (lambda x: (x * 2 + 1, x * x - 3), (VECTOR,), 1),
    "residuals of a chain": (residuals, (VECTOR, VECTOR), 1),
    "two sums": (lambda x: (x.sum(), (x * x).sum()), (VECTOR,), 2),  # blocks, rest
    "softmax": (ingot.nn.softmax, (MATRIX,), 1),
    "layer norm": (standardized, (MATRIX, MATRIX[0], MATRIX[0]), 1),
    "all at once": (lambda x: (x + 1, x.sum(1), x.max(1), x.sum(0)[None] * 2), (MATRIX,), 4),
    "what is shifted": (lambda x: (lambda y: (y, y[1:] - y[:-1]))(jnp.sin(x) * x), (VECTOR,), 2),
    "what is reversed": (lambda x: (lambda y: (y, y[::-1] * x))(jnp.sin(x) * x), (VECTOR,), 2),
    "what has nothing in common": (lambda x, y: (x * 2, y * 2), (VECTOR, VECTOR), 2),
    "other lengths": (lambda x, y: (x * 2, y * 2), (VECTOR, VECTOR[1:]), 2),
    "long functions": (lambda x: (jnp.sin(jnp.exp(jnp.cos(x * 2))) * x, jnp.tanh(jnp.log1p(
        jnp.exp(x))) * jnp.cos(x)), (VECTOR,), 2),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_loops_that_are_left(name):
    fun, args, count = PATTERNS[name]
    assert len(outermost(fun, *args)) == count


def test_parameters_of_a_network_are_each_passed_once():
    """Whatever stands between the loops of an optimizer that updates one array."""
    shapes = [(300,), (301,), (302,)]
    trees = [[np.full(shape, k + 1.0) for shape in shapes] for k in range(4)]

    def step(p, m, v, g):
        m = ingot.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = ingot.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        return ingot.tree.map(lambda p, m, v: p - m / (jnp.sqrt(v) + 1e-8), p, m, v), m, v

    assert len(outermost(step, *trees)) == len(shapes)


@pytest.mark.skipif(not threads.supported(), reason="loops are not divided among threads")
@pytest.mark.parametrize(("n", "count"), [(1 << 20, 1), ((1 << 20) + 5120, 2)])
def test_sums_in_parts_and_what_they_are_of(n, count):
    """One nest for whole parts, one for what is left; the sums of parts are short loops."""
    x = np.ones(n)
    loops = outermost(weighted, x, x)
    left = 5120 // (LEAF * VECTORS_AT_ONCE * vector_bytes() // DOUBLE_BYTES)
    assert sum("parallel" in loop for loop in loops) == count
    assert all("parallel" in loop or "< 16 " in loop or f"< {left} " in loop for loop in loops)
    args = np.random.default_rng(0).normal(size=(2, n))
    for mine, plain in zip(results(weighted, args, ()), unmerged(weighted, args, ()),
                           strict=True):
        np.testing.assert_array_equal(mine, plain)


def test_updates_of_donated_arrays_are_one_loop():
    args = [np.full(N, k + 1.0) for k in range(4)]
    assert len(outermost(adam, *args, donate_argnums=(0, 1, 2))) == 1
    for mine, plain in zip(results(adam, args, (0, 1, 2)), adam(*map(jnp.array, args)),
                           strict=True):
        np.testing.assert_array_equal(mine, plain)


# ---- memory --------------------------------------------------------------------------------------
def test_temporaries_become_rows():
    assert temporary_bytes(ingot.nn.softmax, MATRIX) <= 8 * COLUMNS + 64
    assert temporary_bytes(residuals, VECTOR, VECTOR) == 0


def test_what_is_computed_anew_is_not_kept():
    """A merger must not undo what `checkpoint` is for."""
    def loss(x, ws):
        @ingot.checkpoint
        def layer(x, w):
            return jnp.tanh(jnp.sin(x @ w) * jnp.exp(x @ w))

        for w in ws:
            x = layer(x, w)
        return jnp.sum(x * x)

    args = np.ones((80, 80)), np.ones((6, 80, 80))
    merged = temporary_bytes(ingot.grad(loss), *args)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "fuse_loops", lambda function, neighbors=False: False)
        ingot.clear_caches()
        plain = temporary_bytes(ingot.grad(loss), *args)
    ingot.clear_caches()
    assert merged <= plain


def test_loops_are_merged_where_code_is_to_run_fast():
    """Merging takes time, so the first code of a small program does without."""
    with ingot.config.override("optimize", "fast"):
        assert len(outermost(adam, *(VECTOR,) * 4)) == 3
    with ingot.config.override("optimize", "auto"):
        assert len(outermost(adam, *(VECTOR,) * 4)) == 3
        assert len(outermost(adam, *(np.ones(10_000_000),) * 4)) == 1


# ---- by hand -------------------------------------------------------------------------------------
def hand_made(*bodies, n=100):
    """A function of one loop for each body, over temporaries a, b and c."""
    build = Builder()
    places = [Buffer(ir.Memory("temporary", 8 * (n + 1), INT, offset=1024 * k), (n,), INT)
              for k in range(3)]
    for body in bodies:
        with build.loop(n, vector=True) as i:
            body(build, i, *places)
    out = ir.Memory("result", 8, INT, 0)
    for place in places:
        build.store(Buffer(out, (), INT), (), place.at(build, (0,)))
    return ir.Function(build.root, [], [out], [], [p.memory for p in places], 3 * 1024)


def copied(source, target, shift=0, factor=1):
    """A loop body that copies an element, shifted, to another place."""
    def body(b, i, *places):
        value = b.load(places[source].memory, b.index_add(b.index_mul(i, factor), shift), INT)
        b.store(places[target], (i,), value)

    return body


@pytest.mark.parametrize(("second", "merged"), [
    (copied(1, 2), True),  # the element just written
    (copied(1, 2, shift=1), False),  # one that is still to come
    (copied(1, 2, shift=-1), False),
    (copied(1, 2, factor=0), False),  # the same for all
    (copied(0, 2), True),  # what both read
    (copied(2, 0), True),  # what the first has read there
    (copied(2, 0, shift=1), True),
    (copied(2, 1, shift=1), True),  # what both write
    (copied(1, 0), True),
])
def test_which_elements_allow_a_merger(second, merged):
    function = hand_made(copied(0, 1), second)
    assert loop_fusion.fuse_loops(function) == merged
    assert len(list(loops(function.body))) == 2 - merged


def test_what_is_not_known_is_not_passed():
    function = hand_made(copied(0, 1), copied(1, 2))
    function.body.nodes.insert(1, ir.PythonCall(0, []))
    assert EffectsCache().of(function.body.nodes[1]).python
    assert not loop_fusion.fuse_loops(function)


def test_what_is_written_between_stays_between():
    function = hand_made(copied(0, 1), copied(1, 2))
    a = function.temporaries[0]
    function.body.nodes.insert(1, ir.Store(a, 5, Builder().const(1, INT)))
    assert loop_fusion.fuse_loops(function)
    assert [type(n) for n in function.body.nodes[:2]] == [ir.For, ir.Store]
    function = hand_made(copied(0, 1), copied(0, 2))
    function.body.nodes.insert(1, ir.Store(function.temporaries[0], 5, Builder().const(1, INT)))
    assert not loop_fusion.fuse_loops(function)


def test_forms_of_positions():
    b, i = Builder(), ir.Value("index", (), INT)
    forms = AffineExprs()
    assert forms.of(b.index_add(b.index_mul(i, 6), 4)) == forms.of(
        b.index_sub(b.index_mul(b.index_add(b.index_mul(i, 3), 5), 2), 6))
    assert forms.of(b.index_sub(i, i)) == (0, ())
    assert forms.of(b.index_div(i, 3)) != forms.of(i)


def test_temporaries_share_memory_when_they_do_not_live_together():
    function = hand_made(copied(0, 1), copied(1, 2, shift=1), copied(2, 0, shift=1))
    function.body.nodes = function.body.nodes[:3]
    assign_buffers(function)
    a, b, c = function.temporaries
    assert a.offset != b.offset and b.offset != c.offset and a.offset != c.offset
    function = hand_made(copied(0, 1), copied(1, 2, shift=1))
    function.body.nodes = function.body.nodes[:2]
    assign_buffers(function)
    a, b, c = function.temporaries
    assert a.offset == c.offset != b.offset


def test_a_row_of_its_own():
    """Contraction leaves alone what iterations share."""
    for width, contracted in ((10, True), (11, False)):
        build = Builder()
        memory = ir.Memory("temporary", 8 * 10 * 20 + 8, INT, offset=0)
        place = Buffer(memory, (20, 10), INT)
        with build.loop(20) as i:
            with build.loop(width) as j:
                build.store(place, (i, j), build.index(j))
        shrink_temporaries(build.root.nodes[0], [memory])
        assert (memory.nbytes == 8 * 10) == contracted


def test_memory_of_host_calls_is_placed_with_the_rest():
    """Temporaries are placed anew where loops were merged: those of host calls among them."""
    def program(x):
        a = jnp.sin(x) * 2
        b = jnp.cos(x) + a
        y = ingot.pure_callback(lambda v: np.asarray(v)[::-1] * 2, x, a * b)
        c = jnp.tanh(y) + b
        z = ingot.pure_callback(lambda v: np.asarray(v) + 1, x, c * y)
        return z - y, jnp.exp(-c * c) + z * y

    x = jnp.linspace(-1.0, 1.0, 5000)
    with ingot.disable_jit():
        expected = program(x)
    for a, b in zip(ingot.jit(program)(x), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
