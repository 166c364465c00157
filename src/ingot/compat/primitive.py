"""Primitives as JAX lets packages define them: a name first, the rules one by one afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ingot.compat.facades import Facade
from ingot.compat.lowering import HOST, listed
from ingot.core.effects import Effect
from ingot.core.interpreter import EVAL, current, to_array
from ingot.core.primitive import NoRule, Primitive as OurPrimitive

Rule = Callable[..., Any]


class Primitive(OurPrimitive, metaclass=Facade, stands_for=OurPrimitive):
    """An operation defined the JAX way, by its rules one after the other.

    `p = Primitive("name")`, then `p.def_impl(...)`, `p.def_abstract_eval(...)` and entries in the
    tables of `ad`, `batching` and `mlir`. Each of them fills a slot of the primitive; see
    `ingot.core.primitive`.

    >>> from ingot.extend import core
    >>> twice_p = core.Primitive("twice")
    >>> rule = twice_p.def_impl(lambda x: 2 * x)
    >>> twice_p.bind(3.0)
    6.0
    """

    call_primitive = map_primitive = False
    takes_numbers = True
    ref_primitive = skip_canonicalization = is_effectful = False
    impl: Any = None
    abstract_eval: Any = None

    def __init__(self, name: str):
        def none(call: str) -> NoRule:
            return NoRule(f"{call} has not been called for it")

        super().__init__(
            name, type=none("def_abstract_eval"), eval=none("def_impl"),
            jvp=none("interpreters.ad.primitive_jvps"),
            transpose=none("interpreters.ad.primitive_transposes"),
            batch=none("interpreters.batching.primitive_batchers"),
            kernel=HOST,
            multiple_results=False, higher_order=True, register=False)
        self.lowerings: dict[str | None, Rule] = {}

    def bind(self, *args: Any, **params: Any) -> Any:
        interpreter = current()
        if interpreter is EVAL and self.impl is not None:  # as they are: numbers stay numbers
            return self.impl(*args, **params)
        out = interpreter.process(self, args, params)
        return out[0] if type(out) is list and not self.multiple_results else out

    def def_impl(self, impl: Rule) -> Rule:
        """Say how it is evaluated on arrays."""
        self.impl = impl
        self.eval = lambda *xs, **params: [
            to_array(o) if isinstance(o, (np.ndarray, np.generic, int, float, complex)) else o
            for o in listed(impl(*xs, **params))]
        return impl

    def def_abstract_eval(self, rule: Rule) -> Rule:
        """Say which types of arguments give which types of results."""
        self.abstract_eval = rule
        self.type = lambda *avals, **params: listed(rule(*avals, **params))
        return rule

    def def_effectful_abstract_eval(self, rule: Rule) -> Rule:
        """The same for a rule that also returns effects: they keep the operation alive."""
        self.abstract_eval = rule
        self.type = lambda *avals, **params: listed(rule(*avals, **params)[0])
        effects = frozenset({Effect(self.name)})
        self.effects = lambda **params: effects
        return rule

    def_effectful_abstract_eval2 = def_effectful_abstract_eval

    def def_bind_with_trace(self, rule: Rule) -> Rule:
        """JAX's interpreters call this rule; ours do not."""
        raise TypeError(f"{self.name}: def_bind_with_trace replaces what an interpreter does;"
                        " define the primitive's rules instead")

    def get_bind_params(self, params: dict[str, Any]) -> dict[str, Any]:
        """Parameters of an equation as arguments of `bind`: they are the same."""
        return params

    def __copy__(self) -> Primitive:
        return self

    def __deepcopy__(self, memo: Any) -> Primitive:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(f"{self.name}: primitives defined by packages cannot be pickled")


class CallPrimitive(Primitive):
    """A primitive that calls a function; none of ours is one, so that nothing is an instance.

    >>> from ingot.extend import core
    >>> isinstance(lax.sin_p, core.CallPrimitive)
    False
    """

    call_primitive = multiple_results = True


__all__ = ["CallPrimitive", "Primitive"]
