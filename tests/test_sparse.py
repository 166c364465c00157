"""Sparse arrays beside dense ones: movement, sums, products, derivatives, sparsify."""

import numpy as np
import pytest
import scipy.sparse

import ingot
from ingot import lax, numpy as jnp
from ingot.experimental import sparse

R = np.random.RandomState(0)
D = np.where(R.rand(4, 5) < 0.4, R.randn(4, 5), 0)
F = np.where(R.rand(4, 5) < 0.4, R.randn(4, 5), 0)
C = np.where(R.rand(3, 4, 2) < 0.5, R.randn(3, 4, 2), 0)
V, W = R.randn(5), R.randn(4, 5)


def doubled(dense):
    """With repeated coordinates, in no order, and some outside."""
    m = sparse.BCOO.fromdense(dense)
    order = R.permutation(m.nse)
    outside = np.full((2, dense.ndim), max(dense.shape) + 1)
    data = np.concatenate([np.asarray(m.data)[order] / 4, np.asarray(m.data) * 0.75, [7.0, 8.0]])
    indices = np.concatenate([np.asarray(m.indices)[order], np.asarray(m.indices), outside])
    return sparse.BCOO((data, indices), shape=dense.shape)


M, N, T = doubled(D), doubled(F), doubled(C)
close = np.testing.assert_allclose


def dense(x):
    return np.asarray(x.todense() if isinstance(x, sparse.JAXSparse) else x)


MOVES = {
    "transpose": lambda x: x.transpose((1, 0)), "T": lambda x: x.T, "row": lambda x: x[1],
    "element": lambda x: x[-1, 2], "columns": lambda x: x[:, 1:4], "step": lambda x: x[::2, 1::3],
    "reverse": lambda x: x[::-1], "back": lambda x: x[3:0:-2, ::-1], "none": lambda x: x[:, None],
    "ellipsis": lambda x: x[..., -1], "empty": lambda x: x[2:2], "reshape": lambda x:
    x.reshape(2, -1), "flat": lambda x: x.reshape((20,)), "mixed": lambda x: x[None, 2, ..., None],
    "sum": lambda x: x.sum(), "rows": lambda x: x.sum(1), "cols": lambda x: x.sum(axis=0),
    "neg": lambda x: -x, "scaled": lambda x: x * 3 / 2, "dense row": lambda x: x * V,
    "dense": lambda x: W * x, "column": lambda x: x * W[:, :1], "square": lambda x: x * x,
    "vector": lambda x: x @ V, "matrix": lambda x: x @ W.T, "left": lambda x: W[:, :4] @ x,
    "gram": lambda x: x @ x.T, "outer": lambda x: x.T @ x, "plus": lambda x: x + x * 2,
    "minus": lambda x: x - x.T.T * 3, "dot": lambda x: x[0] @ x[1]}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", MOVES)
def test_beside_dense(name):
    fun = MOVES[name]
    for m, d in ((M, D), (sparse.BCOO.fromdense(D), D), (sparse.empty((4, 5)), D * 0)):
        want = fun(d)
        close(dense(fun(m)), want, atol=1e-14)
        out = ingot.jit(fun)(m)
        assert getattr(out, "shape", ()) == np.shape(want)
        close(dense(out), want, atol=1e-14)
        if m.nse:
            ct = R.randn(*np.shape(want))
            grads = ingot.grad(lambda v, m=m, c=ct: (jnp.asarray(
                sparse.todense(fun(m._with(v)))) * c).sum())(m.data)
            _, pull = ingot.vjp(fun, d)
            expected = np.asarray(pull(ct)[0])
            places = np.asarray(m.indices)
            inside = (places < d.shape).all(1)
            close(np.asarray(grads)[inside], expected[tuple(places[inside].T)], atol=1e-13)
            assert not np.asarray(grads)[~inside].any()


def test_products_stay_sparse_and_sums_of_axes_too():
    a = scipy.sparse.random(200, 200, 0.01, random_state=0)
    m = sparse.BCOO.from_scipy_sparse(a)
    product = m @ m
    assert isinstance(product, sparse.BCOO) and product.nse == (a @ a).tocoo().nnz
    close(dense(product), (a @ a).toarray(), atol=1e-14)
    assert isinstance(M.sum(0), sparse.BCOO) and isinstance(M * N, sparse.BCOO)
    close(dense(M * N), D * F, atol=1e-15)
    compiled = ingot.jit(lambda x, y: x @ y)(M, N.T)
    assert isinstance(compiled, sparse.BCOO)
    close(dense(compiled), D @ F.T, atol=1e-14)
    big = sparse.eye(10**6) * 2
    assert (big @ big).nse == 10**6 and float((big @ big).sum()) == 4e6


def test_three_axes():
    close(dense(T[1:, ::-1, 0]), C[1:, ::-1, 0])
    close(dense(T.transpose((2, 0, 1))), C.transpose(2, 0, 1))
    close(dense(T.sum((0, 2))), C.sum((0, 2)))
    close(dense(sparse.bcoo_concatenate([T, T], dimension=1)), np.concatenate([C, C], 1))
    numbers = (((1, 2), (0, 1)), ((), ()))
    x = R.randn(4, 2, 3)
    close(dense(sparse.bcoo_dot_general(T, x, dimension_numbers=numbers)), np.tensordot(C, x))
    close(dense(sparse.bcoo_dot_general(T, doubled(x), dimension_numbers=numbers)),
          np.tensordot(C, x), atol=1e-14)
    batched = (((1,), (0,)), ((0,), (2,)))
    close(sparse.bcoo_dot_general(T, x, dimension_numbers=batched),
          np.einsum("bij,ikb->bjk", C, x))
    wide = sparse.bcoo_broadcast_in_dim(M[:1], shape=(3, 4, 5), broadcast_dimensions=(1, 2))
    close(dense(wide), np.broadcast_to(D[:1], (3, 4, 5)))


def test_rows_in_compressed_form():
    for m in (sparse.BCSR.fromdense(D), sparse.BCSR.from_bcoo(M), sparse.eye(4, 5,
              sparse_format="bcsr"), sparse.BCSR.from_scipy_sparse(scipy.sparse.csr_matrix(D))):
        d = dense(m)
        for fun in (lambda x: x.T, lambda x: x @ V, lambda x: x @ W.T, lambda x: W.T @ x,
                    lambda x: x @ x.T, lambda x: x * 2 + x, lambda x: x[1:, 2], lambda x: x * x,
                    lambda x: x.sum(), lambda x: -x / 3):
            close(dense(fun(m)), fun(d), atol=1e-14)
            close(dense(ingot.jit(fun)(m)), fun(d), atol=1e-14)
        close(dense(m.to_bcoo()), d)
    close(dense(sparse.BCSR.fromdense(D)), D)
    assert repr(sparse.bcsr_fromdense(np.eye(2))) == "BCSR(float64[2, 2], nse=2)"


def test_derivatives_have_the_coordinates_of_the_argument():
    def loss(m, v):
        return ((m @ v) ** 2).sum()

    value, (g, h) = sparse.value_and_grad(loss, (0, 1))(M, V)
    assert isinstance(g, sparse.BCOO) and g.indices is M.indices
    full, pull = ingot.value_and_grad(loss, (0, 1))(D, V)
    close(value, full)
    close(h, pull[1])
    close(sparse.bcoo_extract(sparse.BCOO.fromdense(D), pull[0]).data,
          sparse.grad(loss)(sparse.BCOO.fromdense(D), V).data)
    tree, aux = sparse.grad(lambda p: (loss(p["m"], p["v"]), 3), has_aux=True)({"m": M, "v": V})
    assert aux == 3 and isinstance(tree["m"], sparse.BCOO)
    close(ingot.jit(sparse.grad(loss))(M, V).data, g.data)


def test_sparsify():
    for fun in (lambda x, y: jnp.sin(x) * 2 - x / 3, lambda x, y: (x @ V).sum(),
                lambda x, y: x @ y.T, lambda x, y: jnp.concatenate([x, y])[1:, ::2],
                lambda x, y: jnp.sum(x * y, 1),
                lambda x, y: jnp.einsum("ij,kj", x, W), lambda x, y: abs(x) ** 2 + y.T.T,
                lambda x, y: ingot.jit(jnp.tanh)(x.reshape(2, 10)), lambda x, y: x * V,
                lambda x, y: jnp.exp(sparse.todense(x)),
                lambda x, y: {"a": x[:, None], "b": V + 1},
                lambda x, y: lax.fori_loop(0, 3, lambda i, v: x.T @ (y @ v), V),
                lambda x, y: lax.scan(lambda c, s: (c * s, (c @ V).sum()), x, V[:2]),
                lambda x, y: lax.while_loop(lambda c: c[1] < 5, lambda c: (-c[0], c[1] + 2),
                                            (x, 0.0)),
                lambda x, y: lax.cond(V.sum() > 0, lambda: x * 2, lambda: -x),
                lambda x, y: lax.switch(1, [lambda v: v, lambda v: x.T @ (y @ v)], V),
                ingot.checkpoint(lambda x, y: jnp.sin(x) @ V)):
        out = ingot.tree.tree_leaves(sparse.sparsify(fun)(M, N), is_leaf=lambda x: isinstance(
            x, sparse.BCOO))
        for a, b in zip(out, ingot.tree.tree_leaves(fun(D, F)), strict=True):
            close(dense(a), b, atol=1e-13)
    assert isinstance(sparse.sparsify(lambda x: jnp.sqrt(abs(x)) @ V)(M), ingot.Array)
    assert isinstance(sparse.sparsify(jnp.sin)(M), sparse.BCOO)
    with pytest.raises(NotImplementedError, match=r"no rule for exp .*todense"):
        sparse.sparsify(jnp.exp)(M)


