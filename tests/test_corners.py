"""Corners of many functions, and the types of errors, as in JAX."""

import pytest

import ingot
from numpy_oracle import check, check_error, table

INDICES = """
x[[0,2,1],[0,2,1]]; x[[0,1],:]; x[[],1:]; x[[[0,1],[1,2]],0]; x[[True,False,True],0];
x[(0,1),0]; x[[0],]; x[[iv[0],1],2]; x.at[[0,2],[1,2]].set(7); v[np.zeros(0,bool)];
x[jnp.zeros((3,0),bool)]; x[jnp.zeros((0,4),bool)]; x[:,jnp.zeros(0,bool)];
jnp.zeros(1,'uint32').at[0].set(2**32-1); jnp.zeros(1,'uint64').at[0].add(2**64-1);
v.at[iv//2].apply(jnp.cos); x.at[iv*0].apply(lambda x:x*2); i.at[iv*0,iv+2].apply(lambda x:x+1);
x.at[1].apply(jnp.sin); x.at[1:3].apply(jnp.sin); x.at[b].apply(jnp.sin)
"""
FUNCTIONS = """
jnp.quantile(v,2.); jnp.quantile(v,jnp.array([-.1,1.1])); jnp.percentile(v,200);
jnp.nanquantile(nan,jnp.array([-.1,np.nan,1.1])); lax.reduce(x,0,lax.add,(0,));
lax.reduce(i,0.,lax.add,(0,)); lax.map(jnp.sin,v,batch_size=0)
"""
ERRORS = """
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
jax.grad(lambda x:lax.while_loop(lambda x:x<3,lambda x:x*x,x))(w)
"""


@pytest.mark.parametrize("expression", table("\n".join([INDICES, FUNCTIONS])))
def test_corner(expression):
    check(expression, tolerance=1e-8)


@pytest.mark.parametrize("expression", table(ERRORS))
def test_errors_have_the_types_of_jax(expression):
    check_error(expression)


def test_integers_that_the_default_dtype_does_not_hold():
    with ingot.enable_x64(False):
        for too_large in ([2**40, 1], [[1, 2**33]], [-2**31 - 1], [2**63]):
            with pytest.raises(OverflowError):
                ingot.numpy.array(too_large)
        assert ingot.numpy.array([2**31 - 1, -2**31]).dtype == "int32"
