"""The Typer application: which commands there are, and how an invocation becomes an exit code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer

from mappings.errors import DefinitionError

app = typer.Typer(
    name="bedside",
    help="From FHIR servers to a checked analysis table and a comparison of treatments.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

# The library answers Ctrl-C with Abort or with this code, by its version; for us it is what it was.
INTERRUPTED = 130


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"bedside {version('bedside')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which Bedside.")
    ] = False,
) -> None:
    del version


@cache
def _main() -> Callable[..., Any]:
    """What runs a command line, with all commands. Made once: added again, they would slow every later call."""
    from flows.cli import dashboard, export, operate, quality, release, run, step, study, subjects, try_out, view

    for room in (run, step, view, study, quality, dashboard, release, subjects, export, try_out, operate):
        room.add_commands(app)
    return typer.main.get_command(app).main


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit code; usage errors are 2, as the shell expects."""
    try:
        given = _main()(args=arguments, prog_name="bedside", standalone_mode=False)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        context, say = getattr(error, "ctx", None), getattr(error, "format_message", None)
        if say is None:
            raise
        usage = context.get_usage() if context is not None else ""
        if say().startswith("Usage:"):  # a group without a command: the sentence is its help
            raise DefinitionError(f"a command is missing\n{say()}") from None
        raise DefinitionError(f"{say()}\n{usage}".rstrip()) from None
    if given == INTERRUPTED:
        raise KeyboardInterrupt
    return given if isinstance(given, int) else 0
