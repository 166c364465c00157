"""Ordinary differential equations: the method of Dormand and Prince, with adjoint derivatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import ingot.numpy as jnp
from ingot import lax
from ingot.api.grad import jvp, vjp
from ingot.core.avals import is_inexact
from ingot.core.interpreter import to_array, typeof
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.custom_derivatives import closure_convert, custom_jvp, linear_call
from ingot.flatten_util import ravel_pytree
from ingot.numpy.families import kind_of
from ingot.tree import tree_flatten, tree_map, tree_unflatten
from ingot.util import merge_lists, partition_list

Rates = Callable[[Any, Any], Any]

# Dormand and Prince (1980): where the stages are, what they are made of, the solution of order 5,
# its difference to that of order 4; Shampine (1986): the solution in the middle of a step.
_TIMES = np.array([1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0])
_STAGES = np.array([
    [1 / 5, 0, 0, 0, 0, 0],
    [3 / 40, 9 / 40, 0, 0, 0, 0],
    [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84]])
_SOLUTION = np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0])
_ERROR = _SOLUTION - np.array([1951 / 21600, 0, 22642 / 50085, 451 / 720, -12231 / 42400,
                               649 / 6300, 1 / 60])
_MIDDLE = np.array([6025192743 / 30085553152, 0, 51252292925 / 65400821598,
                    -2691868925 / 45128329728, 187940372067 / 1594534317056,
                    -1776094331 / 19743644256, 11237099 / 235043384]) / 2


class _State(NamedTuple):
    """The last step: from `before` to t; `fit` has the coefficients of the quartic between.

    `way` is 1 or -1, the direction of time; dt, the next step's length, is positive.
    """

    y: Any
    f: Any
    t: Any
    dt: Any
    before: Any
    fit: Any
    way: Any


class _Options(NamedTuple):
    rtol: Any
    atol: Any
    mxstep: Any
    hmax: Any


def _step(f: Rates, y: Any, f0: Any, t: Any, dt: Any) -> tuple[Any, Any, Any, Any]:
    """Solution and rates after a step, its error, all stages."""
    k = jnp.zeros((7, y.shape[0]), y.dtype).at[0].set(f0)
    for i, (time, weights) in enumerate(zip(_TIMES.tolist(), _STAGES, strict=True)):
        stage = y + dt * (jnp.asarray(weights[: i + 1], y.dtype) @ k[: i + 1])
        k = k.at[i + 1].set(f(stage, t + time * dt))
    combined = jnp.asarray(np.stack([_SOLUTION, _ERROR]), y.dtype) @ k
    return y + dt * combined[0], k[-1], dt * combined[1], k


def _quartic(y0: Any, y1: Any, k: Any, dt: Any) -> Any:
    """Coefficients, highest power first, of the curve through both ends and the middle of a step,
    with the rates at its ends."""
    middle = y0 + dt * (jnp.asarray(_MIDDLE, y0.dtype) @ k)
    f0, f1 = dt * k[0], dt * k[-1]
    return jnp.stack([
        -2 * f0 + 2 * f1 - 8 * y0 - 8 * y1 + 16 * middle,
        5 * f0 - 3 * f1 + 18 * y0 + 14 * y1 - 32 * middle,
        -4 * f0 + f1 - 11 * y0 - 5 * y1 + 16 * middle, f0, y0])


def _norm(x: Any) -> Any:
    """Root of the mean square."""
    return jnp.sqrt(jnp.mean(jnp.square(jnp.abs(x))))


def _first_step(f: Rates, y: Any, f0: Any, t: Any, way: Any, options: _Options) -> Any:
    """A step to begin with (Hairer, Norsett and Wanner, 1993, II.4)."""
    scale = options.atol + jnp.abs(y) * options.rtol
    d0, d1 = _norm(y / scale), _norm(f0 / scale)
    guess = jnp.where((d0 < 1e-5) | (d1 < 1e-5), 1e-6, 0.01 * d0 / jnp.where(d1 > 0, d1, 1))
    step = way * guess.astype(way.dtype)
    f1 = f(y + step.astype(y.dtype) * f0, t + step)
    d2 = _norm((f1 - f0) / scale) / guess
    most = jnp.maximum(d1, d2)
    second = jnp.where(most <= 1e-15, jnp.maximum(1e-6, guess * 1e-3),
                       (0.01 / jnp.where(most > 0, most, 1)) ** (1 / 5))
    return jnp.minimum(100 * guess, second).astype(t.dtype)


def _next_step(dt: Any, ratio: Any) -> Any:
    """The step that would have had the error asked for, within limits."""
    least = jnp.where(ratio < 1, 1.0, 0.2)
    factor = jnp.clip(0.9 * jnp.where(ratio > 0, ratio, 1) ** -0.2, least, 10.0)
    return dt * jnp.where(ratio == 0, 10.0, factor).astype(dt.dtype)


def _solve(f: Rates, y0: Any, ts: Any, options: _Options) -> Any:
    """Solutions of y' = f(y, t) at all ts, [time, unknown]; nan where none was found."""
    def advance(state: tuple[_State, Any]) -> Any:
        s, count = state
        step = s.way * s.dt
        y, rates, error, k = _step(f, s.y, s.f, s.t, step)
        allowed = options.atol + options.rtol * jnp.maximum(jnp.abs(s.y), jnp.abs(y))
        ratio = _norm(error / allowed)
        dt = jnp.clip(_next_step(s.dt, ratio), 0, options.hmax)
        new = _State(y, rates, s.t + step, dt, s.t, _quartic(s.y, y, k, step), s.way)
        kept = s._replace(dt=dt)
        return tree_map(lambda a, b: jnp.where(ratio <= 1, a, b), new, kept), count + 1

    def turned(s: _State, y: Any, t: Any) -> _State:
        """From the last solution on in the other direction of time."""
        return _State(y, f(y, t), t, s.dt, t, _constant(y), -s.way)

    def output(carry: tuple[_State, Any, Any], target: Any) -> Any:
        def going(state: tuple[_State, Any]) -> Any:
            s, count = state
            moves = (s.dt > 0) & (s.t + s.way * s.dt != s.t)
            return ((s.t - target) * s.way < 0) & moves & (count < options.mxstep)

        s, y, t = carry
        if ts.shape[0] > 2:
            s = lax.cond((target - t) * s.way < 0, turned, lambda s, y, t: s, s, y, t)
        s, _ = lax.while_loop(lambda state: going(state) & jnp.isfinite(target), advance, (s, 0))
        width = s.t - s.before
        place = (target - s.before) / jnp.where(width == 0, 1, width)
        y = jnp.polyval(s.fit, place.astype(s.y.dtype))
        reached = (s.t - target) * s.way >= 0
        y = jnp.where(reached & jnp.isfinite(target), y, jnp.nan)
        return (s, y, jnp.where(jnp.isfinite(target), target, t)), y

    f0 = f(y0, ts[0])
    way = jnp.where(ts[-1] < ts[0], -1, 1).astype(ts.dtype)
    dt = jnp.clip(_first_step(f, y0, f0, ts[0], way, options), 0, options.hmax)
    start = _State(y0, f0, ts[0], dt, ts[0], _constant(y0), way)
    _, ys = lax.scan(output, (start, y0, ts[0]), ts[1:])
    return jnp.concatenate([y0[None], ys])


