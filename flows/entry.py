"""The one entry point, ``bedside``: settles the environment, then hands over to the command line.

Nothing heavy is imported here: ``bedside --help`` answers at once.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import json
import logging
import os
import sys
from pathlib import Path

ROOMS = ("flows", "expectations", "analysis", "mappings")
DEFECT = 70


def settle_environment(environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Set what Prefect and its libraries read at import: no calls home, a patient start, an absolute home."""
    environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    environ.setdefault("DO_NOT_TRACK", "1")
    environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
    environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "ERROR")
    environ.setdefault("PREFECT_CLI_PROMPT", "false")
    # A relative home would be relative to wherever the command runs, and a prefect.toml there would be read too.
    home = Path(environ.get("PREFECT_HOME", "~/.prefect")).expanduser().absolute()
    environ["PREFECT_HOME"] = str(home)
    environ.setdefault("GX_ANALYTICS_ENABLED", "false")


def shadowed() -> str:
    """Say which of our packages another one on the path hides, or "": their names are plain words.

    Asked before anything of ours is imported: the other package would be imported in its place.
    """
    home = Path(__file__).resolve().parent.parent
    for room in ROOMS:
        spec = importlib.util.find_spec(room)
        if spec is None:
            return f"Bedside's package {room!r} is not installed"
        found = [Path(place) for place in spec.submodule_search_locations or [str(spec.origin)]]
        if found[0].resolve().parent != home:
            return f"another package hides Bedside's {room!r}: it lies in {found[0].parent}, Bedside in {home}"
    return ""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code (``docs/command-line.md``)."""
    os.umask(0o077)
    settle_environment()
    # Queries are built of very many small objects that live; looking for cycles among them cost a tenth of a run.
    gc.set_threshold(200_000, 20, 100)
    arguments = sys.argv[1:] if arguments is None else arguments
    hidden = shadowed()
    if hidden:
        return _say(hidden, DEFECT, arguments)
    from mappings.errors import BedsideError

    try:
        from flows.cli.app import invoke

        return invoke(arguments)
    except BedsideError as error:
        return _say(str(error), error.exit_code, arguments)
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        from flows import defects

        if os.environ.get(defects.SHOW_ALL):
            raise
        return _say(defects.sentence(error), DEFECT, arguments)


def _say(message: str, exit_code: int, arguments: list[str]) -> int:
    if "--json" in arguments:
        print(json.dumps({"outcome": "error", "exit_code": exit_code, "message": message}))
    print(f"bedside: {message}", file=sys.stderr)
    return exit_code


def console() -> None:
    """The console script."""
    code = main()
    if "prefect" in sys.modules:
        sys.exit(code)  # it has a server and its threads to end
    # Taking apart what the engines have built costs a second and frees nothing that the system would not free anyway.
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError, ValueError):
            stream.flush()
    os._exit(code)
