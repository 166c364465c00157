"""Relatives of Bessel functions: Airy's, parabolic cylinder, Kelvin's, Struve's; integrals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ingot.numpy as jnp
from ingot.primitives.complex import complex as complex_of
from ingot.scipy import special_integrals as numerical
from ingot.scipy.special_bessel import iv, j0, k0, y0
from ingot.scipy.special_elementary import rgamma
from ingot.scipy.special_table import BY_SCIPY, REAL, check_count, define, described


# ---- several results ----
def _parts(name: str, *partials: Sequence[Any], suffixes: str, parameters: str = "x",
           evaluate: Sequence[Callable[..., Any]] = ()) -> list[Callable[..., Any]]:
    """The results of a function as functions of the table, named `<name>_<suffix>`: those of
    SciPy's function, or what `evaluate` says."""
    return [define(f"{name}_{s}", parameters, f"Result {i} of {name}.", *partial,
                   evaluate=evaluate[i] if evaluate else numerical.of_part(name, i))
            for i, (s, partial) in enumerate(zip(suffixes.split(), partials, strict=True))]


def _every(parts: list[Callable[..., Any]], name: str, parameters: str, doc: str
           ) -> Callable[..., Any]:
    names = parameters.split()

    def function(*args: Any) -> tuple[Any, ...]:
        check_count(name, names, args)
        return tuple(part(*args) for part in parts)

    return described(function, name, parameters, doc, derivatives=["x"],
                     result=f"a tuple of {len(parts)} arrays, each of {REAL}{BY_SCIPY}")


def _root(x: Any) -> Any:
    return jnp.sqrt(jnp.where(x > 0, x, 0))


_airy = _parts("airy", [lambda out, x: _airy[1](x)], [lambda out, x: x * _airy[0](x)],
               [lambda out, x: _airy[3](x)], [lambda out, x: x * _airy[2](x)],
               suffixes="ai aip bi bip")
airy = _every(_airy, "airy", "x", """
    Airy's functions and their derivatives: Ai(x), Ai'(x), Bi(x), Bi'(x), DLMF 9.2.
    x: real numbers.
    >>> special.airy(0.0)[0]
    Array(0.35502805, dtype=float64, weak_type=True)
    """)
_airye = _parts(
    "airye", [lambda out, x: _airye[1](x) + jnp.sqrt(x) * out],
    [lambda out, x: x * _airye[0](x) + jnp.sqrt(x) * out],
    [lambda out, x: _airye[3](x) - _root(x) * out],
    [lambda out, x: x * _airye[2](x) - _root(x) * out], suffixes="ai aip bi bip")
airye = _every(_airye, "airye", "x", """
    Airy's functions and their derivatives, scaled so that they neither overflow nor underflow.
    x: real numbers. Ai and Ai' times exp(2/3 x sqrt(x)), nan below 0; Bi and Bi' divided by exp of
    its real part.
    >>> special.airye(100.0)[0]
    Array(0.08919692, dtype=float64, weak_type=True)
    """)


def _integral(name: str, fun: Callable[..., Any]) -> Callable[..., Any]:
    return numerical.integral(fun, numerical.of_part(name, 0))


_AI, _BI = (numerical.of_part("airy", i) for i in (0, 2))
itairy = _every(_parts(
    "itairy", [lambda out, x: _airy[0](x)], [lambda out, x: _airy[2](x)],
    [lambda out, x: _airy[0](-x)], [lambda out, x: _airy[2](-x)], suffixes="a b c d",
    evaluate=[numerical.integral(fun, numerical.of_part("itairy", i), 20.0)
              for i, fun in enumerate([_AI, _BI, numerical.turned(_AI), numerical.turned(_BI)])]),
    "itairy", "x", """
    Integrals from 0 to x of Airy's functions: of Ai(t), Bi(t), Ai(-t) and Bi(-t).
    x: real numbers. DLMF 9.10; the first tends to 1/3.
    >>> special.itairy(10.0)[0]
    Array(0.33333333, dtype=float64, weak_type=True)
    """)
itj0y0 = _every(_parts(
    "itj0y0", [lambda out, x: j0(x)], [lambda out, x: y0(x)], suffixes="j y",
    evaluate=[_integral("itj0y0", numerical.of_part("j0")), numerical.of_y0]), "itj0y0", "x", """
    Integrals from 0 to x of the Bessel functions J_0(t) and Y_0(t), DLMF 10.22(ii).
    x: real numbers; the second is nan below 0.
    >>> special.itj0y0(1.0)[0]
    Array(0.91973041, dtype=float64, weak_type=True)
    """)
