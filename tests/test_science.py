"""Images, signals, interpolation, Krylov methods, differential equations, Taylor series."""

import jax
import jax.example_libraries.stax
import numpy as np
import pytest
import scipy.interpolate

import ingot
import ingot.numpy as jnp
from ingot.example_libraries import stax
from ingot.scipy.interpolate import RegularGridInterpolator
from ingot.scipy.optimize import minimize
from numpy_oracle import check, check_error, table

IMAGES = """
image.resize(x,(6,9),'linear'); image.resize(x,(2,3),'cubic'); image.resize(x,(2,9),'lanczos3');
image.resize(x,(5,2),'lanczos5',antialias=False); image.resize(i,(7,3),'nearest');
image.resize(i8,(5,5),'bilinear'); image.resize(t3,(2,5,4),'bicubic');
image.resize(x,(0,4),'linear');
image.resize(f,(6,9),image.ResizeMethod.CUBIC);
image.scale_and_translate(x,(5,6),(0,1),jnp.array([1.5,.7]),jnp.array([.3,-1.]),'linear');
jax.grad(lambda s:(image.scale_and_translate(x,(5,4),(0,),s,u[:1],'cubic')**2).sum())(u[:1]);
at(i,[i%3,i%4],0); at(x,[x*3,x*3],1,mode='nearest'); at(x,[x*3,x*3],0,mode='wrap');
at(x,[x*3,x*3],1,mode='mirror'); at(x,[x*3,x*3],1,mode='reflect'); at(i,[u,u],1,cval=7);
at(z,[u,u],1,cval=2.); at(v,[u],1); jax.grad(lambda q:at(x,[q,q],1).sum())(u)
"""
SIGNALS = """
signal.convolve(v,u); signal.convolve(v,u,mode='same'); signal.convolve(v[:2],u,mode='valid');
signal.convolve(x,y[:2,:3]); signal.convolve(t3,t3[:,:2],mode='same'); signal.convolve(i,i8[:1]);
signal.convolve(z,x,method='fft'); signal.correlate(z,z[:2],mode='valid');
signal.correlate(v,u[:2]);
signal.correlate(z,x[:2,:2],mode='same'); signal.fftconvolve(x,y,axes=1); signal.fftconvolve(z,y);
signal.fftconvolve(x,y[:,:2],mode='same',axes=[1]); signal.convolve2d(x,y[:2,:2],mode='valid');
signal.correlate2d(x,y[:2,:2],mode='same'); signal.correlate2d(z[:2,:2],z,mode='valid');
signal.correlate2d(z,z[:2]); signal.detrend(x); signal.detrend(x,0,'constant');
signal.detrend(s6,bp=3);
signal.welch(T4.ravel(),nperseg=32); signal.welch(t3,nperseg=3,axis=1,scaling='spectrum');
signal.csd(T4.ravel(),T4.ravel()**2,fs=3.,nperseg=20,nfft=32,average='median',detrend='linear');
signal.csd(SA.ravel()*1j,SA.ravel(),nperseg=16,window=np.hanning(16)); signal.stft(v,nperseg=4);
signal.stft(SA.ravel(),nperseg=32,noverlap=20,boundary=None,padded=False,detrend='constant');
signal.stft(SA.ravel(),nperseg=32,boundary='even');
signal.istft(signal.stft(SA.ravel(),nperseg=16)[2]);
signal.istft(signal.stft(SA.ravel()*1j,nperseg=9,return_onesided=False)[2],input_onesided=False)
"""
SOLUTIONS = """
krylov.cg(P,bv,tol=1e-12)[0]; krylov.cg(lambda q:{'a':P@q['a']},{'a':bv},tol=1e-12)[0]['a'];
krylov.bicgstab(A+9*jnp.eye(4),bv,tol=1e-12)[0]; krylov.gmres(A,bv,tol=1e-12)[0];
krylov.gmres(lambda q:A@q,bv,jnp.ones(4),tol=1e-12,solve_method='incremental',restart=9)[0];
krylov.bicgstab(P+1j*A,bv+2j,tol=1e-12,M=jnp.diag(1/jnp.diag(P)))[0]; krylov.cg(P,0*bv)[0];
krylov.cg(P,bv,bv,maxiter=0)[0]; jax.grad(lambda P,b:krylov.cg(P,b,tol=1e-12)[0]@bv,(0,1))(P,bv);
jax.grad(lambda A,b:krylov.gmres(A,b,tol=1e-12)[0]@bv,(0,1))(A+9*jnp.eye(4),bv);
jax.vmap(lambda b:krylov.bicgstab(P,b,tol=1e-12)[0])(x); vq(x,y); vq(v,u); vq(i,i8);
Grid([u.sort(),v.sort()],A.ravel()[:5]*jnp.ones((5,5)))(jnp.c_[u,v]/2);
Grid([jnp.arange(3.),jnp.arange(4.)],x,'nearest',fill_value=None)((u*4-1,v)); Grid([v.sort()],u)(u);
Grid([jnp.arange(3.)],t3.swapaxes(0,1),fill_value=-1.)(x[:1].T);
Grid([jnp.arange(3.)],i)(u[:,None]*3)
"""
CURVES = """
odeint(lambda y,t:-y,1.,u.cumsum());
odeint(lambda y,t,c:[y[1],-c*jnp.sin(y[0])],[w,w],u.cumsum(),3.);
jax.grad(lambda y,t,c:(odeint(lambda y,t,c:-c*y*t,y,t,c)**2).sum(),(0,1,2))(w,u.cumsum(),w);
jax.grad(lambda c:odeint(lambda y,t:jnp.cos(c*t)*y,v[:2],u.cumsum())[-1].sum())(w);
jax.vmap(lambda y:odeint(lambda y,t:t-y*y,y,u.cumsum()))(u);
odeint(lambda y,t:1j*y,1+0j,u.cumsum());
jet(jnp.sin,(v,),([u,v,u],)); jet(jnp.exp,(v,),([u,v,u,u],),factorial_scaled=False);
jet(lambda a,b:(a*b,b.sum()),(v,u),([u,v],[v,v])); jet(jnp.tanh,(v,),([u,v,u,v],))
"""


@pytest.mark.sampled(4)
@pytest.mark.parametrize("expression", table("\n".join([IMAGES, SIGNALS])))
def test_images_and_signals(expression):
    check(expression, tolerance=2e-7)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table("\n".join([SOLUTIONS, CURVES])))
def test_solutions_and_curves(expression):
    check(expression, tolerance=1e-6)


@pytest.mark.parametrize("expression", table("""
image.resize(x,(3,),'linear'); image.resize(x,(3,3),'foo'); at(x,[v],1);
at(x,[v,v],1,mode='foo'); signal.convolve(x,v); signal.convolve(v,u,mode='foo'); vq(x,v);
signal.convolve(v[:0],u); signal.convolve2d(v,u);
signal.detrend(v,type='foo'); signal.welch(v,nperseg=3,noverlap=3); krylov.cg(P,bv,(bv,));
krylov.gmres(P,bv,solve_method='foo'); Grid([v],u,'foo'); Grid([u,u],u);
odeint(lambda y,t:y,1.,iv); jet(jnp.add,(v,v),([v],[v,v])); Grid([v.sort()],u,bounds_error=True)
"""))
def test_errors_of_science(expression):
    check_error(expression)


LBFGS = "l-bfgs-experimental-do-not-rely-on-this"


def rosenbrock(x):
    return jnp.sum(100 * abs(x[1:] - x[:-1] ** 2) ** 2 + abs(1 - x[:-1]) ** 2)


@pytest.mark.parametrize("method", ["BFGS", LBFGS])
def test_minimization(method):
    for start in (np.zeros(4), np.array([2.0, -1.0])):
        found = minimize(rosenbrock, start, method=method)
        np.testing.assert_allclose(found.x, np.ones(len(start)), atol=1e-5)
        assert found.fun < 1e-10
    for dtype in (np.float32, np.float64):  # steep: the first steps are tiny
        steep = minimize(lambda x: 1e8 * jnp.mean(x * x), np.ones(2, dtype), method=method)
        np.testing.assert_allclose(steep.x, 0, atol=1e-6)
    stopped = ingot.jit(lambda x: minimize(rosenbrock, x, method=method, options={"maxiter": 2}))(
        np.zeros(3))
    assert stopped.nit == 2 and stopped.status == 1 and not stopped.success


def test_minimization_of_a_complex_vector():
    start = np.array([0.5 + 0.1j, -0.2j, 0.0])
    found = minimize(rosenbrock, start, method=LBFGS, options={"ftol": 0.0})
    assert found.fun < 1e-8 and found.x.dtype == np.complex128
    np.testing.assert_allclose(found.jac, ingot.grad(rosenbrock)(found.x), atol=1e-6)


def test_products_of_wide_matrices_are_not_formed_for_derivatives_of_pinv():
    tall = np.random.RandomState(0).randn(200_000, 2)  # whose square does not fit into memory
    for a in (tall, tall.T):
        _, t = ingot.jvp(jnp.linalg.pinv, (a,), (a,))
        np.testing.assert_allclose(t, -np.linalg.pinv(a), atol=1e-12)


def test_optional_arguments_of_softmax_and_structs():
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(ingot.nn.softmax(x, initial=-9.0), ingot.nn.softmax(x))
    np.testing.assert_array_equal(ingot.nn.log_softmax(x, initial=0.0), ingot.nn.log_softmax(x))
    assert ingot.ShapeDtypeStruct.like(1.0) == ingot.ShapeDtypeStruct((), "float64", weak_type=True)
    assert ingot.ShapeDtypeStruct.like(x).update(shape=(3,)).shape == (3,)
    with pytest.raises(ValueError, match="method must be one of"):
        minimize(rosenbrock, x, method="foo")
    per_row = ingot.vmap(lambda s: ingot.lax.ragged_dot(np.ones((3, 1)), np.ones((2, 1, 1)), s))
    assert per_row(np.array([[1, 1], [3, 0]])).sum() == 5


def test_a_grid_may_descend():
    rng = np.random.RandomState(0)
    points, values = (np.arange(4.0)[::-1], np.arange(5.0)), rng.randn(4, 5)
    places = rng.rand(7, 2) * 3
    np.testing.assert_allclose(RegularGridInterpolator(points, values)(places),
                               scipy.interpolate.RegularGridInterpolator(points, values)(places))


@pytest.mark.parametrize("layer, shape", [("Conv1DTranspose", (2, 5, 3)),
                                          ("ConvTranspose", (2, 4, 5, 3))])
def test_transposed_convolutions_of_stax(layer, shape):
    window = (3,) * (len(shape) - 2)
    init, apply = getattr(stax, layer)(4, window, strides=(2,) * len(window), padding="SAME")
    theirs = getattr(jax.example_libraries.stax, layer)(
        4, window, strides=(2,) * len(window), padding="SAME")
    out_shape, params = init(ingot.random.key(0), (-1, *shape[1:]))
    assert out_shape == theirs[0](jax.random.key(0), (-1, *shape[1:]))[0]
    x = np.random.RandomState(0).randn(*shape)
    want = theirs[1](tuple(np.asarray(p, np.float64) for p in params), x)
    np.testing.assert_allclose(apply(tuple(np.asarray(p, np.float64) for p in params), x), want,
                               atol=1e-12)
