"""Recorded eyes and neurons, read from the files of their authors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from cortex.errors import UserError

OSIE_SIZE = (600, 800)  # px, height and width of the photographs as they were shown


class Viewing(NamedTuple):
    """A photograph, and where people looked on it.

    Attributes:
        path: of the photograph.
        people: fixations of each person in their order, (row, column) from 0 to 1.
    """

    path: Path
    people: tuple[Float[np.ndarray, "fixations 2"], ...]


class Session(NamedTuple):
    """Units recorded together.

    Attributes:
        selectivity: colour against shape, (a - b) / (a + b) of the largest mean response over
            colours (a) and over shapes (b) [1].
        gain: colour against shape task, (a - b) / (a + b) of the largest mean response over
            colours in either [1].
    """

    selectivity: Float[np.ndarray, " units"]
    gain: Float[np.ndarray, " units"]


def read_osie(folder: Path) -> list[Viewing]:
    """Photographs of OSIE and fixations of all people, in the order of the file.

    Args:
        folder: with `fixations.mat` and the photographs in a folder `stimuli*`, of any size,
            anywhere below.

    Raises:
        UserError: the file is not the authors', or a photograph is not there.

    Source: Xu et al. 2014, Journal of Vision 14(1):28.
    """
    path = next(folder.glob("**/fixations.mat"))
    pictures = {file.name: file for file in folder.glob("**/stimuli*/*.jpg")}
    found = []
    for one in _matlab(path, "fixations").ravel():
        if one.img not in pictures:
            raise UserError(f"folder: {folder} has no photograph {one.img}, named in {path.name}")
        people = (np.stack([_row(p.fix_y), _row(p.fix_x)], axis=1) for p in one.subjects)
        found.append(Viewing(pictures[one.img], tuple(p / OSIE_SIZE for p in people)))
    return found


def read_task_gains(folder: Path) -> list[Session]:
    """Sessions of macaque V4: gains between a colour and a shape task, and selectivity.

    Args:
        folder: with `figure4_gains.mat`, anywhere below.

    Raises:
        UserError: the file is not the authors'.

    Source: Srinath et al. 2024; the definitions are those of their program figure4_rest.m.
    """
    path = next(folder.glob("**/figure4_gains.mat"))
    read = (_matlab(path, name).ravel() for name in ("pSel", "task_gains"))
    return [Session(_row(one), _row(other)) for one, other in zip(*read, strict=True)]


def _matlab(path: Path, name: str) -> Any:
    from scipy.io import loadmat  # slow to import, seldom needed
    from scipy.io.matlab import MatReadError

    try:
        return np.atleast_1d(loadmat(path, squeeze_me=True, struct_as_record=False)[name])
    except (MatReadError, ValueError, LookupError, TypeError, NotImplementedError) as error:
        raise UserError(f"folder: {path} holds no '{name}' as MATLAB 5 writes it") from error


def _row(values: Any) -> Float[np.ndarray, " numbers"]:
    return np.atleast_1d(np.asarray(values, float))
