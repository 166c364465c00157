"""Annotations of arrays with jaxtyping: which shapes and dtypes it accepts."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree, Shaped

kinds = [Float[Array, "n 3"], Float[Array, "3 n"], Int[Array, ""], Shaped[Array, "..."],
         Key[Array, "2"], PyTree[Float[Array, "_"]]]
values = [jnp.ones((2, 3)), jnp.ones((3, 2), jnp.float16), jnp.array(1),
          jax.random.split(jax.random.key(0)), {"a": jnp.ones(3)}]
for kind in kinds:
    print(*(int(isinstance(value, kind)) for value in values))
print(int(jax.jit(lambda x: isinstance(x, kinds[0]))(jnp.ones((2, 3)))))
