"""Make the pages of the gallery from its scripts: a hook of mkdocs; and their pictures, when run.

The docstring of a script has a title, a paragraph of two sentences that the overview shows, and
then what its page says. `python docs/make_gallery.py [NAME ...]` runs the scripts, each in a
separate process, prints how long each ran, and saves their pictures in pictures/gallery, with few
colors to keep the files small. Scripts whose packages are not installed
say so, and keep the picture that they have.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

DOCS = Path(__file__).resolve().parent
SCRIPTS = DOCS.parent / "examples" / "gallery"
SLIDERS = DOCS.parent / "examples" / "notebooks"
NOTEBOOKS = ["bivariate_normal", "curve_fit", "phase_portrait"]
PICTURES = "pictures/gallery"
BYTES = 58 * 1024  # of a picture at most
COLORS = 256, 128, 64  # the first of these with which it is that small
TOP = {"Bayesian models": ["qpo", "power_spectrum", "eight_schools", "normal_from_uniforms",
                           "kalman_filter", "sir_epidemic", "transit", "hierarchical_numpyro",
                           "regression_blackjax"],
       "Physics and pictures": ["kepler_orbits", "lorenz", "molecular_dynamics", "deblurring"],
       "Learning": ["digits", "digits_packages", "neural_ode"]}
NAMES = [name for group in TOP.values() for name in group]


# ---- pages ----
def parts(name: str) -> tuple[str, str, str, str]:
    """Title, two sentences, and the rest of the docstring of a script, and its code."""
    source = (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    doc = ast.get_docstring(ast.parse(source)) or ""
    title, sentences, rest = doc.split("\n\n", 2)
    code = source[source.index('"""', 3) + 3:].strip()
    return title, " ".join(sentences.split()), rest, code


def text(rest: str) -> str:
    """Paragraphs of a docstring as Markdown: what is indented is a formula, shown as it is."""
    return "\n\n".join(
        f"```text\n{dedent(part)}\n```" if part.startswith(" ") else part.replace("*", r"\*")
        for part in rest.split("\n\n"))


def page(name: str) -> str:
    """The page of an example: what it is about, its picture, its program."""
    title, sentences, rest, code = parts(name)
    return (f"# {title}\n\n{sentences}\n\n![{title}](../{PICTURES}/{name}.png)\n\n{text(rest)}\n\n"
            f"## The program\n\n`python examples/gallery/{name}.py` draws the picture into the "
            f"current folder.\n\n```python\n{code}\n```\n")


def overview() -> str:
    """The first page: each example with its picture and two sentences."""
    lines = ["# Gallery", "Programs of less than 150 lines, each of which runs in less than a "
             "minute and draws one picture. They are in `examples/gallery` of the repository; "
             "`pip install .[examples]` brings matplotlib, which draws. Where an example needs "
             "another package, its page says so."]
    for group, names in TOP.items():
        lines.append(f"## {group}")
        for name in names:
            title, sentences, *_ = parts(name)
            lines += [f"### [{title}]({name}.md)",
                      f"[![{title}](../{PICTURES}/{name}.png)]({name}.md)", sentences]
    lines += ["## Notebooks with sliders", "In `examples/notebooks`, start `jupyter lab "
              "--config=jupyter_server_config.py`, run all cells and move the sliders: the picture "
              "follows, 15 to 40 times a second. (With that configuration the server passes small "
              "messages on at once.) `pip install jupyterlab` brings Jupyter itself."]
    for name in NOTEBOOKS:
        title, sentences, *_ = notebook(name)[0][0].split("\n\n")
        lines += [f"##{title}", f"![{title[2:]}](../{PICTURES}/{name}.png)",
                  f"`{name}.ipynb`. {sentences}"]
    return "\n\n".join(lines) + "\n"


def notebook(name: str) -> tuple[list[str], list[str]]:
    """The texts and the programs of a notebook."""
    cells = json.loads((SLIDERS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts, programs = (["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]
                       for kind in ("markdown", "code"))
    return texts, programs


def pages() -> dict[str, str]:
    """The text of each page, by its path."""
    return {"gallery/index.md": overview(), **{f"gallery/{name}.md": page(name) for name in NAMES}}


# ---- hooks of mkdocs ----
def on_config(config: Any) -> Any:
    """Fill in the navigation: `gallery/` stands for all pages."""
    listed = ["gallery/index.md", *({group: [f"gallery/{name}.md" for name in names]}
                                    for group, names in TOP.items())]
    config.nav = [{title: listed if value == "gallery/" else value}
                  for item in config.nav for title, value in item.items()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to those on disk."""
    from mkdocs.structure.files import File

    for path, content in pages().items():
        files.append(File.generated(config, path, content=content))
    return files


# ---- pictures ----
def make(name: str, folder: str) -> None:
    """Run a script in `folder`, or the cells of a notebook, and keep its picture."""
    from PIL import Image

    begin, program = time.perf_counter(), [SCRIPTS / f"{name}.py"]
    if name in NOTEBOOKS:
        keep = f"plt.imsave({str(Path(folder, name + '.png'))!r}, figure.canvas.buffer_rgba())"
        program = ["-c", "\n".join([f"import sys; sys.path.insert(0, {str(SLIDERS)!r})",
                                    *notebook(name)[1], keep])]
    done = subprocess.run([sys.executable, *program], cwd=folder, capture_output=True,
                          text=True, check=False)
    seconds, drawn = time.perf_counter() - begin, Path(folder, f"{name}.png")
    if done.returncode:
        print(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return
    kept = DOCS / PICTURES / drawn.name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(drawn) as picture:
        for colors in COLORS:
            few = picture.convert("RGB").quantize(colors, dither=Image.Dither.NONE)
            few.save(kept, optimize=True)
            if kept.stat().st_size < BYTES:
                break
    print(f"{name}: {seconds:.1f} s, {kept.stat().st_size / 1024:.0f} kB", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or NAMES + NOTEBOOKS:
            make(name, folder)
