"""The notebooks with sliders: run without a browser, each slider moved, their numbers checked.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "notebooks"
PACKAGES = ("nbclient", "ipykernel", "ipywidgets", "matplotlib")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]

# After the last cell: moves each slider to its end; a figure that stays is a fault.
MOVE = """
import json

moved = {{}}
for name, each in panel.sliders.items():
    before = panel.image.value
    each.value = each.options[-1] if hasattr(each, "options") else each.max
    panel.draw()  # once more, so that what was compiled for new shapes is not counted
    moved[name] = [panel.image.value != before, round(1000 * panel.seconds, 1)]
{check}
print(json.dumps(moved))
"""
CHECKS = {
    "bivariate_normal": """
mean, sd, r = np.array([1.0, -2.0]), np.array([1.5, 0.7]), -0.6
draws, ellipse, densities, histograms = map(np.asarray, bivariate(1.0, -2.0, 1.5, 0.7, r, 10000))
covariance = np.outer(sd, sd) * np.array([[1, r], [r, 1]])
off = ellipse - mean
np.testing.assert_allclose(np.sum(off @ np.linalg.inv(covariance) * off, axis=1), 9)
np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.1)
np.testing.assert_allclose(densities.sum(axis=1) * (GRID[1] - GRID[0]), 1, atol=1e-6)
""",
    "curve_fit": """
import scipy.stats
C = np.asarray(kernel(X, X, 1.3, 0.8)) + 0.04 * np.eye(len(X))
exact = scipy.stats.multivariate_normal.logpdf(Y, np.zeros(len(X)), C)
np.testing.assert_allclose(predict(1.3, 0.8, 0.2)[2], exact)
np.testing.assert_allclose(predict(1.3, 0.8, 0.2)[0],
                           np.asarray(kernel(GRID, X, 1.3, 0.8)) @ np.linalg.solve(C, Y))
best = fit(jnp.array([1.0, 1.0, 0.3]))
assert np.all(np.abs(ingot.grad(log_likelihood, (0, 1, 2))(*best)) < 1e-2)
""",
    "phase_portrait": """
path = np.asarray(motions(0.0, 0.0))
energy = 0.5 * path[..., 1] ** 2 - np.cos(path[..., 0])
np.testing.assert_allclose(energy - energy[:, :1], 0, atol=1e-4)
""",
}


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
@pytest.mark.parametrize("name", CHECKS)
def test_notebooks(name, tmp_path):
    """In a process of its own: what runs notebooks warns of things that are not ours."""
    program = tmp_path / "run.py"
    program.write_text(f"""
import nbclient, nbformat

notebook = nbformat.read({str(FOLDER / f"{name}.ipynb")!r}, 4)
assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not committed"
notebook.cells.append(nbformat.v4.new_code_cell({MOVE.format(check=CHECKS[name])!r}))
nbclient.NotebookClient(notebook, timeout=60,
                        resources={{"metadata": {{"path": {str(FOLDER)!r}}}}}).execute()
print("".join(output.get("text", "") for output in notebook.cells[-1].outputs))
""")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    moved = json.loads(done.stdout.strip().splitlines()[-1])
    print(name, {slider: f"{milliseconds} ms" for slider, (_, milliseconds) in moved.items()})
    assert all(changed for changed, _ in moved.values()), moved
