"""Places that fail: full and read-only disks, no home, plain terminals, names in any alphabet."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cortex
from cortex.errors import UserError
from cortex.experiment.places import can_hold_files

TOY = Path(__file__).parent / "experiment" / "sweeps" / "toy.py"
CORTEX = Path(sys.executable).with_name("cortex")


def command(*words, **environment):
    """What `cortex` says and how it ends, in a process of its own; None takes a variable away."""
    given = {**os.environ, "JAX_PLATFORMS": "cpu", **environment}
    given = {name: value for name, value in given.items() if value is not None}
    return subprocess.run([CORTEX, *words], env=given, capture_output=True, text=True)


def run(out, **environment):
    return command("run", str(TOY), "--out", str(out), **environment)


@contextlib.contextmanager
def mounted(folder, options):
    """A file system of its own at a folder, where that is allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path, monkeypatch):
    can_hold_files(tmp_path / "not" / "yet")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"^--out .*: .*file is a file, allowed: a folder$"):
        can_hold_files(tmp_path / "file" / "in")

    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(UserError, match=r"cannot write in .* \(Read-only file system\)$"):
        can_hold_files(tmp_path / "there")


@pytest.mark.slow
def test_a_disk_that_is_read_only_or_full(tmp_path):
    with mounted(tmp_path / "read", "ro") as folder:
        done = run(folder / "out")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "(Read-only file system)" in done.stderr
    # What was computed is kept, on another disk if need be, and said to be.
    refuge = tmp_path / "temporary"
    refuge.mkdir()
    with mounted(tmp_path / "full", "size=20k") as folder:
        done = run(folder / "out", TMPDIR=str(refuge))
        assert done.returncode == 2
        assert not list(folder.iterdir())
    last = done.stderr.splitlines()[-1]
    assert "out: cannot be written (No space left on device); the results are in" in last
    assert "Traceback" not in done.stderr
    (found,) = refuge.glob("cortex-*/out")
    assert (found / "measures.json").is_file()
    assert str(found) in last


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"HOME": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
        {"HOME": "/proc/none", "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
        {"MPLCONFIGDIR": "/proc/none"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["no home", "no such home", "no folder for matplotlib", "ASCII"],
)
def test_it_runs(environment, tmp_path):
    done = run(tmp_path / "out", **environment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "measures.json").is_file()


@pytest.mark.slow
def test_names_in_any_alphabet(tmp_path):
    folder = tmp_path / "Meßwerte, 結果"
    assert run(folder).returncode == 0
    shown = command("report", str(folder))
    assert shown.returncode == 0, shown.stderr
    assert folder.name in shown.stdout.replace("\n", "")


@pytest.mark.slow
def test_two_runs_into_one_folder_at_once(tmp_path):
    words = [CORTEX, "run", TOY, "--out", tmp_path / "out"]
    both = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for _ in "ab"]
    assert [one.wait(120) for one in both] == [0, 0]
    # Neither is lost: the later one stands beside the first.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "out-2"]


def test_pycortex_in_the_same_environment_is_said_in_one_line(tmp_path):
    """Either may be found under the name that both have."""

    def said(folder, script):
        found = {"env": {"PYTHONPATH": str(folder)}, "cwd": folder}
        return subprocess.run([sys.executable, "-c", script], **found, capture_output=True)

    theirs, mixed = (tmp_path / name / "cortex" for name in ("theirs", "mixed"))
    for package in (theirs, mixed):
        (package / "polyutils").mkdir(parents=True)
        (package / "__init__.py").touch()
    start = Path(cortex.__file__).parent / "command" / "__init__.py"
    done = said(theirs.parent, f"exec(open({str(start)!r}).read()); main()")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: pycortex is installed in this environment too")
    assert done.stderr.count(b"\n") == 1
    shutil.copy(cortex.__file__, mixed)
    done = said(mixed.parent, "import cortex")
    assert b"ImportError: pycortex is installed in this environment too" in done.stderr