iti0k0 = _every(_parts(
    "iti0k0", [lambda out, x: iv(0, x)], [lambda out, x: k0(x)], suffixes="i k",
    evaluate=[numerical.integral(numerical.of_part("i0"), numerical.odd(
        numerical.at_the_end(numerical.of_part("i0")))), numerical.of_k0]), "iti0k0", "x", """
    Integrals from 0 to x of the modified Bessel functions I_0(t) and K_0(t), DLMF 10.43(i).
    x: real numbers; the second is nan below 0, and tends to pi / 2.
    >>> special.iti0k0(30.0)[1]
    Array(1.57079633, dtype=float64, weak_type=True)
    """)
it2j0y0 = _every(_parts(
    "it2j0y0", [lambda out, x: (1 - j0(x)) / x], [lambda out, x: -y0(x) / x], suffixes="j y",
    evaluate=[_integral("it2j0y0", lambda t: -numerical.deviation_over(-1)(t)),
              numerical.of_y0_over]), "it2j0y0", "x", """
    Integrals of (1 - J_0(t)) / t from 0 to x, and of Y_0(t) / t from x to infinity.
    x: real numbers; the second is nan below 0.
    >>> special.it2j0y0(1.0)[0]
    Array(0.12116525, dtype=float64, weak_type=True)
    """)
it2i0k0 = _every(_parts(
    "it2i0k0", [lambda out, x: (iv(0, x) - 1) / x], [lambda out, x: -k0(x) / x], suffixes="i k",
    evaluate=[numerical.integral(numerical.deviation_over(1),
                                 numerical.at_the_end(numerical.deviation_over(1))),
              numerical.of_k0_over]), "it2i0k0", "x", """
    Integrals of (I_0(t) - 1) / t from 0 to x, and of K_0(t) / t from x to infinity.
    x: real numbers; the second is nan below 0.
    >>> special.it2i0k0(1.0)[0]
    Array(0.12897944, dtype=float64, weak_type=True)
    """)


def _parabolic(name: str, parameters: str, doc: str, second: Callable[..., Any]
               ) -> Callable[..., Any]:
    """A solution of y'' = second(a, x) y, and its derivative."""
    parts = _parts(name, [None, lambda out, a, x: parts[1](a, x)],
                   [None, lambda out, a, x: second(a, x) * parts[0](a, x)], suffixes="y yp",
                   parameters=parameters)
    return _every(parts, name, parameters, doc)


pbdv = _parabolic("pbdv", "v x", """
    Parabolic cylinder function D_v(x) and its derivative in x, DLMF 12.1.
    v: real order. x: real numbers; D_0(x) is exp(-x^2 / 4).
    >>> special.pbdv(0.0, 2.0)[0]
    Array(0.36787944, dtype=float64, weak_type=True)
    """,
    lambda v, x: x * x / 4 - v - 0.5)
pbvv = _parabolic("pbvv", "v x", """
    Parabolic cylinder function V_v(x) and its derivative in x, DLMF 12.2.
    v: real order. x: real numbers; a second solution of the equation of D_v.
    >>> special.pbvv(1.0, 1.0)[0]
    Array(-0.28196558, dtype=float64, weak_type=True)
    """,
    lambda v, x: x * x / 4 - v - 0.5)
pbwa = _parabolic("pbwa", "a x", """
    Parabolic cylinder function W(a, x) and its derivative in x, DLMF 12.14.
    a, x: real numbers from -5 to 5, nan outside: SciPy has no method for larger ones.
    >>> special.pbwa(1.0, 0.5)[0]
    Array(0.46791054, dtype=float64, weak_type=True)
    """,
    lambda a, x: a - x * x / 4)

# ---- Kelvin's ----
ber = define("ber", "x", """
    Kelvin's function ber(x), the real part of J_0(x exp(3 pi i / 4)), DLMF 10.61.1.
    x: real numbers.
    >>> special.ber(np.array([0.0, 1.0]))
    Array([1.        , 0.98438178], dtype=float64)
    """, lambda out, x: berp(x))
bei = define("bei", "x", """
    Kelvin's function bei(x), the imaginary part of J_0(x exp(3 pi i / 4)), DLMF 10.61.1.
    x: real numbers.
    >>> special.bei(np.array([0.0, 1.0]))
    Array([0.        , 0.24956604], dtype=float64)
    """, lambda out, x: beip(x))
ker = define("ker", "x", """
    Kelvin's function ker(x), the real part of K_0(x exp(pi i / 4)), DLMF 10.61.2.
    x: real numbers; inf at 0, nan below.
    >>> special.ker(np.array([0.0, 1.0]))
    Array([       inf, 0.28670621], dtype=float64)
    """, lambda out, x: kerp(x))
