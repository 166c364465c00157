"""A network with Equinox, trained by optax: the losses and one prediction."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

x = jnp.linspace(-1.0, 1.0, 32)[:, None]
y = jnp.sin(3.0 * x)
model = eqx.nn.MLP(1, 1, 8, 2, key=jax.random.key(0))
optimizer = optax.chain(optax.clip_by_global_norm(1.0),
                        optax.adamw(optax.cosine_decay_schedule(0.05, 40)))
state = optimizer.init(eqx.filter(model, eqx.is_inexact_array))


@eqx.filter_jit
def step(model, state):
    loss, grads = eqx.filter_value_and_grad(
        lambda m: jnp.mean(optax.huber_loss(jax.vmap(m)(x), y)))(model)
    updates, state = optimizer.update(grads, state, eqx.filter(model, eqx.is_inexact_array))
    return eqx.apply_updates(model, updates), state, loss


for i in range(40):
    model, state, loss = step(model, state)
    if i % 10 == 0:
        print(float(loss))
print(float(model(jnp.array([0.3]))[0]))
