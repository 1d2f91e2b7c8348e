"""Oracle: the contract (landed = accepted + quarantined, bytes kept) and fhir.resources' own verdict on each line."""

from __future__ import annotations

import gzip
import json
import stat
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from flows.acceptance import AcceptanceCounts, Finding, accept, landings
from flows.acceptance.findings import LANDING_LINE

GOOD = [
    b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}',
    b'{"resourceType":"Observation", "id":"b","status":"final","code":{"text":"y"},"valueQuantity":{"value":13.2}}',
]
SECRET = "Zanzibar-4711"
BAD = {
    "not-json": b'{"resourceType":"Observation","id":"' + SECRET.encode(),
    "not-a-resource": b'["' + SECRET.encode() + b'"]',
    "wrong-type-for-file": b'{"resourceType":"Patient","id":"p","gender":"' + SECRET.encode() + b'"}',
    "missing": b'{"resourceType":"Observation","id":"c","status":"final","valueString":"' + SECRET.encode() + b'"}',
    "extra-forbidden": b'{"resourceType":"Observation","id":"d","status":"final","code":{"text":"x","invented":"'
    + SECRET.encode()
    + b'"}}',
    "value-format": b'{"resourceType":"Observation","id":"e","status":"final","code":{"text":"x"},"valueDateTime":"'
    + SECRET.encode()
    + b'"}',
    "more-than-one-choice": b'{"resourceType":"Observation","id":"f","status":"final","code":{"text":"x"},'
    b'"valueInteger":1,"valueString":"' + SECRET.encode() + b'"}',
    "string-pattern-mismatch": b'{"resourceType":"Observation","id":"g_h","status":"final","code":{"text":"x"},'
    b'"valueString":"' + SECRET.encode() + b'"}',
    "unknown-type": b'{"resourceType":"Observation","id":"i","status":"final","code":{"text":"x"},'
    b'"contained":[{"resourceType":"Invented","id":"' + SECRET.encode() + b'"}]}',
}


def _land(root: Path, files: dict[str, Sequence[bytes]], site: str = "north") -> Path:
    folder = root / "landing" / site
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
    return root


def _accept(root: Path, workers: int = 1, **other: Any) -> AcceptanceCounts:
    return accept(root / "landing", root / "accepted", root / "quarantine", workers, **other)


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines() if path.exists() else []


def _outcomes(root: Path, site: str = "north") -> list[dict[str, Any]]:
    return [json.loads(line) for line in _lines(root / "quarantine" / site / "OperationOutcome.ndjson")]


def _where(outcome: dict[str, Any]) -> dict[str, Any]:
    (extension,) = (one for one in outcome["extension"] if one["url"] == LANDING_LINE)
    return {part["url"]: next(v for k, v in part.items() if k != "url") for part in extension["extension"]}


def test_valid_lines_are_copied_with_their_digits(tmp_path: Path) -> None:
    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    counts = _accept(tmp_path)
    kept = _lines(tmp_path / "accepted/north/Observation.000.ndjson")
    assert kept == [GOOD[0].replace(b"1.10", b'"1.10"'), GOOD[1]]
    assert not (tmp_path / "quarantine/north/Observation.ndjson").exists()
    observed = counts.sites["north"].types["Observation"]
    assert (observed.landed, observed.accepted, observed.quarantined, observed.rewritten) == (2, 2, 0, 1)


@pytest.mark.parametrize("rule", BAD)
def test_each_fault_is_quarantined_by_its_rule_and_without_a_value(tmp_path: Path, rule: str) -> None:
    _land(tmp_path, {"Observation.007.ndjson": [GOOD[0], BAD[rule], GOOD[1]]})
    counts = _accept(tmp_path).sites["north"].types["Observation"]
    assert (counts.landed, counts.accepted, counts.quarantined, counts.reasons) == (3, 2, 1, Counter({rule: 1}))
    assert _lines(tmp_path / "quarantine/north/Observation.ndjson") == [BAD[rule]]
    (outcome,) = _outcomes(tmp_path)
    assert _where(outcome) == {"type": "Observation", "file": "Observation.007.ndjson", "line": 2}
    assert outcome["issue"][0]["diagnostics"].startswith(f"{rule}: Observation")
    assert SECRET not in json.dumps(outcome)