def test_names_and_errors():
    x = sparse.random_bcoo(ingot.random.key(0), (30, 40), nse=0.1)
    assert x.nse == 120 and len({tuple(i) for i in np.asarray(x.indices)}) == 120
    y = sparse.random_bcoo(ingot.random.key(0), (5, 6), nse=7, dtype="float32")
    assert y.dtype == np.float32 and y.nse == 7
    for k in (-2, 0, 1):
        close(dense(sparse.eye(3, 4, k)), np.eye(3, 4, k))
    close(M.sort_indices().sum_duplicates().data, sparse.BCOO.fromdense(D).data)
    assert [dense(r).tolist() for r in sparse.BCOO.fromdense(D)] == D.tolist() and len(M) == 4
    with pytest.raises(IndexError, match="out of bounds for axis 1"):
        M[0, 5]
    with pytest.raises(IndexError, match="3 indices are too many"):
        M[0, 1, 2]
    with pytest.raises(NotImplementedError, match="indices are integers, slices"):
        M[np.array([0, 1])]
    with pytest.raises(ValueError, match="incompatible shapes"):
        M * R.randn(4)
    with pytest.raises(ValueError, match="inner sizes must match"):
        M @ N


B = np.where(R.rand(2, 3, 4) < 0.5, R.randn(2, 3, 4), 0)
B2 = np.where(R.rand(2, 3, 4) < 0.5, R.randn(2, 3, 4), 0)
KINDS = [(1, 0), (2, 0), (0, 1), (1, 1), (0, 2), (3, 0)]
X, Y, Z = R.randn(4), R.randn(4, 2), R.randn(2, 4, 5)


def product(x, y, numbers):
    if isinstance(x, sparse.BCOO) or isinstance(y, sparse.BCOO):
        return sparse.bcoo_dot_general(x, y, dimension_numbers=numbers)
    return ingot.lax.dot_general(x, y, numbers)


BATCHED = {
    "row": lambda x: x[1], "column": lambda x: x[:, 1:, 0], "reverse": lambda x: x[::-1, ::2, ::-1],
    "new": lambda x: x[None, ..., None], "neg": lambda x: -x * 3 / 2, "dense": lambda x: x * B2,
    "trailing": lambda x: x * X, "narrow": lambda x: x * B2[:1, :, :1], "square": lambda x: x * x,
    "power": lambda x: abs(x) ** 2, "sum": lambda x: x.sum(), "plus": lambda x: x + x * 2 - x,
    "quotient": lambda x: x / (B2 + 5), "sum 0": lambda x: x.sum(0), "sum 1": lambda x: x.sum(1),
    "sum 2": lambda x: x.sum((2,)), "sum 01": lambda x: x.sum((0, 1)),
    "sum 12": lambda x: x.sum((1, 2)), "join 0": lambda x: joined(x, 0),
    "join 1": lambda x: joined(x, 1), "join 2": lambda x: joined(x, 2)}
CONTRACTED = {
    "vector": lambda x: x @ X, "matrix": lambda x: x @ Y, "stack": lambda x: x @ Z,
    "batch": lambda x: product(x, Z, (((2,), (1,)), ((0,), (0,)))),
    "left": lambda x: product(Z, x, (((1,), (2,)), ((0,), (0,)))),
    "first": lambda x: product(x, R0, (((0,), (1,)), ((), ()))),
    "two": lambda x: product(x, B2, (((1, 2), (1, 2)), ((), ()))),
    "all": lambda x: product(x, B2, (((0, 1, 2), (0, 1, 2)), ((), ())))}
R0 = R.randn(5, 2)


def joined(x, axis):
    parts = [x, x * 2]
    if isinstance(x, sparse.BCOO):
        return sparse.bcoo_concatenate(parts, dimension=axis)
    return np.concatenate(parts, axis)


