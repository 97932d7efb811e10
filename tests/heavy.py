"""Experiments whose small run is too long for every change, and what it costs."""

# Seconds of a processor, compiling included, 2026-11-30. What looks at such a run is marked slow.
HEAVY = {
    "area_hierarchy": 24,
    "arousal": 16,
    "attention_masks": 36,
    "attention_variability": 18,
    "circuit_fidelity": 30,
    "cued_category": 14,
    "digits_detection": 13,  # CI runs it by its command besides
    "feedback_gain": 12,
    "fit_contrast_response": 17,
    "fixation_prediction": 12,
    "fsgm_propagation": 30,
    "glimpses": 25,
    "lateral_attention": 28,
    "mechanism_comparison": 33,
    "noisy_detection": 40,
    "object_detection": 30,
    "orientation_detection": 11,
    "oscillations": 13,
    "regimes": 20,
    "ring_variability": 22,
    "saccades_and_tasks": 19,
    "saliency_search": 23,
    "sequence_reading": 13,
    "soft_attention": 20,
    "spatial_and_feature_attention": 16,
}
