"""Where gradients go: returned, added to references, or left out; what `with_refs` is given."""

from __future__ import annotations

from typing import Any

from ingot.core.references import is_reference
from ingot.tree import register_pytree_node, tree_flatten, tree_unflatten

__all__ = ["DidntWant", "DontWant", "GradRef", "GradValue"]


class _Mark:
    """A node without leaves, equal to others of its type."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


class GradValue(_Mark):
    """Asks for a gradient as a result; it is what there is without `with_refs`.

    >>> from ingot.api.gradient_places import GradValue
    >>> ingot.vjp(lambda x: x * x, 3.0)[1].with_refs(GradValue())(1.0)
    (Array(6., dtype=float64, weak_type=True),)
    """


class DontWant(_Mark):
    """Asks for no gradient of an argument.

    >>> from ingot.api.gradient_places import DontWant
    >>> ingot.vjp(lambda x: x * x, 3.0)[1].with_refs(DontWant())(1.0)
    (DidntWant(),)
    """


class GradRef(_Mark):
    """Stands for a gradient that was added to a reference.

    >>> total = ingot.new_ref(0.0)
    >>> ingot.vjp(lambda x: x * x, 3.0)[1].with_refs(total)(1.0), total
    ((GradRef(),), Ref(6., dtype=float64))
    """


class DidntWant(_Mark):
    """Stands for a gradient that was not asked for.

    >>> from ingot.api.gradient_places import DidntWant, DontWant
    >>> ingot.vjp(lambda x: x * x, 3.0)[1].with_refs(DontWant())(1.0)[0] == DidntWant()
    True
    """


for _mark in (GradValue, DontWant, GradRef, DidntWant):
    register_pytree_node(_mark, lambda _: ((), None), lambda _, __, mark=_mark: mark())


def _is_place(x: Any) -> bool:
    return isinstance(x, (GradValue, DontWant)) or is_reference(x) or x is None


def put_gradients(gradients: tuple[Any, ...], places: tuple[Any, ...]) -> tuple[Any, ...]:
    """Gradients of arguments where they are wanted -> what is returned for each."""
    if len(places) != len(gradients):
        raise TypeError(f"with_refs: expected a place for each of {len(gradients)} arguments, got"
                        f" {len(places)}")
    return tuple(_put(g, place) for g, place in zip(gradients, places, strict=True))


def _put(gradient: Any, place: Any) -> Any:
    if isinstance(place, DontWant) or place is None:
        return DidntWant()
    if isinstance(place, GradValue):
        return gradient
    leaves, tree = tree_flatten(place, is_leaf=_is_place)
    parts = tree.flatten_up_to(gradient)
    return tree_unflatten(tree, [_put_one(g, p) for g, p in zip(parts, leaves, strict=True)])


def _put_one(gradient: Any, place: Any) -> Any:
    if not is_reference(place):
        return _put(gradient, place)
    place.addupdate(gradient)
    return GradRef()
