"""Elementwise functions, reductions and indexing: the same types, values and errors as JAX."""

import itertools

import pytest

from numpy_oracle import check, table

UNARY = """
abs fabs positive negative reciprocal square sqrt cbrt exp exp2 expm1 log log1p log2 log10 sin cos
tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh degrees radians sinc floor ceil
trunc sign conj real imag signbit spacing modf frexp isinf isnan isfinite isposinf isneginf
iscomplex isreal logical_not invert bitwise_count
""".split()
UNARY_ARGUMENTS = "x f i i8 u8 b z h bf w wi e 3 2.5 True 1j np.float32(2) np.ones(3)".split()
BINARY = """
add subtract multiply divide floor_divide remainder fmod divmod float_power hypot logaddexp arctan2
logaddexp2 copysign nextafter heaviside maximum minimum fmax fmin equal less greater_equal
logical_and logical_xor bitwise_and left_shift right_shift gcd lcm ldexp isclose
""".split()
PAIRS = table("""
x,y; x,2; 2,x; f,x; f,2.5; i,i8; i,3; i8,u8; i8,2; z,x; w,wi; wi,3; 3,2.5; u8,3; h,f; bf,h; i,x[0]
x,i; x,np.float32(3); x[:,:1],x[0]; i,u8; f,i; i8,f; i,0; x,0; x,[1]
""")
REDUCTIONS = """
sum prod max min mean var std any all ptp count_nonzero nansum nanprod nanmax nanmin nanmean nanvar
nanstd
""".split()
REDUCED = "x f i i8 u8 b z h bf nan e t3".split()
SPECIAL_REDUCTIONS = """
jnp.sum(x,where=b); jnp.mean(x,where=b,axis=0); jnp.var(x,where=b,ddof=1);
jnp.max(x,where=b,initial=0.); jnp.sum(x,initial=3); jnp.var(x,ddof=1);
jnp.std(x,axis=0,ddof=1); jnp.var(x,correction=1); jnp.var(x[:1],axis=0,ddof=1);
jnp.sum(i8,dtype='int8'); jnp.sum(i8,promote_integers=False); jnp.average(x,weights=p);
jnp.average(x,axis=1,weights=p[0]); jnp.average(x,axis=0,weights=iv,returned=True);
jnp.sum(x,axis=2); jnp.sum(x,axis=(0,0)); jnp.sum([1,2]); jnp.mean(x,dtype='float32');
jnp.sum(x,axis=()); jnp.max(e,axis=1); jnp.max(e); jnp.any(b,axis=0,where=b);
jnp.cumulative_sum(v,include_initial=True); jnp.cumulative_prod(x,axis=1); jnp.sum(x,out=1)
"""
INDEX = """
x[0]; x[-1]; x[1,2]; x[...]; x[...,1]; x[None]; x[:,None,1]; x[1:]; x[::2]; x[::-1];
x[2:0:-1,1::2]; x[5:]; t3[1,:,2]; t3[...,0,:]; t3[0,...,None,-1]; x[iv]; x[:,iv]; t3[:,iv,:];
t3[:,iv,iv]; t3[k[:,:1]%2,:,k]; t3[iv[:2]%2,:,iv[:2]]; t3[0,:,iv]; t3[:,0,iv];
t3[iv%2,None,:,iv]; x[b]; t3[:,b]; x[:,np.array([True,False,True,True])];
x[np.array([True,False,True])]; x[iv,iv]; x[jnp.array(1)]; x[jnp.array(-1)]; x[jnp.array(7)];
x[np.int64(1)]; x[True]; x[False]; x[iv,::-1]; x[::-1,iv]; t3[::-1,iv,1:3];
x[:,iv[:,None],None]; x[1.5]; x['a']; x[[0,1]]; x[0,0,0]; x[np.array([0,-1])];
x[jnp.array([9,-9])]; x.at[jnp.array([9,-9])].get(mode='fill');
x.at[jnp.array([9,-9])].get(mode='fill',fill_value=3);
x.at[jnp.array([9,-9])].get(mode='clip'); i.at[jnp.array([9])].get(mode='fill');
x[e.astype(int)[:,0]]; x[...,jnp.array([0,1])]; x[()]; w[()]; w[None]; w[...]; x[jnp.uint8(2)];
x[jnp.array([1,2],'int8')]; u[np.array([[1,2]])]; t3[1:,iv]; t3[0][None,1:,iv]; x[None,iv];
x[iv,None]; x[0:2,jnp.array(1)]
"""
UPDATES = table("""
0|1.; 1:|2; ::2|x[::2]*2; iv|y[:3]; :,iv|1; ...,0|v[:3]; ::-1|y; b|0.; (iv,iv)|v[:3]; jnp.array(1)|3
jnp.array(9)|3; 0,1|7; None,0|1; (slice(None,None,-2),iv)|u[:3]; (iv[:,None],slice(1,3))|2.5
(0,iv)|u[:3]; jnp.array([0,0,1])|p; (slice(0,3,2),slice(None,None,-1))|y[0]
(None,iv,None,slice(1,2))|1.5
""")
MORE_UPDATES = """
i.at[0].set(2.5); i.at[0].add(1); x.at[0].set(z[0]); x.at[0:2].set(v); b.at[0].set(True);
i8.at[iv].add(i); w.at[()].set(3); w.at[...].add(3); t3.at[:,iv,::2].set(1.);
t3.at[0,:,iv].add(1.); t3.at[:,b].set(0); x.at[0].apply(jnp.sin); x.at[iv].apply(lambda q:q*2);
x.at[7].set(1,mode='drop'); x.at[jnp.array([-1,9])].set(1,mode='clip'); x.at[True].set(0.)
"""


DIFFER = {("nan_to_num", "wi"), ("sign", "True")}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name, argument", [
    pair for pair in itertools.product(UNARY, UNARY_ARGUMENTS) if pair not in DIFFER])
def test_unary(name, argument):
    check(f"jnp.{name}({argument})")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name, pair", list(itertools.product(BINARY, PAIRS)))
def test_binary(name, pair):
    check(f"jnp.{name}({pair})")


@pytest.mark.parametrize("exponent", table("y; 2; -2; 2.5; i; -1; 0; f; z; b; w; wi; i8"))
def test_power(exponent):
    for base in ("p", "z", "f", "w"):
        check(f"jnp.power({base}, {exponent})")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name, argument", list(itertools.product(REDUCTIONS, REDUCED)))
def test_reductions(name, argument):
    for how in ("", ", axis=-1", ", axis=0, keepdims=True", ", axis=(0, 1)"):
        check(f"jnp.{name}({argument}{how})")


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name, argument", list(itertools.product(
    table("argmax; argmin; nanargmax; nanargmin; cumsum; cumprod; nancumsum"), (*REDUCED, "w"))))
def test_along_an_axis(name, argument):
    for how in ("", ", axis=1"):
        if argument != "w" or not how:
            check(f"jnp.{name}({argument}{how})")


@pytest.mark.parametrize("expression", table(SPECIAL_REDUCTIONS))
def test_arguments_of_reductions(expression):
    check(expression)


@pytest.mark.parametrize("expression", table(INDEX))
def test_indexing(expression):
    check(expression)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("operation, update", list(itertools.product(
    table("set; add; multiply; min; max; divide; power; subtract"), UPDATES)))
def test_updates(operation, update):
    index, value = update.split("|")
    check(f"p.at[{index}].{operation}({value})")


@pytest.mark.parametrize("expression", table(MORE_UPDATES))
def test_more_updates(expression):
    check(expression)
