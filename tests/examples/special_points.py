"""Derivatives at special points: zeros, infinities, poles, ties, edges of supports, far tails.

A line of a table: an expression of x, y, z | the arguments | the first derivatives, one an
argument | the second ones of x, if they are checked. Values are Python expressions; `?` says that
there is no derivative: then nan, an infinity or what JAX gives; `=` that the value is JAX's
convention, as at a tie. Expressions are those of `numpy_oracle`, evaluated by JAX too.
"""

from __future__ import annotations

# Smooth there: against differences of mpmath in 50 digits, first and second derivatives, in double
# and in single precision. function | of mpmath | points
SMOOTH = """
jnp.tanh(x) | mp.tanh(x) | 0 -0.0 3 12 -12 30 -30
jnp.tanh(x+0j).real | mp.tanh(x) | 0 -0.0 .9 3 12 -12 30 -30
jnp.tan(x*1j).imag | mp.tanh(x) | 0 .9 3 12 -12 30 -30
nn.sigmoid(x) | 1/(1+mp.exp(-x)) | 0 12 -12 30 -30 60
nn.log_sigmoid(x) | -mp.log(1+mp.exp(-x)) | 0 12 -12 30 -30
nn.softplus(x) | mp.log(1+mp.exp(x)) | 0 12 -12 30 -30
nn.silu(x) | x/(1+mp.exp(-x)) | 0 12 30 -12 -30
nn.mish(x) | x*mp.tanh(mp.log(1+mp.exp(x))) | 0 6 12 -6 -12
nn.gelu(x) | x/2*(1+mp.tanh(mp.sqrt(2/mp.pi)*(x+mpf('0.044715')*x**3))) | 0 2 4 6 -2 -4 -6
nn.gelu(x,False) | x*mp.ncdf(x) | 0 2 4 6 -2 -4 -6
nn.soft_sign(x) | x/(1+abs(x)) | 1e4 -1e4 1e10 -1e10
nn.squareplus(x) | (x+mp.sqrt(x*x+4))/2 | 0 30 -30 -1e4
lax.erf(x) | mp.erf(x) | 0 -0.0 2 4 -4 6 -6
lax.erfc(x) | mp.erfc(x) | 0 2 4 -4 6 -6
S.ellipk(x) | mp.ellipk(x) | 0 .5 -3
S.ellipe(x) | mp.ellipe(x) | 0 .5 -3
S.ellipkm1(x) | mp.ellipk(1-x) | 1e-5 1 3
S.agm(x,2.) | mp.agm(x,2) | .5 2 5
S.zetac(x) | mp.zeta(x)-1 | 2 -.5
jnp.i0(x) | mp.besseli(0,x) | 0 -0.0 1e-10 2
jnp.sinc(x) | mp.sinc(mp.pi*x) if x else mpf(1) | 1 2.5 -3
jnp.frexp(x)[0] | x/8 | 4.5 7
S.i0(x) | mp.besseli(0,x) | 0 -0.0 1e-10 2 -2 30
S.i1(x) | mp.besseli(1,x) | 0 -0.0 1e-10 2 -2 30
S.i0e(x) | mp.besseli(0,x)*mp.exp(-abs(x)) | 1 -2 30
S.i1e(x) | mp.besseli(1,x)*mp.exp(-abs(x)) | 1 -2 30
S.bessel_jn(x,v=1)[0] | mp.besselj(0,x) | 0 1e-10 3
S.bessel_jn(x,v=1)[1] | mp.besselj(1,x) | 0 1e-10 3
jnp.sinc(x) | mp.sincpi(x) | 0 -0.0 1e-10 1e-3 .5 1.25 -2
S.sici(x)[0] | mp.si(x) | 0 1e-10 2
S.fresnel(x)[0] | mp.fresnels(x) | 0 .5 1.25 30 170.25 1e5
S.fresnel(x)[1] | mp.fresnelc(x) | 0 .5 1.25 30 170.25
S.spence(x) | mp.polylog(2,1-x) | 1 1.0001 .5 .25
S.entr(x) | -x*mp.log(x) | .5 1 1e-10
S.log_ndtr(x) | mp.log(mp.ncdf(x)) | 0 5 -1 -5 -12 -30 -300
S.ndtr(x) | mp.ncdf(x) | 0 5 -5 -8
S.erfcx(x) | mp.exp(x*x)*mp.erfc(x) | 0 1 -2 30 300
S.dawsn(x) | mp.exp(-x*x)*mp.erfi(x)*mp.sqrt(mp.pi)/2 | 0 1 4 30 -30
S.gammaln(x) | mp.log(abs(mp.gamma(x))) | 1 2 3 .5 -.5 -1.5 1e5
S.digamma(x) | mp.digamma(x) | 1 2 -.5 1e5
S.gamma(x) | mp.gamma(x) | 1 2 -.5 -1.5
S.polygamma(1,x) | mp.psi(1,x) | 1 2 1e3
S.zeta(x,1.) | mp.zeta(x) | 1.5 2 4
S.zeta(3.,x) | mp.zeta(3,x) | 1 .5 1e3
S.expi(x) | mp.ei(x) | 2 -1 5
S.logit(x) | mp.log(x/(1-x)) | .25 1e-6
S.expit(x) | 1/(1+mp.exp(-x)) | 0 -30 60
S.erfinv(x) | mp.erfinv(x) | 0 .5 -.9
S.ndtri(x) | mp.sqrt(2)*mp.erfinv(2*x-1) | .25 .1 .01
jnp.arctan(x) | mp.atan(x) | 0 1e4 -1e4
jnp.arcsinh(x) | mp.asinh(x) | 0 1e4 -1e4
jnp.arcsin(x) | mp.asin(x) | 0 .5
jnp.arctanh(x) | mp.atanh(x) | 0 .5
jnp.arccosh(x) | mp.acosh(x) | 2 1e4
jnp.log1p(x) | mp.log1p(x) | 0 -0.0 1e-10 -.5
jnp.expm1(x) | mp.expm1(x) | 0 -0.0 1e-10 -30
jnp.cbrt(x) | mp.cbrt(x) | 1 8
jnp.square(x) | x**2 | 0 -0.0
x**3 | x**3 | 0 -0.0
x**2. | x**2 | 0 -0.0 -3
jnp.power(x,2.5) | x**mpf('2.5') | 1 4
nn.log1mexp(x) | mp.log(1-mp.exp(-x)) | 1e-3 .5 1 30
jnp.logaddexp(x,2.) | mp.log(mp.exp(x)+mp.exp(2)) | 2 -30 60
"""