def test_the_path_of_a_fault_names_the_element(tmp_path: Path) -> None:
    line = (
        b'{"resourceType":"Observation","id":"a","status":"final","code":{"text":"x"},'
        b'"component":[{"code":{"text":"x"}},{"code":{"coding":[{"code":""}]}}]}'
    )
    _land(tmp_path, {"Observation.000.ndjson": [line]})
    _accept(tmp_path)
    assert _outcomes(tmp_path)[0]["issue"][0]["expression"] == ["Observation.component[1].code.coding[0].code"]


def test_outcomes_are_valid_by_the_models_themselves(tmp_path: Path) -> None:
    from fhir.resources.R4B.operationoutcome import OperationOutcome

    _land(tmp_path, {"Observation.000.ndjson": list(BAD.values())})
    _accept(tmp_path)
    outcomes = _lines(tmp_path / "quarantine/north/OperationOutcome.ndjson")
    assert len(outcomes) == len(BAD)
    for line in outcomes:
        OperationOutcome.model_validate_json(line)


def test_a_type_without_a_model_is_quarantined(tmp_path: Path) -> None:
    _land(tmp_path, {"Invented.000.ndjson": [b'{"resourceType":"Invented","id":"a"}']})
    counts = _accept(tmp_path)
    assert counts.sites["north"].types["Invented"].reasons == {"unknown-type": 1}
    assert (counts.landed, counts.accepted, counts.quarantined) == (1, 0, 1)


def _version(resource_id: str, version: str, updated: str | None, text: str) -> bytes:
    meta = {"versionId": version} | ({"lastUpdated": updated} if updated else {})
    return json.dumps({"resourceType": "Basic", "id": resource_id, "meta": meta, "code": {"text": text}}).encode()


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (("9", "2020-01-01T00:00:00Z"), ("1", "2020-01-01T00:00:00.1234567Z")),
        (("9", "2020-01-01T02:00:00+02:00"), ("10", "2020-01-01T00:00:00Z")),
        (("9", None), ("10", None)),
        (("x", None), ("y", "2020-01-01T00:00:00Z")),
    ],
)
@pytest.mark.parametrize("newer_first", [True, False])
def test_of_several_versions_the_newest_stays(
    tmp_path: Path, older: tuple[str, str | None], newer: tuple[str, str | None], newer_first: bool
) -> None:
    old, new = _version("a", *older, "old: 1"), _version("a", *newer, "new: 1")
    other = _version("b", "1", None, "other")
    first, second = (new, old) if newer_first else (old, new)
    _land(tmp_path, {"Basic.000.ndjson": [b"{", first, other], "Basic.001.ndjson": [second]})
    counts = _accept(tmp_path).sites["north"].types["Basic"]
    accepted = [
        *_lines(tmp_path / "accepted/north/Basic.000.ndjson"),
        *_lines(tmp_path / "accepted/north/Basic.001.ndjson"),
    ]
    assert sorted(accepted) == sorted([new, other])
    assert _lines(tmp_path / "quarantine/north/Basic.ndjson") == [b"{", old]
    assert (counts.landed, counts.accepted, counts.quarantined, counts.superseded) == (4, 2, 2, 1)
    assert _outcomes(tmp_path)[1]["issue"][0]["code"] == "duplicate"
    assert not list(tmp_path.rglob("*.part"))


def test_without_any_version_the_later_line_stays(tmp_path: Path) -> None:
    lines = [f'{{"resourceType":"Basic","id":"a","code":{{"text":"{n}"}}}}'.encode() for n in range(4)]
    _land(tmp_path, {"Basic.000.ndjson": lines})
    assert _accept(tmp_path).accepted == 1
    assert _lines(tmp_path / "accepted/north/Basic.000.ndjson") == lines[-1:]
    assert _lines(tmp_path / "quarantine/north/Basic.ndjson") == lines[:-1]


