"""Study texts for the tests: the example of docs/study-file.md, read from that page."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
DOCS = REPOSITORY / "docs"


def fences(page: str) -> dict[str, str]:
    """The fenced blocks under headings that are a file name in backquotes."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^#### `([^`]+)`\n+```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL))


def example() -> tuple[str, dict[str, str]]:
    """The study file of the example, and the other files by path."""
    files = fences("study-file.md")
    return files.pop("study.toml"), files


def li2023() -> tuple[str, dict[str, str]]:
    """The first study's file, and the other files by path."""
    folder = REPOSITORY / "studies" / "li2023"
    files = {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*.json")}
    return (folder / "study.toml").read_text(encoding="utf-8"), files


def write(folder: Path, study: str, files: dict[str, str]) -> Path:
    """A study folder on disk."""
    for name, text in {"study.toml": study, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder
