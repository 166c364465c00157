"""Mathieu functions, spheroidal wave functions and Fresnel's modified integrals, as SciPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.numpy import primitives as lax
from ingot.numpy.families import named
from ingot.scipy.special_table import define


def _scipys(name: str, part: Callable[[Any], Any] | None = None) -> Callable[..., np.ndarray]:
    """SciPy's function of a name, or a part of its result."""
    def evaluate(*xs: np.ndarray) -> np.ndarray:
        import scipy.special

        out = getattr(scipy.special, name)(*xs)
        return out if part is None else part(out)

    return evaluate


def _single(name: str, arity: int, doc: str) -> Callable[..., Any]:
    return define(name, f"{doc} Without derivatives.", *[None] * arity, evaluate=_scipys(name))


def _pair(name: str, arity: int, doc: str) -> Callable[..., Any]:
    """A function with two results: its value, and the derivative in its last argument."""
    parts = [define(f"{name}[{i}]", doc, *[None] * arity, evaluate=_scipys(
        name, lambda out, i=i: out[i])) for i in range(2)]

    def function(*args: Any) -> tuple[Any, Any]:
        return parts[0](*args), parts[1](*args)

    function.__module__ = "ingot.scipy.special"  # where pickles find it
    return named(function, name, f"{doc} Gives the value and its derivative in the last argument;"
                 " these have no derivatives themselves.")


def _modfresnel(name: str, doc: str) -> Callable[..., Any]:
    """Two complex results of a real argument."""
    parts = [[define(f"{name}[{i}].{part}", doc, None, evaluate=_scipys(
        name, lambda out, i=i, part=part: getattr(out[i], part))) for part in ("real", "imag")]
        for i in range(2)]

    def function(x: Any) -> tuple[Any, Any]:
        first, second = ([part(x) for part in pair] for pair in parts)
        return lax.complex(*first), lax.complex(*second)

    function.__module__ = "ingot.scipy.special"
    return named(function, name, f"{doc} Without derivatives.")


# ---- Mathieu functions ----
mathieu_a = _single("mathieu_a", 2, "Characteristic value of even Mathieu functions:"
                    " mathieu_a(m, q).")
mathieu_b = _single("mathieu_b", 2, "Characteristic value of odd Mathieu functions:"
                    " mathieu_b(m, q).")
mathieu_cem = _pair("mathieu_cem", 3, "Even Mathieu function: mathieu_cem(m, q, degrees).")
mathieu_sem = _pair("mathieu_sem", 3, "Odd Mathieu function: mathieu_sem(m, q, degrees).")
mathieu_modcem1 = _pair("mathieu_modcem1", 3, "Even modified Mathieu function of the first kind.")
mathieu_modcem2 = _pair("mathieu_modcem2", 3, "Even modified Mathieu function of the second kind.")
mathieu_modsem1 = _pair("mathieu_modsem1", 3, "Odd modified Mathieu function of the first kind.")
mathieu_modsem2 = _pair("mathieu_modsem2", 3, "Odd modified Mathieu function of the second kind.")

# ---- spheroidal wave functions ----
pro_cv = _single("pro_cv", 3, "Characteristic value of prolate spheroidal functions:"
                 " pro_cv(m, n, c).")
obl_cv = _single("obl_cv", 3, "Characteristic value of oblate spheroidal functions:"
                 " obl_cv(m, n, c).")
pro_ang1 = _pair("pro_ang1", 4, "Prolate angular function: pro_ang1(m, n, c, x).")
obl_ang1 = _pair("obl_ang1", 4, "Oblate angular function: obl_ang1(m, n, c, x).")
pro_rad1 = _pair("pro_rad1", 4, "Prolate radial function of the first kind.")
pro_rad2 = _pair("pro_rad2", 4, "Prolate radial function of the second kind.")
obl_rad1 = _pair("obl_rad1", 4, "Oblate radial function of the first kind.")
obl_rad2 = _pair("obl_rad2", 4, "Oblate radial function of the second kind.")
pro_ang1_cv = _pair("pro_ang1_cv", 5, "pro_ang1(m, n, c, cv, x) for a characteristic value.")
obl_ang1_cv = _pair("obl_ang1_cv", 5, "obl_ang1(m, n, c, cv, x) for a characteristic value.")
pro_rad1_cv = _pair("pro_rad1_cv", 5, "pro_rad1(m, n, c, cv, x) for a characteristic value.")
pro_rad2_cv = _pair("pro_rad2_cv", 5, "pro_rad2(m, n, c, cv, x) for a characteristic value.")
obl_rad1_cv = _pair("obl_rad1_cv", 5, "obl_rad1(m, n, c, cv, x) for a characteristic value.")
obl_rad2_cv = _pair("obl_rad2_cv", 5, "obl_rad2(m, n, c, cv, x) for a characteristic value.")

# ---- Fresnel's modified integrals ----
modfresnelp = _modfresnel("modfresnelp", "Modified Fresnel integrals F+ and K+ of x.")
modfresnelm = _modfresnel("modfresnelm", "Modified Fresnel integrals F- and K- of x.")
