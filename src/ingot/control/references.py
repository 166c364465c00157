"""Loops and branches whose functions use references: their values travel as carries and results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.core.references import (
    Ref,
    ReferencePassed,
    ReferencesUsed,
    bind_references,
    hide_references,
    is_reference,
    read_all,
    write_all,
)
from ingot.tree import tree_flatten, tree_leaves, tree_unflatten
from ingot.util import wraps

Lift = Callable[..., Any]


def with_references(used: Lift, passed: Lift | None = None) -> Callable[[Any], Any]:
    """A decorator of loops and branches: `used` does the work again where functions use references
    that were made outside, `passed` where references are among the arguments."""
    def decorate(fun: Any) -> Any:
        @wraps(fun)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return fun(*args, **kwargs)
            except ReferencesUsed as error:
                refs = error.references
            except ReferencePassed:
                leaves = tree_leaves((args, kwargs))
                if passed is None or not any(map(is_reference, leaves)):
                    raise
                return passed(call, *args, **kwargs)
            return used(call, refs, *args, **kwargs)

        return call

    return decorate


# ---- scan ---------------------------------------------------------------------------------------
def scan_using(scan: Any, refs: Sequence[Ref], f: Any, init: Any, *rest: Any, **options: Any
               ) -> Any:
    """A scan whose body uses references: they are part of the carry."""
    def body(carry: Any, x: Any) -> Any:
        values, carry = carry
        finals = bind_references(refs, values)
        carry, y = f(carry, x)
        return (finals(), carry), y

    (values, carry), ys = scan(body, (read_all(refs), init), *rest, **options)
    write_all(refs, values)
    return carry, ys


def scan_passed(scan: Any, f: Any, init: Any, xs: Any = None, *rest: Any, **options: Any) -> Any:
    """A scan over references: the body gets references to their entries."""
    leaves, tree = tree_flatten(xs)
    places = [i for i, x in enumerate(leaves) if is_reference(x)]
    if not places:
        raise ReferencePassed("scan: a Ref cannot be part of the carry; let the body close over it")

    def body(carry: Any, entries: list[Any]) -> Any:
        made = {i: Ref(entries[i]) for i in places}
        whole = tree_unflatten(tree, [made.get(i, x) for i, x in enumerate(entries)])
        carry, y = f(carry, whole)
        return carry, (y, [ref[...] for ref in made.values()])

    values = [x[...] if i in places else x for i, x in enumerate(leaves)]
    carry, (ys, finals) = scan(body, init, values, *rest, **options)
    for i, value in zip(places, finals, strict=True):
        leaves[i][...] = value
    return carry, ys


# ---- while_loop and fori_loop -------------------------------------------------------------------
def while_using(while_loop: Any, refs: Sequence[Ref], cond_fun: Any, body_fun: Any, init_val: Any
                ) -> Any:
    """A while_loop whose functions use references: they are part of the carry."""
    def cond(carry: Any) -> Any:
        bind_references(refs, carry[0])
        return cond_fun(carry[1])

    def body(carry: Any) -> Any:
        finals = bind_references(refs, carry[0])
        new = body_fun(carry[1])
        return finals(), new

    values, carry = while_loop(cond, body, (read_all(refs), init_val))
    write_all(refs, values)
    return carry


def fori_using(fori_loop: Any, refs: Sequence[Ref], lower: Any, upper: Any, body_fun: Any,
               init_val: Any, **options: Any) -> Any:
    """A fori_loop whose body uses references: they are part of the carry."""
    def body(i: Any, carry: Any) -> Any:
        finals = bind_references(refs, carry[0])
        new = body_fun(i, carry[1])
        return finals(), new

    values, carry = fori_loop(lower, upper, body, (read_all(refs), init_val), **options)
    write_all(refs, values)
    return carry


# ---- cond and switch ----------------------------------------------------------------------------
def _binding(f: Any, refs: Sequence[Ref]) -> Any:
    def branch(values: Any, *operands: Any) -> Any:
        finals = bind_references(refs, values)
        out = f(*operands)
        return out, finals()

    return wraps(f)(branch) if hasattr(f, "__name__") else branch


def cond_using(cond: Any, refs: Sequence[Ref], pred: Any, true_fun: Any, false_fun: Any,
               *operands: Any, **named: Any) -> Any:
    """A cond whose branches use references: they are operands and results."""
    operands = (*operands, *named.values())
    out, values = cond(pred, _binding(true_fun, refs), _binding(false_fun, refs), read_all(refs),
                       *operands)
    write_all(refs, values)
    return out


def cond_passed(cond: Any, pred: Any, true_fun: Any, false_fun: Any, *operands: Any, **named: Any
                ) -> Any:
    """A cond of references: its branches close over them."""
    return cond(pred, true_fun, false_fun, *hide_references((*operands, *named.values())))


def switch_using(switch: Any, refs: Sequence[Ref], index: Any, branches: Sequence[Any],
                 *operands: Any, **named: Any) -> Any:
    """A switch whose branches use references: they are operands and results."""
    operands = (*operands, *named.values())
    out, values = switch(index, [_binding(f, refs) for f in branches], read_all(refs), *operands)
    write_all(refs, values)
    return out


def switch_passed(switch: Any, index: Any, branches: Sequence[Any], *operands: Any, **named: Any
                  ) -> Any:
    """A switch of references: its branches close over them."""
    return switch(index, branches, *hide_references((*operands, *named.values())))
