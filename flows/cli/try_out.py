"""Commands for trying Bedside out: the sandbox server and the sample data of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import JsonOption


def sandbox(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of <Type>.ndjson (plain, gzip, zstd).")],
    port: Annotated[int, typer.Option(help="The port on loopback to listen on.")] = 8090,
    faults: Annotated[
        Path | None, typer.Option(metavar="SCRIPT", help="A JSON file of what shall go wrong (docs/sandbox.md).")
    ] = None,
    smart_client: Annotated[
        str | None, typer.Option(metavar="ID", help="Ask for tokens of SMART Backend Services; this client gets them.")
    ] = None,
    smart_key: Annotated[
        Path | None, typer.Option(metavar="JWKS", help="The file of the client's public keys (a JWKS or a JWK).")
    ] = None,
) -> None:
    """Serve a folder of NDJSON as a small FHIR R4 server on loopback. For trying things out: no production server."""
    from flows.sandbox import server
    from flows.sandbox.registration import smart_access

    access = smart_access(smart_client, smart_key)

    def announce(base: str, counts: dict[str, int]) -> None:
        served = ", ".join(f"{type_} {n:,}" for type_, n in counts.items())
        typer.echo(f"serving {served}\nat {base} (Ctrl-C ends it)", err=True)

    script = None
    if faults is not None:
        from flows.sandbox.faults import Script

        script = Script.read(faults)
        typer.echo(f"{len(script.faults)} faults on order", err=True)
    server.run(folder, port=port, access=access, faults=script, announce=announce)


def sample(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A study that has sample data, for instance li2023.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where to write one <Type>.ndjson a type.")],
    patients: Annotated[int | None, typer.Option(help="Write a larger synthetic cohort of the same shape.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write the sample data of a study as FHIR."""
    from flows.progress import shown
    from flows.sample import write_sample

    with shown(as_json) as progress:
        counts = write_sample(name, out, patients, seed, progress)
    if as_json:
        typer.echo(json.dumps({"outcome": "complete", "folder": str(out), "resources": counts}))
        return
    for type_, n in sorted(counts.items()):
        typer.echo(f"{type_:<26}{n:>10,}")
    typer.echo(f"written to {out}")


def add_commands(app: typer.Typer) -> None:
    """Register these commands."""
    app.command()(sandbox)
    app.command()(sample)
