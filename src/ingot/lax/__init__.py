"""The operations and control flow that everything is made of, under the names of `jax.lax`."""

from typing import Any

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
from ingot.lax import linalg as linalg
from ingot.lax.extras import (
    ConvGeneralDilatedDimensionNumbers as ConvGeneralDilatedDimensionNumbers,
    DotDimensionNumbers as DotDimensionNumbers,
    PrecisionLike as PrecisionLike,
    composite as composite,
    dtype as dtype,
    platform_dependent as platform_dependent,
    shape_as_value as shape_as_value,
    with_sharding_constraint as with_sharding_constraint,
)
from ingot.lax.missing import MISSING, absent
from ingot.lax.ragged import (
    RaggedDotDimensionNumbers as RaggedDotDimensionNumbers,
    ragged_dot as ragged_dot,
    ragged_dot_general as ragged_dot_general,
)
from ingot.ops.arithmetic import *
from ingot.ops.bessel import *
from ingot.ops.bits import *
from ingot.ops.collective import *
from ingot.ops.compare import *
from ingot.ops.complex import *
from ingot.ops.conv import *
from ingot.ops.conv_forms import *
from ingot.ops.convert import *
from ingot.ops.cumulative import *
from ingot.ops.cutting import *
from ingot.ops.dot import *
from ingot.ops.exchange import *
from ingot.ops.exponential import *
from ingot.ops.fft import *
from ingot.ops.gather import *
from ingot.ops.index import *
from ingot.ops.indexing import *
from ingot.ops.movement import *
from ingot.ops.numerics import *
from ingot.ops.powers import *
from ingot.ops.random_bits import *
from ingot.ops.reduce import *
from ingot.ops.rounding import *
from ingot.ops.scatter import *
from ingot.ops.select import *
from ingot.ops.shape import *
from ingot.ops.sort import *
from ingot.ops.special import *
from ingot.ops.trig import *
from ingot.ops.window import *


def __getattr__(name: str) -> Any:
    raise absent("ingot.lax", MISSING, name)

_hide_frames_of(__name__)
