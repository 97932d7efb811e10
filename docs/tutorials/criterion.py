# %% [markdown]
# # Criterion or sensitivity
#
# An observer that says "yes" more often finds more of what is there, and more of what is not. Did
# attention help it to see, or to say yes? We ask a network with circuits at every layer for digits
# in images where two are merged, attend to the digit asked for, and draw what a mere shift of the
# threshold does beside it. Then we attend to a place.

# %%
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import cortex as cx
from cortex.analysis.signal_detection import area_under_curve, detection_rates
from cortex.areas import digits
from cortex.attention import QuadrantWindow
from cortex.stimuli import load_digits, split_digits
from cortex.stimuli.composites import array_same, merge

system = cx.load_network("digits", circuits=True)  # three layers, a circuit in each
training, held_out = split_digits(load_digits(), 100, 0)
shape, rng = digits.digit_network(), np.random.default_rng(0)
some = training.take(rng.permutation(len(training))[:600])
images, labels = shape.images(some), some.labels
observer = cx.Observer.fit(system, images, labels)
tuning = cx.FeatureSimilarity.fit(observer, images, labels, at=3)

# %% [markdown]
# ## A balanced set of hard images
#
# Half of the merged images hold the digit sought, here a 3, half do not.

# %%
SOUGHT = 3
threes = np.flatnonzero(held_out.labels == SOUGHT)[:60]
others = rng.permutation(np.flatnonzero(held_out.labels != SOUGHT))[:180]
pictures = shape.images(held_out)
first = np.concatenate([threes, others[:60]])
merged = merge(pictures[first], pictures[others[60:]])
present = np.arange(120) < 60

strengths = np.array([0.0, 0.05, 0.1, 0.2, 0.4])
attentions = [tuning(category=SOUGHT, strength=strength) for strength in strengths]
scores = np.asarray(observer(merged, attentions))[:, :, SOUGHT]

# %% [markdown]
# Rates of saying yes at the detector's own threshold, for every strength of attention; and without
# attention, at thresholds that are lower and lower.

# %%
attended = [detection_rates(score, present) for score in scores]
moved = [detection_rates(scores[0], present, at) for at in np.linspace(0.0, -6.0, 25)]

plt.plot([r.criterion for r in moved], [r.sensitivity for r in moved], color="0.6")
plt.plot([r.criterion for r in attended], [r.sensitivity for r in attended], "o-")
plt.legend(["no attention, lower thresholds", "attention, stronger to the left"])
plt.xlabel("Criterion c (below 0: yes too readily)")
plt.ylabel("Sensitivity d′")

for strength, rates, score in zip(strengths, attended, scores, strict=True):
    print(
        f"beta {strength:.2f}: performance {100 * rates.performance:.0f} %, criterion "
        f"{rates.criterion:+.2f}, area {area_under_curve(score, present):.3f}"
    )

# %% [markdown]
# Performance rises at first, for the network said "no" too readily; the same comes of a lower
# threshold. The area under the ROC curve knows no threshold, and attention to a feature adds next
# to nothing to it. An experiment that reports performance alone cannot tell the two apart.
#
# ## Attention to a place
#
# Four digits of half the size, one a quadrant, and detectors that know such digits at any place. A
# cue says where the 3 is; where there is none it says where another digit is, and gives nothing
# away. Gain is 1 + beta in the cued quadrant and 1 - beta elsewhere, at the lowest layer.


# %%
def placed(image, quadrant):
    four = jnp.zeros((4, *image.shape)).at[quadrant].set(image)
    return array_same(four)


alone = jnp.stack([placed(one[0], rng.integers(4))[None] for one in images])
little = cx.Observer.fit(system, alone, labels)
window = QuadrantWindow().at(1)

places = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
fours, cues = [], []
for number in first:
    around = rng.choice(others, 3, replace=False)
    quadrant = rng.integers(4)
    fours.append(array_same(pictures[np.insert(around, quadrant, number)][:, 0])[None])
    cues.append(quadrant)
fours, cues = jnp.stack(fours), np.array(cues)

for strength in (0.0, 0.5, 1.0):
    found = np.zeros(len(cues))
    for quadrant, place in enumerate(places):
        here = cues == quadrant
        seen = little(fours[here], window(place=place, strength=strength))
        found[here] = np.asarray(seen)[:, SOUGHT]
    rates = detection_rates(found, present)
    print(
        f"beta {strength:.1f}: criterion {rates.criterion:+.2f}, "
        f"area {area_under_curve(found, present):.3f}"
    )

# %% [markdown]
# The cued place takes away what the detectors confused the 3 with: the area rises, and no threshold
# does that. With intervals, controls (shuffled values, no recurrence), ceilings and both networks:
# `cortex run digits_detection`, and [what was found](../results.md).
