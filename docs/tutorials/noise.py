# %% [markdown]
# # Noise and correlations
#
# Shared noise enters every unit of the ring. How much of it is left in the rates depends on the
# stimulus and on attention: both quench it. Linear theory says how much; `cx.simulate_noise` is the
# other way to the same answer.

# %%
import matplotlib.pyplot as plt
import numpy as np

import cortex as cx
from cortex.circuit import fluctuations

ring = cx.ring(90)
places = cx.stimuli.ring_positions(90)
bump = cx.stimuli.ring_bump(places, 45.0)
noise = cx.OrnsteinUhlenbeck.on_ring(tau=50.0, sd=1.0, units=90, width=60.0)

# %%
contrasts = np.array([3.0, 5.0, 10.0, 20.0, 40.0])
for name, strength in (("unattended", 0.0), ("attended", 2.0)):
    attention = cx.Modulation(input=cx.EI(strength * bump, 0.0))
    ratios = []
    for contrast in contrasts:
        drive = cx.EI(contrast * bump, contrast * bump)
        state = cx.steady_state(ring, drive, attention)
        found = fluctuations(ring, state.rates, drive, noise, attention)
        ratios.append(float(found.EE[22, 22] / state.rates.E[22]))
    plt.loglog(contrasts, ratios, ".-", label=name)
plt.xlabel("Contrast (%)")
plt.ylabel("Variance / mean rate (Hz)")
plt.legend()
