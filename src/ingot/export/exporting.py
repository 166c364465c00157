"""export: a compiled function traced for types of arguments and lowered for platforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingot.api.arguments import function_name
from ingot.api.devices import default_backend
from ingot.api.grad import vjp
from ingot.api.jit import jit
from ingot.api.stages import Traced, Wrapped
from ingot.config import config
from ingot.core.avals import ShapedArray
from ingot.core.jaxpr import Jaxpr, eval_jaxpr
from ingot.core.tracebacks import api_boundary
from ingot.export.checks import DisabledSafetyCheck, check_custom_calls, portable
from ingot.export.exported import Exported
from ingot.export.paths import argument_paths
from ingot.export.places import Places, shardings_of
from ingot.export.primitive import of_words, to_words, words_of
from ingot.export.shapes import check_scopes
from ingot.export.solving import solve
from ingot.transforms.stage import stage

minimum_supported_calling_convention_version = 9
maximum_supported_calling_convention_version = 10
OWN = __name__.partition(".")[0] + "."
_DONATING = ("cpu", "cuda", "rocm", "tpu")
_CANONICAL = {"gpu": "cuda", "llvm": "cpu", "xla": "cpu", "reference": "cpu"}


def default_export_platform() -> str:
    """Return the platform for which functions are exported unless another one is named.

    >>> export.default_export_platform()
    'cpu'
    """
    platform = default_backend()
    return _CANONICAL.get(platform, platform)


@api_boundary
def export(fun_jit: Any, *, platforms: Sequence[str] | None = None,
           disabled_checks: Sequence[DisabledSafetyCheck] = ()) -> Callable[..., Exported]:
    """Lower a compiled function to a program that other processes and machines can call.

    fun_jit: what `jit` returned. platforms: among 'cpu', 'cuda', 'rocm', 'tpu'; by default the one
    of this process. disabled_checks: checks to skip -> a function of arguments, arrays or
    ShapeDtypeStructs, that returns an Exported. Raises ValueError if it is no compiled function, if
    the program calls what has no promise of stability, or for a version that is not written;
    NotImplementedError if it calls Python. It needs jaxlib.

    >>> exported = export.export(ingot.jit(jnp.sin))(ingot.ShapeDtypeStruct((4,), "float32"))
    >>> exported.fun_name, exported.platforms
    ('sin', ('cpu',))
    """
    if not isinstance(fun_jit, Wrapped) and getattr(fun_jit, "__module__", "").startswith(OWN):
        fun_jit = jit(fun_jit)  # as JAX's functions are compiled ones
    if not isinstance(fun_jit, Wrapped):
        raise ValueError("Function to be exported must be the result of `jit` but is:"
                         f" {fun_jit!r:.80}; write export(jit(f))(...)")
    chosen = (default_export_platform(),) if platforms is None else tuple(platforms)

    def exporting(*args: Any, **kwargs: Any) -> Exported:
        check_scopes(function_name(fun_jit), args, kwargs)
        with config.override("export_platforms", None if chosen == ("cpu",) else chosen):
            traced = fun_jit.trace(*args, **kwargs)
        places = shardings_of(fun_jit, traced, args, kwargs)
        return export_traced(traced, chosen, tuple(disabled_checks), *places)

    return exporting


def export_traced(traced: Traced, platforms: tuple[str, ...],
                  disabled: tuple[DisabledSafetyCheck, ...], in_shardings: Places,
                  out_shardings: Places) -> Exported:
    """Return a traced function as an exported program."""
    version = _version()
    donating = [p for p in platforms if p in _DONATING]
    if traced._options.donated and donating and len(donating) < len(platforms):
        raise NotImplementedError(
            "In multi-platform lowering either all or no lowering platforms should support"
            f" donation. Lowering for {platforms} of which only {tuple(donating)} support donation;"
            " export it for these alone, or without donated arguments")
    if traced._consts:
        raise ValueError(f"export: {traced.fun_name} uses values of a transformation around it;"
                         " pass them as arguments")
    jaxpr = traced.jaxpr
    names = argument_paths(traced.in_tree)
    solution = solve(jaxpr.in_avals, names)
    kept = tuple(range(len(names))) if solution.lengths else _used(jaxpr)
    module, refined, devices = portable().lower(
        _physical(jaxpr, kept), platforms, solution, [in_shardings[k] for k in kept],
        out_shardings)
    check_custom_calls(traced.fun_name, module, disabled)
    ins, outs = tuple(jaxpr.in_avals), tuple(jaxpr.out_avals)
    return Exported(
        fun_name=traced.fun_name, in_tree=traced.in_tree, in_avals=ins, out_tree=traced.out_tree,
        out_avals=outs, _in_named_shardings=in_shardings, _out_named_shardings=out_shardings,
        in_shardings_hlo=(None,) * len(ins), out_shardings_hlo=(None,) * len(outs),
        nr_devices=devices, platforms=platforms,
        ordered_effects=(), unordered_effects=(), disabled_safety_checks=disabled,
        mlir_module_serialized=module, calling_convention_version=version,
        module_kept_var_idx=kept, uses_global_constants=refined,
        _get_vjp=lambda exported: _export_vjp(exported, jaxpr))


def _version() -> int:
    version = config.export_calling_convention_version
    low = minimum_supported_calling_convention_version
    high = maximum_supported_calling_convention_version
    if not low <= version <= high:
        raise ValueError(f"The requested export calling convention version {version} is outside the"
                         f" range of supported versions [{low}..{high}]")
    return version


def _used(jaxpr: Jaxpr) -> tuple[int, ...]:
    """The arguments that the program reads."""
    read = {id(v) for v in jaxpr.outvars}.union(
        id(v) for eqn in jaxpr.eqns for v in eqn.invars)
    return tuple(k for k, v in enumerate(jaxpr.invars) if id(v) in read)


def _physical(jaxpr: Jaxpr, kept: Sequence[int]) -> Jaxpr:
    """The program of the arguments that it reads, with keys as words."""
    avals = jaxpr.in_avals

    def evaluate(*words: Any) -> list[Any]:
        given = dict(zip(kept, words, strict=True))
        return [to_words(x) for x in eval_jaxpr(jaxpr, jaxpr.consts, *[
            of_words(given[k], a) if k in given else None for k, a in enumerate(avals)])]

    return stage(evaluate, [words_of(avals[k]) for k in kept], jaxpr.debug_name)


# ---- derivatives ---------------------------------------------------------------------------------
def _export_vjp(exported: Exported, jaxpr: Jaxpr) -> Exported:
    """The derivative of an exported program as one: arguments and cotangents to cotangents."""
    count = len(exported.in_avals)
    types: list[ShapedArray] = [a.strip_weak_type() for a in exported.in_avals]
    types += [a.strip_weak_type().to_tangent_aval() for a in exported.out_avals]

    def derivative(*flat: Any) -> Any:
        _, pullback = vjp(lambda *args: eval_jaxpr(jaxpr, jaxpr.consts, *args), *flat[:count])
        return pullback(list(flat[count:]))

    derivative.__name__ = f"fun_vjp_{exported.fun_name}"
    ins, outs = exported._in_named_shardings, exported._out_named_shardings
    told = [*ins, *outs]
    places: dict[str, Any] = {} if not any(told) else {
        "in_shardings": tuple(told), "out_shardings": tuple(ins)}
    return export(jit(derivative, **places), platforms=exported.platforms,
                  disabled_checks=exported.disabled_safety_checks)(*types)


__all__ = ["default_export_platform", "export", "export_traced",
           "maximum_supported_calling_convention_version",
           "minimum_supported_calling_convention_version"]
