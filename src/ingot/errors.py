"""What a user can see raised; the docstring of a class is its help page."""

from __future__ import annotations

from typing import Any


class IngotError(Exception):
    """Base of the errors that only ingot raises."""


class InternalError(IngotError):
    """A bug in ingot: please report it. The text names the pass and the program."""


class MemoryCheckError(InternalError):
    """A compiled program read memory that it had not written, or touched what it may not.

    Only the flag `check_memory` looks for it. The text names the program, the operation with its
    line, the buffer and the place in it.
    """


class TracerError(IngotError, TypeError):
    """A traced value was used where a concrete one is needed.

    Inside `jit`, `scan`, `vmap`... the arguments are tracers: they have a shape and a dtype, but
    no value yet.
    """


class ConcretizationTypeError(TracerError):
    """A concrete value was asked of a tracer.

    Mark the argument as static (`static_argnums`), or move the decision into the program
    (`where`, `lax.cond`, `lax.while_loop`).
    """


class TracerBoolConversionError(ConcretizationTypeError):
    """A Python `if`, `while`, `and`, `or` or `not` met a tracer.

    Use `jnp.where(c, a, b)` to choose between values, `lax.cond(c, f, g, x)` between computations.
    """


class TracerArrayConversionError(TracerError):
    """NumPy, or code that calls NumPy, was given a tracer. Use `ingot.numpy` there."""


class TracerIntegerConversionError(TracerError):
    """A tracer was used as a Python integer: a list index, a `range`, a shape.

    Index arrays instead of lists, use `lax.fori_loop` instead of `range`, make shapes static.
    """


class NonConcreteBooleanIndexError(IngotError, IndexError):
    """A traced boolean mask was used as an index; the result's shape would depend on its values.

    Use `jnp.where(mask, x, 0)`, or `jnp.nonzero(mask, size=n)` with a static size.
    """


class UnexpectedTracerError(IngotError):
    """A tracer outlived the transformation that made it, or was used inside of another one.

    Values must leave a transformed function through its result, not through a global, an
    attribute or a closure. `tracer` is the value, where it is known.
    """

    tracer: Any = None


class LeakChecked(IngotError):
    """`check_tracer_leaks` found a tracer that is still referred to."""


class KeyReuseError(IngotError, RuntimeError):
    """A PRNG key was used twice."""


class TypePromotionError(IngotError, ValueError):
    """Operands of different dtypes met while `numpy_dtype_promotion` is 'strict'."""


class ShapeError(IngotError, TypeError, ValueError):
    """Shapes or types that do not fit each other.

    It is both a TypeError and a ValueError, since some functions of JAX raise the one and some
    the other, and NumPy's the latter.
    """


class AxisError(IngotError, ValueError, IndexError):
    """An axis that an array does not have: a ValueError and an IndexError, as in NumPy."""


class UndefinedRuleError(IngotError, NotImplementedError):
    """The operation has no rule for this transformation; the text says why."""


class ReverseModeError(UndefinedRuleError, ValueError):
    """A loop whose number of iterations is not known has no reverse-mode derivative."""


class ShardingTypeError(IngotError):
    """The shardings of an operation's arguments do not say how its result is divided."""


class DuplicateSpecError(IngotError):
    """A sharding divides two axes of an array over the same axis of a mesh."""


class IndivisibleError(IngotError, ValueError):
    """An axis of an array cannot be divided into equal parts."""


class InconclusiveDimensionOperation(IngotError):
    """Named for JAX's sake: shapes are always static here."""


class JaxRuntimeError(IngotError, RuntimeError):
    """A program could not be compiled as asked, or failed while it ran."""


class HostCallError(JaxRuntimeError):
    """A Python function that a program calls raised; the cause is chained."""

    @staticmethod
    def of(who: str, error: BaseException) -> HostCallError:
        """The error that says who raised what."""
        import traceback  # costs start-up time

        text = "".join(traceback.format_exception_only(error)).strip()
        return HostCallError(f"{who} raised {text}")


JAXTypeError = TracerError
JAXIndexError = NonConcreteBooleanIndexError
