"""SciPy's functions, as far as JAX has them: the table of contents."""

from ingot.scipy import (
    fft as fft,
    integrate as integrate,
    linalg as linalg,
    optimize as optimize,
    special as special,
    stats as stats,
)
