"""Writes, while the documentation is built, a page for each experiment and the list of all.

Tutorials become notebooks too, which their pages offer for download, and formulas MathML.
"""

import html
import json
import os
import re
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).parents[1]
FORMULA = re.compile(  # as pymdownx.arithmatex leaves it
    r'<(?P<tag>span|div) class="arithmatex">\\[(\[](?P<tex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_files(files, config):
    """The pages, the pictures that they show, and the notebooks."""
    from mkdocs.structure.files import File

    from cortex.experiment import registry

    rows = verdicts()
    listed = ["# Experiments", "", "Each is one file of at most 250 lines in `sims/`."]
    listed += ["Times are about those of two CPU cores.", ""]
    for family, members in registry.families().items():
        listed += [f"## {family}", ""]
        listed += ["| experiment | asks | takes | rows that hold |", "|---|---|---|---|"]
        for name, takes in members.items():
            held, claimed = sum(row["holds"] for row in rows[name]), len(rows[name])
            asks = cell(registry.summary(name))
            listed.append(f"| [{name}]({name}.md) | {asks} | {takes} | {held}/{claimed} |")
            page = "\n".join(page_of(name, rows[name])) + "\n"
            files.append(File.generated(config, f"experiments/{name}.md", content=page))
        listed.append("")
    for picture in sorted((ROOT / "figures" / "gallery").glob("*.png")):
        path = f"experiments/{picture.name}"
        files.append(File.generated(config, path, abs_src_path=str(picture)))
    measured = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    files.append(File.generated(config, "benchmarks.md", content=measured))
    scaling = str(ROOT / "benchmarks" / "scaling.png")
    files.append(File.generated(config, "scaling.png", abs_src_path=scaling))
    for tutorial in sorted((ROOT / "docs" / "tutorials").glob("*.py")):
        path = f"tutorials/{tutorial.stem}.ipynb"
        files.append(File.generated(config, path, content=notebook(tutorial)))
    content = "\n".join(listed) + "\n"
    files.append(File.generated(config, "experiments/index.md", content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Pictures and lists that lie elsewhere in the repository lie beside the pages here."""
    markdown = markdown.replace("](../figures/gallery/README.md)", "](experiments/index.md)")
    markdown = markdown.replace("](../benchmarks/README.md)", "](benchmarks.md)")
    return markdown.replace("](../figures/gallery/", "](experiments/")


def drawn(formula):
    """A formula in TeX as MathML: neither a script nor the network is needed to read it."""
    from latex2mathml.converter import convert

    tag, tex = formula["tag"], html.unescape(formula["tex"])
    return f"<{tag}>{convert(tex, display='block' if tag == 'div' else 'inline')}</{tag}>"


def notebook(tutorial):
    """A tutorial as a notebook, not executed."""
    import jupytext

    cells = jupytext.read(tutorial)
    cells.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return jupytext.writes(cells, "ipynb")


def on_page_content(content, page, config, files):
    """Formulas are drawn by the browser itself; above a tutorial stands where its notebook is."""
    content = FORMULA.sub(drawn, content)
    assert "arithmatex" not in content, page.file.src_uri  # a formula that nobody draws
    stem, suffix = os.path.splitext(page.file.src_uri)
    if suffix != ".py":
        return content
    href = f"{os.path.basename(stem)}.ipynb"
    return f'<p><a href="{href}" download>Download as a notebook</a></p>{content}'


def verdicts():
    """Rows of the last validation that was frozen, by experiment."""
    found = defaultdict(list)
    for row in json.loads((ROOT / "tests" / "frozen" / "validation.json").read_text()):
        if row["holds"] is not None:
            found[row["experiment"]].append(row)
    return found


def without_tags(text):
    """Text in which "<s, r>" is no tag; what stands in backticks is as it was."""
    words = re.split(r"(`[^`]*`)", text)
    return "".join(one if one[:1] == "`" else one.replace("<", "&lt;") for one in words)


def cell(text):
    """Text that ends no cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def page_of(name, rows):
    """Question, figure, settings with units and sources, claims with verdicts."""
    from cortex.experiment import load_settings, registry
    from cortex.settings import settings

    experiment, resolved = load_settings(name)
    module = __import__(f"cortex.sims.{name}", fromlist=["__doc__"])
    first, _, rest = module.__doc__.partition("\n")
    yield from (f"# {name}", "", f"**{first}**", "", without_tags(rest.strip()), "")
    yield from (
        "```",
        f"cortex run {name}",
        "```",
        "",
        f"[![Figure of {name}]({name}.png)]({name}.png)",
        "",
    )
    yield from (registry.caption(name), "")
    yield from ("## Claims", "", "| claim | expected | found | holds |", "|---|---|---|---|")
    for row in rows:
        value = (
            "—" if row["value"] is None else f"{row['value']:.4g} {row['unit']}".replace(" 1", "")
        )
        verdict = "yes" if row["holds"] else "**no**"
        yield f"| `{cell(row['measure'])}` | {cell(row['expected'])} | {value} | {verdict} |"
    yield from ("", "## Settings", "", "| setting | default | unit | meaning | source |")
    yield "|---|---|---|---|---|"
    for row in settings(resolved):
        cells = (f"`{row.path}`", f"`{row.value}`", row.unit, row.description, row.source)
        yield "| " + " | ".join(cell(one) for one in cells) + " |"
    cited = experiment.references()
    if cited:
        yield from ("", "## Stands on", "", "```bibtex", *cited, "```")
