"""The console's refusals: one or two lines on stderr, exit status 1 or 2, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from prefect_fixtures import WRIST, radiographs

from db.engine import open_catalogue


def wrist(home: Path, *words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return subprocess.run(
        [WRIST, *words],
        env={**environment, "WRIST_HOME": str(home), **more},
        cwd=cwd or home.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("ingest", "nowhere"), 2, "nowhere"),
        (("ingest", "empty"), 1, "no files"),
        (("ingest",), 2, "--remember"),
        (("ingest", "pictures", "--body-part", "foot"), 2, "neither WRIST nor ANY"),
        (("retrain", "pictures", "--recipe", "typo.toml"), 2, "typo.toml"),
        (("retrain", "pictures", "--recipe", "field.toml"), 2, "learning_rat"),
        (("retrain", "pictures", "--model", "vgg16"), 2, "vgg16"),
        (("predict", "pictures"), 1, "wrist"),
        (("predict", "pictures", "--model", "mv-nonesuch"), 1, "mv-nonesuch"),
        (("promote", "mv-nonesuch"), 1, "mv-nonesuch"),
        (("champion",), 1, "retrain"),
        (("exclude", "im-nonesuch", "--reason", "x"), 1, "im-nonesuch"),
        (("exclude", "im-nonesuch"), 2, "--reason"),
        (("locate", "im-nonesuch", "pictures"), 1, "im-nonesuch"),
        (("relabel", "nowhere.csv"), 2, "nowhere.csv"),
        (("sql", "select nonesuch from studies"), 2, "nonesuch"),
        (("sql", "delete from image"), 2, "reads only"),
        (("sql", "delete from studies"), 2, "reads only"),
        (("sql", "select 1; select 2"), 2, "One statement"),
        (("up", "--port", "99999"), 2, "--port"),
        (("nonesuch",), 2, "nonesuch"),
        (("sql",), 2, "QUERY"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_word_is_answered_in_one_or_two_lines(
    tmp_path_factory: pytest.TempPathFactory, words: tuple[str, ...], status: int, said: str
) -> None:
    base = tmp_path_factory.mktemp("console")
    (base / "empty").mkdir()
    radiographs(base / "pictures", 2)
    open_catalogue(base / "home").dispose()
    (base / "field.toml").write_text("[training]\nlearning_rat = 0.1\n")
    done = wrist(base / "home", *words)
    assert done.returncode == status, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert 1 <= len(lines) <= 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", ["verify", "champion", "promote mv-x", "exclude im-x --reason y", "db backup b"])
def test_what_only_looks_or_decides_makes_no_catalogue_in_the_wrong_folder(tmp_path: Path, words: str) -> None:
    done = wrist(tmp_path / "home", *words.split())
    assert done.returncode == 1 and "no catalogue there" in done.stderr and "WRIST_HOME" in done.stderr
    assert not (tmp_path / "home").exists() and not (tmp_path / "b").exists()
    for asked in (("status",), ("sql", "select count(*) from studies")):
        home = tmp_path / asked[0]
        assert "a new, empty one" in wrist(home, *asked).stderr
        assert wrist(home, *asked).stderr == ""


def test_debug_shows_where_it_happened(tmp_path: Path) -> None:
    done = wrist(tmp_path / "home", "promote", "mv-nonesuch", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_home_that_cannot_be_made_is_said_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for words in (("status",), ("ingest", str(tmp_path)), ("up",)):
        done = wrist(tmp_path / "file" / "home", *words, cwd=tmp_path)
        assert done.returncode == 1
        assert "WRIST_HOME" in done.stderr
        assert len(done.stderr.splitlines()) <= 2


def test_an_api_that_does_not_answer_is_named(tmp_path: Path) -> None:
    manifest = radiographs(tmp_path / "pictures", 2)
    done = wrist(
        tmp_path / "home", "ingest", str(manifest), "--body-part", "ANY", PREFECT_API_URL="http://127.0.0.1:9/api"
    )
    assert done.returncode == 1
    assert "http://127.0.0.1:9/api" in done.stderr.splitlines()[-1]


def test_sql_prints_tables_csv_and_json(tmp_path: Path) -> None:
    query = "select count(*) as n, 'a,b' as words from studies"
    assert wrist(tmp_path / "home", "sql", query, "--format", "csv").stdout == 'n,words\n0,"a,b"\n'
    assert json.loads(wrist(tmp_path / "home", "sql", query, "--json").stdout) == [{"n": 0, "words": "a,b"}]
    assert "words" in wrist(tmp_path / "home", "sql", query).stdout


def test_sql_writes_by_the_files_ending_and_cuts_a_long_table(tmp_path: Path) -> None:
    count = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 10001) select i from n"
    assert wrist(tmp_path / "home", "sql", count, "--output", str(tmp_path / "n.csv")).returncode == 0
    assert len((tmp_path / "n.csv").read_text().splitlines()) == 10_002
    assert wrist(tmp_path / "home", "sql", count, "--output", str(tmp_path / "n.parquet")).returncode == 0
    assert (tmp_path / "n.parquet").read_bytes()[:4] == b"PAR1"
    cut = wrist(tmp_path / "home", "sql", count)
    assert len(cut.stdout.splitlines()) == 10_002 and "first 10000 rows" in cut.stderr
    assert wrist(tmp_path / "home", "sql", "select * from studies").stderr == "0 rows.\n"
    for name in ("none/n.csv", "none/n.parquet", "home"):
        refused = wrist(tmp_path / "home", "sql", count, "--output", str(tmp_path / name), "--format", "csv")
        assert refused.returncode == 2 and "can't be written" in refused.stderr


def test_help_and_sql_start_without_the_heavy_libraries(tmp_path: Path) -> None:
    done = wrist(tmp_path / "home", "--help")
    assert done.returncode == 0 and "retrain" in done.stdout
    code = (
        "import sys; sys.argv = ['wrist', 'sql', 'select 1']\n"
        "from flows.console.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'tensorflow', 'prefect', 'pandas', 'matplotlib'} & set(sys.modules)), file=sys.stderr)"
    )
    python = str(Path(WRIST).parent / "python")
    environment = {**os.environ, "WRIST_HOME": str(tmp_path / "home")}
    open_catalogue(tmp_path / "home").dispose()
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
