"""Creation, shapes, joining, sorting, methods and operators: the same as JAX."""

import numpy as np
import pytest

import ingot
import ingot.numpy as jnp
from ingot.core.array import ArrayBase
from numpy_oracle import check, table

CONVERSION = """
jnp.array([1,2.5]); jnp.array([[1,2],[3,4]]); jnp.array([jnp.float32(1),2.]); jnp.array(3);
jnp.array([]); jnp.array([x[0],y[0]]); jnp.array(range(3)); jnp.array('a'); jnp.array([1,'a']);
jnp.array(None); jnp.array([[1,2],[3]]); jnp.array([True,2]); jnp.array([1,2],dtype='int8');
jnp.array(2.7,dtype=int); jnp.array(x,ndmin=3); jnp.asarray(np.float32(3)); jnp.array(2**40);
jnp.asarray([1j,2]); jnp.array([np.float32(1),np.int8(2)]); jnp.array((1.,(2)))
"""
CREATION = """
jnp.zeros(3); jnp.zeros((2,3),int); jnp.ones(2,'bool'); jnp.full((2,3),2); jnp.full(2,1.5);
jnp.full((2,2),jnp.array([1,2])); jnp.full(3,1,dtype='float32'); jnp.full_like(x,2);
jnp.full_like(i,2.7); jnp.full_like(w,1); jnp.zeros_like(i8); jnp.zeros_like(x,dtype=int);
jnp.ones_like(x,shape=(2,)); jnp.empty(2); jnp.zeros(-1); jnp.zeros(2.5)
"""
RANGES = """
jnp.arange(5); jnp.arange(2,5); jnp.arange(1,10,3); jnp.arange(10,0,-3); jnp.arange(0.,1,.25);
jnp.arange(3,dtype='float32'); jnp.arange(5.5); jnp.arange(0,1,.1); jnp.arange(np.float32(3));
jnp.arange(5,2); jnp.arange(0,5,0); jnp.arange(3,dtype='int8')
"""
SEQUENCES = """
jnp.linspace(0,1); jnp.linspace(0,1,5); jnp.linspace(0,10,5,endpoint=False);
jnp.linspace(x,y,4); jnp.linspace(x,y,4,axis=-1); jnp.linspace(0,10,4,dtype=int);
jnp.linspace(0,1,1); jnp.linspace(0,1,0); jnp.linspace(0,1,3,retstep=True);
jnp.linspace(1j,2,3); jnp.linspace(-5,5,7,dtype='int32'); jnp.logspace(0,2,5);
jnp.logspace(0,2,3,base=2); jnp.geomspace(1,1000,4); jnp.geomspace(-1,-1000,4);
jnp.geomspace(1,8,4,dtype='int32')
"""
MATRICES = """
jnp.eye(3); jnp.eye(2,3,1); jnp.eye(3,k=-1,dtype=int); jnp.identity(2); jnp.tril(x,1);
jnp.triu(x,-1); jnp.diag(v); jnp.diag(x); jnp.diag(v,1); jnp.diag(v,-2); jnp.diag(x,2);
jnp.diag(x,-1); jnp.diagflat(x); jnp.diagonal(t3,0,1,2); jnp.diagonal(t3,1,0,2); jnp.trace(x);
jnp.trace(i8,1); jnp.fill_diagonal(x,2.,inplace=False); jnp.tril_indices(3);
jnp.triu_indices(3,1,4); jnp.diag_indices(3); jnp.indices((2,3));
jnp.indices((2,3),sparse=True); jnp.meshgrid(v,u); jnp.meshgrid(v,u,indexing='ij');
jnp.meshgrid(v,u,sparse=True); jnp.mgrid[0:3,0:2]; jnp.ogrid[0:3,0:2]; jnp.mgrid[0:1:3j];
jnp.r_[1:4,0,v]; jnp.c_[v,u]; jnp.r_['0,2',v,u]; jnp.ix_(iv,iv); jnp.mask_indices(3,jnp.triu)
"""
SHAPES = """
jnp.reshape(x,(2,6)); jnp.reshape(x,-1); jnp.reshape(x,(2,-1),order='F'); x.reshape(6,2);
x.reshape((3,2,2)); jnp.reshape(x,(5,-1)); jnp.ravel(x,'F'); jnp.squeeze(x[:1]);
jnp.squeeze(x,0); jnp.expand_dims(x,(0,-1)); jnp.moveaxis(t3,0,-1);
jnp.moveaxis(t3,jnp.arange(2),-1-jnp.arange(2)); jnp.moveaxis(t3,(0,1),(1,2));
jnp.swapaxes(t3,0,2); jnp.transpose(t3,(2,0,1)); x.T; t3.mT;
t3.transpose(1,0,2); jnp.rollaxis(t3,2); jnp.rollaxis(t3,0,3); jnp.atleast_1d(w);
jnp.atleast_2d(v); jnp.atleast_3d(v); jnp.atleast_3d(x); jnp.atleast_1d(1,v);
jnp.broadcast_to(v,(2,5)); jnp.broadcast_to(v,(2,4)); jnp.broadcast_arrays(x,v[:4],3);
jnp.broadcast_shapes((2,1),(3,))
"""
JOINING = """
jnp.concatenate([x,y]); jnp.concatenate([x,i],1); jnp.concatenate([x,y],None);
jnp.concatenate([x,v]); jnp.concatenate([]); jnp.concatenate(x);
jnp.concatenate([f,f],dtype='float64'); jnp.stack([x,y]); jnp.stack([x,i8],-1);
jnp.stack([w,1]); jnp.vstack([v,u]); jnp.hstack([v,u]); jnp.hstack([x,y]); jnp.dstack([x,y]);
jnp.column_stack([v,u]); jnp.block([[x,x],[y,y]]); jnp.block([1,v]); jnp.append(v,3);
jnp.append(x,y,0); jnp.unstack(x); jnp.split(x,2,1); jnp.split(x,3); jnp.split(x,2);
jnp.split(v,[1,3]); jnp.array_split(v,3); jnp.vsplit(x,3); jnp.hsplit(x,2); jnp.dsplit(t3,2)
"""
REPEATING = """
jnp.tile(x,2); jnp.tile(x,(2,1,3)); jnp.repeat(x,2); jnp.repeat(x,3,1);
jnp.repeat(v,jnp.array([1,0,2,1,1])); jnp.repeat(x,jnp.array([1,2,0]),axis=0);
jnp.repeat(v,2,total_repeat_length=7); jnp.flip(x); jnp.flip(x,0); jnp.fliplr(x);
jnp.flipud(x); jnp.rot90(x); jnp.rot90(x,2); jnp.rot90(t3,3,(1,2)); jnp.roll(x,1);
jnp.roll(x,(1,-2),(0,1)); jnp.roll(x,jnp.array(2),1); jnp.roll(x,5,0); jnp.resize(v,(3,3));
jnp.resize(v,(2,))
"""
CHOOSING = """
jnp.where(b,x,y); jnp.where(b,1,2.); jnp.where(b,x,0); jnp.where(b); jnp.where(v>0,size=3);
jnp.where(x,i,f); jnp.clip(x,0,1); jnp.clip(i,None,3); jnp.clip(i8,2.5); jnp.clip(x,y,1);
jnp.select([b,~b],[x,y]); jnp.select([b],[i],2.5); jnp.nonzero(i); jnp.nonzero(b,size=4);
jnp.nonzero(b,size=20,fill_value=-1); jnp.nonzero(w); jnp.flatnonzero(b); jnp.argwhere(b);
jnp.argwhere(w); jnp.argwhere(b,size=3); jnp.choose(k,[k,k+5,k+10]);
jnp.choose(k,x[:, :2],mode='clip'); jnp.piecewise(x,[x<0,x>1],[lambda q:-q,2.,7.]);
jnp.piecewise(x,[x<0],[1]); jnp.extract(b,x); jnp.compress(b[0],x,1);
jnp.compress(b[0],x,1,size=3); jnp.place(x,b,jnp.array([7.,8.]),inplace=False)
"""
SORTING = """
jnp.sort(x); jnp.sort(x,0); jnp.sort(x,None); jnp.sort(nan); jnp.sort(z);
jnp.sort(i8,descending=True); jnp.sort(b); jnp.argsort(i); jnp.argsort(i,0,descending=True);
jnp.argsort(nan); jnp.lexsort((i[0],i[1])); jnp.sort_complex(i);
jnp.searchsorted(jnp.sort(v),u); jnp.searchsorted(jnp.sort(v),x,side='right');
jnp.searchsorted(jnp.array([1,2,2,3]),jnp.array([0,2,4]));
jnp.searchsorted(jnp.array([1.,np.nan]),jnp.array([np.nan,2]));
jnp.digitize(v,jnp.array([-1.,0,1])); jnp.digitize(v,jnp.array([1.,0,-1]),right=True);
jnp.take(x,iv); jnp.take(x,iv,0); jnp.take(x,jnp.array([9,-9]),0);
jnp.take(x,jnp.array([9,-9]),0,mode='clip'); jnp.take(x,jnp.array([9,-9]),mode='wrap');
jnp.take(x,k,1); jnp.take_along_axis(x,jnp.argsort(x,1),1);
jnp.take_along_axis(x,jnp.array([[5]]),0); jnp.take_along_axis(x,iv,None);
jnp.put_along_axis(x,jnp.array([[1],[0],[2]]),9.,1,inplace=False);
jnp.put(x,iv,7.,inplace=False); jnp.put(x,iv,jnp.zeros(0),inplace=False); jnp.partition(v,2)[2]
"""
METHODS = """
x.argsort(); x.sort(); x.take(iv); x.item(); w.item(); x.tolist(); x.view('int64');
x.view('int32'); f.view('uint8'); z.view('float64'); u8.view('int8'); x.astype('int32');
z.astype('float64'); x.astype(bool); x.nbytes; x.itemsize; x.real; z.imag; x.conj();
x.dot(x.T); x.flatten(); x.ptp(); x.diagonal(); x.round(1); x.clip(0,1); x.cumsum();
x.std(ddof=1); x.var(0); x.any(); x.all(0); x.nonzero(); x.repeat(2); x.searchsorted(1);
x.squeeze(); x.swapaxes(0,1); x.trace(); x.copy(); x.compress(b[0],1); x.choose([x]); len(x);
list(w); x@x.T; x@v[:4]; v[:4]@x.T; t3@x.T; x.T@t3[0]; 2@x; x@2; x@y; 1j*x; x**2; x**-1; i**2;
i**-1; 2**x; 2.**i; x//i; x%2; -x; +x; abs(x); ~b; ~i; i<<2; i>>1; i&3; 3|i; i^i8; divmod(x,2);
divmod(3,i8); round(x,1); x==y; x!=1; x<y; 1<x; b+b; b-b; b*b; b/b; b//b; -b; x+None; x+[1];
[1]+x; np.ones(3)+v[:3]; v[:3]*np.float32(2); hash(x); bool(x); int(w); float(x); complex(w);
x.tobytes()==y.tobytes(); f'{w:.3f}'; str(x); repr(bf)[:40]; repr(i8); repr(e); repr(z)[:50];
x.__array__().dtype; iter(w); x.foo; x.__array_priority__
"""


