# %% [markdown]
# # A ring and its regimes
#
# A stabilized supralinear circuit adds more than linearly when it is driven weakly and less than
# linearly when it is driven strongly. We find the contrast where that changes, and what the
# circuit is like on both sides of it.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import cortex as cx

ring = cx.ring(180)  # Rubin, Van Hooser & Miller 2015: 180 pairs of E and I units
places = cx.stimuli.ring_positions(180)
first, second = (cx.stimuli.ring_bump(places, angle) for angle in (45.0, 135.0))

# %% [markdown]
# ## Two gratings
#
# The sum weight is 1 where the response to both gratings is the sum of the responses to each.


# %%
@jax.jit
@jax.vmap
def sum_weight(contrast):
    def respond(shown):
        return cx.steady_state(ring, cx.EI(contrast * shown, contrast * shown)).rates.E

    alone = respond(first) + respond(second)
    return respond(first + second) @ alone / (alone @ alone)


contrasts = np.geomspace(1.0, 60.0, 16)
weights = sum_weight(contrasts)
plt.semilogx(contrasts, weights, ".-")
plt.axhline(1.0, color="0.7")
plt.xlabel("Contrast (%)")
plt.ylabel("Sum weight")

# %% [markdown]
# It crosses 1 near 9 %: weak stimuli help one another, strong ones compete. The published value at
# 50 % is 0.69.
#
# ## Inhibition-stabilised
#
# With weak drive E would be stable by itself; with strong drive it would not, and inhibition holds
# it. Then input to I lowers the rate of I, the paradoxical effect.


# %%
def regime(contrast):
    drive = cx.EI(contrast * first, contrast * first)
    rates = cx.steady_state(ring, drive).rates
    return cx.leading_excitatory_eigenvalue(ring, rates, drive)


for contrast in (1.0, 5.0, 20.0):
    print(f"{contrast:4.0f} %: leading eigenvalue of E {float(regime(contrast)):.2f}")

# %% [markdown]
# Above 1, E alone would run away. What becomes of a circuit with too much excitation:

# %%
wild = cx.ring(180, J_EE=0.2)
state = cx.steady_state(wild, cx.EI(50 * first, 50 * first))
print(state.converged, state.rates.E[45], state.result)
