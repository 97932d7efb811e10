# %% [markdown]
# # Circuits in your network
#
# A small network learns digits, gets circuits at its last layer, and attends to a digit in images
# where two are merged.

# %%
import jax.numpy as jnp
import numpy as np

import cortex as cx
from cortex.areas import accuracy, digits
from cortex.stimuli import load_digits, split_digits

network = cx.load_network("digits")  # three layers, trained; yours may be any callables
training, held_out = split_digits(load_digits(), 100, 0)
shape = digits.digit_network()
some = training.take(np.random.default_rng(0).permutation(len(training))[:400])
images, labels = shape.images(some), some.labels

# %%
system = cx.insert_circuits(network, at=3, circuit=cx.SSN(), images=images[:100])
few = held_out.take(np.arange(0, 1000, 10))
print("names plain digits:", accuracy(system, shape.images(few), jnp.asarray(few.labels)))

# %% [markdown]
# The circuit computes: `probe_areas` says how it sums two images, and whether it is inhibition-
# stabilised. Detectors are fitted to what the network sends now.

# %%
observer = cx.Observer.fit(system, images, labels)
tuning = cx.FeatureSimilarity.fit(observer, images, labels, at=3)

threes = np.flatnonzero(held_out.labels == 3)[:10]
others = np.flatnonzero(held_out.labels == 8)[:10]
merged = (shape.images(held_out.take(threes)) + shape.images(held_out.take(others))) / 2
for strength in (0.0, 0.2, 0.4):
    logits = observer(merged, tuning(category=3, strength=strength))
    print(f"beta {strength}: mean evidence for a 3 {float(logits[:, 3].mean()):+.2f}")

# %% [markdown]
# Evidence grows with attention. That is not yet better seeing: it grows where there is no 3 as
# well, as a lower threshold would have it. `cortex run digits_detection` keeps the two apart.
