"""pjit: jit that takes the mesh which is entered as a context."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingot.api.jit import PjitFunction, jit
from ingot.api.shardings import whole_where_none
from ingot.api.stages import Traced
from ingot.config import config
from ingot.core.interpreter import trace_state_clean
from ingot.core.mesh import concrete_mesh, entered_mesh


class MeshFunction(PjitFunction):
    """A function under `pjit`: a mesh that is entered as a context counts as one that is set."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function on the mesh in force."""
        __tracebackhide__ = True
        mesh = entered_mesh()
        if mesh is concrete_mesh():
            return super().__call__(*args, **kwargs)
        if self._backend is not None or self._options.devices:
            raise ValueError("Mesh context manager should not be used with jit when backend or"
                             " device is also specified as an argument to jit.")
        known = concrete_mesh()
        if not (known.empty or known.size == mesh.size or trace_state_clean()):
            raise ValueError("pjit: a program cannot change the size of the mesh that it is traced"
                             f" for, got {mesh} of size {mesh.size} in place of {known} of size"
                             f" {known.size}; enter one with as many devices")
        with config.override("mesh", mesh):
            return super().__call__(*args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """The traced program for arguments of these types (arrays or ShapeDtypeStructs)."""
        with config.override("mesh", None if entered_mesh().empty else entered_mesh()):
            return super().trace(*args, **kwargs)

    def _record_signature(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
                          ) -> None:
        """Leave calls to Python, which looks for the mesh."""

    def __reduce__(self) -> Any:
        return MeshFunction, super().__reduce__()[1]


_SAID_NOTHING: Any = object()


def pjit(fun: Callable[..., Any] | None = None, in_shardings: Any = _SAID_NOTHING,
         out_shardings: Any = _SAID_NOTHING,
         static_argnums: Any = None, static_argnames: Any = None, donate_argnums: Any = None,
         donate_argnames: Any = None, keep_unused: bool = False, device: Any = None,
         backend: str | None = None, inline: bool = False, abstracted_axes: Any = None,
         compiler_options: dict[str, Any] | None = None) -> Any:
    """Compile a function as `jit` does; a mesh that is entered as a context counts as one that is
    set. None in in_shardings and out_shardings, where it is said, has each of its devices hold the
    whole array.

    fun, in_shardings, out_shardings, static_argnums, static_argnames, donate_argnums,
    donate_argnames, keep_unused, device, backend, inline, abstracted_axes, compiler_options,
    errors: those of `jit` -> a function of the same values.

    >>> from ingot.api.pjit import pjit
    >>> pjit(lambda x: 2 * x)(3.0)
    Array(6., dtype=float64, weak_type=True)
    """
    ins, outs = (None if told is _SAID_NOTHING else whole_where_none(told)
                 for told in (in_shardings, out_shardings))
    options: dict[str, Any] = dict(
        in_shardings=ins, out_shardings=outs, static_argnums=static_argnums,
        static_argnames=static_argnames, donate_argnums=donate_argnums,
        donate_argnames=donate_argnames, keep_unused=keep_unused, device=device, backend=backend,
        inline=inline, abstracted_axes=abstracted_axes, compiler_options=compiler_options)
    if fun is None:
        return lambda fun: MeshFunction(*jit(fun, **options).__reduce__()[1])
    return MeshFunction(*jit(fun, **options).__reduce__()[1])
