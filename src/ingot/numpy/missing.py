"""Names of jax.numpy that are not here, and why."""

MISSING: dict[str, str] = {
    "int1": "ml_dtypes has one-bit integers only from version 0.6 on",
    "uint1": "ml_dtypes has one-bit integers only from version 0.6 on",
}
