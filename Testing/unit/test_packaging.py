"""The repository as a whole: what is installed, what it drags in, and the rules of the house."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = (ROOT / "SynthPerf", ROOT / "SynthPerfReaderStudy")
LIBRARIES = tuple(module / f"{module.name}Lib" for module in MODULES)
SOURCES = sorted(path for library in LIBRARIES for path in library.rglob("*.py"))
HEAVY = {"torch", "sklearn", "skimage", "matplotlib", "nilearn", "pandas", "lightning_fabric", "tensorboard"}
WEB = {"nicegui", "fastapi", "starlette", "uvicorn", "socketio", "itsdangerous"}
SLICER = {"slicer", "qt", "ctk", "vtk", "vtkmodules"}
OUTSIDE_CMAKE = {"CMakeLists.txt", "README.md"}
DISTRIBUTIONS = {
    "lightning_fabric": "lightning-fabric",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
}
"""Distribution of an import package, where the name is another one."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def statements(tree: ast.AST, inside_functions: bool) -> Iterator[ast.AST]:
    """Every node that runs, with or without what runs only when a function is called; nothing for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if is_type_checking(node) or (
            not inside_functions and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ):
            continue
        yield node
        yield from statements(node, inside_functions)


def imports(path: Path, *, inside_functions: bool) -> set[str]:
    """Full names of the modules that ``path`` imports (``package.name`` too where a name may be a module)."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8")), inside_functions):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            found |= {f"{name}.{alias.name}" for alias in node.names}
            if node.module or not all(is_module(path.parents[node.level - 1] / alias.name) for alias in node.names):
                found.add(name)
    return found


