"""Mathieu functions, spheroidal wave functions and Fresnel's modified integrals, as SciPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.numpy import primitives as lax
from ingot.scipy.special_table import BY_SCIPY, REAL, check_count, define, described


def _scipys(name: str, part: Callable[[Any], Any] | None = None) -> Callable[..., np.ndarray]:
    """SciPy's function of a name, or a part of its result."""
    def evaluate(*xs: np.ndarray) -> np.ndarray:
        import scipy.special

        out = getattr(scipy.special, name)(*xs)
        return out if part is None else part(out)

    return evaluate


def _single(name: str, parameters: str, doc: str) -> Callable[..., Any]:
    return define(name, parameters, doc, *[None] * len(parameters.split()),
                  evaluate=_scipys(name))


def _pair(name: str, parameters: str, doc: str) -> Callable[..., Any]:
    """A function with two results: its value, and the derivative in its last argument."""
    names = parameters.split()
    parts = [define(f"{name}[{i}]", parameters, doc, *[None] * len(names), evaluate=_scipys(
        name, lambda out, i=i: out[i])) for i in range(2)]

    def function(*args: Any) -> tuple[Any, Any]:
        check_count(name, names, args)
        return parts[0](*args), parts[1](*args)

    return described(function, name, parameters, doc, derivatives=[],
                     result=f"the value and its derivative in x, each of {REAL}{BY_SCIPY}")


def _modfresnel(name: str, parameters: str, doc: str) -> Callable[..., Any]:
    """Two complex results of a real argument."""
    parts = [[define(f"{name}[{i}].{part}", parameters, doc, None, evaluate=_scipys(
        name, lambda out, i=i, part=part: getattr(out[i], part))) for part in ("real", "imag")]
        for i in range(2)]

    def function(x: Any) -> tuple[Any, Any]:
        first, second = ([part(x) for part in pair] for pair in parts)
        return lax.complex(*first), lax.complex(*second)

    return described(function, name, parameters, doc, derivatives=[],
                     result="a tuple of 2 arrays, each of {}, complex" + BY_SCIPY)


# ---- Mathieu functions ----
mathieu_a = _single("mathieu_a", "m q", """
    Characteristic value a_m(q) of even Mathieu functions, DLMF 28.2(v).
    m: order, a whole number from 0 on. q: real parameter.
    >>> special.mathieu_a(2, 0.0)
    Array(4., dtype=float64, weak_type=True)
    """)
mathieu_b = _single("mathieu_b", "m q", """
    Characteristic value b_m(q) of odd Mathieu functions, DLMF 28.2(v).
    m: order, a whole number from 1 on. q: real parameter.
    >>> special.mathieu_b(3, 0.0)
    Array(9., dtype=float64, weak_type=True)
    """)
mathieu_cem = _pair("mathieu_cem", "m q x", """
    Even Mathieu function ce_m(x, q), DLMF 28.2(vi).
    m: order, a whole number from 0 on. q: real parameter. x: angle in degrees.
    >>> special.mathieu_cem(1, 0.0, 60.0)[0]
    Array(0.5, dtype=float64, weak_type=True)
    """)
mathieu_sem = _pair("mathieu_sem", "m q x", """
    Odd Mathieu function se_m(x, q), DLMF 28.2(vi).
    m: order, a whole number from 1 on. q: real parameter. x: angle in degrees.
    >>> special.mathieu_sem(1, 0.0, 30.0)[0]
    Array(0.5, dtype=float64, weak_type=True)
    """)
mathieu_modcem1 = _pair("mathieu_modcem1", "m q x", """
    Even modified Mathieu function of the first kind Mc_m^(1)(x, q), DLMF 28.20(iv).
    m: order, a whole number from 0 on. q: parameter from 0 on. x: real numbers.
    >>> special.mathieu_modcem1(1, 1.0, 0.5)[0]
    Array(0.66102717, dtype=float64, weak_type=True)
    """)
