"""Keys and samplers: streams beside JAX's, distributions beside SciPy's, and laws."""

import numpy as np
import pytest
from scipy import stats

import ingot
from ingot import numpy as inp, random
from ingot.config import config
from ingot.errors import TypePromotionError

KEY = random.key(42)
MEAN, COVARIANCE = np.array([1.0, -1.0]), np.array([[2.0, 0.5], [0.5, 1.0]])


def data(x):
    return np.asarray(x)


# ---- streams -------------------------------------------------------------------------------------
EXACT = [
    ("bits", ((5,), "uint8"), {}), ("bits", ((2, 3), "uint16"), {}), ("bits", ((5,),), {}),
    ("uniform", ((7,), "float32"), {}), ("uniform", ((7,), "bfloat16"), {}),
    ("uniform", ((), "float16"), {}), ("uniform", ((3,), "float8_e4m3fn"), {}),
    ("randint", ((9,), 0, 10), {}), ("randint", ((9,), -5, 100, "int8"), {}),
    ("randint", ((9,), 0, 256, "uint8"), {}), ("randint", ((9,), 5, 2), {}),
    ("randint", ((9,), 0, np.uint64(2**63), "uint64"), {}),
    ("randint", ((3,), np.array([1, 5, 7]), np.array([3, 9, 100])), {}),
    ("permutation", (100,), {}), ("permutation", (np.arange(12).reshape(3, 4), 1), {}),
    ("permutation", (np.arange(12.0).reshape(3, 4), 1, True), {}), ("permutation", (0,), {}),
    ("choice", (5, (3,)), {}), ("choice", (np.arange(15).reshape(3, 5), (3,), False), {"axis": 1}),
    ("choice", (5, (3,)), {"p": np.array([0.1, 0.2, 0.3, 0.2, 0.2])}),
    ("choice", (5, (3,), False), {"p": np.array([0.1, 0.2, 0.3, 0.2, 0.2])}),
    ("bernoulli", (0.3, (9,)), {}), ("bernoulli", (np.float32(0.3), (9,), "high"), {}),
    ("rademacher", ((9,),), {}), ("geometric", (0.2, (9,)), {}),
    ("categorical", (np.log([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]),), {"shape": (5, 2)}),
    ("categorical", (np.log([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]), 0), {"shape": (4, 3)}),
    ("categorical", (np.zeros((2, 3)),), {"shape": (3, 2), "replace": False}),
    ("poisson", (np.array([0.0, 3.0, 50.0, np.nan]),), {}),
    ("binomial", (np.array([10.0, 1000.0, 100.0]), np.array([0.3, 0.3, 0.9])), {}),
    ("multinomial", (100, np.array([0.2, 0.3, 0.5])), {}),
]
CLOSE = [
    ("uniform", ((9,), float, -2.0, 3.0), {}), ("normal", ((9,),), {}),
    ("normal", ((9,), "float32"), {}), ("normal", ((9,), "complex64"), {}),
    ("truncated_normal", (-1.0, 2.0, (9,)), {}), ("lognormal", (0.5, (9,)), {}),
    ("maxwell", ((9,),), {}), ("double_sided_maxwell", (1.0, 2.0, (9,)), {}),
    ("wald", (2.0, (9,)), {}), ("exponential", ((9,),), {}), ("pareto", (2.0, (9,)), {}),
    ("laplace", ((9,),), {}), ("logistic", ((9,),), {}), ("cauchy", ((9,),), {}),
    ("gumbel", ((9,),), {}), ("gumbel", ((9,), "float32", "high"), {}),
    ("gumbel", ((9,), "float32", "highest"), {}), ("rayleigh", (2.0, (9,)), {}),
    ("weibull_min", (2.0, 1.5, (9,)), {}), ("triangular", (0.0, 1.0, 3.0, (9,)), {}),
    ("multivariate_normal", (MEAN, COVARIANCE, (4,)), {}),
    ("multivariate_normal", (MEAN, COVARIANCE, (4,)), {"method": "svd"}),
    ("orthogonal", (3, (2,)), {}), ("orthogonal", (2,), {"m": 4}),
    ("gamma", (np.array([0.1, 1.0, 2.5, 100.0]),), {}), ("loggamma", (1e-3, (3,)), {}),
    ("beta", (0.5, 2.0, (9,)), {}), ("dirichlet", (np.array([0.5, 1.0, 2.0]), (3,)), {}),
    ("chisquare", (3.0, (9,)), {}), ("f", (3.0, 4.0, (9,)), {}), ("t", (3.0, (9,)), {}),
    ("generalized_normal", (3.0, (9,)), {}), ("ball", (3, 2.0, (4,)), {}),
]


def identifiers(rows):
    return [f"{name}{i}" for i, (name, *_) in enumerate(rows)]


def both(name, args, kwargs, impl="threefry2x32"):
    """What ingot and JAX draw with the same key."""
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        theirs = getattr(jax.random, name)(jax.random.key(42, impl=impl), *args, **kwargs)
        theirs = np.asarray(theirs)
    with config.override("match_jax", True):
        ours = data(getattr(random, name)(random.key(42, impl=impl), *args, **kwargs))
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    return ours, theirs


@pytest.mark.sampled(3)
@pytest.mark.oracle
@pytest.mark.parametrize("name, args, kwargs", EXACT, ids=identifiers(EXACT))
def test_stream_is_that_of_jax(name, args, kwargs):
    ours, theirs = both(name, args, kwargs)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.sampled(3)
@pytest.mark.oracle
@pytest.mark.parametrize("name, args, kwargs", CLOSE, ids=identifiers(CLOSE))
def test_stream_is_that_of_jax_to_rounding(name, args, kwargs):
    ours, theirs = both(name, args, kwargs)
    tolerance = 1e-5 if ours.dtype in (np.float32, np.complex64) else 1e-10
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.oracle
@pytest.mark.parametrize("impl", ["rbg", "unsafe_rbg"])
def test_streams_of_other_generators(impl):
    for name, args in [("uniform", ((5,),)), ("permutation", (7,)), ("bits", ((3,), "uint8"))]:
        ours, theirs = both(name, args, {}, impl)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.sampled(2)
@pytest.mark.oracle
@pytest.mark.parametrize("impl", ["threefry2x32", "rbg", "unsafe_rbg"])
@pytest.mark.parametrize("partitionable", [True, False])
def test_keys_are_those_of_jax(impl, partitionable):
    jax = pytest.importorskip("jax")
    with (jax.enable_x64(True), jax.threefry_partitionable(partitionable),
          ingot.config.override("threefry_partitionable", partitionable)):
        for seed in (0, -1, 2**40 + 3, np.int8(-3), np.uint32(7)):
            ours, theirs = random.key(seed, impl=impl), jax.random.key(seed, impl=impl)
            for f in (lambda r, k: r.key_data(k), lambda r, k: r.key_data(r.split(k, (2, 3))),
                      lambda r, k: r.key_data(r.fold_in(k, 7)), lambda r, k: r.bits(k, (2, 3)),
                      lambda r, k: r.bits(k, (5,), "uint8")):
                np.testing.assert_array_equal(data(f(random, ours)),
                                              np.asarray(f(jax.random, theirs)))


def test_frozen_stream():
    """Values of JAX 0.10, so that the stream is kept where JAX is not installed."""
    key = random.key(0)
    assert data(random.key_data(random.split(key))).tolist() == [
        [1797259609, 2579123966], [928981903, 3453687069]]
    assert data(random.bits(key, (2,), "uint32")).tolist() == [4070199207, 4202968722]
    assert data(random.permutation(key, 5)).tolist() == [0, 1, 4, 3, 2]
    np.testing.assert_allclose(data(random.normal(key, (2,), "float32")), [1.6226422, 2.0252647],
                               rtol=1e-6)


# ---- distributions -------------------------------------------------------------------------------
DISTRIBUTIONS = [
    ("uniform", (), {"minval": -1.0, "maxval": 3.0}, stats.uniform(-1, 4)),
    ("normal", (), {}, stats.norm()), ("exponential", (), {}, stats.expon()),
    ("laplace", (), {}, stats.laplace()), ("logistic", (), {}, stats.logistic()),
    ("cauchy", (), {}, stats.cauchy()), ("gumbel", (), {}, stats.gumbel_r()),
    ("gumbel", (), {"mode": "high"}, stats.gumbel_r()),
    ("gumbel", (), {"mode": "highest", "dtype": "float32"}, stats.gumbel_r()),
    ("maxwell", (), {}, stats.maxwell()), ("gamma", (0.4,), {}, stats.gamma(0.4)),
    ("gamma", (3.0,), {}, stats.gamma(3.0)), ("beta", (0.5, 2.0), {}, stats.beta(0.5, 2.0)),
    ("chisquare", (3.0,), {}, stats.chi2(3.0)), ("t", (3.0,), {}, stats.t(3.0)),
    ("f", (3.0, 4.0), {}, stats.f(3.0, 4.0)), ("pareto", (2.0,), {}, stats.pareto(2.0)),
    ("rayleigh", (2.0,), {}, stats.rayleigh(scale=2.0)),
    ("wald", (2.0,), {}, stats.invgauss(2.0, scale=1.0)),
    ("lognormal", (0.5,), {}, stats.lognorm(0.5)),
    ("weibull_min", (2.0, 1.5), {}, stats.weibull_min(1.5, scale=2.0)),
    ("triangular", (0.0, 1.0, 3.0), {}, stats.triang(1 / 3, scale=3.0)),
    ("truncated_normal", (-1.0, 2.0), {}, stats.truncnorm(-1.0, 2.0)),
    ("generalized_normal", (3.0,), {}, stats.gennorm(3.0)),
]
COUNTS = [
    ("poisson", (3.0,), stats.poisson(3.0)), ("poisson", (30.0,), stats.poisson(30.0)),
    ("binomial", (10, 0.3), stats.binom(10, 0.3)), ("binomial", (200, 0.7), stats.binom(200, 0.7)),
    ("geometric", (0.2,), stats.geom(0.2)), ("bernoulli", (0.3,), stats.bernoulli(0.3)),
]


@pytest.mark.parametrize("name, args, kwargs, expected", DISTRIBUTIONS,
                         ids=identifiers(DISTRIBUTIONS))
def test_distribution(name, args, kwargs, expected):
    drawn = data(ingot.jit(lambda key: getattr(random, name)(
        key, *args, shape=(4000,), **kwargs))(KEY))
    assert stats.kstest(drawn, expected.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name, args, expected", COUNTS, ids=identifiers(COUNTS))
def test_distribution_of_counts(name, args, expected):
    drawn = data(ingot.jit(lambda key: getattr(random, name)(
        key, *args, shape=(4000,)))(KEY)).astype(int)
    low, high = int(expected.ppf(0.02)), int(expected.ppf(0.98))
    edges = np.clip(drawn, low, high)
    observed = np.bincount(edges - low, minlength=high - low + 1)
    chance = expected.pmf(np.arange(low, high + 1))
    chance[0], chance[-1] = expected.cdf(low), expected.sf(high - 1)
    assert stats.chisquare(observed, chance / chance.sum() * 4000).pvalue > 1e-3


def test_moments_of_vectors():
    drawn = data(random.multivariate_normal(KEY, MEAN, COVARIANCE, (4000,)))
    np.testing.assert_allclose(drawn.mean(0), MEAN, atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), COVARIANCE, atol=0.15)
    drawn = data(random.dirichlet(KEY, np.array([1.0, 2.0, 3.0]), (4000,)))
    np.testing.assert_allclose(drawn.sum(-1), 1)
    np.testing.assert_allclose(drawn.mean(0), np.array([1, 2, 3]) / 6, atol=0.01)
    drawn = data(random.ball(KEY, 3, shape=(4000,)))
    assert stats.kstest((drawn**2).sum(-1) ** 1.5, stats.uniform().cdf).pvalue > 1e-3
    q = data(random.orthogonal(KEY, 3, (5,)))
    np.testing.assert_allclose(q @ q.swapaxes(-1, -2), np.broadcast_to(np.eye(3), (5, 3, 3)),
                               atol=1e-12)


def test_permutation_and_choice_without_replacement():
    assert sorted(data(random.permutation(KEY, 1000)).tolist()) == list(range(1000))
    assert len(set(data(random.choice(KEY, 50, (50,), replace=False)).tolist())) == 50
    lines = data(random.permutation(KEY, np.arange(12).reshape(3, 4), 1, independent=True))
    assert (np.sort(lines, 1) == np.arange(12).reshape(3, 4)).all()


# ---- laws ----------------------------------------------------------------------------------------
LAWS = [row for row in [*EXACT, *CLOSE] if row[0] not in ("bits",)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name, args, kwargs", LAWS, ids=identifiers(LAWS))
def test_mapping_over_keys_is_a_loop(name, args, kwargs):
    keys = random.split(KEY, 3)
    sample = lambda key: getattr(random, name)(key, *args, **kwargs)  # noqa: E731
    mapped = data(ingot.jit(ingot.vmap(sample))(keys))
    looped = np.stack([data(sample(keys[i])) for i in range(3)])
    np.testing.assert_allclose(mapped.astype(complex), looped.astype(complex), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("log_space", [False, True])
@pytest.mark.parametrize("alpha", [0.3, 2.3])
def test_derivative_of_gamma_is_that_of_the_quantile(alpha, log_space):
    """At a fixed quantile u, d x / d alpha of gamma.ppf(u, alpha)."""
    sample = random.loggamma if log_space else random.gamma
    keys = random.split(KEY, 5)
    for i in range(5):
        x = float(random.gamma(keys[i], alpha))
        u, step = stats.gamma.cdf(x, alpha), 1e-5
        expected = (stats.gamma.ppf(u, alpha + step) - stats.gamma.ppf(u, alpha - step)) / 2 / step
        found = float(ingot.grad(lambda a, i=i: sample(keys[i], a))(alpha))
        np.testing.assert_allclose(found * (x if log_space else 1), expected, rtol=1e-5)


def test_raw_words_are_keys():
    raw = random.PRNGKey(3)
    assert raw.dtype == np.uint32 and raw.shape == (2,)
    assert random.split(raw, 3).shape == (3, 2)
    np.testing.assert_array_equal(data(random.split(raw)[0]),
                                  data(random.key_data(random.split(random.key(3))[0])))
    assert float(random.normal(raw)) == float(random.normal(random.key(3)))
    with ingot.config.override("enable_custom_prng", True):
        assert random.PRNGKey(3).shape == ()
        with pytest.warns(FutureWarning, match="raw words"):
            random.normal(raw)


def test_keys_move_like_elements():
    keys = random.split(KEY, (2, 3))
    words = data(random.key_data(keys))
    np.testing.assert_array_equal(data(random.key_data(keys.T)), words.transpose(1, 0, 2))
    np.testing.assert_array_equal(data(random.key_data(keys[1, ::2])), words[1, ::2])
    joined = inp.concatenate([keys, keys[:1]])
    np.testing.assert_array_equal(data(random.key_data(joined)), words[[0, 1, 0]])
    picked = ingot.jit(lambda ks, i: random.key_data(ks[i]))(keys, 1)
    np.testing.assert_array_equal(data(picked), words[1])
    again = random.wrap_key_data(words)
    assert again.dtype == keys.dtype and random.key_impl(again) == "threefry2x32"
    np.testing.assert_array_equal(data(random.key_data(random.clone(again))), words)


def test_streams_without_64_bit_types(x32):
    assert random.uniform(KEY).dtype == np.float32
    assert random.randint(KEY, (2,), 0, 9).dtype == np.int32
    assert random.bits(KEY).dtype == np.uint32
    assert data(random.key_data(random.key(-1))).tolist() == [0, 2**32 - 1]
    assert data(random.key_data(random.key(2**40 + 3))).tolist() == [0, 3]


def test_range_of_uniform():
    for dtype in ("float32", "float16", "bfloat16"):
        drawn = data(random.uniform(KEY, (10_000,), dtype)).astype(float)
        assert drawn.min() >= 0 and drawn.max() < 1


# ---- errors --------------------------------------------------------------------------------------
BAD = [
    (lambda: random.key(1.5), TypeError, r"key: the seed must be an integer, got f64\[\]"),
    (lambda: random.key(True), TypeError, "must be an integer"),
    (lambda: random.key("a"), TypeError, "the seed must be an integer, got 'a'"),
    (lambda: random.key(2**70), OverflowError, "does not fit in 64 bits"),
    (lambda: random.key(np.arange(2)), TypeError, "map over seeds with vmap"),
    (lambda: random.key(KEY), TypeError, "got a PRNG key"),
    (lambda: random.key(0, impl="mersenne"), ValueError, "unknown PRNG implementation"),
    (lambda: random.key(0, impl="rbg", dtype=KEY.dtype), ValueError, "not both"),
    (lambda: random.uniform(3), TypeError, "expected a PRNG key, got 3"),
    (lambda: random.uniform(np.ones(3)), TypeError, r"got f64\[3\]"),
    (lambda: random.uniform(random.split(KEY)), ValueError, "map over them with vmap"),
    (lambda: random.wrap_key_data(np.ones(3, "uint32")), TypeError, r"got u32\[3\]"),
    (lambda: random.fold_in(KEY, 1.5), TypeError, "expected one integer"),
    (lambda: random.fold_in(KEY, -1), OverflowError, "out of bounds"),
    (lambda: random.split(KEY, 2.5), TypeError, "known integers"),
    (lambda: random.bits(KEY, (), "int32"), ValueError, "unsigned integer"),
    (lambda: random.uniform(KEY, (-1,)), ValueError, "must not be negative"),
    (lambda: random.uniform(KEY, (), int), ValueError, "must be a float dtype"),
    (lambda: random.uniform(KEY, (2,), float, np.zeros(3)), ValueError, "must broadcast"),
    (lambda: random.randint(KEY, (), 0, 5, float), TypeError, "must be an integer dtype"),
    (lambda: random.choice(KEY, 3, (5,), False), ValueError, "cannot draw 5 of 3"),
    (lambda: random.choice(KEY, 0, (5,)), ValueError, "empty"),
    (lambda: random.choice(KEY, 3, (5,), p=np.ones(2)), ValueError, "one entry for each"),
    (lambda: random.choice(KEY, 3, 5), TypeError, "must be a sequence"),
    (lambda: random.permutation(KEY, 1.5), TypeError, "expected an integer or an array"),
    (lambda: random.bernoulli(KEY, 1), TypeError, "must be a float"),
    (lambda: random.bernoulli(KEY, mode="x"), ValueError, "mode must be"),
    (lambda: random.gumbel(KEY, mode="x"), ValueError, "mode must be"),
    (lambda: random.gamma(KEY, np.ones(3), (2,)), ValueError, "must broadcast"),
    (lambda: random.generalized_normal(KEY, np.ones(3), (2,)), ValueError,
     "generalized_normal: parameters of .* must broadcast"),
    (lambda: random.ball(KEY, 2, np.ones(3), (2,)), ValueError, "ball: p must be one number"),
    (lambda: random.ball(KEY, -2), ValueError, "ball: shape must not be negative"),
    (lambda: random.weibull_min(KEY, np.ones(3), 1.0, (2,)), ValueError,
     "weibull_min: parameters of .* must broadcast with"),
    (lambda: random.multinomial(KEY, np.ones(3), np.ones(2) / 2), ValueError,
     "multinomial: parameters of .* must broadcast"),
    (lambda: random.orthogonal(KEY, -1), ValueError, "orthogonal: shape must not be negative"),
    (lambda: random.beta(KEY, np.float64(1), 2.0, dtype="float32"), TypePromotionError, "not fit"),
    (lambda: random.dirichlet(KEY, 1.0), ValueError, "rank 1"),
    (lambda: random.categorical(KEY, 1.0), ValueError, "rank 1"),
    (lambda: random.categorical(KEY, np.ones(2), shape=(3,), replace=False), ValueError,
     "cannot draw 3 of 2"),
    (lambda: random.poisson(random.key(0, impl="rbg"), 1.0), ValueError, "threefry2x32"),
    (lambda: random.multivariate_normal(KEY, np.zeros(2), np.eye(3)), ValueError, r"f64\[3,3\]"),
    (lambda: random.multivariate_normal(KEY, MEAN, COVARIANCE, method="x"), ValueError, "method"),
    (lambda: ingot.jit(lambda n: random.permutation(KEY, n))(3), TypeError, "known while tracing"),
]


@pytest.mark.parametrize("call, kind, text", BAD, ids=[str(i) for i in range(len(BAD))])
def test_errors(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize("width", [8, 16, 32, 64])
@pytest.mark.parametrize("shape", [(1,), (5,), (3, 7), (333,)])
def test_numbers_that_depend_on_how_many_are_drawn_are_compiled(shape, width):
    with ingot.config.override("threefry_partitionable", False):
        keys = ingot.random.split(ingot.random.key(1), 3)
        for fun in (lambda k: ingot.random.bits(k, shape, f"uint{width}"),
                    lambda k: ingot.random.key_data(ingot.random.split(k, shape))):
            many = ingot.jit(ingot.vmap(fun))
            expected = np.stack([fun(k) for k in keys])
            np.testing.assert_array_equal(many(keys), expected)
            np.testing.assert_array_equal(ingot.vmap(fun)(keys), expected)
            assert many.lower(keys).compile().cost_analysis()["host calls"] == 0
