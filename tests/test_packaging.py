"""What is packaged is what is in the tree; imports go downwards; files stay short."""

import ast
import functools
import importlib.util
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cortex.models.learned import NAMES

ROOT = Path(__file__).parents[1]
SETUP = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
LIBRARY = ROOT / "cortex"
ROOMS = ("sims", "configs", "figures")
MOST_LINES_OF_A_SIM = 250
# Published models, a classical task, psychometric functions, a comparison of scan paths, a fit of
# any circuit, photographs of one's own and what noisy trials show, offered to users, though one
# experiment has them.
OFFERED = {
    "cortex.analysis.psychometric",
    "cortex.analysis.contrast_response",
    "cortex.analysis.fixations",
    "cortex.analysis.scan_paths",
    "cortex.circuit.fitting",
    "cortex.models.hierarchy",
    "cortex.models.normalization_model",
    "cortex.models.object_images",
    "cortex.models.saliency_circuits",
    "cortex.models.sheet",
    "cortex.models.two_features",
    "cortex.studies.eye_fixations",
    "cortex.studies.mechanisms",
    "cortex.studies.noisy_measures",
    "cortex.tasks.cueing",
}
# From the ground up; a module imports from its own floor and those below.
FLOORS = (
    "errors",
    "sources",
    "settings",
    "progress",
    "memory",
    "trainer",
    "circuit",
    "labelled",
    "attention",
    "stimuli",
    "analysis",
    "frontends",
    "areas",
    "tasks",
    "models",
    "plot",
    "experiment",
    "studies",
    "explore",
    "cli",
    "command",
)


def sources(*folders: str) -> list[Path]:
    """The Python files of the repository's folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def folders_of_modules() -> set[Path]:
    """Every folder that modules are installed from."""
    return {path.parent for path in sources("cortex", *ROOMS)}


def test_every_folder_of_modules_is_a_package():
    assert [path for path in folders_of_modules() if not (path / "__init__.py").is_file()] == []


def test_the_packages_are_those_of_the_tree():
    rooms = {f"cortex.{room}" for room in ROOMS}
    library = {
        ".".join(folder.relative_to(ROOT).parts)
        for folder in folders_of_modules()
        if folder.is_relative_to(LIBRARY)
    }
    # Where the command starts stands outside of the package, see there.
    library = library - {"cortex.command"} | {"cortex_command"}
    assert len(SETUP["packages"]) == len(set(SETUP["packages"]))
    assert set(SETUP["packages"]) == library | rooms
    folders = {"cortex": "cortex", "cortex_command": "cortex/command"}
    assert SETUP["package-dir"] == folders | {f"cortex.{room}": room for room in ROOMS}


def test_all_data_are_packaged():
    """Whatever is no module is named by a pattern of its package; no pattern is idle."""
    packaged, data = set(), set()
    for package in SETUP["packages"]:
        inside = package.replace("cortex_command", "cortex.command").removeprefix("cortex.")
        folder = ROOT / (inside if inside in ROOMS else package.replace(".", "/"))
        data |= {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".py"}
        for pattern in SETUP["package-data"].get(package, []):
            found = set(folder.glob(pattern))
            assert found, f"{package}: {pattern} names no file"
            packaged |= found
    # What README shows is no part of the package.
    data = {path for path in data if not {"__pycache__", "gallery"} & set(path.parts)}
    assert data == packaged
    suffixes = {path.suffix for path in packaged}
    assert {".toml", ".safetensors", ".typed"} <= suffixes


def test_the_weights_are_small():
    sizes = {path.name: path.stat().st_size for path in LIBRARY.rglob("*.safetensors")}
    assert {name: size for name, size in sizes.items() if size >= 2e6} == {}


@functools.cache
def imported(path: Path) -> list[tuple[int, str]]:
    """Line and full name of everything a module of the library imports, wherever it does."""
    package = path.relative_to(ROOT).parts[:-1]
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            found += ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
    return found


def floor(name: str) -> int | None:
    """The floor of a full name: `cortex.tasks.study` is on that of tasks; None outside cortex."""
    top, _, rest = name.partition(".")
    if top != "cortex":
        return None
    part = rest.partition(".")[0]
    return FLOORS.index(part) if part in FLOORS else len(FLOORS)


def test_the_floors_are_the_folders():
    there = {path.stem for path in LIBRARY.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__init__", "__pycache__"} == set(FLOORS)


@pytest.mark.parametrize("path", sources("cortex"), ids=lambda p: str(p.relative_to(LIBRARY)))
def test_imports_go_downwards(path):
    # `cortex/__init__.py` stands above all: what it names is imported when it is used.
    here = floor(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert here is not None
    upwards = [
        f"line {line}: {name}"
        for line, name in imported(path)
        if (there := floor(name)) is not None and there > here
    ]
    assert upwards == []


def test_a_sim_is_short():
    counts = {path.stem: len(path.read_text().splitlines()) for path in sources("sims")}
    long = {name for name, count in counts.items() if count > MOST_LINES_OF_A_SIM}
    assert long == set()


def users_of(modules: dict[str, Path]) -> dict[str, set[Path]]:
    """Files of the repository that import each module, or something from it, tests aside."""
    users: dict[str, set[Path]] = {name: set() for name in modules}
    for path in sources("cortex", "sims", "figures", "benchmarks"):
        for _, name in imported(path):
            module = name if name in modules else name.rpartition(".")[0]
            if module in modules and path != modules[module]:
                users[module].add(path)
    return users


def test_no_module_of_the_library_serves_one_sim_only():
    """What one experiment needs alone stands in it; imports through a room's door count."""
    files = [path for path in sources("cortex") if path.name != "__init__.py"]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in files}
    doors = {exported: module for module in modules for exported in exports(module)}
    users = users_of(modules)
    for name in NAMES:  # `cortex train attention` loads them by name
        users[f"cortex.models.learned.{name}"].add(ROOT / "cortex" / "cli" / "train.py")
    for path in sources("cortex", "sims", "figures", "benchmarks"):
        for _, name in imported(path):
            if name in doors and path != modules[doors[name]]:
                users[doors[name]].add(path)
    inside = set(sources("cortex"))
    lonely = {}
    for module, found in users.items():
        real = {path for path in found if path.name != "__init__.py"}
        sims = {path.stem for path in real if path.parent.name in ("sims", "figures")}
        if len(sims) == 1 and not real & inside:
            lonely[module] = sims
    assert {name: sims for name, sims in lonely.items() if name not in OFFERED} == {}


def exports(module: str) -> Iterator[str]:
    """Full names under which the room of a module offers what is in it."""
    room = module.rpartition(".")[0]
    door = ROOT / Path(*room.split(".")) / "__init__.py"
    for _, name in imported(door) if door.is_file() else ():
        if name.rpartition(".")[0] == module:
            yield f"{room}.{name.rpartition('.')[2]}"


@pytest.mark.parametrize("path", sources("benchmarks", "docs"), ids=lambda p: p.name)
def test_what_is_imported_from_the_package_is_there(path):
    """Of files that tests do not run."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cortex"):
            module = importlib.import_module(str(node.module))
            for name in node.names:
                inside = hasattr(module, name.name)
                assert inside or importlib.util.find_spec(f"{node.module}.{name.name}"), name.name
