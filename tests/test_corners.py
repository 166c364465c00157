"""Corners of many functions, and the types of errors, as in JAX."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot import lax
from numpy_oracle import check, check_error, table

INDICES = """
x[[0,2,1],[0,2,1]]; x[[0,1],:]; x[[],1:]; x[[[0,1],[1,2]],0]; x[[True,False,True],0];
x[(0,1),0]; x[[0],]; x[[iv[0],1],2]; x.at[[0,2],[1,2]].set(7); v[np.zeros(0,bool)];
x[jnp.zeros((3,0),bool)]; x[jnp.zeros((0,4),bool)]; x[:,jnp.zeros(0,bool)];
jnp.zeros(1,'uint32').at[0].set(2**32-1); jnp.zeros(1,'uint64').at[0].add(2**64-1);
v.at[iv//2].apply(jnp.cos); x.at[iv*0].apply(lambda x:x*2); i.at[iv*0,iv+2].apply(lambda x:x+1);
x.at[1].apply(jnp.sin); x.at[1:3].apply(jnp.sin); x.at[b].apply(jnp.sin);
jnp.take_along_axis(v,jnp.arange(-8,9),0); jnp.take_along_axis(v,jnp.arange(-8,9),0,mode='clip');
jnp.take_along_axis(v,jnp.arange(-8,9),0,mode='fill',fill_value=7);
jnp.take_along_axis(v,jnp.arange(5),0,mode='promise_in_bounds');
jnp.take_along_axis(v,jnp.arange(-8,9),0,mode='one_hot'); jnp.take_along_axis(x,i,1,mode='one_hot');
jnp.take_along_axis(v,jnp.arange(-8,9),0,mode='clip',wrap_negative_indices=False);
jnp.put_along_axis(v,jnp.arange(-8,9),1.,0,inplace=False);
jnp.roll(x,np.array([1,2]),axis=(0,1)); jnp.roll(x,np.array([1,2]),axis=1);
jnp.roll(x,np.array([1]),axis=0); jnp.roll(x,np.array([1,2]));
jax.jit(lambda x,s:jnp.roll(x,s,axis=(0,1)))(x,iv[:2]);
jax.jit(lambda x,s:jnp.roll(x,s,axis=1))(x,iv[:2]); jax.jit(jnp.roll)(x,iv[:2]);
jax.jit(jnp.insert)(v,1,5); jax.jit(jnp.insert)(v,-1,5); jax.jit(jnp.insert)(v,iv,u[:3]);
jax.jit(lambda x,i,y:jnp.insert(x,i,y,axis=1))(x,-2,u[:3]); jnp.insert(v,9,1);
jnp.insert(v,jnp.array([0,9,-9]),1); jax.jit(lambda k:jnp.tri(3,4,k,'f4'))(1);
jax.jit(jnp.unravel_index)(iv-1,(2,3)); jnp.ravel_multi_index((iv,iv),(3,4),mode='ignore');
jnp.ravel_multi_index((i8[0],i8[1]),(3,4),mode='ignore',dtype='int16');
jnp.c_['r',[1,2,3],[4,5,6]]; jnp.c_['c',[1,2],[3,4]]; jnp.r_['r',[1,2],[3]]; jnp.r_['c',[1,2],[3]];
jnp.c_[v,u]; jnp.c_['0,2',[1,2],[3,4]]; jnp.mgrid[()]; jnp.ogrid[()]; jnp.mgrid[:]
"""
FUNCTIONS = """
jnp.ldexp(x,i*60); jnp.ldexp(0.,5000); jnp.ldexp(jnp.inf,-5000);
jnp.ldexp(f,i8); jnp.ldexp(h,i); jnp.ldexp(i,u8); jnp.isscalar(np.array(16)); jnp.ndim([1,2]);
jnp.shape([[1,2]]); jnp.size([1,2]); jax.grad(nn.softplus)(np.nan); jax.grad(nn.softplus)(np.inf);
jax.grad(jnp.logaddexp,(0,1))(np.inf,np.inf);
jax.grad(jnp.logaddexp,(0,1))(np.nan,1.); jnp.trapezoid(x,dx=jnp.ones((2,4)),axis=0);
jnp.pad(x,1,lambda v,p,i,k:v.at[:p[0]].set(9).at[v.shape[0]-p[1]:].set(k['n']),n=2);
jnp.quantile(v,2.); jnp.quantile(v,jnp.array([-.1,1.1])); jnp.percentile(v,200);
jnp.nanquantile(nan,jnp.array([-.1,np.nan,1.1])); lax.reduce(x,0,lax.add,(0,));
lax.reduce(i,0.,lax.add,(0,)); lax.map(jnp.sin,v,batch_size=0);
jax.grad(lambda v:S.logsumexp(v,where=jnp.arange(5)<2))(v.at[3].set(np.inf));
jax.grad(lambda v:S.logsumexp(v,where=v>9))(v); jnp.fft.fft(jnp.zeros(0));
nn.softmax(v,where=v>9); nn.softmax(v,where=v>0); jax.grad(lambda v:nn.softmax(v,where=v>0)[0])(v);
nn.log_softmax(v,where=v>9); nn.one_hot([0,1,2],3); jnp.linalg.matrix_norm(e,ord=1);
jnp.linalg.matrix_norm(e.T,ord=1); jnp.linalg.matrix_norm(e,ord=2); jnp.linalg.norm(e[:,0],np.inf);
jnp.linalg.matrix_norm(e,ord=np.inf); jnp.linalg.matrix_norm(e,ord='nuc');
nn.dot_product_attention(*[T4.astype('f4')]*3,query_seq_lengths=jnp.array([2,1],'int32'));
nn.dot_product_attention(*[T4.astype('f4')]*3,key_value_seq_lengths=jnp.array([2,1],'int32'));
nn.initializers.glorot_normal(in_axis=0,out_axis=())(jax.random.key(0),(2,));
nn.initializers.lecun_normal(in_axis=(),out_axis=0)(jax.random.key(0),(2,));
nn.initializers.orthogonal()(jax.random.key(0),(2,0))
"""
POWERS = """
jax.grad(lax.pow,(0,1))(4.,0.); jax.grad(lambda x:x**0.)(3.); jax.grad(lambda x:x**0.)(np.inf);
jnp.array(jax.jacfwd(jax.jacfwd(lax.pow,(0,1)),(0,1))(4.,0.),float);
jnp.array(jax.jacrev(jax.jacrev(lax.pow,(0,1)),(0,1))(4.,0.),float);
jnp.array(jax.hessian(jnp.power,(0,1))(2.,3.5),float);
jnp.array(jax.hessian(lambda x:x**2.)(0.),float);
jnp.array(jax.hessian(lambda x:lax.pow(x,0))(2.),float);
jnp.array(jax.hessian(lambda x:lax.pow(x,jnp.uint8(0)))(2.),float)
"""
SCIPY = """
F.dct(x,norm='backward'); F.idct(x,norm='backward'); F.dctn(x,norm='backward');
F.idctn(x,norm='backward'); lax.broadcast_in_dim(x,(2,4,3),(2,1)); F.dctn(x,s=(5,6));
lax.broadcast_in_dim(x[:,:1],(2,3,4),(1,0)); lax.broadcast_in_dim(t3,(4,3,2,5),(2,1,0));
S.betaln(jnp.geomspace(1,1e30,7),1.); S.betaln(1e30,1e30); S.betaln(1e30,2.); S.betaln(1e-30,1e30);
S.betaln(u*20,v**2*20); S.betaln(8.,8.); S.betaln(0.,9.); S.betaln(np.nan,9.);
S.beta(u*20,v**2*20); jax.grad(S.betaln,(0,1))(.3,50.); jax.grad(S.betaln,(0,1))(3.,5.);
jax.grad(S.betaln,(0,1))(30.,50.); jax.hessian(S.betaln)(9.,50.); S.xlogy(0.,np.nan);
S.xlog1py(0.,np.nan); S.xlogy(0.,0.); S.xlog1py(0.,-1.); jax.grad(S.xlogy,(0,1))(0.,3.);
jax.jacfwd(S.entr)(0.);
jax.jvp(lambda x,y:jax.jvp(S.xlogy,(x,y),(1.,1.)),(0.,3.),(1.,1.))[0][0];
jax.grad(S.entr)(.5); jax.hessian(S.entr)(.5); S.entr(0.);
L.toeplitz(t3,x); L.toeplitz(t3); L.toeplitz(v); L.toeplitz(3.,v); L.toeplitz(Z); L.hankel(t3);
L.hankel(t3,x); L.hankel(v,t3); L.companion(t3); L.fiedler_companion(t3); L.fiedler_companion(v);
L.fiedler_companion(x[:,:1]); L.fiedler_companion(x[:,:2]); L.convolution_matrix(t3,2);
L.convolution_matrix(v,3,mode='same'); L.convolution_matrix(t3,3,mode='valid');
L.cho_solve((jnp.tril(SA)+2*jnp.eye(4),True),B); L.cho_solve((P,True),bv);
L.cho_solve((jnp.tril(SA[0])+2*jnp.eye(4),True),x); L.cho_solve((P,False),SA[0])
"""
CONTROL = [e.replace("\n", "").strip() for e in """
jax.grad(jax.jit(lambda b:jax.vmap(lambda p:lax.cond(p>0,lambda b:jnp.sqrt(b).sum(),
lambda b:b.sum(),b))(-u).sum()))(jnp.zeros(2000));
jax.jacfwd(jax.jit(lambda s:jax.vmap(lambda p:lax.switch(p,[lambda b:jnp.sqrt(b).sum(),
lambda b:b.sum(),lambda b:b@b],s*jnp.zeros(2000)))(jnp.array([1,2,1])).sum()))(1.);
jax.vmap(lambda w,c:lax.while_loop(lambda v:v[0]<c,lambda v:(v[0]+1,v[1],v[2]@v[1]),(0,w,w[0])),
(None,0),(0,None,0))(A,iv);
jax.vmap(lambda w,c:lax.scan(lambda v,x:((v[0]+c,v[1]),v[1]*x),(0,w),u),(None,0),
((0,None),None))(w,iv);
jax.vmap(lambda n,w:lax.fori_loop(0,n,lambda i,v:(v[0]+i,v[1]),(0,w)),(0,None),(0,None))(iv,w);
jax.grad(lambda w:lax.fori_loop(0,3,lambda i,v:(v[0]*v[1],v[1]),(2.,w))[0])(w);
jax.vmap(lambda p,y:lax.cond(p>1,lambda p,y:(p,y),lambda p,y:(2*p,y),p,y),(0,None),(0,None))(iv,v)
""".split(";")]
CONVERSIONS = """
lax.convert_element_type(2**70,'float32'); lax.convert_element_type(2**33,'int32');
lax.conv(i8[None,None],i8[None,None,:2],(1,1),'VALID',preferred_element_type='float32');
L.solve_sylvester(SA,jnp.eye(2),SB+jnp.zeros((2,1,1,1)));
L.solve_sylvester(Z,jnp.eye(3),jnp.ones((2,3,3)));
S.sph_harm_y(jnp.array([0,1,3,4]),jnp.array([0,-1,2,-3]),u[:4]*3,bv); i.byteswap(); z.byteswap();
jax.grad(lambda t:S.sph_harm_y(jnp.array([3]),jnp.array([2]),t,t).real.sum())(u[:1]);
i8.byteswap();
L.qr_multiply(R,y.T[:1,:].repeat(5,1)); L.qr_multiply(R,x.T[:3],mode='left');
L.qr_multiply(Z,z,mode='left',conjugate=True)[0]; L.qr_multiply(R,v,pivoting=True)[1:];
jnp.logaddexp2(z*3,x+4j); jnp.logaddexp(z*3,x+4j);
S.comb(jnp.zeros(2),jnp.arange(2),repetition=True);
T.beta.logpdf(u,-1.,2.); T.beta.logpdf(u,jnp.array([1.,2.,0.,-1.,np.nan]),2.);
jax.jit(jnp.iscomplexobj)(z); jnp.trapezoid(t3,dx=x[:2],axis=1); jnp.trapezoid(t3,dx=v[:4],axis=0);
L.qr_multiply(R,u[:3],mode='left')[0]; lax.linalg.symmetric_product(SA,SA@SA.mT,alpha=2.,beta=.5);
lax.ragged_dot(x,jnp.ones((2,4,3))*w,jnp.array([1,1])); 
lax.ragged_dot(x,T4[:,0,:4],jnp.array([0,3]));
jax.grad(lambda x,r:(lax.ragged_dot(x,r,jnp.array([2,1]))**2).sum(),(0,1))(x,T4[:,0,:4]);
lax.ragged_dot(f,f[None].mT,jnp.array([2]),preferred_element_type='float64');
jnp.array(jax.jvp(jnp.linalg.pinv,(Z[:,:2],),(Z[:,1:],))[1]); jax.jvp(jnp.linalg.pinv,(x,),(y,))
"""
GROUPS = """
lax.ragged_dot_general(x,y,jnp.array([1,2]),
lax.RaggedDotDimensionNumbers((([0],[0]),([],[])),[0],[]));
lax.ragged_dot_general(t3,t3.mT,jnp.array([1,1]),
lax.RaggedDotDimensionNumbers((([2],[1]),([0],[0])),[0],[]));
lax.ragged_dot_general(t3,T4[0,:2,:4],jnp.array([2,1]),
lax.RaggedDotDimensionNumbers((([2],[1]),([],[])),[1],[0]))
"""
ERRORS = """
jnp.sum(jax.random.key(0)); jnp.max(jax.random.key(0)); lax.convert_element_type(2**70,'int32');
jnp.max(jax.random.split(jax.random.key(0))); L.qr_multiply(R,x,mode='a');
lax.linalg.symmetric_product(x,x); S.sph_harm_y(.5,0,u,u);
v+bv; v*bv; jnp.add(v,bv); jnp.maximum(v,bv); jnp.float_power(v,bv); divmod(v,bv); S.zeta(v,bv);
jnp.where(v>0,bv,1.); jnp.broadcast_arrays(v,bv); jnp.dot(v,bv); v@bv; jnp.reshape(x,(-1,-1));
jnp.reshape(v,(4,)); v.reshape(2,2); jnp.transpose(x,(0,0)); jnp.transpose(x,(0,));
jnp.sum(x,axis=2); jnp.sum(x,axis=(0,0)); jnp.argmax(x,axis=3); jnp.swapaxes(x,0,4);
jnp.split(bv,2,axis=1); jnp.hsplit(w,2); jnp.std(v,axis=3); jnp.squeeze(x,axis=0);
jnp.zeros((-1,)); jnp.linalg.cholesky(x); jnp.linalg.eigh(x); jnp.linalg.svd(v); jnp.linalg.qr(v);
jnp.linalg.lstsq(v,v); L.lu(v); lax.reshape(v,(4,)); jnp.repeat(v,-1); x[[0,1]];
jnp.ones((3,4))[jnp.zeros((0,5),bool)]; jnp.array([2**64]); jnp.array([300],'uint8');
jnp.array([-1],'uint32'); jax.grad(jnp.sum)(); jax.grad(jnp.sum,argnums=1)(v);
jax.jvp(jnp.sin,(v,),(bv,)); jax.jvp(jnp.add,(v,v),(v,)); jax.vjp(jnp.sin,v)[1](bv);
jax.vjp(jnp.sin,v)[1](iv); jax.linearize(jnp.sin,v)[1](bv);
v.at[0].get(mode='foo'); v.at[0].set(1.,mode='foo'); jnp.array([0.,None]);
jnp.asarray(np.ma.array([1,2],mask=[0,1])); jnp.sin(np.ma.array([1.,2],mask=[0,1]));
jax.jit(jnp.sin)(np.ma.array([1.,2],mask=[0,1])); jax.device_put(x,{'a':None});
jax.jit(lambda x:x,static_argnames='x',donate_argnames='x'); jax.jit(staticmethod(jnp.sin));
jax.jit(lambda x:x,static_argnums=0,donate_argnums=0); jax.jit(lambda:(yield));
jax.grad(lambda:(yield)); jax.jit(lambda a,/,b:b,static_argnames=('a',));
jax.jit(lambda *args:args,static_argnames=('args',));
jnp.linalg.matrix_rank(A,rtol=.1,tol=.1); jnp.linalg.pinv(A,rtol=.1,rcond=.1);
L.dft(4,dtype='float32'); L.helmert(0); L.fiedler_companion(jnp.ones(0));
nn.initializers.lecun_normal()(jax.random.key(0),(2,));
jax.grad(lambda x:lax.while_loop(lambda x:x<3,lambda x:x*x,x))(w)
"""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table("\n".join(
    [INDICES, FUNCTIONS, POWERS, SCIPY, CONVERSIONS])))
def test_corner(expression):
    check(expression, tolerance=1e-8)


@pytest.mark.parametrize("expression", CONTROL + [
    e.replace("\n", "") for e in GROUPS.split(";")])
def test_corner_of_control_flow(expression):
    check(expression)


@pytest.mark.parametrize("expression", table("""
v[9]; v[-9]; x[1,9]; x[9]; x[-9,1]; x[9,iv]; x[:,9]; x[None,9]; v.at[9].get(); v.at[9].set(1);
v.at[-9].add(1); x.at[1,9].set(1); x.at[9].mul(v[:4]); jax.jit(lambda v:v[9])(v); x[9,...];
jax.vmap(lambda r:r[9])(x); jax.grad(lambda v:v[9]+v[-9])(v); v.at[9].get(mode='fill')
"""))
def test_static_indices_that_are_not_checked(expression):
    with ingot.config.override("check_static_indices", False):
        check(expression)


@pytest.mark.parametrize("expression", table(ERRORS))
def test_errors_have_the_types_of_jax(expression):
    check_error(expression)


def test_integers_that_the_default_dtype_does_not_hold():
    with ingot.enable_x64(False):
        for too_large in ([2**40, 1], [[1, 2**33]], [-2**31 - 1], [2**63]):
            with pytest.raises(OverflowError):
                ingot.numpy.array(too_large)
        assert ingot.numpy.array([2**31 - 1, -2**31]).dtype == "int32"


def test_negative_indices_are_in_bounds():
    """JAX 0.10 takes the first element for them where the caller promises bounds; 0.12 does not."""
    x, places = np.arange(12.0).reshape(3, 4), np.array([[-1, -4], [3, 0], [-2, 1]])
    got = ingot.numpy.take_along_axis(x, places, 1, mode="promise_in_bounds")
    np.testing.assert_array_equal(got, np.take_along_axis(x, places, 1))


def test_derivatives_with_respect_to_a_real_factor_warn_of_nothing():
    x, y = np.arange(3.0), np.arange(3.0) + 1j
    g = ingot.grad(lambda x: ingot.lax.dot(x, y).real)(x)  # warnings are errors
    np.testing.assert_array_equal(g, y.real)


def test_callbacks_may_return_their_leaves_in_another_structure():
    shape = {"y": [ingot.ShapeDtypeStruct((), "float64")]}
    out = ingot.jit(lambda x: ingot.pure_callback(lambda x: (x + 1,), shape, x))(2.0)
    assert out == {"y": [3.0]}
    with pytest.raises(Exception, match="must return the structure"):
        ingot.jit(lambda x: ingot.pure_callback(lambda x: (x, x), shape, x))(2.0)


def test_zeros_of_tangents_of_integers():
    zeros, jnp = np.zeros(2, ingot.dtypes.float0), ingot.numpy
    for x in (jnp.zeros(2, zeros.dtype), jnp.zeros_like(np.arange(2), zeros.dtype)):
        assert x.shape == (2,) and x.dtype == zeros.dtype
        assert ingot.vjp(lambda n: n + 1, np.arange(2))[1](x)[0].dtype == zeros.dtype


def test_mapped_branches_that_are_linear_are_transposed():
    signs, x = np.array([1.0, -1.0, 2.0]), np.arange(3.0)

    def f(x):
        return ingot.vmap(lambda p: ingot.lax.cond(p > 0, lambda x: 3 * x, lambda x: 2 * x, x))(
            signs)

    (ct,) = ingot.linear_transpose(f, x)(np.ones((3, 3)))
    np.testing.assert_array_equal(ct, np.full(3, 8.0))


def test_a_singular_tridiagonal_matrix_is_perturbed():
    zero, ones = ingot.numpy.zeros(3), ingot.numpy.ones((3, 1))
    x = ingot.lax.linalg.tridiagonal_solve(zero, zero, zero, ones, perturb_singular=True)
    assert (ingot.numpy.isfinite(x) & (x > 1e6)).all()


def test_minmax_is_min_and_max():
    x = np.array([[3.0, np.nan, 1.0], [5.0, -2.0, 0.0]])
    for params in ({}, {"axis": 0}, {"axis": (1, -2), "keepdims": True},
                   {"axis": 1, "initial": 4.0, "where": x == x}):
        got = jnp.minmax(x, **params)
        for y, f in zip(got, (jnp.min, jnp.max), strict=True):
            np.testing.assert_array_equal(y, f(x, **params))
    least, greatest = jnp.minmax(x[1], initial=(-5, 2))
    assert (least, greatest) == (-5, 5)


def test_polynomials_of_any_coefficients():
    x, c = np.array([0.5, 2.0], np.float32), [1, np.array([2.0, 3.0]), 4.0]
    np.testing.assert_array_equal(lax.polynomial(x, c), 1 + x * (c[1] + 4 * x))
    assert lax.polynomial(x, c).dtype == np.float32
    np.testing.assert_array_equal(ingot.grad(lax.polynomial)(2.0, [1, 3, 5]), 23)
    np.testing.assert_array_equal(lax.polynomial(x, []), 0 * x)
    assert lax.polynomial(np.inf, [1, -2]) == -np.inf


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64"])
def test_integers_at_their_ends(dtype):
    """The smallest integer has no size, and divided by -1 no quotient: what NumPy has."""
    info = np.iinfo(dtype)
    ends = [info.min, info.min + 1, 0, 1, 6, info.max // 3 * 2, info.max]
    x, y = np.meshgrid(*[np.array(ends + [-1, -4] * (info.min < 0), dtype)] * 2)
    for name in ("gcd", "lcm", "floor_divide", "remainder", "fmod"):
        fun, kept = getattr(jnp, name), (y != 0) | (name in ("gcd", "lcm"))
        want = getattr(np, name)(x[kept], y[kept])
        for f in (fun, ingot.jit(fun)):
            np.testing.assert_array_equal(f(x[kept], y[kept]), want, err_msg=name)
