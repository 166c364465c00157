"""Operations called with one array for two of their arguments, which nothing else reads: what
overwrites one must leave the other alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from examples import table
from harness import array, compiled, data
from ingot import dtypes, lax
from ingot.core.avals import ShapedArray
from ingot.core.interpreter import typeof
from ingot.core.jaxpr import eval_jaxpr
from ingot.transforms.stage import stage
from rows import import_all

MOST = 1 << 16
"""Elements of an operand or a result."""


def pairs():
    """One row of each operation for each pair of arguments that have one type."""
    import_all()
    found = {}
    for row in table()[0]:
        types = [typeof(array(x)) for x in row.args]
        for i, j in itertools.combinations(range(len(types)), 2):
            if types[i].same_type(types[j]) and types[i].ndim and types[i].size:
                found.setdefault((row.name or row.op.__name__, i, j), row)
    return found


PAIRS = pairs()


def values(aval, seed):
    """Numbers for which factorizations and quotients are well conditioned, and indices in range."""
    rng = np.random.default_rng(seed)
    if aval.dtype not in dtypes.INEXACT:
        return np.asarray(rng.integers(0, 2, aval.shape)).astype(aval.dtype)
    x = rng.uniform(0.1, 0.9, aval.shape)
    if aval.ndim > 1 and aval.shape[-1] == aval.shape[-2]:
        x = x / aval.shape[-1] + 2 * np.eye(aval.shape[-1])
    return x.astype(aval.dtype)


def in_memory(x):
    """The same array in memory that the program owns, and that is free after its last use."""
    return lax.dynamic_update_slice(x, x[:1], (0,) * x.ndim)


def twice(row, i, j):
    """The row's operation with one dying array as arguments i and j."""
    def fun(*xs):
        t = in_memory(xs[i])
        return row.fun(*(t if k in (i, j) else x for k, x in enumerate(xs)))

    return fun


def check(fun, avals):
    """Compiled, the results are those of eager evaluation; False if there is no such program."""
    try:
        jaxpr = stage(fun, avals)
    except Exception:  # not a size of this operation
        return False
    made = [v for eqn in jaxpr.eqns for v in eqn.outvars]
    if any(v.aval.size > MOST for v in (*jaxpr.invars, *made)):
        return False
    args = [array(values(a, k)) for k, a in enumerate(avals)]
    want = [data(o) for o in eval_jaxpr(jaxpr, jaxpr.consts, *args)]
    for got, expected in zip(compiled(jaxpr, args), want, strict=True):
        if expected.dtype not in dtypes.INEXACT:
            np.testing.assert_array_equal(got, expected)
            continue
        kind = complex if expected.dtype.kind == "c" else float
        tol = 1e3 * float(dtypes.finfo(expected.dtype).eps)
        np.testing.assert_allclose(got.astype(kind), expected.astype(kind), rtol=tol, atol=tol)
    return True


@pytest.mark.sampled(3)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, i, j", PAIRS, ids=str)
def test_one_array_as_two_operands(name, i, j):
    row = PAIRS[name, i, j]
    avals = [typeof(array(x)) for x in row.args]
    with np.errstate(all="ignore"):
        for factor, least in ((1, 0), (17, 1), (12, 2), (67, 2)):
            check(twice(row, i, j),
                  [ShapedArray([n * factor if n > least else n for n in a.shape], a.dtype)
                   for a in avals])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("n", [32, 40, 65, 200])
@pytest.mark.parametrize("left_side", [False, True])
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
def test_triangular_systems_whose_right_side_is_the_matrix(n, left_side, lower, transpose_a):
    params = dict(left_side=left_side, lower=lower, transpose_a=transpose_a)
    matrix = np.random.default_rng(n).uniform(size=(n, n)) / n + 2 * np.eye(n)
    cases = [lambda t: lax.linalg.triangular_solve(t, t, **params),
             lambda t: lax.linalg.triangular_solve(t, t.T, **params),
             lambda t: lax.linalg.triangular_solve(t, t[::-1], **params),
             lambda t: lax.linalg.triangular_solve(t[None], t[None], **params)]
    for case in cases:
        fun = lambda x, case=case: case(in_memory(x))  # noqa: E731
        want = fun(jnp.asarray(matrix))
        np.testing.assert_allclose(ingot.jit(fun)(matrix), want, rtol=1e-9, atol=1e-9)


IN_PLACE = {
    "scatter its own elements": lambda t, i: t.at[i].set(t),
    "add its own elements": lambda t, i: t.at[i].add(t),
    "at indices of its own": lambda t, i: t.astype(int).at[t.astype(int)].set(i),
    "indices as updates": lambda t, i: (i * 1).at[i * 1].set(i * 1),
    "slice of itself": lambda t, i: lax.dynamic_update_slice(t, t[5:25], (3,)),
    "all of itself": lambda t, i: lax.dynamic_update_slice(t, t, (3,)),
    "reversed": lambda t, i: lax.dynamic_update_slice(t, t[::-1], (0,)),
    "sorted by itself": lambda t, i: lax.sort((t, t), num_keys=1),
    "searched for itself": lambda t, i: jnp.searchsorted(jnp.sort(t), t),
    "both arms": lambda t, i: lax.cond(t[0] > 0, lambda a, b: (a.at[0].set(b[1]), b),
                                       lambda a, b: (b.at[1].set(a[0]), a), t, t),
    "both carried": lambda t, i: lax.fori_loop(
        0, 5, lambda k, c: (c[0].at[k].set(c[1][k + 1]), c[1].at[k].add(1)), (t, t)),
    "carried and read": lambda t, i: lax.scan(
        lambda c, x: (c.at[3].add(x), c[4] + x), t, t),
    "constant and carried": lambda t, i: lax.fori_loop(
        0, 9, lambda k, c: c.at[k].set(t[k + 1] + c[k]), t),
}


@pytest.mark.parametrize("n", [65, 200])
@pytest.mark.parametrize("name", IN_PLACE)
def test_updates_of_an_array_by_itself(name, n):
    index = jnp.asarray(np.random.default_rng(0).permutation(n))
    fun = lambda x, i: IN_PLACE[name](in_memory(x), i)  # noqa: E731
    x = jnp.arange(float(n))
    with ingot.disable_jit():
        want = ingot.tree.leaves(fun(x, index))
    for got, expected in zip(ingot.tree.leaves(ingot.jit(fun)(x, index)), want, strict=True):
        np.testing.assert_allclose(np.asarray(got), np.asarray(expected), rtol=1e-12)
