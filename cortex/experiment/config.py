"""Names of settings that modules not yet on `cortex.settings` import."""

from cortex.settings import (
    ExperimentSettings as ExperimentConfig,
)
from cortex.settings import (
    NonNegative,
    Positive,
    Row,
    frozen,
    plain,
    quantity,
    replaced,
    require_distinct,
    require_order,
    settings,
)
from cortex.settings import Settings as Section

__all__ = [
    "ExperimentConfig",
    "NonNegative",
    "Positive",
    "Row",
    "Section",
    "frozen",
    "plain",
    "quantity",
    "replaced",
    "require_distinct",
    "require_order",
    "settings",
]
