"""Public data sets that experiments can use: where users get them, and where they go.

None comes with the package. An experiment finds one in the folder that its setting names or, where
that is empty, in the folder of the data set's name within the one that the environment variable
`CORTEX_DATA` names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cortex.errors import UserError

VARIABLE = "CORTEX_DATA"


@dataclass(frozen=True)
class PublicData:
    """A data set.

    Attributes:
        name: of its folder.
        what: what it is, in a few words.
        files: patterns, one of which names a file of it: all must be there.
        used: experiments and their setting.
        source: address.
        licence: under which terms; "not stated" where its authors state none.
        citation: paper.
    """

    name: str
    what: str
    files: tuple[str, ...]
    used: str
    source: str
    licence: str
    citation: str

    def missing(self, folder: Path) -> list[str]:
        """Patterns that name nothing in a folder."""
        return [one for one in self.files if not any(folder.glob(one))]


PUBLIC = (
    PublicData(
        "osie",
        "where 15 people looked on 700 photographs",
        ("**/fixations.mat", "**/stimuli*/*.jpg"),
        "fixation_prediction (folder)",
        "github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, folder data",
        "MIT",
        "Xu et al. 2014, Journal of Vision 14(1):28",
    ),
    PublicData(
        "v4_gain",
        "gain of units of macaque V4 between a colour and a shape task, and their selectivity",
        ("**/figure4_gains.mat",),
        "task_gain_of_neurons (folder)",
        "github.com/ramanujansrinath/flexigain, folder data",
        "MIT",
        "Srinath et al. 2024, bioRxiv",
    ),
    PublicData(
        "photos",
        "photographs of objects, a folder a category, such as Caltech-101",
        ("*/*.*",),
        "object_detection with a network of photographs (images.folder)",
        "data.caltech.edu/records/mzrjq-6wc02",
        "CC BY 4.0 by one of its copies; single pictures may have other owners",
        "Fei-Fei, Fergus & Perona 2004, CVPR workshop",
    ),
    PublicData(
        "mnist",
        "handwritten digits: the IDX files of the training and the test set, or one of them",
        ("*images*idx3-ubyte*", "*labels*idx1-ubyte*"),
        "experiments on digits (mnist, images.mnist)",
        "yann.lecun.com/exdb/mnist and its mirrors",
        "CC BY-SA 3.0, by the documentation of Keras",
        "LeCun, Bottou, Bengio & Haffner 1998, Proc IEEE 86:2278",
    ),
)
BY_NAME = {data.name: data for data in PUBLIC}


def place(name: str, folder: str | Path = "") -> Path | None:
    """The folder in which a data set is looked for; None if nothing says where.

    Args:
        name: one of `PUBLIC`.
        folder: of the data set itself; empty: that of its name within `CORTEX_DATA`.
    """
    if folder:
        return Path(folder).expanduser()
    around = os.environ.get(VARIABLE, "")
    return Path(around).expanduser() / name if around else None


def located(name: str, folder: str | Path = "") -> Path:
    """The folder of a data set; arguments as for `place`.

    Raises:
        UserError: it is not there; the line says what is expected and which command tells more.
    """
    data, found = BY_NAME[name], place(name, folder)
    advice = f"{' and '.join(data.files)} of {name}; `cortex data` says where to get them"
    if found is None:
        raise UserError(f"folder: found '' and no {VARIABLE}, allowed: a folder with {advice}")
    if missing := data.missing(found):
        raise UserError(f"folder: {found} has no {missing[0]}, allowed: a folder with {advice}")
    return found


def absent(names: tuple[str, ...]) -> list[str]:
    """Those of some data sets that `CORTEX_DATA` does not hold."""
    folders = {name: place(name) for name in names}
    return [name for name, at in folders.items() if at is None or BY_NAME[name].missing(at)]
