"""Programs of real size: make(jax, jnp, lax) -> (function, arguments), for any system."""
