"""The primitives' public functions that this package is made of, in one namespace."""

from ingot.core.interpreter import typeof as typeof
from ingot.primitives.arithmetic import *
from ingot.primitives.bessel import *
from ingot.primitives.bits import *
from ingot.primitives.compare import *
from ingot.primitives.complex import *
from ingot.primitives.conv import *
from ingot.primitives.convert import *
from ingot.primitives.cumulative import *
from ingot.primitives.dot import *
from ingot.primitives.exponential import *
from ingot.primitives.fft import *
from ingot.primitives.gather import *
from ingot.primitives.dynamic_slice import *
from ingot.primitives.movement import *
from ingot.primitives.powers import *
from ingot.primitives.reduce import *
from ingot.primitives.rounding import *
from ingot.primitives.scatter import *
from ingot.primitives.select import *
from ingot.primitives.shape import *
from ingot.primitives.sort import *
from ingot.primitives.special import *
from ingot.primitives.trig import *
from ingot.primitives.bessel import bessel_i0 as bessel_i0, bessel_i1 as bessel_i1
from ingot.primitives.gather_scatter import (
    GatherDimensionNumbers as GatherDimensionNumbers,
    GatherScatterMode as GatherScatterMode,
    ScatterDimensionNumbers as ScatterDimensionNumbers,
)
from ingot.primitives.slicing import concatenate as concatenate, pad as pad, slice as slice
from ingot.primitives.slicing import slice_in_dim as slice_in_dim, split as split
from ingot.primitives.movement import zeros as zeros
from ingot.primitives.gather import scatter_add as scatter_add
from ingot.primitives.partition import argpartition as argpartition
from ingot.primitives.sort import searchsorted as searchsorted, take_along as take_along
