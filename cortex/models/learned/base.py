"""What is trained for attention: how each thing is made, trained, kept and read again."""

from collections.abc import Callable
from importlib import import_module, resources
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
from jaxtyping import PRNGKeyArray

from cortex.errors import UserError
from cortex.frontends.weights import load_weights, save_weights
from cortex.trainer import Curve, Report

# Modules of this folder, each with a function `trained_source`.
NAMES: tuple[str, ...] = (
    "attention_gate",
    "feedback",
    "glimpse_policy",
    "glimpses",
    "lateral",
    "residual_mask",
    "sequence_reading",
    "soft",
)


class TrainedSource(NamedTuple):
    """A source of attention, or what looks by itself, that is trained here.

    Attributes:
        name: of the module, of the command and of the files.
        untrained: from a key to the module with random weights.
        epochs: of its training, how often `Report` is called.
        train: from (seed, report) to the trained module and its training curve. Everything random
            comes from the seed; held-out images are not touched.
        score: from the trained module to facts worth keeping with it, such as its accuracy on
            held-out images.
    """

    name: str
    untrained: Callable[[PRNGKeyArray], Any]
    epochs: int
    train: Callable[[int, Report | None], tuple[Any, Curve]]
    score: Callable[[Any], dict[str, float]]

    def file(self, seed: int, folder: Path | None = None) -> Path:
        """Where the weights are: those of the package, or in a folder of the user's."""
        place = Path(str(resources.files("cortex.models.learned"))) / "weights"
        return (folder or place) / f"{self.name}_{seed}.safetensors"

    def save(
        self, path: Path, module: Any, curve: Curve, facts: dict[str, Any]
    ) -> dict[str, float]:
        """Store a trained module with its training curve and its score, which it returns."""
        score = self.score(module)
        rows = [{name: round(float(value), 5) for name, value in row.items()} for row in curve]
        save_weights(path, module, facts | score | {"curve": rows})
        return score

    def load(self, seed: int = 0, folder: str | Path | None = None) -> tuple[Any, dict[str, Any]]:
        """The trained module, and what was stored with it.

        Raises:
            UserError: the file is missing, unreadable, or of another architecture.
        """
        like = eqx.filter_eval_shape(self.untrained, jax.random.key(0))
        return load_weights(self.file(seed, Path(folder) if folder else None), like)


def trained_source(name: str) -> TrainedSource:
    """What is trained under a name.

    Raises:
        UserError: no such name.
    """
    if name not in NAMES:
        raise UserError(f"attention: found {name!r}, allowed: {', '.join(NAMES)}")
    found: TrainedSource = import_module(f"cortex.models.learned.{name}").trained_source()
    return found
