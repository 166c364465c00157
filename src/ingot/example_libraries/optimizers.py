"""First-order optimizers as triples of functions: make a state, update it, read its parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import ingot.numpy as jnp
from ingot.tree import (
    register_pytree_node,
    tree_flatten,
    tree_leaves,
    tree_map,
    tree_unflatten,
)

Schedule = Callable[[Any], Any]


class Optimizer(NamedTuple):
    """What makes a state of parameters, updates it (step, gradient, state), and reads it."""

    init_fn: Callable[[Any], Any]
    update_fn: Callable[[Any, Any, Any], Any]
    params_fn: Callable[[Any], Any]


class OptimizerState(NamedTuple):
    """The states of all parameters, flat, and the structures of both."""

    packed_state: Any
    tree_def: Any
    subtree_defs: Any


register_pytree_node(OptimizerState, lambda s: ((s.packed_state,), (s.tree_def, s.subtree_defs)),
                     lambda data, children: OptimizerState(children[0], *data))


def _pack(states: list[Any], tree: Any) -> OptimizerState:
    flat = [tree_flatten(s) for s in states]
    return OptimizerState(tuple(tuple(leaves) for leaves, _ in flat), tree,
                          tuple(d for _, d in flat))


def _unpack(state: OptimizerState) -> list[Any]:
    return [tree_unflatten(d, leaves)
            for d, leaves in zip(state.subtree_defs, state.packed_state, strict=True)]


def optimizer(opt_maker: Callable[..., tuple[Any, Any, Any]]) -> Callable[..., Optimizer]:
    """Turn a maker of (init, update, get_params) for one array into one for trees of arrays."""

    @functools.wraps(opt_maker)
    def maker(*args: Any, **kwargs: Any) -> Optimizer:
        init, update, get_params = opt_maker(*args, **kwargs)

        def tree_init(params: Any) -> OptimizerState:
            leaves, tree = tree_flatten(params)
            return _pack([init(x) for x in leaves], tree)

        def tree_update(step: Any, grads: Any, state: OptimizerState) -> OptimizerState:
            leaves, tree = tree_flatten(grads)
            if tree != state.tree_def:
                raise TypeError("optimizer: gradients must have the structure of the parameters,"
                                f" {state.tree_def}, got {tree}")
            new = [update(step, g, s) for g, s in zip(leaves, _unpack(state), strict=True)]
            return _pack(new, tree)

        def tree_params(state: OptimizerState) -> Any:
            return tree_unflatten(state.tree_def, [get_params(s) for s in _unpack(state)])

        return Optimizer(tree_init, tree_update, tree_params)

    return maker


# ---- optimizers ----------------------------------------------------------------------------------
def _first(state: Any) -> Any:
    return state[0]


@optimizer
def sgd(step_size: Any) -> Any:
    """Steepest descent: x - step_size g; step_size is a number or a function of the step."""
    size = make_schedule(step_size)
    return (lambda x: x), (lambda i, g, x: x - size(i) * g), (lambda x: x)


@optimizer
def momentum(step_size: Schedule | float, mass: float) -> Any:
    """Steepest descent with momentum: v = mass v + g, then x - step_size v."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, v = state
        v = mass * v + g
        return x - size(i) * v, v

    return (lambda x: (x, jnp.zeros_like(x))), update, _first


@optimizer
def nesterov(step_size: Schedule | float, mass: float) -> Any:
    """Nesterov's form of momentum: the step also looks one gradient ahead."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, v = state
        v = mass * v + g
        return x - size(i) * (mass * v + g), v

    return (lambda x: (x, jnp.zeros_like(x))), update, _first


@optimizer
def adagrad(step_size: Schedule | float, momentum: float = 0.9) -> Any:
    """Duchi, Hazan, Singer 2011: steps divided by the root of the sum of squared gradients."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, squares, m = state
        squares = squares + jnp.square(g)
        scaled = jnp.where(squares > 0, g / jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)
        m = (1 - momentum) * (size(i) * scaled) + momentum * m
        return x - m, squares, m

    return (lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x))), update, _first


@optimizer
def rmsprop(step_size: Schedule | float, gamma: float = 0.9, eps: float = 1e-8) -> Any:
    """Steps divided by the root of a moving average of squared gradients."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, average = state
        average = gamma * average + (1 - gamma) * jnp.square(g)
        return x - size(i) * g / jnp.sqrt(average + eps), average

    return (lambda x: (x, jnp.zeros_like(x))), update, _first


@optimizer
def rmsprop_momentum(step_size: Schedule | float, gamma: float = 0.9, eps: float = 1e-8,
                     momentum: float = 0.9) -> Any:
    """`rmsprop` with momentum."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, average, m = state
        average = gamma * average + (1 - gamma) * jnp.square(g)
        m = momentum * m + size(i) * g / jnp.sqrt(average + eps)
        return x - m, average, m

    return (lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x))), update, _first


