"""The primitives' public functions that this package is made of, in one namespace."""

from ingot.core.interpreter import typeof as typeof
from ingot.ops.arithmetic import *
from ingot.ops.bessel import *
from ingot.ops.bits import *
from ingot.ops.compare import *
from ingot.ops.complex import *
from ingot.ops.conv import *
from ingot.ops.convert import *
from ingot.ops.cumulative import *
from ingot.ops.dot import *
from ingot.ops.exponential import *
from ingot.ops.fft import *
from ingot.ops.gather import *
from ingot.ops.index import *
from ingot.ops.movement import *
from ingot.ops.powers import *
from ingot.ops.reduce import *
from ingot.ops.rounding import *
from ingot.ops.scatter import *
from ingot.ops.select import *
from ingot.ops.shape import *
from ingot.ops.sort import *
from ingot.ops.special import *
from ingot.ops.trig import *
from ingot.ops.bessel import bessel_i0 as bessel_i0, bessel_i1 as bessel_i1
from ingot.ops.indexing import (
    GatherDimensionNumbers as GatherDimensionNumbers,
    GatherScatterMode as GatherScatterMode,
    ScatterDimensionNumbers as ScatterDimensionNumbers,
)
from ingot.ops.cutting import concatenate as concatenate, pad as pad, slice as slice
from ingot.ops.cutting import slice_in_dim as slice_in_dim, split as split
from ingot.ops.movement import zeros as zeros
from ingot.ops.gather import scatter_add as scatter_add
from ingot.ops.partition import argpartition as argpartition
from ingot.ops.sort import searchsorted as searchsorted, take_along as take_along
