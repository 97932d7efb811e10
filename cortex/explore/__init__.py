"""A circuit on a page in the browser: sliders, steady states, time course, regime.

`scene` has the settings and the numbers, `text` says them as a program; both need nothing beyond
the library. `page`, which `cortex explore` serves, needs ``pip install -e '.[explore]'``.
"""

from .scene import RingScene, Scene, Seen, SheetScene, look, scene_from
from .text import as_python, as_query, as_toml, from_query

__all__ = [
    "RingScene",
    "Scene",
    "Seen",
    "SheetScene",
    "as_python",
    "as_query",
    "as_toml",
    "from_query",
    "look",
    "scene_from",
]