def _constant(y: Any) -> Any:
    """Coefficients of the quartic that is y everywhere."""
    return jnp.stack([*[jnp.zeros_like(y)] * 4, y])


# ---- derivatives ----
def _rates(func: Callable[..., Any], back: Callable[[Any], Any], args: Sequence[Any]) -> Rates:
    return lambda y, t: ravel_pytree(func(back(y), t, *args))[0].astype(y.dtype)


@functools.partial(custom_jvp, nondiff_argnums=(0, 1, 2))
def _odeint(func: Any, back: Any, options: _Options, y0: Any, ts: Any, args: Any) -> Any:
    if not y0.size:
        return jnp.zeros((ts.shape[0], 0), y0.dtype)
    return _solve(_rates(func, back, args), y0, ts, options)


@_odeint.defjvp
def _moved(func: Any, back: Any, options: _Options, primals: Any, tangents: Any) -> Any:
    """Both modes: the tangents' equation forwards, the adjoint equation in reverse."""
    y0, ts, args = primals
    ys = _odeint(func, back, options, y0, ts, args)
    leaves, tree = tree_flatten(args)
    exact = [not is_inexact(typeof(x)) for x in leaves]
    moving, fixed = partition_list(exact, leaves)
    moves, _ = partition_list(exact, tree_flatten(tangents[2])[0])

    def rates(fixed: Any, moving: Any) -> Rates:
        return _rates(func, back, tree_unflatten(tree, merge_lists(exact, moving, fixed)))

    linear = (*tangents[:2], moves)
    return ys, linear_call(functools.partial(_forward, rates, options),
                           functools.partial(_backward, rates, options),
                           (ys, ts, moving, fixed), linear)


