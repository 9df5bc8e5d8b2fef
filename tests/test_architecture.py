"""The structure is checked, and the checks are shown to fail where they must."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import backtests
import research
import signals

ROOT = Path(__file__).parent.parent
PACKAGES = (research, signals, backtests)


def modules():
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield found.name


def imported_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def contracts(folder: Path) -> subprocess.CompletedProcess:
    lint = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint, "--no-cache", "--config", str(folder / "pyproject.toml")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
    )


def copy_of_the_packages(tmp_path: Path) -> Path:
    import shutil

    for package in ("research", "signals", "backtests"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.parquet"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def test_imports_go_one_way(tmp_path):
    done = contracts(copy_of_the_packages(tmp_path))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("signals/features.py", "from backtests.labels import forward_returns"),
        ("research/prices.py", "import signals.panel"),
        ("signals/panel.py", "import pandas"),
        ("backtests/metrics.py", "import vectorbt"),
    ],
)
def test_a_forbidden_import_is_caught(tmp_path, module, planted):
    folder = copy_of_the_packages(tmp_path)
    path = folder / module
    path.write_text(path.read_text(encoding="utf-8") + f"\n{planted}\n", encoding="utf-8")
    done = contracts(folder)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout


@pytest.mark.parametrize(
    "statement", ["import backtests", "import tidings, research.cli, signals.cli, backtests.cli", "import research", "import signals"]
)
def test_slow_libraries_are_not_loaded_by_an_import(statement):
    assert not imported_by(statement) & {"vectorbt", "pandas", "yfinance", "akshare", "sklearn", "plotly", "numba"}


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_module_exports_what_it_says(name):
    module = importlib.import_module(name)
    public = getattr(module, "__all__", None)
    if public is None:
        assert name.endswith((".data", ".templates")) or name.split(".")[-1].startswith("build_")
        return
    assert len(set(public)) == len(public)
    assert all(hasattr(module, item) for item in public)
    assert module.__doc__


def test_nothing_below_a_cli_reads_the_wall_clock():
    calls = ("datetime.now(", "date.today(", "datetime.utcnow(", "time.time(", "os.environ", "os.getenv")
    found = [
        f"{path.relative_to(ROOT)}: {call}"
        for package in ("research", "signals", "backtests")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "cli.py" and not path.name.endswith("_cli.py")
        for call in calls
        if call in path.read_text(encoding="utf-8")
    ]
    assert found == []


#: what the repository holds; arrays of the package are read without pickle
KINDS = {"", ".css", ".csv", ".gz", ".html", ".ipynb", ".js", ".json", ".jsonl", ".md", ".npz", ".parquet", ".py", ".toml", ".tsv", ".txt"}
TOP = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "constraints.txt",
    "pyproject.toml",
    "tidings.py",
}


def astray(names):
    """Return the files of a kind, or in a place at the top, that the repository does not hold: notes and dumps of somebody's work."""
    return [name for name in names if Path(name).suffix not in KINDS or ("/" not in name and name not in TOP)]


def tracked():
    files = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if files.returncode != 0:
        pytest.skip("not a git checkout")
    return files.stdout.splitlines()


def test_nothing_astray_is_tracked():
    assert astray(tracked()) == []
    assert astray(["dump.pkl", "research/data/model.pkl", "texts.jsonl", "README.md", ".ci/run"]) == [
        "dump.pkl", "research/data/model.pkl", "texts.jsonl",
    ]  # fmt: skip


def test_no_pickle_and_no_registry_address():
    hosts = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian")
    for name in tracked():
        path = ROOT / name
        if path.suffix not in {".py", ".toml", ".txt", ".md", ".ipynb", ""} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        assert not any(host in text for host in hosts), name
        if name.startswith(("research", "signals", "backtests")):
            assert "import pickle" not in text and "joblib" not in text, name
