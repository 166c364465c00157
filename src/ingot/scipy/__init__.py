"""SciPy's functions, as far as JAX has them: the table of contents."""

from ingot.util import lazily

__getattr__, __dir__ = lazily(
    __name__, (
        "cluster", "fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal",
        "sparse", "spatial", "special", "stats"))
