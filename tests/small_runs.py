"""Small runs of experiments: each is made once in a process, whoever looks at it."""

import functools

from cortex.experiment import load_settings


@functools.cache
def small_run(name):
    """Settings and dataset of the experiment in its small size; nobody changes them."""
    return changed_run(name)


def changed_run(name, **more):
    """The same with some settings changed: path of the setting, or section, and value."""
    experiment, _ = load_settings(name)
    _, settings = load_settings(experiment, values=dict(experiment.small) | more)
    return settings, experiment.run(settings)
