"""Names of jax.numpy that are not here, and why."""

import ml_dtypes

MISSING: dict[str, str] = {} if hasattr(ml_dtypes, "int1") else {
    "int1": "ml_dtypes has one-bit integers only from version 0.6 on",
    "uint1": "ml_dtypes has one-bit integers only from version 0.6 on",
}