mathieu_modcem2 = _pair("mathieu_modcem2", "m q x", """
    Even modified Mathieu function of the second kind Mc_m^(2)(x, q), DLMF 28.20(iv).
    m: order, a whole number from 0 on. q: parameter from 0 on. x: real numbers.
    >>> special.mathieu_modcem2(1, 1.0, 0.5)[0]
    Array(-0.19780515, dtype=float64, weak_type=True)
    """)
mathieu_modsem1 = _pair("mathieu_modsem1", "m q x", """
    Odd modified Mathieu function of the first kind Ms_m^(1)(x, q), DLMF 28.20(iv).
    m: order, a whole number from 1 on. q: parameter from 0 on. x: real numbers.
    >>> special.mathieu_modsem1(1, 1.0, 0.5)[0]
    Array(0.4046255, dtype=float64, weak_type=True)
    """)
mathieu_modsem2 = _pair("mathieu_modsem2", "m q x", """
    Odd modified Mathieu function of the second kind Ms_m^(2)(x, q), DLMF 28.20(iv).
    m: order, a whole number from 1 on. q: parameter from 0 on. x: real numbers.
    >>> special.mathieu_modsem2(1, 1.0, 0.5)[0]
    Array(-0.43963249, dtype=float64, weak_type=True)
    """)

# ---- spheroidal wave functions ----
pro_cv = _single("pro_cv", "m n c", """
    Characteristic value of prolate spheroidal wave functions, DLMF 30.3(i).
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter.
    >>> special.pro_cv(0, 2, 0.0)
    Array(6., dtype=float64, weak_type=True)
    """)
obl_cv = _single("obl_cv", "m n c", """
    Characteristic value of oblate spheroidal wave functions, DLMF 30.3(i).
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter.
    >>> special.obl_cv(0, 2, 0.0)
    Array(6., dtype=float64, weak_type=True)
    """)
pro_ang1 = _pair("pro_ang1", "m n c x", """
    Prolate spheroidal angular function of the first kind S_mn(c, x), DLMF 30.4.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: |x| < 1, else nan.
    >>> special.pro_ang1(0, 1, 1e-9, 0.25)[0]
    Array(0.25, dtype=float64, weak_type=True)
    """)
obl_ang1 = _pair("obl_ang1", "m n c x", """
    Oblate spheroidal angular function of the first kind S_mn(-i c, x), DLMF 30.4.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: |x| < 1, else nan.
    >>> special.obl_ang1(0, 1, 1e-9, 0.25)[0]
    Array(0.25, dtype=float64, weak_type=True)
    """)
pro_rad1 = _pair("pro_rad1", "m n c x", """
    Prolate spheroidal radial function of the first kind R_mn^(1)(c, x), DLMF 30.11.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: above 1, else nan.
    >>> special.pro_rad1(0, 1, 1.0, 2.0)[0]
    Array(0.4560369, dtype=float64, weak_type=True)
    """)
pro_rad2 = _pair("pro_rad2", "m n c x", """
    Prolate spheroidal radial function of the second kind R_mn^(2)(c, x), DLMF 30.11.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: above 1, else nan.
    >>> special.pro_rad2(0, 1, 1.0, 2.0)[0]
    Array(-0.43843517, dtype=float64, weak_type=True)
    """)
obl_rad1 = _pair("obl_rad1", "m n c x", """
    Oblate spheroidal radial function of the first kind R_mn^(1)(-i c, i x), DLMF 30.11.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: from 0 on, else
    nan.
    >>> special.obl_rad1(0, 1, 1.0, 2.0)[0]
    Array(0.41630697, dtype=float64, weak_type=True)
    """)
obl_rad2 = _pair("obl_rad2", "m n c x", """
    Oblate spheroidal radial function of the second kind R_mn^(2)(-i c, i x), DLMF 30.11.
    m, n: order and degree, whole numbers with 0 <= m <= n. c: real parameter. x: from 0 on, else
    nan.
    >>> special.obl_rad2(0, 1, 1.0, 2.0)[0]
    Array(-0.28733874, dtype=float64, weak_type=True)
    """)
