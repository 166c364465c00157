"""Derivatives, batching and compilation of the public functions, against JAX and eager results."""

import jax
import numpy as np
import pytest

import ingot
from numpy_oracle import INGOT, JAX, close, table

X = np.random.RandomState(0).randn(4, 4)
NUMPY = """
jnp.sum(jnp.sin(x)@x); jnp.var(x); jnp.std(x,axis=0).sum(); jnp.max(x); jnp.prod(x);
jnp.cumsum(x).sum(); jnp.cumprod(x,1).sum(); jnp.sort(x,0)[1].sum(); jnp.median(x);
jnp.quantile(x,.3); x[1:,::-1].sum()*x[0,0]; x[jnp.array([0,2]),jnp.array([1,1])].sum();
(x[:,jnp.array([3,3])]**2).sum(); (x.at[1].set(2.)**2).sum();
(x.at[jnp.array([0,0])].add(x[1])**2).sum(); (x.at[1,2].multiply(3.)**2).sum();
(x.at[::2,1].min(.1)**2).sum(); jnp.where(x>0,x**2,-x).sum(); jnp.clip(x,-.5,.5).sum();
jnp.linalg.det(x); jnp.linalg.slogdet(x)[1]; jnp.linalg.inv(x).sum();
jnp.linalg.solve(x,x[0]).sum(); jnp.linalg.norm(x); jnp.linalg.norm(x,2);
jnp.linalg.norm(x,'nuc'); jnp.linalg.norm(x,3,axis=1).sum();
jnp.linalg.cholesky(x@x.T+jnp.eye(4)).sum(); (jnp.linalg.eigh(x+x.T)[0]**3).sum();
jnp.linalg.svd(x,compute_uv=False).sum(); jnp.linalg.qr(x)[1].sum();
jnp.linalg.pinv(x[:3]).sum(); jnp.linalg.lstsq(x[:,:2],x[:,2])[0].sum();
jnp.linalg.matrix_power(x,3).sum(); jnp.einsum('ij,jk,kl->il',x,x,x).sum();
jnp.einsum('ii,ij->j',x,x).sum(); jnp.kron(x,x[:2]).sum(); jnp.cross(x[:,:3],x[:,1:]).sum();
jnp.tensordot(x,x).sum(); abs(jnp.fft.fft(x)).sum();
jnp.fft.irfft(jnp.fft.rfft(x[0])**2).sum();
jnp.interp(x[0],jnp.array([-1.,0,1]),jnp.array([1.,2,0])).sum(); jnp.convolve(x[0],x[1]).sum();
(jnp.convolve(x[0],x[1],'same')**2).sum(); jnp.polyval(x[0],x[1]).sum(); jnp.diff(x,2).sum();
(jnp.gradient(x)[0]**2).sum(); jnp.trapezoid(x).sum(); jnp.pad(x,2,mode='reflect').sum();
(jnp.roll(x,1,0)*x).sum(); (jnp.tile(x,(2,1))**2).sum(); (jnp.repeat(x,2,1)**2).sum();
jnp.stack([x,x**2]).sum(); jnp.concatenate([x,x**3],1).sum(); jnp.split(x,2)[0].sum();
(jnp.flip(x)*x).sum(); jnp.tril(x).sum(); (jnp.diag(x[0])@x).sum(); jnp.trace(x@x);
(jnp.take(x,jnp.array([1,1]),0)**2).sum();
(jnp.take_along_axis(x,jnp.argsort(x,1),1)*jnp.arange(4)).sum(); jnp.logaddexp(x,x.T).sum();
jnp.hypot(x,x.T).sum(); jnp.arctan2(x,x.T+3).sum(); jnp.power(jnp.abs(x)+.1,x).sum();
(x**3).sum(); (x**-2.).sum(); jnp.remainder(x,.7).sum(); jnp.sinc(x).sum();
jnp.maximum(x,x.T).sum(); jnp.minimum(x,0).sum(); jnp.cov(x).sum(); jnp.corrcoef(x)[0,1];
jnp.average(x,weights=x[0]**2,axis=1).sum(); jnp.nanmean(x.at[0,0].set(jnp.nan));
jnp.nanmax(x,0).sum(); jnp.logspace(x[0,0],x[0,1],5).sum(); jnp.linspace(x[0,0],x[0,1],5)[3];
jnp.vectorize(lambda a,b:a@b,signature='(n),(n)->()')(x,x.T).sum();
jnp.apply_along_axis(lambda v:v.sum()*v,0,x).sum();
jnp.piecewise(x,[x<0],[lambda q:q**2,lambda q:q]).sum();
jnp.histogram(x,jnp.array([-1.,0,1]),weights=x)[0][0]; jnp.unwrap(x).sum();
jnp.ldexp(x,2).sum(); jnp.mod(x,x.T).sum(); jnp.divmod(x,2.)[1].sum();
jnp.block([[x,x],[x,x*x]]).sum(); jnp.select([x>1,x>0],[x,x**2],x**3).sum(); jnp.ptp(x);
(jnp.meshgrid(x[0],x[1])[0]**2).sum(); jnp.cumulative_sum(x[0],include_initial=True).sum();
jnp.vander(x[0]).sum(); jnp.polyfit(x[0],x[1],1).sum();
jnp.roots(x[0,:3],strip_zeros=False).real.sum(); (jnp.insert(x[0],1,x[1,0])**2).sum();
(jnp.delete(x[0],1)**2).sum(); jnp.nan_to_num(x).sum(); jnp.heaviside(x,.5).sum();
jnp.copysign(x,x.T).sum(); jnp.exp2(x).sum(); jnp.log1p(x**2).sum(); jnp.cbrt(x).sum()
"""
OTHERS = """
nn.softmax(x)[0,1]; (nn.log_softmax(x)*x).sum(); nn.logsumexp(x); nn.gelu(x).sum();
nn.gelu(x,False).sum(); nn.silu(x).sum(); nn.elu(x).sum(); nn.selu(x).sum(); nn.celu(x).sum();
nn.softplus(x).sum(); nn.relu(x).sum();
nn.standardize(x)[0].sum()+(nn.standardize(x)**3).sum(); nn.glu(x).sum(); nn.mish(x).sum();
S.xlogy(x**2,x**2).sum(); S.gammaln(x**2+1).sum(); S.gamma(x**2+.1).sum();
S.betaln(x**2+1,x.T**2+1).sum(); S.ndtr(x).sum(); S.log_ndtr(x).sum();
S.ndtri(1/(1+x**2)).sum(); S.logit(1/(2+x**2)).sum(); S.entr(x**2).sum();
S.rel_entr(x**2+.1,x.T**2+.1).sum(); S.i0(x).sum(); S.i1e(x).sum(); S.erfcx(x).sum();
S.dawsn(x).sum(); S.expi(x**2+.1).sum(); S.exp1(x**2+.1).sum(); S.polygamma(1,x**2+1).sum();
S.boxcox(x**2+.1,.3).sum(); S.owens_t(x,x.T).sum(); S.sici(x**2+.1)[0].sum();
S.fresnel(x)[0].sum(); S.multigammaln(x[0]**2+3,2).sum(); S.hyp1f1(1.,2.,x).sum();
L.expm(x).sum(); L.cho_solve(L.cho_factor(x@x.T+jnp.eye(4)),x[0]).sum();
L.solve_triangular(x,x[0]).sum(); L.lu(x)[2].sum(); L.toeplitz(x[0]).sum()*x[0,0];
L.block_diag(x,x**2).sum(); T.norm.logpdf(x,x.T,1.5).sum();
T.multivariate_normal.logpdf(x[0],x[1],x@x.T+jnp.eye(4));
T.beta.logpdf(1/(1+x**2),2.,x.T**2+1).sum(); T.gamma.logpdf(x**2,x.T**2+1).sum();
T.truncnorm.logpdf(x/3,-1,1.5).sum(); T.t.logpdf(x,3.).sum();
T.gaussian_kde(x[:2]).logpdf(x[2:,:2]).sum(); T.dirichlet.logpdf(nn.softmax(x[0]),x[1]**2+1)
"""


def functions(expression):
    """The expression as a function of x, for JAX and for ingot."""
    return [eval(f"lambda x: {expression}", dict(names)) for names in (JAX, INGOT)]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("expression", table(NUMPY + OTHERS))
def test_gradient_is_that_of_jax(expression):
    theirs, ours = functions(expression)
    close(np.asarray(jax.grad(theirs)(X)), np.asarray(ingot.grad(ours)(X)), 1e-7)


@pytest.mark.parametrize("function", ["jnp.logaddexp(x, y)", "nn.softplus(x - y)"])
@pytest.mark.parametrize("point", [(0.7, 0.7), (0.7, -0.2)])
def test_derivatives_where_arguments_are_equal(function, point):
    """Both orders: at a tie the parts of the formula must choose the same branch."""
    theirs, ours = [eval(f"lambda x, y: {function}", dict(names)) for names in (JAX, INGOT)]
    close(np.asarray(jax.grad(theirs, (0, 1))(*point)),
          np.asarray(ingot.grad(ours, (0, 1))(*point)), 1e-12)
    close(np.asarray(jax.hessian(theirs)(*point)), np.asarray(ingot.hessian(ours)(*point)), 1e-12)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table(NUMPY + OTHERS)[::3])
def test_vmap_is_a_loop(expression):
    _, ours = functions(expression)
    batch = np.stack([X, X.T + 0.1])
    loop = np.stack([np.asarray(ours(ingot.numpy.asarray(x))) for x in batch])
    close(loop, np.asarray(ingot.vmap(ours)(batch)), 1e-9)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table(NUMPY + OTHERS)[1::3])
def test_jit_is_eager(expression):
    _, ours = functions(expression)
    close(np.asarray(ours(ingot.numpy.asarray(X))), np.asarray(ingot.jit(ours)(X)), 1e-9)