def _forward(rates: Callable[..., Rates], options: _Options, saved: Any, tangents: Any) -> Any:
    """The equation of the tangents, solved beside that of the solution. They are scaled, as an
    error allowed that is absolute would leave small ones without a digit."""
    ys, ts, moving, fixed = saved
    size = functools.reduce(jnp.maximum, [
        jnp.max(jnp.abs(x), initial=0).astype(ts.dtype) for x in tree_flatten(tangents)[0]])
    size = jnp.where(size > 0, size, 1)
    dy, dts, moves = tree_map(lambda x: (x / size).astype(x.dtype), tangents)
    slopes = lax.map(lambda at: rates(fixed, moving)(*at), (ys, ts))
    shifts = (slopes * dts[:, None]).astype(ys.dtype)

    def augmented(state: Any, t: Any, moving: Any, moves: Any, fixed: Any) -> Any:
        y, dy = jnp.split(state, 2)
        return jnp.concatenate(jvp(lambda y, *moving: rates(fixed, moving)(y, t),
                                   (y, *moving), (dy, *moves)))

    start = jnp.concatenate([ys[0], dy - shifts[0]])
    both = _odeint(augmented, lambda v: v, options, start, ts, (moving, moves, fixed))
    return ((jnp.split(both, 2, 1)[1] + shifts) * size).astype(ys.dtype)


def _backward(rates: Callable[..., Rates], options: _Options, saved: Any, cts: Any) -> Any:
    """The adjoint equation, from the last time to the first, interval by interval."""
    ys, ts, moving, fixed = saved

    def interval(carry: Any, at: Any) -> Any:
        adjoint, ct_first, ct_args = carry
        y, t, earlier, ct_y, ct_next = at
        ct_t = jnp.sum(rates(fixed, moving)(y, t) * ct_y).real.astype(t.dtype)
        state, unravel = ravel_pytree((y, adjoint + ct_y, ct_first - ct_t, ct_args))

        def augmented(state: Any, minus_t: Any, moving: Any, fixed: Any) -> Any:
            y, adjoint, _, _ = unravel(state)
            f, pull = vjp(lambda y, t, *moving: rates(fixed, moving)(y, t), y, -minus_t, *moving)
            ct_y, ct_t, *ct_values = pull(adjoint)
            return ravel_pytree((-f, ct_y, ct_t, ct_values))[0].astype(state.dtype)

        times = jnp.stack([-t, -earlier])
        after = _odeint(augmented, lambda v: v, options, state, times, (moving, fixed))[1]
        _, adjoint, ct_first, ct_args = unravel(after)
        return (adjoint, ct_first, ct_args), ct_t

    start = (jnp.zeros_like(ys[0]), jnp.zeros_like(ts[0]), [jnp.zeros_like(x) for x in moving])
    (adjoint, ct_first, ct_args), ct_ts = lax.scan(
        interval, start, (ys[1:], ts[1:], ts[:-1], cts[1:], cts[:-1]), reverse=True)
    return adjoint + cts[0], jnp.concatenate([ct_first[None], ct_ts]), ct_args


def odeint(func: Callable[..., Any], y0: Any, t: Any, *args: Any, rtol: Any = 1.4e-8,
           atol: Any = 1.4e-8, mxstep: Any = jnp.inf, hmax: Any = jnp.inf) -> Any:
    """Solutions of dy/dt = func(y, t, *args) with y(t[0]) = y0, at times t in any order.

    func: (pytree like y0, time, args) -> its rate; y0: pytree of floats; t: floats [n], rising,
    falling or both; args: pytrees of arrays; rtol, atol: error allowed in each step; mxstep: most
    steps between two times; hmax: longest step. -> pytree of [n, ...], nan at times that are not
    reached. Reverse mode solves the adjoint equation, forward mode that of the tangents. Raises
    TypeError for times that are not floats, or arguments that are no arrays.

    >>> from ingot.experimental.ode import odeint
    >>> odeint(lambda y, t: -y, 1.0, np.array([0.0, 1.0])).round(6)
    Array([1.      , 0.367879], dtype=float64)
    """
    t = jnp.asarray(t)
    if kind_of(t) != "f" or t.ndim != 1:
        raise TypeError(f"odeint: t must be a vector of floats, got {t.aval}; convert it first")
    y0, args = tree_map(to_array, y0), tree_map(to_array, args)
    start, back = ravel_pytree(y0)
    if kind_of(start) not in "fc":
        raise TypeError(f"odeint: y0 must be floats, got {start.aval}; convert it first")
    converted, closed_over = closure_convert(func, y0, t[0], *args)
    options = _Options(rtol, atol, mxstep, hmax)
    ys = _odeint(converted, back, options, start, t, (*args, *closed_over))
    return _stack(back, ys)


def _stack(back: Callable[[Any], Any], ys: Any) -> Any:
    """The rows of a matrix as trees, stacked."""
    from_row = [back(y) for y in ys[:1]][0]
    leaves, tree = tree_flatten(from_row)
    starts = np.cumsum([0, *(x.size for x in leaves)])
    return tree_unflatten(tree, [
        ys[:, a:b].reshape(ys.shape[0], *x.shape).astype(x.dtype)
        for x, a, b in zip(leaves, starts[:-1], starts[1:], strict=True)])


__all__ = ["odeint"]

_hide_frames_of(__name__)
