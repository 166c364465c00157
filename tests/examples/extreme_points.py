"""Derivatives at arguments that are very large, very small, infinite, or where terms cancel.

function of x | of mpmath | points; a point `inf` wants the limits, which are the derivatives at
1e30 to the digits that are compared. Against differences of mpmath, first and second ones, in
double and in single precision.
"""

from __future__ import annotations

# Squares, and products of an infinity and a zero, must not spoil a derivative that has a limit.
EXTREME = """
jnp.arctan(x) | mp.atan(x) | 1 -1 3 1e10 1e19 -1e30 1e155 -1e200 inf -inf
jnp.arcsinh(x) | mp.asinh(x) | 1 -1 3 1e10 1e19 -1e30 1e155 -1e200 inf -inf
jnp.hypot(x,2.) | mp.sqrt(x*x+4) | 0 2 -2 1e-20 1e30 -1e200 inf -inf
jnp.hypot(x,x) | mp.sqrt(2)*x | 1 3
lax.erf(x) | mp.erf(x) | 30 -64 1e20 -1e200 inf -inf
lax.erfc(x) | mp.erfc(x) | 64 -30 1e20 -1e30 inf -inf
S.log_ndtr(x) | mp.log(mp.erfc(-x/mp.sqrt(2))/2) | 9 70 1e20 inf
nn.silu(x) | x/(1+mp.exp(-x)) | 1000 -1000 1e5 -1e20 1e200 inf -inf
nn.mish(x) | x*mp.tanh(mp.log(1+mp.exp(x))) | 1000 -1000 1e5 -1e20 1e200 inf -inf
nn.gelu(x) | x/(1+mp.exp(-mp.sqrt(8/mp.pi)*(x+mpf('0.044715')*x**3))) | 32 -32 1e20 -1e20 inf -inf
nn.gelu(x,False) | x*mp.erfc(-x/mp.sqrt(2))/2 | 32 -32 1e20 -1e20 inf -inf
nn.squareplus(x) | (x+mp.sqrt(x*x+4))/2 | 0 1 1e4 1e20 -1e20 1e200 -1e200 inf -inf
nn.soft_sign(x) | x/(1+abs(x)) | 1e30 -1e200 inf -inf
nn.hard_silu(x) | x if x > 3 else 0*x | 1000 -1000 1e30 inf -inf
nn.sparse_plus(x) | x if x > 1 else 0*x | 1e30 -1e200 inf -inf
S.spence(x) | mp.polylog(2,1-x).real | 1e-5 1e-20 1e-30
S.rel_entr(x,2.) | x*mp.log(x/2) | 1e-30 1e-100 1e30 1e100
S.rel_entr(2.,x) | 2*mp.log(2/x) | 1e-10 1e-100 1e30 1e100
S.boxcox(x,2.) | (x*x-1)/2 | 1e-30 1e-200 1 1e30 1e200
S.boxcox(2.,x) | (mpf(2)**x-1)/x if x else mp.log(2) | 1e-10 -1e-5 1 -3
S.boxcox1p(x,2.) | ((1+x)**2-1)/2 | 1e-30 1 1e30 1e200
S.exprel(x) | mp.expm1(x)/x if x else mpf(1) | 0 -1 1 -1000 -1e10 -1e30 30
S.pseudo_huber(2.,x) | 4*(mp.sqrt(1+(x/2)**2)-1) | 0 2 -2 1e-20 1e20 -1e200
S.pseudo_huber(x,2.) | x*x*(mp.sqrt(1+(2/x)**2)-1) | 2 1e-5 1e-20 1e-30 1e-200
T.norm.pdf(x) | mp.exp(-x*x/2)/mp.sqrt(2*mp.pi) | 0 30 1e20 -1e200 inf -inf
T.norm.cdf(x) | mp.erfc(-x/mp.sqrt(2))/2 | 30 1e20 -1e30 inf -inf
T.norm.logcdf(x) | mp.log(mp.erfc(-x/mp.sqrt(2))/2) | 9 1e20 1e200 inf
T.cauchy.logpdf(x) | -mp.log(mp.pi*(1+x*x)) | 0 1 -3 1e20 -1e155 1e200 inf
T.cauchy.pdf(x) | 1/(mp.pi*(1+x*x)) | 0 1 -3 1e20 -1e155 1e200 inf
T.cauchy.cdf(1.,0.,x) | (mp.pi/2+mp.atan(1/x))/mp.pi | 1 1e-8 1e-20 1e-100
T.cauchy.logcdf(x) | mp.log((mp.atan(-1/x) if x<-1 else mp.pi/2+mp.atan(x))/mp.pi)
    | 0 1 -1 3 -1e10 1e20 -1e30 -1e155 1e200
T.t.logpdf(x,3.) | -2*mp.log(1+x*x/3) | 0 1 -3 1e20 -1e155 1e200 inf
T.gamma.pdf(x,3.) | x*x*mp.exp(-x)/2 | 1e-5 1e-20 1e-200 .5 2 30
T.chi2.pdf(x,4.) | x*mp.exp(-x/2)/4 | 1e-5 1e-20 1e-200 .5 2 30
T.beta.pdf(x,2.,3.) | 12*x*(1-x)**2 | 1e-5 1e-20 1e-200 .5 .75
T.gamma.logsf(x,2.) | mp.log(1+x)-x | 1e-3 1 40 1e3 1e5 1e10 1e15 inf
T.chi2.logsf(x,4.) | mp.log(1+x/2)-x/2 | 1e-3 1 40 1e3 1e5 1e10 1e15 inf
T.gumbel_r.pdf(x) | mp.exp(-x-mp.exp(-x)) | 0 -5 -9 30 -1000
T.gumbel_r.cdf(x) | mp.exp(-mp.exp(-x)) | 0 -5 30 -1000
T.gumbel_r.logsf(x) | mp.log(-mp.expm1(-mp.exp(-x))) | 0 5 14 16 100 1000
T.gumbel_l.pdf(x) | mp.exp(x-mp.exp(x)) | 0 5 9 -30 1000
T.gumbel_l.cdf(x) | -mp.expm1(-mp.exp(x)) | 0 5 -30 1000
T.gumbel_l.logcdf(x) | mp.log(-mp.expm1(-mp.exp(x))) | 0 -5 -14 -16 -100 -1000
T.truncnorm.cdf(x,0.,np.inf) | mp.erf(x/mp.sqrt(2)) | 1e-30 1e-8 .5 3 40 1e10 1e100
T.truncnorm.logcdf(x,0.,np.inf) | mp.log(mp.erf(x/mp.sqrt(2))) | 1e-10 .5 3 40 1e10
T.truncnorm.logsf(x,0.,np.inf) | mp.log(mp.erfc(x/mp.sqrt(2))) | 1e-30 1e-8 .5 3
"""
