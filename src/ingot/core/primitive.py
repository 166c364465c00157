"""Primitives: one operation and everything the system knows about it, as required slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.axis_env import checked_axes
from ingot.core.division import Operands, divide, mark, marked, marks_of
from ingot.core.interpreter import current
from ingot.core.manual import EVERYWHERE_EQUAL
from ingot.core.manual_rules import manual_type
from ingot.core.sharding import NamedSharding
from ingot.errors import UndefinedRuleError


class _Marker:
    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return self.name


LINEAR = _Marker("LINEAR")
"""`jvp`: linear in all arguments together; the tangent is the operation on the tangents."""

ZERO = _Marker("ZERO")
"""`jvp`: constant almost everywhere; there is no tangent."""


@dataclass(frozen=True)
class NoRule:
    """The only way to leave a slot empty: say why. The text becomes the error message."""

    reason: str


@dataclass(frozen=True)
class PythonFallback:
    """`kernel`: the operation runs as a host call to its `eval`; say why it has no native one.

    `eval` receives copies of its arguments if it retains them (`retains_inputs`), else views of the
    program's buffers. A kernel rule that leaves some cases to a host call may have an attribute
    `into`: `into(outs, *args, **params)` writes the results of `eval` to where the program wants
    them.
    """

    reason: str
    retains_inputs: bool = False


@dataclass(frozen=True)
class UndefinedPrimal:
    """What a transpose rule gets in place of an argument whose cotangent is asked for."""

    aval: ShapedArray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> Any:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return self.aval.ndim


def is_linear(x: Any) -> bool:
    """Whether a transpose rule is asked for this argument's cotangent."""
    return type(x) is UndefinedPrimal


Rule = Callable[..., Any]
REGISTRY: dict[str, Primitive] = {}
MAX_TYPES = 4096
SLOTS = ("type", "eval", "jvp", "transpose", "batch", "kernel")


