"""The console script `wrist`. Commands stand in flows/console; each imports what it needs when it runs."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import typer

from db.home import home
from flows.console import (
    database_commands,
    demo_command,
    evidence_commands,
    ingest_commands,
    output,
    prune_command,
    serving_commands,
    sql_command,
    status_command,
    training_commands,
    up_command,
    verify_command,
)
from tasks import home_rights
from wrist_model.errors import WristError
from wrist_model.terminal_text import escaped

app = typer.Typer(
    name="wrist",
    help="Retrain wrist-radiograph models, and audit every number they claim.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo_command,
    training_commands,
    ingest_commands,
    evidence_commands,
    serving_commands,
    sql_command,
    status_command,
    verify_command,
    prune_command,
    up_command,
    database_commands,
):
    module.add_to(app)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"wrist {version('wrist')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks and all of Prefect's log."),
    version: bool = typer.Option(
        False, "--version", help="Say which version this is.", callback=_version, is_eager=True
    ),
) -> None:
    output.DEBUG = debug


def main() -> None:
    """Run the console. Exit status 0 done, 1 failed, 2 wrong usage; errors are one or two lines on stderr."""
    output.print_anything()
    _home_folder()
    here = home()
    home_rights.protect(here)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:  # accepted anywhere
        arguments = ["--debug", *(word for word in arguments if word != "--debug")]
    try:
        ended = _run(arguments, here)
        sys.exit(ended if isinstance(ended, int) else 0)
    except typer.Abort:
        _fail("Stopped.", 1)
    except WristError as error:
        if debug:
            print(escaped(traceback.format_exc()), file=sys.stderr)
        _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        _fail("Stopped. Run the same command again to go on where it was.", 1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "format_message"):  # of the command line's parser, which typer brings with it
            if not error.format_message():  # no command at all: the help was shown
                sys.exit(2)
            _fail(_usage(error), 2)
        if debug:
            print(escaped(traceback.format_exc()), file=sys.stderr)
            sys.exit(1)
        text = " ".join(str(error).split())
        _fail(f"{type(error).__name__}: {text[:400]} (wrist --debug … shows where)", 1)


def _run(arguments: list[str], here: Path) -> Any:
    try:
        return app(arguments, standalone_mode=False)
    finally:
        home_rights.share_databases(here)


def _home_folder() -> None:
    """A user without a home folder (a number that no password file knows, HOME unset) gets an empty one for the time of
    the command: Prefect and Keras ask for one when they are imported."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = tempfile.mkdtemp(prefix="wrist-home-")
        atexit.register(shutil.rmtree, os.environ["HOME"], ignore_errors=True)


def _usage(error: Any) -> str:
    """What is wrong with the command line, naming the option or argument, and where help is."""
    parameter = getattr(error, "param", None)
    name = str(getattr(parameter, "name", None) or "").upper()
    options = [option for option in getattr(parameter, "opts", ()) if option.startswith("-")]
    message = " ".join(str(error.format_message()).split()).rstrip(".")
    where = options[0] if options else name
    if where and where not in message:
        message = f"{where}: {message[0].lower()}{message[1:]}"
    context = getattr(error, "ctx", None)
    return f"{message}. `{context.command_path if context else 'wrist'} --help` says what there is."


def _fail(message: str, status: int) -> None:
    print(f"wrist: {escaped(message)}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
