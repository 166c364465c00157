"""Linear algebra on stacks of matrices: the table of contents."""

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.numpy.linalg.determinants import det as det, slogdet as slogdet
from ingot.numpy.linalg.factorizations import (
    EighResult as EighResult,
    EigResult as EigResult,
    QRResult as QRResult,
    SlogdetResult as SlogdetResult,
    SVDResult as SVDResult,
    cholesky as cholesky,
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    qr as qr,
    svd as svd,
    svdvals as svdvals,
)
from ingot.numpy.linalg.norms import (
    cond as cond,
    cross as cross,
    diagonal as diagonal,
    matrix_norm as matrix_norm,
    multi_dot as multi_dot,
    norm as norm,
    outer as outer,
    tensordot as tensordot,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    trace as trace,
    vector_norm as vector_norm,
)
from ingot.numpy.linalg.solving import (
    inv as inv,
    lstsq as lstsq,
    matrix_power as matrix_power,
    matrix_rank as matrix_rank,
    pinv as pinv,
    solve as solve,
)
from ingot.numpy.manipulation import matrix_transpose as matrix_transpose
from ingot.numpy.products import matmul as matmul, vecdot as vecdot

_hide_frames_of(__name__)