class Primitive:
    """One operation with all its rules.

    type(*avals, **params) -> aval            the result's type; raises the user's errors
    eval(*ndarrays, **params) -> ndarray      the meaning; NumPy arrays in and out
    jvp       LINEAR | ZERO | [partial, ...] | rule(primals, tangents, **params) -> (out, tangent)
              partial(t, out, *args, **params) -> tangent, one per argument (None: no derivative);
              a rule gets tangents of all arguments (zeros where there is none)
    transpose(ct, *args, **params) -> [cotangent or None, ...]; linear arguments come as
              `UndefinedPrimal`
    batch(args, dims, **params) -> (out, dim); dims hold None for arguments without the axis
    kernel(build, *values, out, **params) -> value; `out` is the result's aval; raises `Unsupported`
              to fall back to `eval`

    With `multiple_results`, type, eval, kernel (and `out`) deal in lists, a partial gets the list
    of results and returns a list, `ct` is a list, and batch returns (outs, dims).

    Higher-order primitives (in `control/`) set `higher_order`: jvp and transpose then see None for
    absent tangents and cotangents, batch gets the axis as its first argument, and two more may be
    given: linearize(nonzero, *primals, **params) -> (outs, which have tangents, a function from the
    nonzero tangents to these), and stage(args, params) -> (args, params) fit for a program.
    Those that call a user's rule may take Python numbers as they are (`takes_numbers`), and be
    transposed although all cotangents are zero (`transposes_zeros`), for users' rules may give
    what no zero gives: statistics that are to replace an argument. An `elementwise` one has several
    arguments of one shape.

    What compilers know of an operation: `recompute_cost`, the simple instructions that an element
    of a result costs if it is computed again rather than kept as a residual (None: it is kept), and
    `in_place`, whether the kernel updates its first operand where nothing else reads that.
    """

    division: Any = None  # from how arguments are divided to how results are: core/division.py
    marks: Any = None  # over which axes results are unreduced and reduced, given the arguments
    divides: str | None = None  # the parameter that says how the result is divided
    places: Any = None  # (outs, **params) -> results of an eager call where the parameters say
    manual: Any = None  # (mat, **params) -> what types of results say of the Manual axes
    elementwise = False
    takes_numbers = False
    transposes_zeros = False

    def __init__(
        self,
        name: str,
        *,
        type: Rule | NoRule,
        eval: Rule | NoRule,
        jvp: Any,
        transpose: Rule | NoRule,
        batch: Rule | NoRule,
        kernel: Rule | PythonFallback | NoRule,
        multiple_results: bool = False,
        higher_order: bool = False,
        linearize: Rule | None = None,
        stage: Rule | None = None,
        axes_of: Rule | None = None,
        effects: Rule | None = None,
        recompute_cost: int | None = None,
        in_place: bool = False,
        register: bool = True,
    ):
        self.name = name
        self.type, self.eval, self.jvp = type, eval, jvp
        self.transpose, self.batch, self.kernel = transpose, batch, kernel
        self.multiple_results, self.higher_order = multiple_results, higher_order
        self.linearize, self.stage = linearize, stage
        self.axes_of, self.effects = axes_of, effects
        self.recompute_cost, self.in_place = recompute_cost, in_place
        self._types: dict[Any, list[ShapedArray]] = {}
        if register:
            if name in REGISTRY:
                raise ValueError(f"primitive {name!r} is defined twice")
            REGISTRY[name] = self

    def rule(self, slot: str) -> Any:
        """The rule in a slot; UndefinedRuleError with the stated reason if there is none."""
        rule = getattr(self, slot)
        if isinstance(rule, NoRule):
            raise UndefinedRuleError(f"{self.name}: no {slot} rule: {rule.reason}")
        return rule

    def bind(self, *args: Any, **params: Any) -> Any:
        """Apply the operation in the current interpreter."""
        return current().process(self, args, params)

    def out_avals(self, avals: Sequence[ShapedArray], params: dict[str, Any]) -> list[ShapedArray]:
        """Types of the results, always as a list; remembered, for tracing asks again and again."""
        if self.higher_order:
            return list(self.rule("type")(*avals, **params))
        try:
            key: Any = (config.enable_x64, *avals, *params.items()) if params else (
                config.enable_x64, *avals)
            if self.manual is not None:
                key = (checked_axes(), *key)
            found = self._types.get(key)
        except TypeError:  # a parameter that cannot be hashed
            key = found = None
        if found is None:
            plain = [a.unplaced() for a in avals]
            out = self.rule("type")(*plain, **params)
            found = list(out) if self.multiple_results else [out]
            if (self.manual is not None and checked_axes()) or any([a.is_placed for a in avals]):
                found = self._placed(avals, found, params)
                if len({a.vma for a in avals}) > 1:
                    key = None  # the flag `auto_pcast` allows it or not
            if key is not None:
                if len(self._types) >= MAX_TYPES:
                    self._types.clear()
                self._types[key] = found
        return found

    def _placed(self, avals: Sequence[ShapedArray], outs: Sequence[ShapedArray],
                params: dict[str, Any]) -> list[ShapedArray]:
        """Types of the results with what they say of Manual axes, what those of the arguments do
        unless the operation says otherwise, and with the Explicit axes that divide them."""
        if self.manual is None:
            mat = manual_type(self, avals, outs, params)
        else:
            mat = avals[0].mat if avals else EVERYWHERE_EQUAL
            if checked_axes():
                mat = self.manual(mat, **params)
        found = [a.update(manual_axis_type=mat) for a in outs]
        mesh = next((a._sharding.mesh for a in avals if a._sharding is not None), None)
        if mesh is None or self.divides:
            return found
        given = Operands(self.name, params, avals, [
            a.sharding.spec.padded(a.ndim).partitions for a in avals], outs, mesh.shape, True,
            [marks_of(a) for a in avals])
        specs, marks = divide(self, given), mark(self, given)
        return [a.update(sharding=NamedSharding(mesh, marked(s, marks)))
                for a, s in zip(found, specs, strict=True)]

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> Any:
        return _primitive, (self.name,)


def _primitive(name: str) -> Primitive:
    return REGISTRY[name]


NOT_LINEAR = NoRule("not linear in any argument")
INTEGER_ONLY = NoRule("works on integers and booleans, which carry no derivatives")
