"""Experiments: one file each says what is shown, what is simulated, what is measured.

`FAMILIES` is the order to read them in, with about how long each takes on two CPU cores.
"""

FAMILIES = {
    "Circuits": {
        "ring_normalization": "5 s",
        "regimes": "10 s",
        "oscillations": "10 s",
        "ring_variability": "20 s",
        "line_surround_suppression": "5 s",
        "sheet_orientation_map": "2 min",
        "fit_contrast_response": "15 s",
    },
    "Attention in circuits": {
        "biased_competition": "15 s",
        "contrast_or_response_gain": "15 s",
        "normalization_and_modulation": "15 s",
        "feature_similarity_gain": "5 s",
        "attention_variability": "40 s",
        "attention_and_surround": "5 s",
        "receptive_field_shift": "10 s",
        "shiftable_window": "10 s",
        "area_hierarchy": "30 s",
        "task_gain_of_neurons": "15 s",
    },
    "Attention and detection": {
        "digits_detection": "2 min",
        "object_detection": "1 min",
        "orientation_detection": "3 min",
        "colour_of_orientation": "4 min",
        "spatial_and_feature_attention": "7 min",
        "circuit_fidelity": "10 min",
        "fsgm_propagation": "2 min",
        "tuning_and_gradients": "1 min",
        "mechanism_comparison": "4 min",
        "noisy_detection": "10 min",
        "cueing": "30 s",
        "cued_category": "1 min",
        "arousal": "1 min",
        "arousal_selectivity": "10 s",
    },
    "Learned attention": {
        "soft_attention": "1 min",
        "attention_masks": "1 min",
        "feedback_gain": "20 s",
        "lateral_attention": "40 s",
        "sequence_reading": "30 s",
        "glimpses": "1 min",
    },
    "Where to look": {
        "saliency_search": "30 s",
        "saccades_and_tasks": "15 s",
        "fixation_prediction": "3 min",
    },
}