@pytest.mark.sampled(2)
@pytest.mark.parametrize("expression", table("\n".join(
    [CONVERSION, CREATION, RANGES, SEQUENCES, MATRICES, SHAPES])))
def test_creation_and_shapes(expression):
    check(expression)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("expression", table("\n".join([JOINING, REPEATING, CHOOSING, SORTING])))
def test_rearranging(expression):
    check(expression)


@pytest.mark.parametrize("expression", table(METHODS))
def test_methods_and_operators(expression):
    check(expression)


def test_reshape_leaves_arrays_of_numpy_to_numpy():
    x = np.arange(6.0)
    given = []
    for order in "CF":
        ingot.jit(lambda: (given.append(jnp.reshape(x, (2, -1), order)), 0)[1])()  # noqa: B023
        assert type(given[-1]) is np.ndarray
        np.testing.assert_array_equal(given.pop(), np.reshape(x, (2, -1), order))
    with pytest.raises(TypeError, match="reshape"):
        jnp.reshape(x, (4, 2))


HUNG = {name: value for name, value in vars(ArrayBase).items()
        if not name.startswith("_") and hasattr(ArrayBase, name)}


@pytest.mark.parametrize("transform", [ingot.jit, ingot.grad, ingot.vmap],
                         ids=["jit", "grad", "vmap"])
def test_tracers_have_every_method_of_arrays(transform):
    seen = []

    def f(x):
        seen.append({n for n in HUNG if getattr(type(x), n) is not getattr(ArrayBase, n)})
        return x.var() * 1.0

    transform(f)(np.ones(3) if transform is not ingot.vmap else np.ones((2, 3)))
    assert seen == [set()]