pro_ang1_cv = _pair("pro_ang1_cv", "m n c cv x", """
    Prolate spheroidal angular function pro_ang1(m, n, c, x) for a known characteristic value.
    cv: pro_cv(m, n, c), computed once for many x. m, n, c, x: those of pro_ang1.
    >>> special.pro_ang1_cv(0, 1, 1.0, special.pro_cv(0, 1, 1.0), 0.25)[0]
    Array(0.24845893, dtype=float64, weak_type=True)
    """)
obl_ang1_cv = _pair("obl_ang1_cv", "m n c cv x", """
    Oblate spheroidal angular function obl_ang1(m, n, c, x) for a known characteristic value.
    cv: obl_cv(m, n, c), computed once for many x. m, n, c, x: those of obl_ang1.
    >>> special.obl_ang1_cv(0, 1, 1.0, special.obl_cv(0, 1, 1.0), 0.25)[0]
    Array(0.25158375, dtype=float64, weak_type=True)
    """)
pro_rad1_cv = _pair("pro_rad1_cv", "m n c cv x", """
    Prolate spheroidal radial function pro_rad1(m, n, c, x) for a known characteristic value.
    cv: pro_cv(m, n, c), computed once for many x. m, n, c, x: those of pro_rad1.
    >>> special.pro_rad1_cv(0, 1, 1.0, special.pro_cv(0, 1, 1.0), 2.0)[0]
    Array(0.4560369, dtype=float64, weak_type=True)
    """)
pro_rad2_cv = _pair("pro_rad2_cv", "m n c cv x", """
    Prolate spheroidal radial function pro_rad2(m, n, c, x) for a known characteristic value.
    cv: pro_cv(m, n, c), computed once for many x. m, n, c, x: those of pro_rad2.
    >>> special.pro_rad2_cv(0, 1, 1.0, special.pro_cv(0, 1, 1.0), 2.0)[0]
    Array(-0.43843517, dtype=float64, weak_type=True)
    """)
obl_rad1_cv = _pair("obl_rad1_cv", "m n c cv x", """
    Oblate spheroidal radial function obl_rad1(m, n, c, x) for a known characteristic value.
    cv: obl_cv(m, n, c), computed once for many x. m, n, c, x: those of obl_rad1.
    >>> special.obl_rad1_cv(0, 1, 1.0, special.obl_cv(0, 1, 1.0), 2.0)[0]
    Array(0.41630697, dtype=float64, weak_type=True)
    """)
obl_rad2_cv = _pair("obl_rad2_cv", "m n c cv x", """
    Oblate spheroidal radial function obl_rad2(m, n, c, x) for a known characteristic value.
    cv: obl_cv(m, n, c), computed once for many x. m, n, c, x: those of obl_rad2.
    >>> special.obl_rad2_cv(0, 1, 1.0, special.obl_cv(0, 1, 1.0), 2.0)[0]
    Array(-0.28733874, dtype=float64, weak_type=True)
    """)

# ---- Fresnel's modified integrals ----
modfresnelp = _modfresnel("modfresnelp", "x", """
    Modified Fresnel integrals F+(x), of exp(i t^2) from x to infinity, and K+(x), scaled.
    x: real numbers. K+(x) is F+(x) exp(-i (x^2 + pi / 4)) / sqrt(pi).
    >>> special.modfresnelp(0.0)[1]
    Array(0.5+0.j, dtype=complex128, weak_type=True)
    """)
modfresnelm = _modfresnel("modfresnelm", "x", """
    Modified Fresnel integrals F-(x), of exp(-i t^2) from x to infinity, and K-(x), scaled.
    x: real numbers. K-(x) is F-(x) exp(i (x^2 + pi / 4)) / sqrt(pi).
    >>> special.modfresnelm(0.0)[1]
    Array(0.5+0.j, dtype=complex128, weak_type=True)
    """)