# At a zero, a pole, the end of a domain, an infinity, a nan.
SCALARS = """
jnp.sqrt(x) | 0. | inf | ?
jnp.cbrt(x) | 0. | inf | ?
lax.rsqrt(x) | 0. | -inf | ?
jnp.log(x) | 0. | inf | -inf
jnp.log1p(x) | -1. | inf | -inf
jnp.reciprocal(x) | 0. | -inf | ?
jnp.abs(x) | 0. | = | 0
jnp.abs(x) | -0. | = | 0
jnp.sign(x) | 0. | 0 | 0
jnp.exp(x) | -inf | 0 | 0
jnp.exp(x) | inf | inf | inf
jnp.tanh(x) | inf | 0 | 0
S.exp1(x) | 0. | -inf | ?
S.exp1(x) | -1. | nan | nan
S.sici(x)[0] | inf | 0 | 0
S.sici(x)[1] | inf | 0 | 0
jnp.tanh(x) | nan | nan | nan
nn.sigmoid(x) | -inf | 0 | 0
nn.softplus(x) | inf | 1 | 0
nn.softplus(x) | -inf | 0 | 0
nn.log_sigmoid(x) | -inf | 1 | 0
nn.relu(x) | 0. | 0 | 0
nn.relu(x) | -0. | 0 | 0
nn.relu(x) | nan | ? | ?
nn.relu6(x) | 0. | = | 0
nn.relu6(x) | 6. | = | 0
nn.leaky_relu(x) | 0. | = | 0
nn.hard_tanh(x) | 1. | = | 0
nn.hard_sigmoid(x) | 3. | = | 0
nn.hard_silu(x) | 3. | = | ?
nn.elu(x) | 0. | 1 | =
nn.elu(x) | -30. | 9.357622968840175e-14 | 9.357622968840175e-14
nn.elu(x) | 800. | 1 | 0
nn.selu(x) | 0. | = | =
nn.celu(x) | 0. | 1 | ?
nn.celu(x) | 800. | 1 | 0
nn.sparse_plus(x) | 1. | 1 | ?
nn.sparse_plus(x) | -1. | 0 | ?
nn.soft_sign(x) | 0. | 1 | ?
jnp.arcsin(x) | 1. | inf | ?
jnp.arccos(x) | 1. | -inf | ?
jnp.arctanh(x) | 1. | inf | ?
jnp.arccosh(x) | 1. | inf | ?
jnp.arcsin(x) | 2. | nan | nan
jnp.arccosh(x) | .5 | nan | nan
S.gammaln(x) | 0. | ? | ?
S.gammaln(x) | -1. | ? | ?
S.digamma(x) | 0. | ? | ?
S.digamma(x) | -2. | ? | ?
S.gamma(x) | 0. | ? | ?
S.gamma(x) | -1. | nan | nan
S.erfinv(x) | 1. | inf | ?
S.ndtri(x) | 0. | inf | ?
S.logit(x) | 0. | inf | ?
S.logit(x) | 1. | inf | ?
S.entr(x) | 0. | inf | ?
S.expi(x) | 0. | ? | ?
S.exp1(x) | 0. | ? | ?
S.spence(x) | 0. | -inf | ?
S.i0e(x) | 0. | = | ?
S.factorial(x) | 0. | -0.5772156649015329 | 1.978111990655945
lax.pow(x,0.) | 0. | 0 | 0
lax.pow(x,1.) | 0. | 1 | 0
lax.pow(x,2.) | 0. | 0 | 2
lax.pow(x,3.) | 0. | 0 | 0
lax.pow(x,.5) | 0. | inf | ?
lax.pow(x,-1.) | 0. | -inf | ?
x**0 | 0. | 0 | 0
x**1 | 0. | 1 | 0
x**-2 | 0. | ? | ?
jnp.floor(x) | 1. | 0 | 0
jnp.where(x>0,jnp.sqrt(jnp.where(x>0,x,1.)),0.) | 0. | 0 | 0
jnp.clip(x,0.,1.) | 0. | = | 0
jnp.clip(x,0.,1.) | 1. | = | 0
"""

