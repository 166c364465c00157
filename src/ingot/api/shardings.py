"""Shardings of a compiled function's arguments and results: those told, and those that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ingot.api.arguments import function_name
from ingot.api.devices import named
from ingot.api.formats import AutoLayout, Format, Layout
from ingot.config import config
from ingot.core.array import Array
from ingot.core.backend import (
    Backend,
    CompileOptions,
    backend_at,
    chosen_backend,
    get_backend,
)
from ingot.core.devices import Device
from ingot.core.interpreter import Tracer
from ingot.core.jaxpr import Jaxpr
from ingot.core.placement import (
    argument,
    check_devices_agree,
    check_divisible,
    check_same_devices,
    client_of,
    common_sharding,
    concrete,
    guard_move,
    is_committed,
    on_mesh_in_force,
    place,
    places_of_results,
    settled,
    sharding_of,
)
from ingot.core.program_division import (
    divide_program,
    made_of_arguments,
    on_told_meshes,
    own_sharding,
    whole_arrays,
)
from ingot.core.rewrite import used_arguments
from ingot.core.sharding import NamedSharding, Sharding, SingleDeviceSharding
from ingot.core.specs import UNCONSTRAINED, PartitionSpec
from ingot.errors import DuplicateSpecError
from ingot.primitives.constraint import sharding_constraint_p
from ingot.tree import (
    PyTreeDef,
    broadcast_prefix,
    keystr,
    tree_leaves,
    tree_map,
    tree_unflatten,
)
from ingot.tree.mismatch import TreeView, differences


@dataclass(frozen=True)
class Whole:
    """What None says in `pjit`: that each device of the mesh in force, if there is one, holds the
    whole array."""


def _is_leaf(x: Any) -> bool:
    return x is None or isinstance(x, (Sharding, PartitionSpec, Format, Whole))


def whole_where_none(shardings: Any) -> Any:
    """Return a pytree of shardings in which `Whole()` stands for None."""
    return tree_map(lambda s: Whole() if s is None else s, shardings, is_leaf=_is_leaf)


def _place(told: Any) -> Sharding | None:
    """Return the sharding that a leaf stands for on the mesh in force; None if it says nothing."""
    if isinstance(told, Whole):
        return on_mesh_in_force()
    told = told.sharding if isinstance(told, Format) else told
    if told is None:
        return None
    found = named("pjit", told, entered=False)
    return concrete(found, None) or found


def _with_devices(sharding: Sharding, x: Any) -> Sharding:
    """Return a sharding over a mesh without devices as one over those of an array; ValueError if it
    lies on no such mesh."""
    found = concrete(sharding, sharding_of(x))
    if found is None:
        raise ValueError(f"jit: {sharding} has no devices, and no argument lies on such a mesh; use"
                         " a Mesh, or set_mesh, or say for which platforms to lower:"
                         " jit(f).trace(*args).lower(lowering_platforms=...)")
    return found


def check_leaves(what: str, shardings: Any) -> None:
    """Raise TypeError unless all leaves are shardings, specs, formats or None; ValueError for those
    that leave an axis to the compiler, name one twice, or have no devices."""
    for leaf in tree_leaves(shardings, is_leaf=_is_leaf):
        if isinstance(leaf, (Layout, AutoLayout)):
            raise ValueError(f"`jax.jit` does not accept device-local layouts directly, got {leaf}"
                             f" in {what}; pass a Format(layout, sharding)")
        if not _is_leaf(leaf):
            raise TypeError(
                f"{what} leaf specifications are expected to be PartitionSpec instances or None,"
                f" but got {leaf}; pass a Sharding, or a PartitionSpec for the mesh that is set")
        place = leaf.sharding if isinstance(leaf, Format) else leaf
        spec = getattr(place, "spec", place)
        if isinstance(spec, PartitionSpec):
            _check_spec(what, leaf, spec)
        if isinstance(place, NamedSharding) and place.mesh.empty:
            raise ValueError(f"One of {what} leaf specifications got an empty NamedSharding:"
                             f" {place!r} which is not allowed.")


def _check_spec(what: str, leaf: Any, spec: PartitionSpec) -> None:
    if UNCONSTRAINED in spec.partitions:
        raise ValueError(f"Unconstrained dims are not allowed when passed to jit, got {leaf!r}"
                         f" in {what}; use with_sharding_constraint inside")
    twice = [name for name, count in Counter(spec.names()).items() if count > 1]
    if twice:
        raise DuplicateSpecError(f"A single {what} specification can map every mesh axis to at most"
                                 f" one positional dimension, but {spec!r} has duplicate entries"
                                 f" for `{twice[0]}`")


def _positional(shardings: Any, args: tuple[Any, ...]) -> Any:
    """Return what was told of the positional arguments: a leaf, or a tuple with an entry for each;
    ValueError for anything else."""
    if _is_leaf(shardings):
        return shardings
    rule = ("pjit in_shardings specification must be a tree prefix of the positional arguments"
            " tuple. In particular, pjit in_shardings must either be a Sharding, a PartitionSpec,"
            " or a tuple of length equal to the number of positional arguments. But pjit"
            " in_shardings is")
    if type(shardings) not in (tuple, list):
        raise ValueError(f"{rule} not a tuple: got {type(shardings)}; it might need to be wrapped"
                         " in a singleton tuple")
    if len(shardings) != len(args):
        raise ValueError(f"{rule} the wrong length: got a tuple or list of length {len(shardings)}"
                         f" for an args tuple of length {len(args)}.")
    return tuple(shardings)


def _mismatches(name: str, prefix: Any, values: Any) -> str:
    """Return in words where a pytree of shardings is no prefix of that of the values."""
    lines = []
    for d in differences(TreeView(prefix, _is_leaf), TreeView(values), exact=False):
        respect = ("types" if d.why == "the types differ" else "structure" if "length" not in d.why
                   else f"lengths of {d.left.split()[1]}")
        lines.append(f"pytree structure error: different {respect} at key path\n"
                     f"    {name}{keystr(d.path)}\nexpected {d.left}, got {d.right} ({d.why})")
    return f"Mismatch details ({len(lines)} found):\n" + "\n".join(lines)


def _is_usual(sharding: Sharding) -> bool:
    """Whether a sharding names devices, and the memory of theirs that programs have."""
    known = not isinstance(sharding, NamedSharding) or sharding._is_concrete
    return known and sharding.memory_kind in (
        None, sharding._device_assignment[0].memory_kinds[0])


@dataclass(frozen=True)
class CallShardings:
    """What `jit` was told of the shardings of a function's arguments and results; None: nothing.
    device: where it runs, whatever its arguments say."""

    fun: Any
    ins: Any = None
    outs: Any = None
    device: Sharding | None = None

    @property
    def given(self) -> bool:
        """Whether something was told."""
        return self.ins is not None or self.outs is not None or self.device is not None

    @property
    def moves_arguments(self) -> bool:
        """Whether arguments may not lie where they were told to."""
        return self.ins is not None or self.device is not None

    def over_mesh(self) -> CallShardings:
        """Return the same with specs, and shardings without devices, over the mesh that is set
        now."""
        def settled_place(s: Any) -> Any:
            return s if isinstance(s, Format) else _place(s)

        ins, outs = (None if told is None else tree_map(settled_place, told, is_leaf=_is_leaf)
                     for told in (self.ins, self.outs))
        return CallShardings(self.fun, ins, outs, self.device)

    def own(self) -> tuple[Sharding, str] | None:
        """Return how whole arrays lie on the devices that were told, and what told them; None if
        nothing did. ValueError if several have been told."""
        found: tuple[Sharding, str] | None = None
        if self.device is not None:
            return self.device, "explicit output sharding"
        for what, shardings in (("explicit input sharding", self.ins),
                                ("explicit output sharding", self.outs)):
            for told in self._told(shardings):
                found = found or (whole_arrays(told), what)
                check_same_devices(found, (told, what))
        return found

    def map(self, change: Callable[[Sharding], Sharding]) -> CallShardings:
        """Return the same with other shardings in place of those that were told."""
        def changed(told: Any) -> Any:
            return change(told) if isinstance(told, Sharding) else told

        ins, outs = (None if told is None else tree_map(changed, told, is_leaf=_is_leaf)
                     for told in (self.ins, self.outs))
        return CallShardings(self.fun, ins, outs, self.device)

    def _told(self, shardings: Any) -> list[Sharding]:
        found = map(_place, tree_leaves(shardings, is_leaf=_is_leaf))
        return [s for s in found
                if s is not None and (not isinstance(s, NamedSharding) or s._is_concrete)]

    def __reduce__(self) -> Any:
        return CallShardings, (self.fun, self.ins, self.outs, self.device)

    # ---- arguments -------------------------------------------------------------------------------
    def arguments(self, tree: PyTreeDef, leaves: Sequence[Any]) -> list[Any]:
        """Return the leaves of the arguments (args, kwargs) where they were told to be.

        Raises ValueError for keyword arguments, for committed arrays that lie elsewhere, and where
        shardings do not fit the structure or do not divide an array into equal parts.
        """
        if self.device is not None:
            return [x if isinstance(x, Tracer) else place(x, self.device)
                    for x in leaves]
        if self.ins is None:
            return list(leaves)
        name, places = function_name(self.fun), self.of_arguments(tree, leaves)
        return [x if s is None else self._argument(f"argument {k} of {name}", x, s)
                for k, (x, s) in enumerate(zip(leaves, places, strict=True))]

    def of_arguments(self, tree: PyTreeDef, leaves: Sequence[Any]) -> list[Sharding | None]:
        """Return where the leaves of the arguments (args, kwargs) were told to be; ValueError if
        shardings do not fit their structure."""
        if self.ins is None:
            return [None] * len(leaves)
        args, kwargs = tree_unflatten(tree, leaves)
        if kwargs:
            raise ValueError(f"jit of {function_name(self.fun)}: pjit does not support kwargs when"
                             f" in_shardings is specified, got {sorted(kwargs)}; pass them by"
                             " position")
        return self._resolved("in_shardings", _positional(self.ins, args), args)

    def _resolved(self, what: str, shardings: Any, values: Any) -> list[Sharding | None]:
        title = f"{what} of jit of {function_name(self.fun)}"
        try:
            found = broadcast_prefix(shardings, values, is_leaf=_is_leaf)
        except ValueError:
            raise ValueError(f"{title}: pytree prefix error: it must be a prefix of the values'"
                             f" structure. {_mismatches(f'pjit {what}', shardings, values)}"
                             ) from None
        for told, x in zip(found, tree_leaves(values), strict=True):
            if isinstance(told, Format) and hasattr(x, "aval"):
                told.check_rank(title, x.aval)
        return list(map(_place, found))

    def _argument(self, title: str, x: Any, sharding: Sharding) -> Any:
        check_divisible(f"One of pjit arguments: {title}", x.aval, sharding)
        if isinstance(x, Tracer):
            return sharding_constraint_p.bind(x, sharding=sharding, told_by="jit")
        sharding = _with_devices(sharding, x)
        if is_committed(x) and not sharding_of(x).is_equivalent_to(sharding, x.ndim):
            raise ValueError(
                "Received incompatible devices for jitted computation, or: Sharding passed to jit"
                f" does not match the sharding on the respective arg. Got sharding {sharding} for"
                f" {title}, which lies as {sharding_of(x)}; move it with device_put first")
        return x if is_committed(x) else place(x, sharding)

    # ---- results ---------------------------------------------------------------------------------
    def results(self, out_tree: PyTreeDef, outs: Sequence[Any]) -> list[Any]:
        """Return the leaves of the result where they were told to be; ValueError if shardings do
        not fit."""
        if self.outs is None:
            return list(outs)
        return [x if s is None else self._result(x, s)
                for x, s in zip(outs, self.of_results(out_tree, outs), strict=True)]

    def of_results(self, out_tree: PyTreeDef, outs: Sequence[Any]) -> list[Sharding | None]:
        """Return where the leaves of the result were told to be; ValueError if shardings do not
        fit their structure."""
        if self.outs is None:
            return [None] * len(outs)
        return self._resolved("out_shardings", self.outs, tree_unflatten(out_tree, outs))

    def check_donated(self, arrays: Sequence[Array]) -> None:
        """Raise ValueError where the compiler is to choose how donated arguments lie in memory and
        not how results do, or the other way round, unless the arguments lie somewhere already:
        results could not take over the memory."""
        chosen = [any(isinstance(leaf, Format) and leaf.layout is Layout.AUTO
                      for leaf in tree_leaves(told, is_leaf=_is_leaf))
                  for told in (self.ins, self.outs)]
        if chosen[0] != chosen[1] and (chosen[0] or not all(map(is_committed, arrays))):
            one, other = ("input", "output") if chosen[0] else ("output", "input")
            raise ValueError(f"jit of {function_name(self.fun)}: arguments are donated, and the"
                             f" {one} layout is AUTO. Did you mean to set the **{other} layout** to"
                             " **Layout.AUTO** as well? Results take over the memory of arguments"
                             " that lie as they do")

    def compiled(self, options: CompileOptions, backend: str, out_tree: PyTreeDef, jaxpr: Jaxpr
                 ) -> CompileOptions:
        """Return options by which results of a program on devices are at once where they were told
        to be, if that is in the memory that programs have.

        Raises ValueError if it is for other devices than that on which `jit` has it run.
        """
        own = own_sharding(jaxpr) if options.devices else None
        if own is not None:
            here = SingleDeviceSharding(options.devices[0])
            check_same_devices((here, "explicit output sharding"), own)
        if self.outs is None or get_backend(backend).buffer_type is np.ndarray:
            return options
        found = self.of_results(out_tree, jaxpr.out_avals)
        for sharding, aval in zip(found, jaxpr.out_avals, strict=True):
            if sharding is not None:
                check_divisible("One of pjit outputs", aval, sharding)
        return replace(options, out_shardings=tuple(
            s if s is not None and _is_usual(s) else None for s in found))

    def _result(self, x: Any, sharding: Sharding) -> Any:
        check_divisible("One of pjit outputs", x.aval, sharding)
        if isinstance(x, Tracer):
            return sharding_constraint_p.bind(x, sharding=sharding, told_by="jit")
        return place(x, _with_devices(sharding, x))


# ---- results that follow arguments ---------------------------------------------------------------
class ResultPlaces:
    """Where the results of a compiled program lie, found once for each placing of its arguments."""

    def __init__(self, jaxpr: Jaxpr, names: Sequence[str], call: CallShardings):
        self.jaxpr, self.names = jaxpr, names
        self._known: dict[Any, list[Sharding]] = {}
        self._used = used_arguments(jaxpr)
        in_force = on_mesh_in_force()
        context = None if in_force is None else (in_force, "jit's context mesh")
        said = [s for s in (context, call.own(), own_sharding(jaxpr)) if s is not None]
        for other in said[1:]:
            check_same_devices(said[0], other)
        more = said[1:] if context else said
        self.own, self._own_title = (*more, *said, (None, ""))[0]

    def __call__(self, arrays: Sequence[Array], outs: Sequence[Array]) -> list[Array]:
        """Return the results, which are in the host's memory, where they lie."""
        common = self.meeting(arrays)
        if common is None or not isinstance(client_of(common), Device):
            return list(map(settled, outs))
        places = self._divided(common, arrays)
        fixed = self.own is not None or any(map(is_committed, arrays))
        return [place(x, s, fixed) for x, s in zip(outs, places, strict=True)]

    def meeting(self, arrays: Sequence[Array]) -> Sharding | None:
        """Return a sharding over the devices on which arguments that the program uses meet, or its
        own; None if none is said. ValueError if they do not meet."""
        xs = [x if used else None for x, used in zip(arrays, self._used, strict=True)]
        if self.own is not None:
            check_devices_agree(xs, lambda k: self._name(k, arrays[k]), self.own, self._own_title)
        common = common_sharding(xs, lambda k: self._name(k, arrays[k]))
        if self.own is None or not isinstance(self.own, NamedSharding):
            return common or self.own
        # The axes that divide a shard_map's results belong to its own mesh.
        agrees = isinstance(common, NamedSharding) and (
            common._device_assignment == self.own._device_assignment
            and common.mesh.axis_names == self.own.mesh.axis_names)
        return common if agrees else self.own

    def guard_moves(self, passed: Sequence[Any], arrays: Sequence[Array]) -> None:
        """Let the guard of transfers see which arrays that were passed have to move, to be the
        arguments."""
        common = self.meeting(arrays)
        for x, moved in zip(passed, arrays, strict=True):
            guard_move(x, sharding_of(moved) if is_committed(moved) else common)

    def of_results(self, arrays: Sequence[Array]) -> list[Sharding] | None:
        """Return where the results lie, for arguments that lie where these do; None if nothing is
        said."""
        common = self.meeting(arrays)
        return None if common is None else self._divided(common, arrays)

    def _divided(self, common: Sharding, arrays: Sequence[Array]) -> list[Sharding]:
        key = (common, *[sharding_of(x) for x in arrays])
        places = self._known.get(key)
        if places is None:
            places = places_of_results(
                common, arrays, self.jaxpr.out_avals,
                lambda specs: divide_program(self.jaxpr, specs, common.mesh.shape),  # type: ignore[attr-defined]
                made_of_arguments(self.jaxpr))
            places = self._known[key] = on_told_meshes(self.jaxpr, key[1:], places)
        return places

    def backend(self, arrays: Sequence[Array]) -> Backend:
        """Return the back end that runs the program: that of the devices where its arguments have
        to be, or of its own mesh, else the chosen one."""
        if not (config.elsewhere or any_placed(arrays) or self.own is not None):
            return chosen_backend()
        found = self.meeting(arrays) if any(map(is_committed, arrays)) else self.own
        return chosen_backend() if found is None else backend_at(found)

    def _name(self, k: int, x: Array) -> str:
        name = self.names[k] if k < len(self.names) else str(k)
        return argument(name, x, self.jaxpr.debug_name)


def any_placed(arrays: Sequence[Array]) -> bool:
    """Return whether some of the arrays lie elsewhere than where arrays do by default."""
    for x in arrays:
        if type(x._data) is not np.ndarray:
            return True
    return False
