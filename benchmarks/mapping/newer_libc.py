"""A newer C library beside an older one: pysof's wheel says it needs glibc 2.34 and needs 2.38.

On Debian the libc6 of the next release is fetched with apt, through the mirror and keys this machine already uses, into
the bench's own folder; nothing is installed. A program started through that library's loader then uses it.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sysconfig
from pathlib import Path

from benchmarks.shared.environment import NotHere

NEEDED = (2, 38)
_SUITE = "trixie"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def loader(work: Path) -> list[str]:
    """What to write before a Python's path so that it finds a C library new enough; nothing where it has one.

    Raises:
        NotHere: the library is too old and a newer one cannot be had.
    """
    name, found = platform.libc_ver()
    if name == "glibc" and tuple(int(part) for part in found.split(".")[:2]) >= NEEDED:
        return []
    folder = work / "libc"
    libraries = folder / "root" / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    loaders = sorted(libraries.glob("ld-linux-*.so.*"))
    if not loaders:
        _fetch(folder)
        loaders = sorted(libraries.glob("ld-linux-*.so.*"))
    if not loaders:
        raise NotHere(f"needs glibc {'.'.join(map(str, NEEDED))}, has {found}, and the newer one has no loader")
    return [str(loaders[0]), "--library-path", f"{libraries}:{sysconfig.get_config_var('LIBDIR')}"]


def _fetch(folder: Path) -> None:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb") and _KEYS.exists()):
        raise NotHere("needs a newer glibc, which the bench fetches only on Debian")
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    try:
        targets = _said(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Component: main"])
        mirrors = [line.split()[1] for line in targets.splitlines() if "-" not in line.split()[0]]
        if not mirrors:
            raise NotHere("needs a newer glibc, and apt knows no mirror of a whole release")
        (folder / "sources.list").write_text(f"deb [signed-by={_KEYS}] {mirrors[0]} {_SUITE} main\n")
        apart = [
            f"-oDir::Etc::SourceList={folder / 'sources.list'}",
            "-oDir::Etc::SourceParts=-",
            f"-oDir::State::Lists={folder / 'lists'}",
            f"-oDir::Cache={folder / 'cache'}",
            "-oAPT::Sandbox::User=",
        ]
        _said(["apt-get", *apart, "update"])
        _said(["apt-get", *apart, "download", f"libc6/{_SUITE}"], cwd=folder)
        _said(["dpkg-deb", "-x", str(next(folder.glob("libc6_*.deb"))), str(folder / "root")])
    except (subprocess.CalledProcessError, StopIteration):
        raise NotHere("needs a newer glibc, and apt could not fetch one") from None


def _said(command: list[str], cwd: Path | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout
