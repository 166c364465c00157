"""nn and scipy: the same types and values as JAX."""

import numpy as np
import pytest

from numpy_oracle import arguments, check, table

ACTIVATIONS = """
relu sigmoid softplus sparse_plus soft_sign silu log_sigmoid leaky_relu hard_sigmoid hard_silu
hard_tanh tanh elu celu selu gelu squareplus mish identity softmax log_softmax logsumexp logmeanexp
standardize
""".split()
NETWORKS = """
nn.gelu(x,approximate=False); nn.log1mexp(p); nn.logsumexp(x,axis=0);
nn.logsumexp(x,b=y,return_sign=True); nn.logsumexp(x,axis=1,keepdims=True,where=b);
nn.logsumexp(z); nn.logsumexp(jnp.array([-jnp.inf,-jnp.inf]));
nn.logsumexp(jnp.array([jnp.inf,1])); nn.softmax(x,axis=0); nn.softmax(x,axis=(0,1));
nn.softmax(x,where=b); nn.log_softmax(x,where=b); nn.one_hot(i,5);
nn.one_hot(i,5,axis=0,dtype='int8'); nn.standardize(x,axis=0,algorithm='stable');
nn.standardize(x,where=b)
"""
SPECIAL = """
S.gammaln(X); S.gammaln(3); S.digamma(P); S.gamma(P); S.gamma(X); S.gammainc(P,Q);
S.gammaincc(P,Q); S.betainc(P,Q,U); S.betaln(P,Q); S.beta(P,Q); S.beta(X+.3,Q); S.loggamma(Z);
S.gammasgn(X); S.factorial(N/2); S.factorial(X); S.comb(Q,P); S.comb(7,3); S.poch(X+.3,P);
S.multigammaln(P+3,3); S.polygamma(1,P); S.polygamma(N%4,P); S.zeta(P+1.5,Q); S.bernoulli(10);
S.erf(X); S.erfc(X); S.erfinv(U); S.erfcx(X); S.dawsn(X); S.ndtri(U); S.owens_t(X,P);
S.ndtr(X); S.log_ndtr(X); S.wofz(Z); S.logit(U); S.expit(X); S.xlogy(X,P); S.xlogy(0,0);
S.xlog1py(X,P); S.entr(X); S.rel_entr(X,P); S.kl_div(P,Q); S.boxcox(P,X); S.boxcox(P,0.);
S.boxcox1p(P,X); S.softmax(X); S.log_softmax(X); S.logsumexp(X); S.exp1(P); S.expn(N%3+1,P);
S.spence(P); S.hyp1f1(P,Q,X/5); S.hyp2f1(U,U,P,U-.5); S.sici(P); S.fresnel(X); S.i0(X);
S.i0e(X); S.i1(X); S.i1e(X); S.bessel_jn(P[:5],v=3); S.erf(Xf); S.gammaln(Xf);
S.ndtri(U.astype('float32')); S.i0(3); S.erf(1j)
"""
LINALG = """
L.cholesky(S_); L.cholesky(S_,lower=True); L.cho_solve(L.cho_factor(S_),v);
L.cho_solve(L.cho_factor(S_,lower=True),B); L.solve_triangular(T_,v);
L.solve_triangular(T_,B,trans=1); L.solve_triangular(T_,B,trans='C',unit_diagonal=True);
L.solve_triangular(T_.T,v,lower=True); L.solve(A,B); L.solve(S_,B,assume_a='pos'); L.inv(A);
L.det(A); L.lu(A); L.lu(R); L.lu(R.T); L.lu(A,permute_l=True); L.lu_factor(A);
L.lu_solve(L.lu_factor(A),v); L.lu_solve(L.lu_factor(A),B,trans=1);
L.lu_solve(L.lu_factor(Z),Z,trans=2); L.qr(R); L.qr(R,mode='economic'); L.qr(R,mode='r');
L.qr(R,pivoting=True); L.svd(R,compute_uv=False); L.polar(A); L.eigh(H,eigvals_only=True);
L.eigh_tridiagonal(v,u,eigvals_only=True); L.schur(H); L.hessenberg(A);
L.hessenberg(A,calc_q=True); L.expm(A); L.expm(20*A); L.expm(K);
L.expm(T_,upper_triangular=True); L.expm(Z); L.expm(A.astype('float32')); L.expm_frechet(A,S_);
L.sqrtm(S_); L.sqrtm(A); L.funm(S_,jnp.sqrt); L.solve_sylvester(A,S_,A); L.block_diag(A,B,v);
L.block_diag(); L.toeplitz(v); L.toeplitz(v,u); L.toeplitz(Z[0]); L.hankel(v); L.hankel(v,u);
L.circulant(v); L.companion(v); L.convolution_matrix(v,3); L.convolution_matrix(v,3,'same');
L.convolution_matrix(u,5,'valid'); L.dft(4); L.dft(5,'sqrtn'); L.fiedler(v);
L.fiedler_companion(v); L.fiedler_companion(jnp.arange(1.,7));
L.fiedler_companion(jnp.arange(1.,8)); L.hadamard(4); L.helmert(4); L.helmert(3,full=True);
L.hilbert(3); L.invhilbert(4); L.leslie(v,u); L.rsf2csf(*L.schur(H))
"""
STATISTICS = """
T.poisson.entropy(a*50); T.multivariate_normal.logpdf(X,m,C);
T.multivariate_normal.logpdf(X,m,CC); T.multivariate_normal.pdf(m,m,C);
T.multivariate_normal.logpdf(x,0.,2.); T.multivariate_normal.logpdf(X,m,2.);
T.dirichlet.logpdf(jnp.array([.2,.3,.5]),a[:3]); T.dirichlet.logpdf(jnp.array([.2,.3]),a[:3]);
T.dirichlet.pdf(jnp.array([.2,.3,.6]),a[:3]);
T.multinomial.logpmf(jnp.array([1,2,3]),6,jnp.array([.2,.3,.5]));
T.multinomial.pmf(jnp.array([1,2,3]),5,jnp.array([.2,.3,.5])); T.mode(K);
T.mode(K,axis=1,keepdims=True); T.mode(K,axis=None); T.rankdata(K);
T.rankdata(K,method='min',axis=1); T.rankdata(x,method='max'); T.rankdata(K,method='dense');
T.rankdata(K,method='ordinal'); T.sem(X); T.sem(X,axis=None); T.sem(X,nan_policy='omit');
T.gaussian_kde(D).evaluate(D[:,:3]); T.gaussian_kde(D,weights=w).logpdf(D[:,:3]);
T.gaussian_kde(D[0],'silverman').integrate_box_1d(-1,1);
T.gaussian_kde(D).integrate_gaussian(m[:2],C[:2,:2]);
T.gaussian_kde(D).integrate_kde(T.gaussian_kde(D+1,.5))
"""
# Each distribution with its parameters.
DISTRIBUTIONS = {
    "norm": "l, s", "uniform": "l, s", "expon": "l, s", "cauchy": "l, s", "laplace": "l, s",
    "logistic": "l, s", "gumbel_r": "l, s", "gumbel_l": "l, s", "gamma": "a, l, s",
    "chi2": "a, l, s", "beta": "a, b, l, s", "t": "a, l, s", "pareto": "a, l, s", "gennorm": "a",
    "vonmises": "a", "wrapcauchy": "p", "truncnorm": "-a, b, l, s", "bernoulli": "p",
    "geom": "p, 1", "poisson": "a, 1", "binom": "n, p, 1", "nbinom": "n, p, 1",
    "betabinom": "n, a, b, 0",
}
FUNCTIONS = table("logpdf; pdf; cdf; logcdf; sf; logsf; ppf; isf; logpmf; pmf")


def special():
    r = np.random.RandomState(0)
    x = np.concatenate([r.randn(20) * 3, [0.0, 0.5, 1, 2, -1.5, 10, 30, -10]])
    p = np.abs(x) + 0.1
    return {"X": x, "P": p, "Q": p[::-1].copy(), "U": r.rand(28) * 0.98 + 0.01,
            "Xf": x.astype("f4"), "N": np.arange(1, 29), "Z": x + 0.3j * x[::-1]}


def matrices():
    r = np.random.RandomState(1)
    a = r.randn(4, 4)
    return {"A": a, "S_": a @ a.T + 4 * np.eye(4), "B": r.randn(4, 2), "v": r.randn(4),
            "u": r.rand(3), "T_": np.triu(a), "Z": r.randn(3, 3) + 1j * r.randn(3, 3),
            "R": r.randn(5, 3), "K": r.randn(2, 3, 3), "H": a + a.T}


def samples():
    r = np.random.RandomState(1)
    a = r.randn(3, 3)
    cov = a @ a.T + np.eye(3)
    return {"x": np.concatenate([r.randn(12) * 2, [0, 1, -1, 3.0]]), "q": r.rand(16) * 0.98 + 0.01,
            "a": r.rand(16) * 3 + 0.2, "b": r.rand(16) * 3 + 0.2, "l": r.randn(16) * 0.3,
            "s": r.rand(16) + 0.5, "k": r.randint(-1, 6, 16), "n": r.randint(3, 7, 16),
            "p": r.rand(16) * 0.9 + 0.05, "C": cov, "m": r.randn(3), "X": r.randn(5, 3),
            "D": r.randn(2, 20), "CC": np.stack([cov] * 5), "w": r.rand(20),
            "K": r.randint(0, 3, (4, 6))}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    for argument in ("x", "f", "100 * x", "nan"):
        check(f"nn.{name}({argument})")


@pytest.mark.parametrize("expression", table(NETWORKS))
def test_networks(expression):
    check(expression, arguments)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table(SPECIAL))
def test_special(expression):
    check(expression, special, 1e-6)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table(LINALG))
def test_linalg(expression):
    check(expression, matrices, 1e-8)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name):
    import jax.scipy.stats

    discrete = hasattr(getattr(jax.scipy.stats, name), "logpmf")
    for function in FUNCTIONS:
        if hasattr(getattr(jax.scipy.stats, name), function):
            at = "q" if function in ("ppf", "isf") else "k" if discrete else "x"
            check(f"T.{name}.{function}({at}, {DISTRIBUTIONS[name]})", samples, 1e-6)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table(STATISTICS))
def test_statistics(expression):
    check(expression, samples, 1e-6)
