"""The laws of the house, held by linters: style, types, the direction of imports, light starts, honest pins."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests import together

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports", "--no-cache")],
    ids=lambda command: " ".join(command),
)
def test_the_linters_find_nothing(command: tuple[str, ...]) -> None:
    done = run(str(BIN / command[0]), *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_import_nothing_in_their_init() -> None:
    for package in ("flows", "tasks", "wrist_model", "db"):
        for init in (ROOT / package).rglob("__init__.py"):
            text = init.read_text()
            assert text.lstrip().startswith('"""'), f"{init} must state its room's law"
            assert not re.search(r"^\s*(import|from)\s", text, re.MULTILINE), f"{init} must import nothing"


def test_the_console_starts_without_heavy_libraries() -> None:
    heavy = "tensorflow prefect pandas matplotlib sklearn pydicom sqlalchemy"
    code = f"import sys, flows.console.cli; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = run(sys.executable, "-c", code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements" / name).read_text().splitlines():
        if match := re.match(r"([a-z0-9._-]+)==([^ ;\\]+)", line):
            found.setdefault(match[1], set()).add(match[2])
    return found


def test_running_and_testing_pin_the_same_versions() -> None:
    for_running, for_testing = pins("run.txt"), pins("test.txt")
    assert for_running.items() <= for_testing.items()


def test_every_dependency_is_pinned_with_hashes_and_without_addresses() -> None:
    for name in ("run.txt", "test.txt"):
        text = (ROOT / "requirements" / name).read_text()
        entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
        assert all("--hash=sha256:" in entry for entry in entries)
        assert "://" not in text


def test_every_direct_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    names = {re.match(r"[A-Za-z0-9._-]+", item)[0] for item in wanted}  # type: ignore[index]
    explained = (ROOT / "docs" / "dependencies.md").read_text()
    assert not [name for name in sorted(names) if f"`{name}`" not in explained]


PRODUCT = ("flows", "tasks", "db", "wrist_model")
LONGEST_FILE, MOST_PARAMETERS = 350, 8
VERIFIER = "recheck.py"  # one file by purpose: whoever doubts the project reads it alone
STATEMENT = re.compile(
    r"\s*(SELECT\b.*\bFROM\b|INSERT\s+INTO\b|UPDATE\s+\w+\s+SET\b|DELETE\s+FROM\b|CREATE\s+\w+)", re.S
)


def modules() -> dict[str, ast.Module]:
    """Dotted name → syntax tree of each file of the product; migrations are history and left out."""
    found = {}
    for room in PRODUCT:
        for file in (ROOT / room).rglob("*.py"):
            if "migrations" not in file.parts:
                name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                found[name.removesuffix(".__init__")] = ast.parse(file.read_text(encoding="utf-8"))
    return found