@pytest.mark.parametrize("kinds", KINDS)
def test_axes_of_batches_and_dense_ones(kinds):
    batch, depth = kinds
    m = sparse.BCOO.fromdense(B, n_batch=batch, n_dense=depth)
    assert (m.n_batch, m.n_sparse, m.n_dense, m.shape) == (batch, 3 - batch - depth, depth, B.shape)
    repeated = m + m * 0
    for fun in BATCHED.values():
        for x in (m, repeated):
            close(dense(fun(x)), fun(B), atol=1e-14)
    for fun in CONTRACTED.values() if not depth else ():
        close(dense(fun(repeated)), fun(B), atol=1e-14)
    for other in ((0, 0), kinds, (1, 0), (0, 1)):
        moved = repeated.update_layout(n_batch=other[0], n_dense=other[1], on_inefficient=None)
        assert (moved.n_batch, moved.n_dense) == other
        close(dense(moved), B, atol=1e-15)
    single = repeated.sum_duplicates()
    close(single.data, m.data)
    assert (single.indices == m.indices).all()
    close(sparse.bcoo_extract(m, B2).data, (sparse.bcoo_extract(single, B2)).data)
    if depth == 1 and not batch:
        numbers = (((1,), (1,)), ((), ()))
        close(product(m, Z[0, :3].T, numbers), product(B, Z[0, :3].T, numbers))


def test_batches_are_what_vmap_and_scan_take_apart():
    m = ingot.vmap(lambda x: sparse.BCOO.fromdense(x, nse=12))(B)
    assert repr(m) == "BCOO(float64[2, 3, 4], nse=12, n_batch=1)"
    close(ingot.vmap(lambda x, v: x @ v)(m, Z[:, :, 0]), np.einsum("bij,bj->bi", B, Z[:, :, 0]))
    _, sums = ingot.lax.scan(lambda c, x: (c, (x @ X).sum()), 0, m)
    close(sums, (B @ X).sum(1))
    shared = sparse.BCOO((R.randn(1, 2), np.zeros((3, 2, 1), int)), shape=(3, 4))
    close(dense(shared)[:, 0], np.full(3, shared.data.sum()))
    a, b = (sparse.BCOO.fromdense(x, n_batch=1) for x in (B, B2))
    pair = sparse.bcoo_dot_general(a, b, dimension_numbers=(((2,), (2,)), ((0,), (0,))))
    close(dense(pair), np.einsum("bij,bkj->bik", B, B2), atol=1e-15)
    s = sparse.BCOO.fromdense(D)
    close(ingot.grad(lambda v: (ingot.vmap(lambda u: s._with(v) @ u, 1)(W.T) ** 2).sum())(s.data),
          ingot.grad(lambda v: ((s._with(v) @ W.T) ** 2).sum())(s.data))
    with pytest.raises(sparse.SparseEfficiencyError, match="n_batch from 0 to 1"):
        s.update_layout(n_batch=1)
    with pytest.raises(NotImplementedError, match="keep apart"):
        a.transpose((1, 0, 2))
    rows = sparse.BCSR.fromdense(B, n_batch=1)
    close(rows @ X, B @ X)
    close(dense(rows * B2), B * B2)
    close(dense((rows * 2).T), 2 * B.swapaxes(1, 2))


@pytest.mark.parametrize("kind", ["COO", "CSR", "CSC"])
def test_forms_of_scipy(kind):
    form = getattr(sparse, kind)
    m = form.fromdense(D)
    ours = [getattr(m, name) for name in m._parts]
    theirs = getattr(scipy.sparse, kind.lower() + "_array")(D)
    if kind != "COO":
        for name, x in zip(m._parts, ours, strict=True):
            close(x, getattr(theirs, name))
    for fun in (lambda x: x.T, lambda x: x @ V, lambda x: x @ W.T, lambda x: W.T @ x,
                lambda x: x * 2 + x, lambda x: -x / 3, lambda x: x @ x.T, lambda x: x * W):
        close(dense(fun(m)), fun(D), atol=1e-14)
        close(dense(ingot.jit(fun)(m)), fun(D), atol=1e-14)
    close(dense(form.from_scipy_sparse(theirs)), D)
    close(ingot.grad(lambda v: (m._with(v) @ V).sum())(m.data),
          ingot.grad(lambda v: (m.to_bcoo()._with(v) @ V).sum())(m.data))
    assert repr(sparse.eye(2, sparse_format=kind.lower())) == f"{kind}(float64[2, 2], nse=2)"
    lowered = kind.lower()
    if kind != "CSC":
        matvec, matmat = (getattr(sparse, f"{lowered}_{n}") for n in ("matvec", "matmat"))
        close(matvec(m, W[:, 0], transpose=True), D.T @ W[:, 0])
        close(matmat(m, W.T), D @ W.T)


def test_jacobians_have_batches():
    m = sparse.BCOO.fromdense(D)
    for transform in (sparse.jacrev, sparse.jacfwd):
        jacobian = transform(lambda x, v: x @ v)(m, V)
        assert isinstance(jacobian, sparse.BCOO) and jacobian.shape == (4, 4, 5)
        want = np.where(D != 0, 1, 0)[None] * np.eye(4)[:, :, None] * V
        close(dense(jacobian), want)