# Functions of several arguments.
SEVERAL = """
S.xlogy(x,y) | 0.,3. | 1.0986122886681098; 0 | 0
S.xlogy(x,y) | 0.,0. | -inf; 0
S.xlogy(x,y) | 0.,nan | nan; ?
S.xlog1py(x,y) | 0.,-1. | -inf; 0
S.xlog1py(x,y) | 0.,2. | 1.0986122886681098; 0 | 0
S.rel_entr(x,y) | 0.,2. | ?; 0
S.rel_entr(x,y) | 0.,0. | ?; 0
S.kl_div(x,y) | 0.,0. | ?; 1
S.rel_entr(x,y) | 1.,1. | 1; -1 | 1
S.kl_div(x,y) | 1.,1. | 0; 0 | 1
S.kl_div(x,y) | 0.,2. | ?; 1
jnp.arctan2(x,y) | 0.,0. | ?; ?
jnp.arctan2(x,y) | 0.,1. | 1; 0 | 0
jnp.arctan2(x,y) | 0.,-1. | -1; 0 | 0
jnp.arctan2(x,y) | 1e-200,1e-200 | 5e199; -5e199
jnp.arctan2(x,y) | 1e200,1e200 | 5e-201; -5e-201
jnp.arctan2(x,y) | 1.,inf | 0; 0
jnp.hypot(x,y) | 0.,0. | ?; ? | ?
jnp.hypot(x,y) | 0.,2. | 0; 1 | .5
jnp.hypot(x,y) | -0.,-2. | 0; -1 | .5
jnp.hypot(x,y) | 1e-200,1e-200 | .7071067811865475; .7071067811865475 | 3.5355339059327377e199
jnp.hypot(x,y) | 1e300,1e300 | .7071067811865475; .7071067811865475 | 3.5355339059327377e-301
jnp.hypot(x,y) | 3e200,4e200 | .6; .8
jnp.hypot(x,y) | 2.,2. | .7071067811865475; .7071067811865475 | .17677669529663687
jnp.hypot(x,y) | inf,2. | 1; 0 | 0
S.poch(x,y) | 5.,0. | 0; 1.5061176684318003 | 0
S.poch(x,y) | .3,0. | 0; -3.5025242222001327 | 0
S.inv_boxcox(x,y) | -2.,0. | .1353352832366127; -.2706705664732254
S.inv_boxcox1p(x,y) | 1.5,1e-300 | 4.4816890703380645; -5.0419002041303225
S.binom(x,y) | 170.,-1. | 0; .005847953216374269 | 0
S.binom(x,y) | 1000.,-2. | 0; -9.970069850309371e-07 | 0
S.binom(x,y) | 170.,171. | .005847953216374269; -.005847953216374269
S.boxcox(x,y) | 3.,0. | .3333333333333333; .6034744806945634 | -.1111111111111111
S.pseudo_huber(y,x) | 0.,2. | 0; 0 | 1
jnp.logaddexp(x,y) | -inf,-inf | 0; 0 | 0
jnp.logaddexp(x,y) | -inf,1. | 0; 1 | 0
jnp.logaddexp(x,y) | inf,inf | =; =
jnp.logaddexp(x,y) | 2.,2. | .5; .5 | .25
jnp.logaddexp2(x,y) | -inf,-inf | 0; 0 | 0
jnp.maximum(x,y) | 1.,1. | .5; .5 | 0
jnp.minimum(x,y) | 0.,-0. | .5; .5 | 0
jnp.power(x,y) | 0.,2. | 0; 0 | 2
jnp.power(x,y) | 0.,1. | 1; 0 | 0
jnp.power(x,y) | 0.,0. | 0; ? | 0
jnp.power(x,y) | -2.,3. | 12; ? | -12
jnp.divide(x,y) | 1.,0. | inf; -inf
jnp.divide(x,y) | 0.,0. | ?; ?
jnp.fmod(x,y) | 6.,3. | 1; ?
S.gammainc(x,y) | 1.,0. | 0; 1
S.gammainc(x,y) | 2.,0. | 0; 0
S.gammainc(x,y) | .5,0. | 0; inf
S.gammaincc(x,y) | 2.,0. | 0; 0
S.gammainc(x,y) | 2.,inf | 0; 0
S.betainc(x,y,z) | 1.,1.,0. | 0; 0; 1
S.betainc(x,y,z) | 2.,3.,0. | 0; 0; 0
S.betainc(x,y,z) | 2.,3.,1. | 0; 0; 0
S.betainc(x,y,z) | 2.,1.,1. | 0; 0; 2
"""

# Distributions at the edges of their supports, outside them and at infinity.
SUPPORTS = """
T.cauchy.logpdf(x,0.,y) | inf,2. | 0;.5
T.cauchy.logcdf(x,y,3.) | -inf,2. | 0;0
T.t.logpdf(x,y,0.,z) | -inf,3.,2. | 0;-inf;1.5
T.t.logsf(x,y,0.,z) | inf,3.,2. | 0;-inf;1.5
T.pareto.logpdf(x,y,0.,z) | inf,2.,3. | 0;-inf;2/3
T.gamma.logsf(x,y,0.,z) | inf,2.5,2. | -.5;inf;inf
T.gamma.logsf(x,y) | 1e12,2.5 | -1;26.927864475283304
T.chi2.logpdf(x,y) | inf,2.5 | -.5;inf
T.gennorm.logsf(x,y) | inf,1.5 | -inf;-inf
T.truncnorm.logsf(x,-1.,np.inf,0.,y) | inf,2. | -inf;inf
T.truncnorm.cdf(x,-1.,np.inf,0.,y) | inf,2. | 0;0
T.gamma.logpdf(x,y) | 0.,1. | -1; -inf
T.gamma.logpdf(x,y) | 0.,2. | inf; -inf
T.gamma.logpdf(x,y) | -1.,2. | 0; 0
T.gamma.logpdf(x,y) | inf,2. | -1; ?
T.chi2.logpdf(x,y) | 0.,2. | -.5; -inf
T.chi2.logpdf(x,y) | inf,3. | -.5; ?
T.chi2.cdf(x,y) | 0.,2. | .5; 0
T.chi2.logsf(x,y) | 0.,2. | -.5; 0 | 0
T.chi2.logsf(x,y) | -1.,2. | 0; 0
T.beta.logpdf(x,y,z) | 0.,1.,2. | -1; -inf; .5
T.beta.logpdf(x,y,z) | 1.,2.,1. | 1; .5; -inf
T.beta.logsf(x,y,z) | 0.,1.,2. | -2; 0; 0
T.beta.cdf(x,y,z) | 0.,2.,2. | 0; 0; 0
T.expon.logpdf(x) | 0. | -1 | 0
T.expon.logcdf(x) | 0. | inf
T.poisson.logpmf(x,y) | 0.,0. | -inf; -1
T.poisson.logpmf(x,y) | 3.,0. | ?; inf
T.binom.logpmf(0.,3.,x) | 0. | -3 | -3
T.binom.logpmf(3.,3.,x) | 1. | 3 | -3
T.binom.logpmf(0.,3.,x) | 1. | -inf
T.bernoulli.logpmf(0.,x) | 0. | -1 | -1
T.bernoulli.logpmf(1.,x) | 1. | 1 | -1
T.bernoulli.logpmf(0.,x) | 1. | -inf
T.nbinom.logpmf(0.,3.,x) | 1. | 3 | -3
T.geom.logpmf(1.,x) | 1. | 1 | -1
T.binom.pmf(1.,3.,x) | 0. | 3 | -12
T.binom.pmf(2.,3.,x) | 0. | 0 | 6
T.binom.pmf(2.,3.,x) | 1. | -3 | -12
T.binom.pmf(0.,3.,x) | 1. | 0 | 0
T.bernoulli.pmf(1.,x) | 0. | 1 | 0
T.bernoulli.pmf(0.,x) | 1. | -1 | 0
T.poisson.pmf(1.,x) | 0. | 1 | -2
T.poisson.pmf(2.,x) | 0. | 0 | 1
T.geom.pmf(2.,x) | 1. | -1 | -2
T.nbinom.pmf(1.,2.,x) | 1. | -2 | -8
T.nbinom.pmf(2.,2.,x) | 1. | 0 | 6
T.betabinom.logpmf(5.,3.,x,y) | 1.,1. | 0; 0
T.pareto.logpdf(x,2.) | 1. | -3 | 3
T.pareto.logsf(x,2.) | 1. | = | ?
T.uniform.cdf(x) | 0. | = | 0
T.laplace.cdf(x) | 0. | .5 | ?
T.laplace.logpdf(x) | 0. | =
T.vonmises.logpdf(1.,x) | 0. | .5403023058681398 | -.5
T.truncnorm.logpdf(x,y,z) | 1.,0.,inf | -1; .7978845608028654; 0
T.truncnorm.logpdf(x,y,z) | 0.,-inf,inf | 0; 0; 0 | -1
T.truncnorm.logcdf(x,0.,np.inf) | 1. | =
T.cauchy.cdf(x) | 0. | .3183098861837907 | 0
T.cauchy.logcdf(x) | 0. | .6366197723675814 | -.4052847345693511
T.gumbel_l.logcdf(x) | -50. | 1
T.norm.logcdf(x) | 40. | 0 | 0
T.norm.ppf(x) | 0. | inf
T.t.logpdf(x,3.) | 0. | 0 | -1.3333333333333333
"""

