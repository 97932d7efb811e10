"""What the pages show runs as it stands, and links lead somewhere."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "```python" in path.read_text())
TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


def name(path):
    return str(path.relative_to(DOCS))


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """An empty folder, for what a page writes; its figures are closed."""
    monkeypatch.chdir(tmp_path)
    yield
    plt.close("all")


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=name)
def test_the_code_of_a_page_runs(path, elsewhere):
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    exec(compile("\n".join(blocks), str(path), "exec"), {})


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # one shows what becomes of a circuit that runs away
@pytest.mark.parametrize("path", TUTORIALS, ids=name)
def test_a_tutorial_runs(path, elsewhere):
    exec(compile(path.read_text(), str(path), "exec"), {})


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=name)
def test_links_of_a_page_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        # Pages of experiments are written by the build.
        assert "://" in link or "experiments/" in link or (path.parent / link).exists(), link
