"""Inverses of distribution functions in their parameters, and noncentral distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.scipy.special_table import define


def _plain(name: str, parameters: str, doc: str) -> Callable[..., Any]:
    return define(name, parameters, doc, *[None] * len(parameters.split()))


# Inverses in parameters, and noncentral distributions.
bdtrik = _plain("bdtrik", "y n p", """
    Binomial distribution: the real k at which bdtr, continued between whole numbers, is y.
    y: in [0, 1]. n: number of trials. p: probability of a success.
    >>> special.bdtrik(special.bdtr(2, 5, 0.3), 5, 0.3)
    Array(2., dtype=float64, weak_type=True)
    """)
bdtrin = _plain("bdtrin", "k y p", """
    Binomial distribution: the real number n of trials at which bdtr(k, n, p) is y.
    k: number of successes. y: in [0, 1]. p: probability of a success.
    >>> special.bdtrin(2, special.bdtr(2, 5, 0.3), 0.3)
    Array(5., dtype=float64, weak_type=True)
    """)
btdtria = _plain("btdtria", "p b x", """
    Beta distribution: the parameter a with which betainc(a, b, x) is p.
    p: in [0, 1]. b: parameter above 0. x: in [0, 1].
    >>> special.btdtria(special.betainc(2.0, 3.0, 0.4), 3.0, 0.4)
    Array(2., dtype=float64, weak_type=True)
    """)
btdtrib = _plain("btdtrib", "a p x", """
    Beta distribution: the parameter b with which betainc(a, b, x) is p.
    a: parameter above 0. p: in [0, 1]. x: in [0, 1].
    >>> special.btdtrib(2.0, special.betainc(2.0, 3.0, 0.4), 0.4)
    Array(3., dtype=float64, weak_type=True)
    """)
chdtriv = _plain("chdtriv", "p x", """
    Chi-square distribution: the degrees of freedom with which chdtr(v, x) is p.
    p: in [0, 1]. x: above 0.
    >>> special.chdtriv(special.chdtr(3.0, 2.0), 2.0)
    Array(3., dtype=float64, weak_type=True)
    """)
chndtridf = _plain("chndtridf", "x p nc", """
    Noncentral chi-square distribution: the degrees of freedom with which chndtr(x, df, nc) is p.
    x: above 0. p: in [0, 1). nc: noncentrality, from 0 on.
    >>> special.chndtridf(3.0, special.chndtr(3.0, 2.0, 1.0), 1.0)
    Array(2., dtype=float64, weak_type=True)
    """)
chndtrinc = _plain("chndtrinc", "x df p", """
    Noncentral chi-square distribution: the noncentrality with which chndtr(x, df, nc) is p.
    x: above 0. df: degrees of freedom, above 0. p: in [0, 1).
    >>> special.chndtrinc(3.0, 2.0, special.chndtr(3.0, 2.0, 1.0))
    Array(1., dtype=float64, weak_type=True)
    """)
fdtridfd = _plain("fdtridfd", "dfn p x", """
    F distribution: the degrees of freedom of the denominator with which fdtr(dfn, dfd, x) is p.
    dfn: degrees of freedom of the numerator, above 0. p: in [0, 1]. x: above 0.
    >>> special.fdtridfd(3.0, special.fdtr(3.0, 5.0, 2.0), 2.0)
    Array(5., dtype=float64, weak_type=True)
    """)
gdtrib = _plain("gdtrib", "a p x", """
    Gamma distribution: the shape with which gdtr(a, b, x) is p.
    a: rate, above 0. p: in [0, 1]. x: above 0.
    >>> special.gdtrib(1.0, special.gdtr(1.0, 2.5, 2.0), 2.0)
    Array(2.5, dtype=float64, weak_type=True)
    """)
nbdtrik = _plain("nbdtrik", "y n p", """
    Negative binomial distribution: the real k at which nbdtr, continued between integers, is y.
    y: in [0, 1]. n: number of successes, above 0. p: probability of a success.
    >>> special.nbdtrik(special.nbdtr(3, 2, 0.4), 2, 0.4)
    Array(3., dtype=float64, weak_type=True)
    """)
nbdtrin = _plain("nbdtrin", "k y p", """
    Negative binomial distribution: the number n of successes with which nbdtr(k, n, p) is y.
    k: number of failures. y: in [0, 1]. p: probability of a success.
    >>> special.nbdtrin(3, special.nbdtr(3, 2, 0.4), 0.4)
    Array(2., dtype=float64, weak_type=True)
    """)
ncfdtr = _plain("ncfdtr", "dfn dfd nc f", """
    Noncentral F distribution: the probability of at most f.
    dfn, dfd: degrees of freedom, above 0. nc: noncentrality, from 0 on. f: from 0 on.
    >>> special.ncfdtr(3.0, 3.0, 0.0, 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """)
ncfdtri = _plain("ncfdtri", "dfn dfd nc p", """
    Noncentral F distribution: the f not exceeded with probability p.
    dfn, dfd: degrees of freedom, above 0. nc: noncentrality, from 0 on. p: in [0, 1).
    >>> special.ncfdtri(3.0, 3.0, 0.0, 0.5)
    Array(1., dtype=float64, weak_type=True)
    """)
ncfdtridfd = _plain("ncfdtridfd", "dfn p nc f", """
    Noncentral F distribution: the degrees of freedom dfd with which ncfdtr(dfn, dfd, nc, f) is p.
    dfn: degrees of freedom of the numerator. p: in [0, 1). nc: noncentrality. f: above 0.
    >>> special.ncfdtridfd(3.0, special.ncfdtr(3.0, 5.0, 1.0, 2.0), 1.0, 2.0)
    Array(5.00006077, dtype=float64, weak_type=True)
    """)
ncfdtridfn = _plain("ncfdtridfn", "p dfd nc f", """
    Noncentral F distribution: the degrees of freedom dfn with which ncfdtr(dfn, dfd, nc, f) is p.
    p: in [0, 1). dfd: degrees of freedom of the denominator. nc: noncentrality. f: above 0.
    >>> special.ncfdtridfn(special.ncfdtr(3.0, 5.0, 1.0, 2.0), 5.0, 1.0, 2.0)
    Array(3.0000511, dtype=float64, weak_type=True)
    """)
ncfdtrinc = _plain("ncfdtrinc", "dfn dfd p f", """
    Noncentral F distribution: the noncentrality with which ncfdtr(dfn, dfd, nc, f) is p.
    dfn, dfd: degrees of freedom, above 0. p: in [0, 1). f: above 0.
    >>> special.ncfdtrinc(3.0, 5.0, special.ncfdtr(3.0, 5.0, 1.0, 2.0), 2.0)
    Array(0.99998795, dtype=float64, weak_type=True)
    """)
nctdtr = _plain("nctdtr", "df nc t", """
    Noncentral Student distribution: the probability of at most t.
    df: degrees of freedom, above 0. nc: noncentrality. t: real numbers.
    >>> special.nctdtr(1.0, 0.0, 1.0)
    Array(0.75, dtype=float64, weak_type=True)
    """)
nctdtridf = _plain("nctdtridf", "p nc t", """
    Noncentral Student distribution: the degrees of freedom with which nctdtr(df, nc, t) is p.
    p: in [0, 1). nc: noncentrality. t: real numbers.
    >>> special.nctdtridf(special.nctdtr(3.0, 0.5, 1.0), 0.5, 1.0)
    Array(2.99999999, dtype=float64, weak_type=True)
    """)
nctdtrinc = _plain("nctdtrinc", "df p t", """
    Noncentral Student distribution: the noncentrality with which nctdtr(df, nc, t) is p.
    df: degrees of freedom, above 0. p: in [0, 1). t: real numbers.
    >>> special.nctdtrinc(3.0, special.nctdtr(3.0, 0.5, 1.0), 1.0)
    Array(0.5, dtype=float64, weak_type=True)
    """)
nctdtrit = _plain("nctdtrit", "df nc p", """
    Noncentral Student distribution: the t not exceeded with probability p.
    df: degrees of freedom, above 0. nc: noncentrality. p: in [0, 1).
    >>> special.nctdtrit(1.0, 0.0, 0.75)
    Array(1., dtype=float64, weak_type=True)
    """)
nrdtrimn = _plain("nrdtrimn", "p std x", """
    Normal distribution: the mean with which at most x has probability p.
    p: in (0, 1). std: standard deviation, above 0. x: real numbers.
    >>> special.nrdtrimn(0.5, 2.0, 3.0)
    Array(3., dtype=float64, weak_type=True)
    """)
nrdtrisd = _plain("nrdtrisd", "mn p x", """
    Normal distribution: the standard deviation with which at most x has probability p.
    mn: mean. p: in (0, 1). x: real numbers.
    >>> special.nrdtrisd(1.0, special.ndtr(0.5), 2.0)
    Array(2., dtype=float64, weak_type=True)
    """)
pdtrik = _plain("pdtrik", "p m", """
    Poisson's distribution: the real k at which pdtr, continued between whole numbers, is p.
    p: in [0, 1). m: mean, from 0 on.
    >>> special.pdtrik(special.pdtr(2, 3.0), 3.0)
    Array(2., dtype=float64, weak_type=True)
    """)
stdtridf = _plain("stdtridf", "p t", """
    Student's distribution: the degrees of freedom with which stdtr(df, t) is p.
    p: in [0, 1]. t: real numbers.
    >>> special.stdtridf(special.stdtr(3.0, 1.0), 1.0)
    Array(3., dtype=float64, weak_type=True)
    """)