def test_compressed_landing_gives_the_same_accepted_copy(tmp_path: Path) -> None:
    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    plain = (tmp_path / "landing/north/Observation.000.ndjson").read_bytes()
    (tmp_path / "landing/gz").mkdir()
    (tmp_path / "landing/zst").mkdir()
    (tmp_path / "landing/gz/Observation.000.ndjson.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "landing/zst/Observation.000.ndjson.zst").write_bytes(zstandard.compress(plain))
    (tmp_path / "landing/frames").mkdir()
    frames = b"".join(map(zstandard.compress, plain.splitlines(keepends=True)))
    (tmp_path / "landing/frames/Observation.000.ndjson.zst").write_bytes(frames)
    _accept(tmp_path)
    copies = {
        site: _lines(tmp_path / "accepted" / site / "Observation.000.ndjson")
        for site in ("north", "gz", "zst", "frames")
    }
    assert copies["north"] == copies["gz"] == copies["zst"] == copies["frames"]
    assert len(copies["north"]) == 2


def test_worker_processes_give_the_same_bytes_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        line.replace(b'"id":"', f'"id":"n{n}-'.encode())
        for n in range(60)
        for line in (*GOOD, BAD["missing"], BAD["not-json"])
    ]
    for kind in ("here", "pool"):
        _land(tmp_path / kind, {"Observation.000.ndjson": lines, "Observation.001.ndjson": [lines[0]]})
    here = _accept(tmp_path / "here")
    monkeypatch.setattr(landings, "POOL_FROM_BYTES", 0)
    monkeypatch.setattr("flows.acceptance.chunks.CHUNK_BYTES", 1_000)
    pool = _accept(tmp_path / "pool", workers=2)
    assert here.as_json() == pool.as_json()
    assert here.landed == here.accepted + here.quarantined == len(lines) + 1
    written = {
        kind: {p.relative_to(tmp_path / kind): p.read_bytes() for p in (tmp_path / kind).rglob("*.ndjson")}
        for kind in ("here", "pool")
    }
    assert written["here"] == written["pool"]


def test_small_landings_start_no_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pool was started")

    monkeypatch.setattr(landings, "ProcessPoolExecutor", refuse)
    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    assert _accept(tmp_path, workers=4).accepted == 2


def test_a_second_acceptance_replaces_the_first(tmp_path: Path) -> None:
    _land(tmp_path, {"Observation.000.ndjson": [*GOOD, BAD["missing"]], "Basic.000.ndjson": [b"{"]})
    _accept(tmp_path)
    (tmp_path / "landing/north/Basic.000.ndjson").unlink()
    _land(tmp_path, {"Observation.000.ndjson": GOOD[1:]})
    counts = _accept(tmp_path)
    assert counts.as_json()["sites"].keys() == {"north"}
    assert [p.name for p in (tmp_path / "accepted/north").iterdir()] == ["Observation.000.ndjson"]
    assert not list((tmp_path / "quarantine/north").iterdir())


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    _land(tmp_path, {"Observation.000.ndjson": [*GOOD, BAD["missing"]]})
    _accept(tmp_path)
    made = [p for part in ("accepted", "quarantine") for p in (tmp_path / part / "north").iterdir()]
    assert len(made) == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in made} == {0o600}


class _RefusesAll:
    def __call__(self, resource_type: str, resource: dict[str, Any], text: bytes, /) -> Sequence[Finding]:
        return (Finding("refused", resource_type),)


def test_another_judge_can_be_put_in(tmp_path: Path) -> None:
    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    counts = _accept(tmp_path, new_judge=_RefusesAll)
    assert counts.sites["north"].types["Observation"].reasons == {"refused": 2}


def test_a_judge_that_fails_leaves_nothing_half_written(tmp_path: Path) -> None:
    class Broken:
        def __call__(self, *_: object) -> Sequence[Finding]:
            raise RuntimeError("broken")

    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    with pytest.raises(RuntimeError):
        _accept(tmp_path, new_judge=Broken)
    assert not list((tmp_path / "accepted/north").iterdir())


def test_progress_ends_at_the_number_landed(tmp_path: Path) -> None:
    said: list[tuple[str, int, int | None]] = []
    _land(tmp_path, {"Observation.000.ndjson": GOOD})
    _accept(tmp_path, progress=lambda label, done, total: said.append((label, done, total)))
    assert said[-1] == ("accept north Observation", 2, 2)


@pytest.mark.shared
def test_every_verdict_on_the_public_sample_is_the_models_own(tmp_path: Path) -> None:
    """All types of the public sample that are small, judged line by line beside the room's own counting."""
    from fhir.resources.R4B import get_fhir_model_class

    shared = Path(__file__).resolve().parents[4] / "shared" / "synthea"
    if not shared.is_dir():
        pytest.skip("the shared folder is not beside the repository")
    valid = 0
    for name in ("Patient", "Medication", "Device", "ImagingStudy"):
        lines = gzip.decompress((shared / f"{name}.ndjson.gz").read_bytes()).splitlines()
        _land(tmp_path, {f"{name}.000.ndjson": lines})
        model = get_fhir_model_class(name)
        valid += sum(1 for line in lines if model.model_validate_json(line))
    counts = _accept(tmp_path)
    assert counts.accepted == counts.landed == valid == 69 + 1650 + 1055 + 814