kei = define("kei", "x", """
    Kelvin's function kei(x), the imaginary part of K_0(x exp(pi i / 4)), DLMF 10.61.2.
    x: real numbers; -pi / 4 at 0, nan below.
    >>> special.kei(np.array([0.0, 1.0]))
    Array([-0.78539816, -0.49499464], dtype=float64)
    """, lambda out, x: keip(x))
berp = define("berp", "x", """
    Derivative of Kelvin's function ber(x).
    x: real numbers.
    >>> special.berp(1.0)
    Array(-0.06244575, dtype=float64, weak_type=True)
    """, lambda out, x: -bei(x) - out / x)
beip = define("beip", "x", """
    Derivative of Kelvin's function bei(x).
    x: real numbers.
    >>> special.beip(1.0)
    Array(0.49739651, dtype=float64, weak_type=True)
    """, lambda out, x: ber(x) - out / x)
kerp = define("kerp", "x", """
    Derivative of Kelvin's function ker(x).
    x: real numbers; -inf at 0, nan below.
    >>> special.kerp(1.0)
    Array(-0.69460389, dtype=float64, weak_type=True)
    """, lambda out, x: -kei(x) - out / x)
keip = define("keip", "x", """
    Derivative of Kelvin's function kei(x).
    x: real numbers; 0 at 0, nan below.
    >>> special.keip(1.0)
    Array(0.35236991, dtype=float64, weak_type=True)
    """, lambda out, x: ker(x) - out / x)


def kelvin(x: Any) -> tuple[Any, Any, Any, Any]:
    """Kelvin's functions as complex numbers: ber + i bei, ker + i kei, and both derivatives.

    x: [...] real; those of ker and kei are nan below 0 -> a tuple of 4 arrays [...] complex. Raises
    TypeError for complex numbers.

    >>> special.kelvin(1.0)[0].round(3)
    Array(0.984+0.25j, dtype=complex128, weak_type=True)
    """
    return (complex_of(ber(x), bei(x)), complex_of(ker(x), kei(x)),
            complex_of(berp(x), beip(x)), complex_of(kerp(x), keip(x)))


# ---- Struve's ----
def _struve_term(v: Any, x: Any) -> Any:
    """(x / 2)^v / (sqrt(pi) gamma(v + 3/2)), which makes the recurrences inhomogeneous."""
    return (x / 2) ** v * rgamma(v + 1.5) / math.sqrt(math.pi)


struve = define("struve", "v x", """
    Struve's function H_v(x), DLMF 11.2.1.
    v: real order. x: real numbers; nan below 0 unless v is a whole number.
    >>> special.struve(0, 1.0)
    Array(0.56865663, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (
    struve(v - 1, x) - struve(v + 1, x) + _struve_term(v, x)) / 2)
modstruve = define(
    "modstruve", "v x", """
    Modified Struve function L_v(x), DLMF 11.2.2.
    v: real order. x: real numbers; nan below 0 unless v is a whole number.
    >>> special.modstruve(0, 1.0)
    Array(0.71024319, dtype=float64, weak_type=True)
    """, None, lambda out, v, x: (
    modstruve(v - 1, x) + modstruve(v + 1, x) + _struve_term(v, x)) / 2)
itstruve0 = define("itstruve0", "x", """
    Integral of Struve's function H_0(t) from 0 to x.
    x: real numbers.
    >>> special.itstruve0(1.0)
    Array(0.30109043, dtype=float64, weak_type=True)
    """,
    lambda out, x: struve(0, x),
    evaluate=numerical.integral(numerical.of_part("struve", order=[0]),
                                numerical.far_struve))
itmodstruve0 = define("itmodstruve0", "x", """
    Integral of the modified Struve function L_0(t) from 0 to x.
    x: real numbers.
    >>> special.itmodstruve0(1.0)
    Array(0.33647263, dtype=float64, weak_type=True)
    """,
    lambda out, x: modstruve(0, x),
    evaluate=numerical.integral(numerical.of_part("modstruve", order=[0]), numerical.at_the_end(
        numerical.of_part("modstruve", order=[0]))))
it2struve0 = define("it2struve0", "x", """
    Integral of H_0(t) / t from x to infinity, with Struve's function H_0.
    x: real numbers; pi / 2 at 0.
    >>> special.it2struve0(0.0)
    Array(1.57079633, dtype=float64, weak_type=True)
    """,
    lambda out, x: -struve(0, x) / x)