def is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def tops(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def run_python(code: str, *places: Path) -> str:
    """Standard output of ``code`` in a fresh interpreter that finds the libraries in ``places`` (the checkout)."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places or MODULES))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def pins() -> dict[str, list[str]]:
    """constraints.txt as name -> its lines' versions."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            match = re.fullmatch(r"([a-z0-9-]+)==([0-9A-Za-z.]+)(; python_version .+)?", line)
            assert match, f"constraints.txt: {line!r} is no exact pin"
            found.setdefault(match[1], []).append(match[2])
    return found


def declared() -> dict[str, set[str]]:
    """Distributions in pyproject.toml: extra ("" for the core) -> normalised names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    core = re.search(r"^dependencies = \[(.*?)\]", text, re.M | re.S)
    table = re.search(r"^\[project\.optional-dependencies\]\n(.*?)\n\[", text, re.M | re.S)
    assert core
    assert table
    lists = {"": core[1], **dict(re.findall(r"^(\w+) = \[(.*?)\]$", table[1], re.M | re.S))}
    return {
        extra: {re.split(r"[\[<>=~!; ]", item)[0].lower() for item in re.findall(r'"([^"]+)"', words)}
        for extra, words in lists.items()
    }


# --- the rules of the house


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_keeps_the_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = tops(imports(path, inside_functions=True))
    assert text.count("\n") <= 400, "is it still one thing?"
    if "desktop" not in path.relative_to(ROOT).parts:
        assert not used & SLICER
    if "browser" not in path.relative_to(ROOT).parts:
        assert not used & WEB
    assert not used & {"pickle", "dill", "joblib", "shelve", "marshal"}
    for node in ast.walk(ast.parse(text)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), "a bare except"
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.load"), (
            "weights are never unpickled"
        )
        assert not (isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False")


def test_no_circular_imports() -> None:
    """Over imports that run when a module is imported; a package's __init__ runs before its modules."""
    by_name = {module_name(path): path for path in SOURCES}
    edges = {name: imports(path, inside_functions=False) & set(by_name) - {name} for name, path in by_name.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, "circle: " + " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(edges[name]):
                visit(other, (*way, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


def test_every_library_that_is_used_is_declared_and_pinned() -> None:
    used = set().union(*(tops(imports(path, inside_functions=True)) for path in SOURCES))
    third_party = used - set(sys.stdlib_module_names) - SLICER - {library.name for library in LIBRARIES}
    users = set().union(*(names for extra, names in declared().items() if extra not in ("test", "lint", "docs")))
    wanted = {DISTRIBUTIONS.get(name, name).lower() for name in third_party}
    assert wanted <= users
    every = set().union(*declared().values()) - {"synthperf"}
    assert every <= set(pins())
    assert pins()["torch"] == ["2.13.0"]


# --- what importing costs


def test_the_command_line_starts_fast() -> None:
    code = "import time; start = time.process_time(); import SynthPerfLib.cli; print(time.process_time() - start)"
    assert min(float(run_python(code)) for _ in range(3)) < 1.0


def test_modules_import_without_the_heavy_libraries() -> None:
    """All but the networks and training, which work with torch from the first line, and what runs inside Slicer."""
    heavy = (
        "SynthPerfLib.networks.",
        "SynthPerfLib.training.",
        "SynthPerfLib.desktop",
        "SynthPerfReaderStudyLib.desktop",
    )
    light = [name for name in map(module_name, SOURCES) if not name.startswith(heavy) and not name.endswith("__main__")]
    code = f"import importlib, sys\nfor name in {light!r}:\n    importlib.import_module(name)\nprint(*sys.modules)"
    assert not tops(set(run_python(code).split())) & (HEAVY | SLICER)


# --- what is installed


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_the_extension_lists_every_file(module: Path) -> None:
    """A file that CMake does not list is silently missing from the installed extension."""
    assert f"add_subdirectory({module.name})" in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    text = re.sub(r"#.*", "", (module / "CMakeLists.txt").read_text(encoding="utf-8"))
    text = text.replace("${MODULE_NAME}", module.name)
    assert f"set(MODULE_NAME {module.name})" in text
    listed = re.findall(rf"^\s+((?:{module.name}Lib|Resources)/\S+|\w+\.py)$", text, re.M)
    on_disk = {
        path.relative_to(module).as_posix()
        for path in module.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.name not in OUTSIDE_CMAKE and not path.name.startswith(".")
        if path.parent.name != "niivue"  # fetched for the browser's seat when it is installed, not committed
    }
    assert len(listed) == len(set(listed)), "a file is listed twice"
    assert set(listed) - OUTSIDE_CMAKE == on_disk


def test_the_catalogue_entry_fits_the_extension() -> None:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    entry = json.loads((ROOT / "Resources" / "SynthPerf.json").read_text(encoding="utf-8"))
    values = dict(re.findall(r'^set\(EXTENSION_(\w+) "(.*)"\)', text, re.M))
    assert entry["build_dependencies"] == values["DEPENDS"].split()
    assert entry["scm_url"] == values["HOMEPAGE"]
    for url in (values["ICONURL"], values["SCREENSHOTURLS"]):
        assert url.startswith("https://raw.githubusercontent.com/")
    assert (ROOT / values["ICONURL"].split("/main/")[1]).is_file()


def test_a_wheel_carries_every_module_and_resource(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    built = subprocess.run(
        [*command, "--wheel-dir", str(tmp_path), str(ROOT)], capture_output=True, text=True, timeout=300, check=False
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("synthperf-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "site")
    code = {
        path.relative_to(library.parent).as_posix()
        for library in LIBRARIES
        for path in library.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    roots = [(MODULES[0] / "Resources", "Atlas"), (ROOT / "Resources", "Models")]
    resources = [
        path.relative_to(root).as_posix() for root, kind in roots for path in (root / kind).rglob("*") if path.is_file()
    ]
    protocols = sorted(path.name for path in (MODULES[1] / "Resources" / "Protocols").iterdir())
    assert resources
    assert protocols
    assert carried == {
        *code,
        *(f"SynthPerfLib/Resources/{name}" for name in resources),
        *(f"SynthPerfReaderStudyLib/Resources/Protocols/{name}" for name in protocols),
    }

    lines = (
        "from SynthPerfLib.resources import resource",
        "from SynthPerfReaderStudyLib.protocol import shipped_protocols",
        f"print(*map(resource, {resources!r}), *shipped_protocols().values(), sep='\\n')",
    )
    for places, start in (((tmp_path / "site",), tmp_path), (MODULES, ROOT)):
        found = [Path(line) for line in run_python("\n".join(lines), *places).splitlines()]
        assert len(found) == len(resources) + len(protocols)
        assert all(path.is_file() and path.is_relative_to(start.resolve()) for path in found)


def test_the_version_is_the_same_everywhere() -> None:
    version = run_python("import SynthPerfLib; print(SynthPerfLib.__version__)")
    changelog = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert next(name for name in changelog if name != "Unreleased") == version
    assert re.search(rf"^version: {re.escape(version)}$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.M)
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


# --- what is promised


def test_documented_commands_exist() -> None:
    """Commands and options in the code blocks and tables of README.md and docs."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    lines = [
        line for text in texts for line in re.findall(r"(?:^|`)(?:\.venv/bin/)?synthperf ([a-z][^`\n]*)", text, re.M)
    ]
    assert lines
    helps: dict[tuple[str, ...], str] = {}
    for line in lines:
        command = tuple(line.split()[: 2 if line.startswith(("study ", "quantify ")) else 1])
        if command not in helps:
            helps[command] = run_python(f"from SynthPerfLib.cli import main; main([*{command!r}, '--help'])")
        for option in re.findall(r"--[a-z][a-z-]*", line):
            assert option in helps[command], f"synthperf {line}"


def test_documented_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    documented = re.findall(r"\bmake ([a-z]+)\b", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"demo", "test", "lint", "bench", "docs"} <= set(documented) <= set(targets)


def test_links_in_the_documentation_lead_somewhere() -> None:
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", path.read_text(encoding="utf-8")):
            if target != "Resources/Screenshots/demo.png":
                assert (path.parent / target).exists(), f"{path.name}: {target}"