# Logarithms of distribution functions in the tails: values and slopes against mpmath.
TAILS = """
T.chi2.logsf(x,2.) | -x/2 | 1 200 2000 1e5
T.chi2.logsf(x,3.) | mp.log(mp.gammainc(mpf(1.5),x/2,mp.inf,regularized=True)) | 1 200 2000 1e4
T.chi2.logcdf(x,3.) | mp.log(mp.gammainc(mpf(1.5),0,x/2,regularized=True)) | 1e-200 1e-9 1 9
T.gamma.logsf(x,2.) | mp.log(1+x)-x | 1e-3 1 40 2000
T.gamma.logcdf(x,300.) | mp.log(mp.gammainc(300,0,x,regularized=True)) | 1e-3 1 30 300
T.beta.logcdf(x,2.,3.) | mp.log(mp.betainc(2,3,0,x,regularized=True)) | 1e-200 1e-9 .5 .9
T.beta.logcdf(x,500.,2.) | mp.log(mp.betainc(500,2,0,x,regularized=True)) | 1e-3 .1 .5
T.beta.logsf(x,2.,3.) | mp.log(1-mp.betainc(2,3,0,x,regularized=True)) | 1e-6 .5 .999
T.cauchy.logcdf(x) | mp.log(mp.atan2(1,-x)/mp.pi) | -1e100 -1e10 -3 3 1e6
T.cauchy.logsf(x) | mp.log(mp.atan2(1,x)/mp.pi) | 1e100 1e10 3 -3 -1e6
T.expon.logcdf(x) | mp.log(-mp.expm1(-x)) | 1e-20 .5 30
T.gumbel_r.logsf(x) | mp.log(-mp.expm1(-mp.exp(-x))) | -5 0 50 700
T.gumbel_l.logcdf(x) | mp.log(-mp.expm1(-mp.exp(x))) | 5 0 -50 -700
T.pareto.logcdf(x,3.) | mp.log(1-x**-3) | 1.001 2 1e6
T.norm.logcdf(x) | mp.log(mp.ncdf(x)) | -1 -12 -30 -300 5
T.truncnorm.logsf(x,0.,np.inf) | mp.log(2*mp.ncdf(-x)) | 1e-6 3 12 40 700
T.cauchy.logcdf(x,0.,1e-3) | mp.log(mp.atan2(mpf(1e-3),-x)/mp.pi) | -1e100 -1e10 -3 3 1e6
"""

