"""PostgreSQL as others set it up: another language, isolation, schema or neighbour, and a connection that breaks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from db_story import BY, tell
from sqlalchemy import Engine, create_engine, text

from db import stage_costs
from db.audit.verify import verify
from db.database_errors import explain
from db.engine import engine_of, open_catalogue, reading, writing
from db.maintenance.backup import backup
from db.maintenance.grants import grant_sql
from db.maintenance.migrate import downgrade, upgrade
from db.query.read_only_sql import query
from db.schema.revisions import HEAD
from wrist_model.errors import CatalogueError, UsageError

COST = stage_costs.StageCost("flow", "stage", 1.0)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database: Callable[[], str]) -> Server:
    return Server(tmp_path / "home", new_database(), monkeypatch)


class Server:
    """An empty database that WRIST_DATABASE_URL names, and its owner's own connection to it."""

    def __init__(self, home: Path, url: str, patch: pytest.MonkeyPatch) -> None:
        self.home, self.url, self.patch = home, url, patch
        self.say(url)

    def say(self, url: str) -> None:
        self.patch.setenv("WRIST_HOME", str(self.home))
        self.patch.setenv("WRIST_DATABASE_URL", url)

    def does(self, *statements: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()

    @property
    def name(self) -> str:
        return str(create_engine(self.url).url.database)

    def open(self) -> Engine:
        return open_catalogue(self.home)


def costs(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar() or 0)


GERMAN = {
    "42501": ("keine Berechtigung für Tabelle patient", "wrist db grant"),
    "53100": ("kein Platz auf dem Gerät", "disk is full"),
    "25006": ("INSERT kann nicht ausgeführt werden", "can't be written"),
    "40P01": ("Verklemmung entdeckt", "Run the same command again"),
    "57P03": ("das Datenbanksystem startet", "can't be reached"),
    "53300": ("tut mir leid, schon zu viele Verbindungen", "can't be reached"),
}


@pytest.mark.parametrize("state", GERMAN)
def test_what_a_server_says_in_another_language_is_understood(server: Server, state: str) -> None:
    message, said = GERMAN[state]
    with pytest.raises(CatalogueError, match=said) as caught, writing(server.open()) as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$")
    assert message in str(caught.value)


def test_sql_tells_a_faulty_query_from_a_forbidden_or_slow_one_by_its_state(server: Server) -> None:
    server.open()
    function = (
        "CREATE FUNCTION deutsch(state text, message text) RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING ERRCODE = state, MESSAGE = message; END $$"
    )
    server.does(function)
    for state, said, kind in (
        ("25006", "reads only", UsageError),
        ("57014", "Stopped after", CatalogueError),
        ("42703", "SQL: Spalte fehlt", UsageError),
        ("57P01", "connection to the server was lost", CatalogueError),
    ):
        with pytest.raises(kind, match=said):
            query(f"SELECT deutsch('{state}', 'Spalte fehlt')", home=server.home)


def test_a_new_catalogue_is_told_by_its_tables_not_by_a_message(server: Server) -> None:
    assert tell(server.open()).dataset_id
    assert verify(server.open(), files=False).findings == ()


def test_the_words_of_sqlite_and_of_the_driver_still_count() -> None:
    assert "Another writer" in str(explain("database is locked", "here"))
    assert "can't be reached" in str(explain("connection failed: Verbindung abgelehnt", "here"))
    assert str(explain("something odd.", "here", "XX000")) == "here: something odd. Nothing of this step was stored."


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_writer_sees_what_was_committed_before_its_turn_whatever_the_servers_default(
    server: Server, level: str
) -> None:
    server.does(f"ALTER DATABASE {server.name} SET default_transaction_isolation = '{level}'")
    engine, inside, seen = server.open(), threading.Event(), list[int]()

    def second() -> None:
        with writing(engine) as connection:
            seen.append(int(connection.exec_driver_sql("SELECT count(*) FROM stage_cost").scalar() or 0))
            stage_costs.add_stage_cost(connection, COST, BY)

    def first() -> None:
        with writing(engine) as connection:
            inside.set()
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not connection.exec_driver_sql(waiting).scalar():
                pass
            stage_costs.add_stage_cost(connection, COST, BY)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join(60)
    assert seen == [1] and costs(engine) == 2


def test_a_reader_still_has_one_view_for_its_whole_time(server: Server) -> None:
    engine = server.open()
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
    with writing(engine) as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


@pytest.mark.parametrize("schema", ["wrist", 'Röntgen "1"'])
def test_a_schema_of_its_own_holds_a_whole_catalogue_beside_others(server: Server, tmp_path: Path, schema: str) -> None:
    quoted = '"' + schema.replace('"', '""') + '"'
    server.does(
        f"CREATE SCHEMA {quoted}",
        "CREATE TABLE public.alembic_version (version_num text)",
        "INSERT INTO public.alembic_version VALUES ('8f2a')",
        "CREATE TABLE public.patient (id int)",
        "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER theirs BEFORE INSERT ON public.patient FOR EACH ROW EXECUTE FUNCTION public.f()",
        f"ALTER DATABASE {server.name} SET search_path = {quoted}, public",
    )
    engine = server.open()
    tell(engine)
    verdict = verify(engine, files=False)
    assert verdict.findings == () and verdict.checked["rows"] > 0
    assert query("SELECT count(*) FROM study_predictions", home=server.home).rows[0][0] > 0
    copy = backup(engine, tmp_path / "copy.sqlite")
    assert copy.stat().st_size > 0
    downgrade(engine, server.home, "base")
    upgrade(engine, server.home)
    assert verify(engine, files=False).findings == ()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM public.alembic_version").scalar() == "8f2a"
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar() == 2
    server.does(f"DROP TRIGGER label_no_change ON {quoted}.label")
    assert [one.where for one in verify(engine, files=False).findings] == ["label_no_change"]


def test_a_schema_that_the_address_names_is_the_catalogues(server: Server) -> None:
    server.does("CREATE SCHEMA own")
    server.say(server.url + "&options=" + quote("-c search_path=own"))
    tell(server.open())
    assert verify(server.open(), files=False).findings == ()
    server.does(*[line for line in grant_sql(server.name, "w_own", "r_own", "own").split("\n") if line])
    server.does("SET ROLE r_own; SELECT count(*) FROM own.studies")
    server.does("DROP OWNED BY r_own, w_own", "DROP ROLE r_own, w_own")


def test_a_search_path_that_leads_nowhere_is_one_line(server: Server) -> None:
    server.say(server.url + "&options=" + quote("-c search_path=nowhere"))
    with pytest.raises(CatalogueError) as caught:
        server.open()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("revision", ["8f2a1b", "0001", HEAD])
def test_another_applications_database_is_said_to_be_its_own_and_left_alone(server: Server, revision: str) -> None:
    server.does(
        "CREATE TABLE alembic_version (version_num text)",
        f"INSERT INTO alembic_version VALUES ('{revision}')",
        "CREATE TABLE invoices (id int)",
    )
    for act in (server.open, lambda: upgrade(engine_of(server.home), server.home)):
        with pytest.raises(CatalogueError, match=f"another application's.*{revision}.*invoices"):
            act()
    with engine_of(server.home).connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").scalar() == 2


def test_tables_that_are_called_like_ours_are_said(server: Server) -> None:
    server.does("CREATE TABLE patient (id int)", "CREATE TABLE orders (id int)")
    with pytest.raises(CatalogueError, match=r"another application's: it holds orders, patient"):
        server.open()


def test_a_neighbour_without_alembic_and_with_other_names_is_no_matter(server: Server) -> None:
    server.does("CREATE TABLE orders (id int)")
    tell(server.open())
    assert verify(server.open(), files=False).findings == ()


def test_another_applications_sqlite_file_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "theirs.sqlite"
    monkeypatch.setenv("WRIST_DATABASE_URL", f"sqlite:///{file}")
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        for statement in ("CREATE TABLE alembic_version (version_num)", "INSERT INTO alembic_version VALUES ('0002')"):
            connection.exec_driver_sql(statement)
    with pytest.raises(CatalogueError, match="another application's"):
        open_catalogue(tmp_path)


def test_an_earlier_schema_on_a_server_is_upgraded_when_somebody_says_so(server: Server) -> None:
    engine = server.open()
    downgrade(engine, server.home, "0003")
    with pytest.raises(CatalogueError, match=r"its schema is 0003.*wrist db upgrade"):
        server.open()
    with pytest.raises(CatalogueError, match="wrist db upgrade"):
        query("SELECT 1", home=server.home)
    assert upgrade(engine, server.home) == "0003"
    assert server.open() is not None


def test_a_private_file_is_upgraded_on_first_use_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRIST_DATABASE_URL", raising=False)
    engine = open_catalogue(tmp_path)
    downgrade(engine, tmp_path, "0003")
    with open_catalogue(tmp_path).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_a_connection_that_breaks_in_a_transaction_stores_nothing_of_it_and_the_next_one_works(server: Server) -> None:
    engine = server.open()
    with pytest.raises(CatalogueError, match=r"connection to the server was lost; nothing"), writing(engine) as one:
        stage_costs.add_stage_cost(one, COST, BY)
        server.does(f"SELECT pg_terminate_backend({one.exec_driver_sql('SELECT pg_backend_pid()').scalar()})")
        stage_costs.add_stage_cost(one, COST, BY)
    assert costs(engine) == 0
    stage_costs.add_stage_cost(engine, COST, BY)
    assert costs(engine) == 1 and verify(engine, files=False).findings == ()


def test_a_connection_that_breaks_at_the_commit_says_so(server: Server) -> None:
    engine = server.open()
    with pytest.raises(CatalogueError, match="connection to the server was lost"), writing(engine) as one:
        stage_costs.add_stage_cost(one, COST, BY)
        server.does(f"SELECT pg_terminate_backend({one.exec_driver_sql('SELECT pg_backend_pid()').scalar()})")
    assert costs(engine) == 0