@optimizer
def adam(step_size: Schedule | float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
         ) -> Any:
    """Kingma, Ba 2014: moving averages of gradients and squares, both corrected for bias."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, v = state
        m = (1 - b1) * g + b1 * m
        v = (1 - b2) * jnp.square(g) + b2 * v
        count = jnp.asarray(i + 1, m.dtype)
        return x - size(i) * (m / (1 - b1**count)) / (jnp.sqrt(v / (1 - b2**count)) + eps), m, v

    return (lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x))), update, _first


@optimizer
def adamax(step_size: Schedule | float, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
           ) -> Any:
    """Adam with the largest gradient in place of the average of squares."""
    size = make_schedule(step_size)

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, u = state
        m = (1 - b1) * g + b1 * m
        u = jnp.maximum(b2 * u, jnp.abs(g))
        count = jnp.asarray(i + 1, m.dtype)
        return x - (size(i) / (1 - b1**count)) * m / (u + eps), m, u

    return (lambda x: (x, jnp.zeros_like(x), jnp.zeros_like(x))), update, _first


@optimizer
def sm3(step_size: Schedule | float, momentum: float = 0.9) -> Any:
    """Anil, Gupta, Koren, Singer 2019: adagrad with one accumulator per axis and index."""
    size = make_schedule(step_size)

    def along(axis: int, ndim: int) -> Any:
        return tuple(slice(None) if a == axis else None for a in range(ndim))

    def init(x: Any) -> Any:
        accumulators = [jnp.zeros(n, x.dtype) for n in x.shape] or [jnp.zeros((), x.dtype)]
        return x, jnp.zeros_like(x), accumulators

    def update(i: Any, g: Any, state: Any) -> Any:
        x, m, accumulators = state
        spread = [a[along(k, x.ndim)] if x.ndim else a for k, a in enumerate(accumulators)]
        new = functools.reduce(jnp.minimum, spread) + jnp.square(g)
        scaled = jnp.where(new > 0, g / jnp.sqrt(jnp.where(new > 0, new, 1)), 0)
        m = (1 - momentum) * scaled + momentum * m
        others = [tuple(a for a in range(x.ndim) if a != k) for k in range(x.ndim)]
        found = [jnp.max(new, axes) if axes else new for axes in others] or [new]
        return x - size(i) * m, m, found

    return init, update, _first


# ---- schedules -----------------------------------------------------------------------------------
def constant(step_size: Any) -> Schedule:
    """The same at each step."""
    return lambda i: step_size


def inverse_time_decay(step_size: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False
                       ) -> Schedule:
    """step_size / (1 + decay_rate i / decay_steps); with staircase, in whole decay_steps."""
    def schedule(i: Any) -> Any:
        ratio = jnp.floor(i / decay_steps) if staircase else i / decay_steps
        return step_size / (1 + decay_rate * ratio)

    return schedule


def exponential_decay(step_size: Any, decay_steps: Any, decay_rate: Any) -> Schedule:
    """step_size decay_rate^(i / decay_steps)."""
    return lambda i: step_size * decay_rate ** (i / decay_steps)


def polynomial_decay(step_size: Any, decay_steps: Any, final_step_size: Any, power: float = 1.0
                     ) -> Schedule:
    """From step_size to final_step_size in decay_steps, along a power."""
    def schedule(i: Any) -> Any:
        rest = 1 - jnp.minimum(i, decay_steps) / decay_steps
        return rest**power * (step_size - final_step_size) + final_step_size

    return schedule


def piecewise_constant(boundaries: Any, values: Any) -> Schedule:
    """values[k] for steps that k boundaries are less than."""
    limits, sizes = jnp.asarray(boundaries), jnp.asarray(values)
    if not limits.ndim == sizes.ndim == 1 or sizes.shape[0] != limits.shape[0] + 1:
        raise ValueError("piecewise_constant: expected one value more than boundaries, got"
                         f" {sizes.shape} and {limits.shape}")
    return lambda i: sizes[jnp.sum(i > limits)]


def make_schedule(scalar_or_schedule: Any) -> Schedule:
    """A number or a schedule as a schedule."""
    if callable(scalar_or_schedule):
        return scalar_or_schedule
    if jnp.ndim(scalar_or_schedule) == 0:
        return constant(scalar_or_schedule)
    raise TypeError(f"make_schedule: expected a number or a function, got {scalar_or_schedule!r}")


# ---- gradients, states ---------------------------------------------------------------------------
def l2_norm(tree: Any) -> Any:
    """The Euclidean norm of all leaves together."""
    return jnp.sqrt(sum(jnp.vdot(x, x).real for x in tree_leaves(tree)))


def clip_grads(grad_tree: Any, max_norm: Any) -> Any:
    """The tree scaled down to a norm, where it is larger."""
    norm = l2_norm(grad_tree)
    return tree_map(lambda g: jnp.where(norm < max_norm, g, g * (max_norm / norm)), grad_tree)


class JoinPoint:
    """A subtree that stands for the state of one parameter."""

    def __init__(self, subtree: Any):
        self.subtree = subtree

    def __iter__(self) -> Any:
        yield self.subtree


def unpack_optimizer_state(opt_state: OptimizerState) -> Any:
    """A tree of the parameters' structure with the states as leaves."""
    return tree_unflatten(opt_state.tree_def, [JoinPoint(s) for s in _unpack(opt_state)])


def pack_optimizer_state(marked_pytree: Any) -> OptimizerState:
    """The inverse of `unpack_optimizer_state`."""
    points, tree = tree_flatten(marked_pytree)
    if not all(isinstance(p, JoinPoint) for p in points):
        raise TypeError("pack_optimizer_state: the leaves must be JoinPoints")
    return _pack([p.subtree for p in points], tree)


__all__ = ["JoinPoint", "Optimizer", "OptimizerState", "adagrad", "adam", "adamax", "clip_grads",
           "constant", "exponential_decay", "inverse_time_decay", "l2_norm", "make_schedule",
           "momentum", "nesterov", "optimizer", "pack_optimizer_state", "piecewise_constant",
           "polynomial_decay", "rmsprop", "rmsprop_momentum", "sgd", "sm3",
           "unpack_optimizer_state"]