# Kummer's and Gauss' functions in their parameters.
HYPERGEOMETRIC = """
S.hyp1f1(x,y,z) | mp.hyp1f1(x,y,z) | -2,1.5,.5  .5,1.5,-20  3,.5,10  1,1,0 -.5,2.5,-1
S.hyp2f1(x,y,z,.3) | mp.hyp2f1(x,y,z,mpf(.3)) | 1,2,3  -2,.5,1.5  .5,.5,.5
S.hyp2f1(x,y,z,-4.) | mp.hyp2f1(x,y,z,-4) | 1,2,3  -2,.5,1.5  .5,.5,.5
S.hyp2f1(x,y,z,.95) | mp.hyp2f1(x,y,z,mpf(.95)) | 1,2,3.5  -2,.5,1.5
"""

# Functions of x alone, of arrays: the gradient of a scalar, or `?`, or `=`; then the same for the
# Hessian, as its matrix. A function after `of` has the derivatives wanted.
MATRICES = """
jnp.log(jnp.linalg.eigvalsh(x)).sum() | diag(2,2,5) | inverse(2,2,5)
    | of jnp.linalg.slogdet((x+x.T)/2)[1]
jnp.exp(jnp.linalg.eigvalsh(x)).sum() | diag(0,0,0) | diag(1,1,1) | of jnp.trace(L.expm((x+x.T)/2))
(jnp.linalg.eigvalsh(x)**3).sum() | diag(1,1,1) | diag(3,3,3)
    | of jnp.trace((x+x.T)@(x+x.T)@(x+x.T))/8
jnp.linalg.eigvalsh(x).sum() | diag(1,1,2) | diag(1,1,1) | of 0*x[0,0]
(jnp.linalg.svd(x,compute_uv=False)**2).sum() | diag(1,1,2) | diag(2,2,4) | of (x*x).sum()
(jnp.linalg.svd(x,compute_uv=False)**4).sum() | diag(1,1,2) | diag(4,4,32) | of ((x.T@x)**2).sum()
(jnp.linalg.svd(x,compute_uv=False)**2).sum() | diag(1,2,0) | diag(2,4,0) | of (x*x).sum()
(jnp.linalg.svd(x,compute_uv=False)**2).sum() | diag(1,0,0) | diag(2,0,0) | of (x*x).sum()
(jnp.linalg.svd(x,compute_uv=False)**4).sum() | diag(1,0,0) | diag(4,0,0) | of ((x.T@x)**2).sum()
(jnp.linalg.svd(x,compute_uv=False)**4).sum() | diag(0,0,0) | diag(0,0,0) | of ((x.T@x)**2).sum()
((jnp.linalg.eigvalsh(x)-1)**2).sum() | diag(1,1,1) | diag(0,0,0)
    | of (((x+x.T)/2-jnp.eye(3))**2).sum()
jnp.linalg.svd(x,full_matrices=False)[0][0,1] | diag(1,1,2) | ?
jnp.linalg.svd(x)[2][1,0] | diag(1,1,2) | ?
abs(jnp.linalg.svd(x)[0][0,0]+1) | diag(1,1,2) | array([[0,0,2],[0,0,0],[1,0,0]])/3
jnp.linalg.eigh(x)[1][0,0] | diag(1,1,2) | ?
jnp.linalg.eigh(x)[1][0,2] | diag(1,1,2) | array([[0,0,.5],[0,0,0],[.5,0,0]])
jnp.linalg.eigvalsh(x)[0] | diag(1,1,2) | =
jnp.linalg.norm(x) | diag(0,0,0) | ?
jnp.linalg.norm(x,'nuc') | diag(1,1,2) | diag(1,1,1)
jnp.linalg.norm(x,2) | diag(1,1,2) | diag(0,0,1)
jnp.linalg.norm(x,2) | diag(2,1,2) | =
jnp.linalg.pinv(x).sum() | diag(2,1,0) | =
L.polar(x)[0][0,1] | diag(1,1,2) | array([[0,.5,0],[-.5,0,0],[0,0,0]])
L.polar(x)[1][0,1] | diag(1,1,2) | array([[0,.5,0],[.5,0,0],[0,0,0]])
L.cholesky(x,lower=True).sum() | array([[4.,9.],[2.,5.]]) | array([[.1875,0],[.25,.25]])
L.cholesky(x,lower=False).sum() | array([[4.,2.],[9.,5.]]) | array([[.1875,.25],[0,.25]])
jnp.linalg.cholesky(x).sum() | array([[4.,2.],[2.,5.]]) | array([[.1875,.125],[.125,.25]])
jnp.linalg.cholesky(x,symmetrize_input=False).sum() | array([[4.,9.],[2.,5.]])
    | array([[.1875,0],[.25,.25]])
L.eigh(x,eigvals_only=True).prod() | array([[4.,9.],[2.,5.]]) | array([[5,0],[-4,4]])
L.eigh(x,lower=False,eigvals_only=True).prod() | array([[4.,2.],[9.,5.]]) | array([[5,-4],[0,4]])
jnp.linalg.eigh(x,symmetrize_input=False)[0].prod() | array([[4.,2.],[2.,5.]])
    | array([[5,0],[-4,4]])
jnp.linalg.lstsq(x,jnp.array([1.,2.,3.]))[0].sum() | array([[1.,0.],[0.,1.],[0.,0.]])
    | array([[-1,-2],[-1,-2],[3,3]]) | of jnp.linalg.solve(x.T@x,x.T@jnp.array([1.,2.,3.])).sum()
jnp.linalg.lstsq(x,jnp.array([1.,2.,3.]))[0].sum() | array([[1.,1.],[1.,1.],[1.,1.]])
    | -array([[3,3],[2,2],[1,1]])/6
jnp.linalg.slogdet(x)[1] | diag(1,2,0) | ?
jnp.linalg.inv(x).sum() | diag(1,2,0) | ?
L.expm(x).sum() | diag(0,0,0) | ones((3,3))
jnp.linalg.qr(x)[1].sum() | diag(0,0,0) | ?
nn.logsumexp(x) | array([-inf,-inf]) | array([0,0]) | zeros((2,2))
nn.logsumexp(x) | array([1.,-inf]) | array([1,0]) | zeros((2,2))
nn.logsumexp(x,b=jnp.array([0.,0.])) | array([1.,2.]) | array([0,0]) | zeros((2,2))
nn.logsumexp(jnp.array([1.,2.]),b=x) | array([0.,0.]) | array([inf,inf]) | full((2,2),-inf)
nn.logsumexp(jnp.array([1.,2.]),b=x) | array([1.,0.]) | array([1,e])
    | -outer(array([1,e]),array([1,e]))
nn.logsumexp(x,b=jnp.array([1.,0.])) | array([1.,2.]) | array([1,0]) | zeros((2,2))
nn.logsumexp(jnp.array([1.,900.]),b=x) | array([1.,0.]) | array([1,inf])
nn.logsumexp(jnp.array([1.,jnp.inf]),b=x) | array([1.,0.]) | array([1,inf])
nn.logsumexp(x,b=jnp.array([1.,0.])) | array([1.,inf]) | array([1,0])
nn.logsumexp(x,b=jnp.array([1.,-1.])) | array([1.,2.]) | =
nn.logsumexp(jnp.array([1.,2.]),b=x) | array([1.,-1.]) | =
nn.logsumexp(x,b=jnp.array([1.,-1.])) | array([-inf,2.]) | =
nn.logsumexp(x,b=jnp.array([1.,-1.]),return_sign=True)[0] | array([1.,2.])
    | array([1,-e])/(1-e) | e/(1-e)**2*array([[-1,1],[1,-1]])
nn.logsumexp(jnp.array([1.,2.]),b=x,return_sign=True)[0] | array([1.,-1.])
    | array([1,e])/(1-e) | -outer(array([1,e]),array([1,e]))/(1-e)**2
nn.logsumexp(x,b=jnp.array([1.,-1.]),return_sign=True)[1] | array([1.,2.]) | array([0,0])
nn.logsumexp(x,b=jnp.array([1.,2.,-1.]),return_sign=True)[0] | array([3.,3.,3.]) | array([.5,1,-.5])
    | diag(.5,1,-.5)-outer(array([.5,1,-.5]),array([.5,1,-.5]))
nn.logsumexp(x,b=jnp.array([1.,-1.]),return_sign=True)[0] | array([1.,1.]) | ?
nn.logsumexp(x,b=jnp.array([2.,1.])) | array([-inf,1.]) | array([0,1])
nn.logsumexp(jnp.array([-jnp.inf,1.]),b=x) | array([2.,1.]) | array([0,1])
nn.logsumexp(x,axis=1,b=jnp.zeros((2,0))).sum() | zeros((2,0)) | zeros((2,0))
nn.logsumexp(x,axis=1).sum() | array([[-inf,-inf],[0.,-inf]]) | array([[0,0],[1,0]])
nn.logsumexp(x,where=jnp.array([False,False])) | array([1.,2.]) | array([0,0])
lax.cumlogsumexp(x)[2] | array([-inf,-inf,0.]) | array([0,0,1]) | zeros((3,3))
lax.cumlogsumexp(x)[1] | array([-inf,-inf,0.]) | array([0,0,0]) | zeros((3,3))
nn.softmax(x)[0] | array([-inf,-inf]) | ?
nn.softmax(x)[0] | array([1.,-inf]) | array([0,0])
nn.log_softmax(x)[0] | array([1.,-inf]) | array([0,0])
jnp.max(x) | array([1.,2.,2.]) | = | zeros((3,3))
jnp.min(x) | array([1.,1.,2.]) | =
jnp.sort(x)[0] | array([1.,1.,2.]) | =
jnp.median(x) | array([1.,1.,2.,3.]) | =
jnp.quantile(jnp.array([1.,2.,4.]),x).sum() | array([0.,.25,.5,.75,1.]) | array([0,2,0,4,0])
jnp.quantile(x,.5) | array([1.,1.,2.]) | =
jnp.prod(x) | array([0.,2.,3.]) | array([6,0,0]) | array([[0,3,2],[3,0,0],[2,0,0]])
jnp.prod(x) | array([0.,0.,3.]) | array([0,0,0]) | array([[0,3,0],[3,0,0],[0,0,0]])
jnp.cumprod(x)[2] | array([0.,0.,3.]) | array([0,0,0]) | array([[0,3,0],[3,0,0],[0,0,0]])
jnp.ones(3).at[jnp.array([0,0,2])].multiply(x).sum() | array([0.,2.,3.]) | array([2,0,1])
    | array([[0,1,0],[1,0,0],[0,0,0]])
jnp.ones(3).at[jnp.array([0,0,0])].multiply(x).sum() | array([0.,0.,3.]) | array([0,0,0])
    | array([[0,3,0],[3,0,0],[0,0,0]])
jnp.std(x) | array([1.,1.,1.]) | ?
T.multinomial.logpmf(jnp.array([0.,2.]),2,x) | array([0.,1.]) | array([0,2])
T.multinomial.pmf(jnp.array([1.,1.]),2,x) | array([0.,1.]) | array([2,0]) | array([[0,2],[2,0]])
abs(jnp.linalg.eig(x)[1][0,0]) | array([[1.,2.],[3.,4.]])
    | array([[-.04594558451762295,.031525133760105975],
    [-.06696234035768359,.04594558451762295]])
jnp.var(x) | array([1.,1.,1.]) | array([0,0,0])
jnp.linalg.norm(x) | array([0.,0.]) | ?
jnp.linalg.norm(x,1) | array([0.,1.]) | =
jnp.linalg.norm(x,np.inf) | array([1.,-1.]) | =
jnp.linalg.norm(x,3) | array([0.,1.,2.]) | array([0,.23112042478354525,.924481699134181])
jnp.nansum(x) | array([1.,nan]) | array([1,0])
jnp.nanmean(x) | array([1.,nan,2.]) | array([.5,0,.5])
"""

# Functions that have no second derivatives at ties of x.
TIED = ["jnp.linalg.eigvalsh(x)[0]", "jnp.linalg.eigvalsh(x)[:2].prod()+jnp.linalg.eigh(x)[0][1]",
        "jnp.linalg.svd(x,compute_uv=False)[2]", "jnp.linalg.svd(x)[1][1]",
        "jnp.linalg.eigh(x)[1][0,0]", "jnp.linalg.svd(x)[0][1,1]", "jnp.linalg.svd(x)[2][1,2]"]

# Determinants of rank n - q, for which the derivatives are minors: n, q.
RANKS = [(n, q) for n in range(1, 7) for q in range(n + 1)]
