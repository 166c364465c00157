"""The primitives' public functions that this package is made of, in one namespace."""

from ingot.core.interpreter import typeof as typeof
from ingot.ops.arithmetic import (
    abs as abs,
    add as add,
    div as div,
    max as max,
    min as min,
    mul as mul,
    neg as neg,
    nextafter as nextafter,
    rem as rem,
    sign as sign,
    sub as sub,
)
from ingot.ops.bessel import (
    bessel_i0 as bessel_i0,
    bessel_i0e as bessel_i0e,
    bessel_i1 as bessel_i1,
    bessel_i1e as bessel_i1e,
)
from ingot.ops.bits import (
    bitwise_and as bitwise_and,
    bitwise_not as bitwise_not,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    clz as clz,
    population_count as population_count,
    shift_left as shift_left,
    shift_right_arithmetic as shift_right_arithmetic,
    shift_right_logical as shift_right_logical,
)
from ingot.ops.compare import (
    eq as eq,
    ge as ge,
    gt as gt,
    le as le,
    lt as lt,
    ne as ne,
)
from ingot.ops.complex import (
    complex as complex,
    conj as conj,
    imag as imag,
    real as real,
)
from ingot.ops.conv import conv_general_dilated as conv_general_dilated
from ingot.ops.convert import (
    bitcast_convert_type as bitcast_convert_type,
    convert_element_type as convert_element_type,
    convert_element_type_p as convert_element_type_p,
)
from ingot.ops.cumulative import (
    cumlogsumexp as cumlogsumexp,
    cummax as cummax,
    cummin as cummin,
    cumprod as cumprod,
    cumsum as cumsum,
)
from ingot.ops.dot import (
    Precision as Precision,
    dot_general as dot_general,
)
from ingot.ops.exponential import (
    exp as exp,
    exp2 as exp2,
    expm1 as expm1,
    log as log,
    log1p as log1p,
    logistic as logistic,
)
from ingot.ops.fft import (
    FftType as FftType,
    fft as fft,
)
from ingot.ops.gather import (
    GatherDimensionNumbers as GatherDimensionNumbers,
    GatherScatterMode as GatherScatterMode,
    gather as gather,
)
from ingot.ops.index import (
    dynamic_slice as dynamic_slice,
    dynamic_update_slice as dynamic_update_slice,
    slice as slice,
    slice_in_dim as slice_in_dim,
)
from ingot.ops.movement import (
    broadcast_in_dim as broadcast_in_dim,
    reduce_sum as reduce_sum,
    reshape as reshape,
    transpose as transpose,
    zeros as zeros,
)
from ingot.ops.partition import argpartition as argpartition
from ingot.ops.powers import (
    cbrt as cbrt,
    integer_pow as integer_pow,
    pow as pow,
    rsqrt as rsqrt,
    sqrt as sqrt,
    square as square,
)
from ingot.ops.reduce import (
    argmax as argmax,
    argmin as argmin,
    reduce_and as reduce_and,
    reduce_max as reduce_max,
    reduce_min as reduce_min,
    reduce_or as reduce_or,
    reduce_prod as reduce_prod,
    reduce_xor as reduce_xor,
)
from ingot.ops.rounding import (
    RoundingMethod as RoundingMethod,
    ceil as ceil,
    floor as floor,
    is_finite as is_finite,
    round as round,
)
from ingot.ops.scatter import (
    ScatterDimensionNumbers as ScatterDimensionNumbers,
    scatter as scatter,
    scatter_add as scatter_add,
    scatter_apply as scatter_apply,
    scatter_max as scatter_max,
    scatter_min as scatter_min,
    scatter_mul as scatter_mul,
    scatter_sub as scatter_sub,
)
from ingot.ops.select import (
    clamp as clamp,
    select as select,
    select_n as select_n,
)
from ingot.ops.shape import (
    broadcasted_iota as broadcasted_iota,
    concatenate as concatenate,
    expand_dims as expand_dims,
    full as full,
    iota as iota,
    pad as pad,
    rev as rev,
    split as split,
    squeeze as squeeze,
    stop_gradient as stop_gradient,
)
from ingot.ops.sort import (
    searchsorted as searchsorted,
    sort as sort,
    take_along as take_along,
    top_k as top_k,
)
from ingot.ops.special import (
    betainc as betainc,
    digamma as digamma,
    erf as erf,
    erf_inv as erf_inv,
    erfc as erfc,
    igamma as igamma,
    igammac as igammac,
    lgamma as lgamma,
    polygamma as polygamma,
    zeta as zeta,
)
from ingot.ops.trig import (
    acos as acos,
    acosh as acosh,
    asin as asin,
    asinh as asinh,
    atan as atan,
    atan2 as atan2,
    atanh as atanh,
    cos as cos,
    cosh as cosh,
    sin as sin,
    sinh as sinh,
    tan as tan,
    tanh as tanh,
)
