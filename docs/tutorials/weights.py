# %% [markdown]
# # Weights through the steady state
#
# Rates at a steady state are a function of the weights, and `jax.grad` goes through it:
# implicitly, at the cost of about one more state.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import optax

import cortex as cx

ring = cx.ring(90)
bump = cx.stimuli.ring_bump(cx.stimuli.ring_positions(90), 90.0)
solver = cx.AndersonAcceleration()


def peak(log_J, contrast):
    J = cx.Projections(*jnp.exp(log_J))
    circuit = eqx.tree_at(lambda c: c.coupling.J, ring, J)
    state = cx.steady_state(circuit, cx.EI(contrast * bump, contrast * bump), solver=solver)
    return state.rates.E[45]


start = jnp.log(jnp.array(jax.tree.leaves(ring.coupling.J)))
print(jax.value_and_grad(peak)(start, 20.0))

# %% [markdown]
# ## A circuit that is wanted
#
# Let the peak be 15 Hz at 20 % and 20 Hz at 40 %: a response that saturates sooner.


# %%
def loss(log_J):
    found = jnp.stack([peak(log_J, 20.0), peak(log_J, 40.0)])
    return jnp.mean((found / jnp.array([15.0, 20.0]) - 1) ** 2)


optimiser = optax.adam(0.02)


@jax.jit
def step(log_J, state):
    value, gradient = jax.value_and_grad(loss)(log_J)
    updates, state = optimiser.update(gradient, state)
    return optax.apply_updates(log_J, updates), state, value


log_J, state = start, optimiser.init(start)
for number in range(120):
    log_J, state, value = step(log_J, state)
    if number % 30 == 0:
        print(number, float(value))
print("peaks", peak(log_J, 20.0), peak(log_J, 40.0))

# %% [markdown]
# A step into weights without a steady state would give NaN, and `optax.apply_if_finite` skips such
# steps; `cortex.circuit.fit_residuals` refuses them, and gives errors of the weights too.