def imported(tree: ast.Module, known: Collection[str]) -> set[str]:
    """The product's modules that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


def test_no_module_imports_itself_by_way_of_others() -> None:
    trees = modules()
    graph = {name: imported(tree, trees) - {name} for name, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_sql_stands_in_db_alone() -> None:
    found = []
    for name, tree in modules().items():
        if name.split(".")[0] == "db":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
                found.append(f"{name}:{node.lineno}: {node.value[:60]}")
            if isinstance(node, ast.Attribute) and node.attr == "exec_driver_sql":
                found.append(f"{name}:{node.lineno}: exec_driver_sql")
    assert not found


def test_files_stay_short_and_functions_take_few_parameters() -> None:
    long = [
        f"{file.relative_to(ROOT)}: {lines} lines"
        for room in (*PRODUCT, "benchmarks")
        for file in (ROOT / room).rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines()))
        > (600 if file.name == VERIFIER else LONGEST_FILE)
    ]
    wide = []
    for name, tree in modules().items():
        room = name.split(".")[0]
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef) or room == "wrist_model":
                continue
            if name.startswith("flows.console.") or any("flow" in ast.unparse(one) for one in node.decorator_list):
                continue  # a command's and a flow's parameters are the person's own choices
            count = len(node.args.posonlyargs + node.args.args + node.args.kwonlyargs)
            if count > MOST_PARAMETERS:
                wide.append(f"{name}.{node.name}: {count} parameters")
    assert not long + wide


def test_every_file_stands_in_its_room_in_the_plan_of_the_house() -> None:
    plan = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[\w/]+\.py", plan.partition("## Laws")[0]))
    files = {
        name.replace(".", "/") + ".py"
        for name, tree in modules().items()
        if (ROOT / f"{name.replace('.', '/')}.py").exists()
    }
    assert not sorted(file for file in files if Path(file).name not in {Path(one).name for one in named})
    there = {file.name for room in PRODUCT for file in (ROOT / room).rglob("*.py")}
    assert not sorted(one for one in named if Path(one).name not in there)


def test_the_glossary_gives_each_term_one_meaning() -> None:
    glossary = (ROOT / "docs" / "design.md").read_text(encoding="utf-8").partition("## Glossary")[2]
    terms = {term.lower() for term in re.findall(r"^- \*\*(.+?)\*\*", glossary, re.M)}
    assert len(terms) == len(re.findall(r"^- \*\*(.+?)\*\*", glossary, re.M)), "one word, one meaning"
    for term in (
        "study",
        "view",
        "composite",
        "hold-out",
        "operating point",
        "frozen",
        "score",
        "probability",
        "decision",
    ):
        assert term in terms


def joined(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(what is joined to, first part of the literal) of each `path / "literal"` or `path.joinpath("literal")`."""
    for node in ast.walk(tree):
        left: ast.expr | None = None
        parts: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            left, parts = node.left, [node.right]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "joinpath":
            left, parts = node.func.value, node.args
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Path":
            left, parts = node.func, node.args
        for part in parts:
            first = part.values[0] if isinstance(part, ast.JoinedStr) and part.values else part
            if left is not None and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield ast.unparse(left), first.value.split("/")[0]


def test_paths_below_the_home_are_made_in_one_module() -> None:
    trees = modules()
    names = {name for left, name in joined(trees["db.home"]) if left == "home"}
    assert {"catalogue.sqlite", "models", "identity.key", "prefect", "features", "reports"} <= names
    elsewhere = [
        f"{module}: {left} / {name!r}"
        for module, tree in trees.items()
        if module != "db.home"
        for left, name in joined(tree)
        if name in names and left not in ("ROOT", "Path(__file__).parent.parent")  # the repository's own folders
    ]
    assert elsewhere == [], "name it in db/home.py and call that"
    environment = [module for module, tree in trees.items() if '"WRIST_HOME"' in reads_of_environment(tree)]
    assert environment == ["db.home"]


def reads_of_environment(tree: ast.Module) -> str:
    """The source of every read of os.environ, with names in double quotes."""
    read = ("os.environ.get(", "os.getenv(", "os.environ[")
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Call) or _is_read(node))
    return " ".join(text for node in nodes if (text := ast.unparse(node).replace("'", '"')).startswith(read))


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)


def test_one_module_makes_database_engines() -> None:
    makers = [module for module, tree in modules().items() if calls(tree, "create_engine")]
    assert makers == ["db.engine"]
    for_other_files = [module for module, tree in modules().items() if calls(tree, "make_engine")]
    assert set(for_other_files) <= {"db.engine", "db.audit.sqlite_definitions", "db.maintenance.backup"}


def test_one_function_opens_saved_networks_and_another_the_weights_that_a_recipe_names() -> None:
    openers = {module for module, tree in modules().items() if calls(tree, "load_model")}
    assert openers == {"wrist_model.network.keras_file", "wrist_model.network.pretrained_weights"}


def calls(tree: ast.Module, function: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == function for node in ast.walk(tree)
    )


def test_each_test_file_that_shares_a_server_stands_in_its_row(request: pytest.FixtureRequest) -> None:
    """Else a server starts twice, and lives until the tests have ended: tests/together.py."""
    assert together.strays(request.session.items) == set()
