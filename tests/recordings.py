"""Tiny folders in the format of the public recordings, of made pictures and made numbers."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

PICTURES, PEOPLE, SIZE = 8, 3, (64, 48)  # width, height [px]
UNITS = (6, 9, 7, 8)


def write_osie(folder: Path) -> Path:
    """Fixations of a few people near the one bright square of each picture."""
    rng = np.random.default_rng(0)
    (folder / "stimuli").mkdir(parents=True)
    fixations = np.empty((PICTURES, 1), object)
    for number in range(PICTURES):
        name, corner = f"{1001 + number}.jpg", (4 + 4 * number, 6 * number)
        middle = (np.array(corner) + 4) / SIZE[::-1]
        people = np.empty((PEOPLE, 1), object)
        for person in range(PEOPLE):
            near = middle + 0.04 * rng.normal(size=(3 + person, 2))
            row, column = np.clip(near, 0, 1).T
            people[person, 0] = {"fix_x": 800 * column, "fix_y": 600 * row, "fix_duration": row}
        fixations[number, 0] = {"img": name, "subjects": people}
        pixels = np.full((SIZE[1], SIZE[0], 3), 100, np.uint8)
        top, left = corner
        pixels[top : top + 8, left : left + 8] = [220, 60 + 10 * number, 60]
        Image.fromarray(pixels).save(folder / "stimuli" / name, quality=95)
    savemat(folder / "fixations.mat", {"fixations": fixations})
    return folder


def write_v4_gain(folder: Path) -> Path:
    """Sessions of units whose gain grows with their selectivity."""
    rng = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    selectivity, gain = (np.empty((1, len(UNITS)), object) for _ in range(2))
    for session, units in enumerate(UNITS):
        selectivity[0, session] = 0.03 * rng.normal(size=(units, 1))
        gain[0, session] = 0.2 * selectivity[0, session] + 0.03 * rng.normal(size=(units, 1))
    savemat(folder / "figure4_gains.mat", {"pSel": selectivity, "task_gains": gain})
    return folder
