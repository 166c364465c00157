"""Linear algebra under the names of scipy.linalg: the table of contents."""

from ingot.core.tracebacks import hide_frames_of as _hide_frames_of
from ingot.scipy.analytic import (
    coshm,
    cosm,
    fractional_matrix_power,
    logm,
    signm,
    sinhm,
    sinm,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_lyapunov,
    sqrtm,
    tanhm,
    tanm,
)
from ingot.scipy.eigenvalues import eigh, eigh_tridiagonal, hessenberg, rsf2csf, schur
from ingot.scipy.factorizations import (
    cho_factor,
    cho_solve,
    cholesky,
    det,
    inv,
    lu,
    lu_factor,
    lu_solve,
    polar,
    qr,
    qr_multiply,
    solve,
    solve_triangular,
    svd,
)
from ingot.scipy.matrix_functions import (
    expm,
    expm_frechet,
    funm,
    solve_sylvester,
)
from ingot.scipy.special_matrices import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    dft,
    fiedler,
    fiedler_companion,
    hadamard,
    hankel,
    helmert,
    hilbert,
    invhilbert,
    invpascal,
    leslie,
    pascal,
    toeplitz,
)

__all__ = ["block_diag", "cho_factor", "cho_solve", "cholesky", "circulant", "companion",
           "convolution_matrix", "coshm", "cosm", "det", "dft", "eigh", "eigh_tridiagonal", "expm",
           "expm_frechet", "fiedler", "fiedler_companion", "fractional_matrix_power", "funm",
           "hadamard", "hankel", "helmert", "hessenberg", "hilbert", "inv", "invhilbert",
           "invpascal", "leslie", "logm", "lu", "lu_factor", "lu_solve", "pascal", "polar", "qr",
           "qr_multiply", "rsf2csf", "schur", "signm", "sinhm", "sinm", "solve",
           "solve_continuous_lyapunov", "solve_discrete_lyapunov", "solve_lyapunov",
           "solve_sylvester", "solve_triangular", "sqrtm", "svd", "tanhm", "tanm", "toeplitz"]

_hide_frames_of(__name__)
