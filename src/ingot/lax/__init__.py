"""The operations and control flow that everything is made of, under the names of `jax.lax`."""

from types import ModuleType as _ModuleType
from typing import Any as _Any

from ingot.control.cond import (
    cond as cond,
    cond_p as cond_p,
    switch as switch,
)
from ingot.control.linear_solve import (
    custom_linear_solve as custom_linear_solve,
    custom_root as custom_root,
    linear_solve_p as linear_solve_p,
)
from ingot.control.mapping import (
    associative_scan as associative_scan,
    map as map,
)
from ingot.control.scan import (
    scan as scan,
    scan_p as scan_p,
)
from ingot.control.while_loop import (
    fori_loop as fori_loop,
    while_loop as while_loop,
    while_p as while_p,
)
from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.api.devices import with_sharding_constraint as with_sharding_constraint
from ingot.lax import linalg as linalg
from ingot.lax.extras import (
    ConvGeneralDilatedDimensionNumbers as ConvGeneralDilatedDimensionNumbers,
    DotDimensionNumbers as DotDimensionNumbers,
    PrecisionLike as PrecisionLike,
    composite as composite,
    dtype as dtype,
    platform_dependent as platform_dependent,
    polynomial as polynomial,
    shape_as_value as shape_as_value,
)
from ingot.lax.missing import MISSING as _MISSING, absent as _absent
from ingot.lax.ragged import (
    RaggedDotDimensionNumbers as RaggedDotDimensionNumbers,
    ragged_dot as ragged_dot,
    ragged_dot_general as ragged_dot_general,
)
from ingot.lax.ragged_exchange import ragged_all_to_all as ragged_all_to_all
from ingot.lax.scaled import scaled_dot as scaled_dot
from ingot.primitives.arithmetic import *
from ingot.primitives.barriers import *
from ingot.primitives.bessel import *
from ingot.primitives.bits import *
from ingot.primitives.casts import *
from ingot.primitives.collective import *
from ingot.primitives.compare import *
from ingot.primitives.complex import *
from ingot.primitives.conv import *
from ingot.primitives.conv_forms import *
from ingot.primitives.constraint import *
from ingot.primitives.convert import *
from ingot.primitives.cumulative import *
from ingot.primitives.slicing import *
from ingot.primitives.dot import *
from ingot.primitives.collective_gather import *
from ingot.primitives.collective_permute import *
from ingot.primitives.exponential import *
from ingot.primitives.fft import *
from ingot.primitives.gather import *
from ingot.primitives.dynamic_slice import *
from ingot.primitives.gather_scatter import *
from ingot.primitives.movement import *
from ingot.primitives.numerics import *
from ingot.primitives.powers import *
from ingot.primitives.random_bits import *
from ingot.primitives.reduce import *
from ingot.primitives.rounding import *
from ingot.primitives.scatter import *
from ingot.primitives.select import *
from ingot.primitives.shape import *
from ingot.primitives.sort import *
from ingot.primitives.special import *
from ingot.primitives.trig import *
from ingot.primitives.window import *


__all__ = ["linalg", *(  # pyright: ignore[reportUnsupportedDunderAll]
    name for name, value in globals().items()
    if not name.startswith("_") and not isinstance(value, _ModuleType))]


def __getattr__(name: str) -> _Any:
    raise _absent("ingot.lax", _MISSING, name)

_hide_frames_of(__name__)
