"""The leak test finds what was planted, in every way of writing, and nothing in the shipped studies."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from made_studies import BUNDLE, cohort_with_maps
from SynthPerfLib.cohort import Cohort
from SynthPerfLib.jobs import Job
from SynthPerfReaderStudyLib.leaks import (
    Finding,
    Words,
    identifiers_of,
    scan_file,
    scan_study,
    scan_texts,
    words_of,
)
from SynthPerfReaderStudyLib.protocol import shipped_protocols
from SynthPerfReaderStudyLib.study import Study

WORDS = Words(("sub-0042", "Gotham General", "AB12"), ("mri_synthetic_cbv", "ASL", "recurrence", BUNDLE))


@pytest.fixture(scope="module")
def cohort(prepared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohort_with_maps(prepared_folder, tmp_path_factory.mktemp("leaks") / "cohort")


@pytest.fixture(scope="module")
def nifti(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A NIfTI file without a word in it."""
    path = tmp_path_factory.mktemp("image") / "image.nii"
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)), str(path))
    content = bytearray(path.read_bytes())
    content[4:39] = bytes(35)
    content[148:252] = bytes(104)
    return bytes(content)


def found(content: bytes, name: str = "stimuli/K7/stimulus.json") -> set[str]:
    return {finding.what for finding in scan_file(name, content, WORDS)}


@pytest.mark.parametrize("name", sorted(shipped_protocols()))
def test_no_shipped_study_leaks(name: str, cohort: Path, tmp_path: Path) -> None:
    study = Job(Study.create(name, cohort, tmp_path / "study", seed=1)).run()
    words = words_of(study)
    assert {"sub-001", "Site A"} <= set(words.identities)
    assert BUNDLE in words.meanings
    assert Job(scan_study(study)).run() == []


def test_a_planted_file_is_found_in_a_study(cohort: Path, tmp_path: Path) -> None:
    study = Job(Study.create("qsnet_rating", cohort, tmp_path / "study", seed=1)).run()
    code = study.allocation.rows[0].stimulus
    (study.folder / "stimuli" / code / "sub-003_notes.txt").write_text("from the synthetic arm")
    place = f"stimuli/{code}/sub-003_notes.txt"
    findings = Job(scan_study(study)).run()
    assert Finding(f"name of {place}", "sub-003") in findings
    assert Finding(place, "synthetic") in findings
    assert {finding.where for finding in findings} == {place, f"name of {place}"}


def test_the_questions_may_say_what_the_stimuli_may_not() -> None:
    assert found(b'{"label": "recurrence"}', "form.json") == set()
    assert found(b'{"label": "recurrence"}') == {"recurrence"}
    assert found(b'{"label": "sub-0042"}', "form.json") == {"sub-0042"}


WRITINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda word: f"before {word} after".encode(),
    "inside a word": lambda word: f"xx{word}yy".encode(),
    "capitals": lambda word: word.upper().encode(),
    "other separators": lambda word: word.replace("-", "_").replace(" ", ".").encode(),
    "no separators": lambda word: word.replace("-", "").replace("_", "").replace(" ", "").encode(),
    "UTF-16": lambda word: word.encode("utf-16"),
    "UTF-16 big-endian": lambda word: b"\1\2" + word.encode("utf-16-be"),
    "UTF-8 with a mark": lambda word: word.encode("utf-8-sig"),
    "among zeros": lambda word: bytes(40) + word.encode() + bytes(7),
    "base64": lambda word: base64.b64encode(f"id={word};".encode()),
    "base64 of UTF-16": lambda word: base64.b64encode(word.encode("utf-16-le")),
    "base64 for addresses": lambda word: base64.urlsafe_b64encode(b"\xff\xfe" + word.encode()),
    "hexadecimal": lambda word: word.encode().hex().encode(),
    "hexadecimal capitals": lambda word: word.encode().hex().upper().encode(),
    "hexadecimal of UTF-16": lambda word: word.encode("utf-16-le").hex().encode(),
    "hexadecimal with blanks": lambda word: word.encode().hex(" ").encode(),
    "JSON escapes": lambda word: ('{"a": "' + "".join(f"\\u{ord(c):04x}" for c in word) + '"}').encode(),
    "JSON key": lambda word: json.dumps({word: 1}).encode(),
    "percent": lambda word: "".join(f"%{ord(c):02X}" for c in word).encode(),
    "gzip": lambda word: gzip.compress(f"x {word}".encode(), mtime=0),
    "gzip in gzip": lambda word: gzip.compress(gzip.compress(word.encode(), mtime=0), mtime=0),
    "behind gzip": lambda word: gzip.compress(b"nothing", mtime=0) + word.encode(),
    "second gzip member": lambda word: gzip.compress(b"a", mtime=0) + gzip.compress(word.encode(), mtime=0),
}


@pytest.mark.parametrize("writing", sorted(WRITINGS))
@pytest.mark.parametrize("word", ["sub-0042", "Gotham General", "mri_synthetic_cbv", "recurrence"])
def test_a_word_is_found_in_every_writing(writing: str, word: str) -> None:
    assert word in found(WRITINGS[writing](word))


@given(
    word=st.sampled_from(["sub-0042", "mri_synthetic_cbv"]),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    writings=st.lists(st.sampled_from(["base64", "hexadecimal", "gzip", "percent"]), max_size=1),
)
def test_a_word_is_found_wherever_it_stands(word: str, before: str, after: str, writings: list[str]) -> None:
    text = f"{before}{word}{after}"
    content = text.encode("utf-8", "replace")
    for writing in writings:
        content = {
            "base64": base64.b64encode,
            "hexadecimal": lambda c: c.hex().encode(),
            "gzip": lambda c: gzip.compress(c, mtime=0),
            "percent": lambda c: "".join(f"%{b:02X}" for b in c).encode(),
        }[writing](content)
    assert word in found(content)


def test_short_words_count_where_they_stand_alone() -> None:
    assert found(b'"unit": "ASL"') == {"asl"}
    assert found(b"stimuli/asl.nii.gz") == {"asl"}
    assert found(b"translation of AB12") == {"ab12"}
    assert found(b"translasl XAB12X") == set()


def test_names_of_files_count() -> None:
    assert found(b"", "stimuli/sub-0042/image_1.nii.gz") == {"sub-0042"}
    assert found(b"", "stimuli/asl/image_1.nii.gz") == {"asl"}


def test_strings_that_a_seat_holds_count() -> None:
    findings = scan_texts({"node 3": "Volume of sub_0042", "title": "2 of 40"}, WORDS)
    assert findings == [Finding("node 3", "sub-0042")]


@pytest.mark.parametrize("text", ["2024-03-09", "20240309", "scan 1999/12/31.", "2024_03_09"])
def test_dates_are_found(text: str) -> None:
    assert found(text.encode()) == {"a date"}


@pytest.mark.parametrize("text", ["0.20240309", "a20240309b", "3.2024-03", "20249909", "[4095, 20240]"])
def test_numbers_are_no_dates(text: str) -> None:
    assert found(text.encode()) == set()


@pytest.mark.parametrize("text", ["/home/anna/study", '"C:\\\\Users\\\\anna"', "file in /data/cohort/x.nii"])
def test_paths_are_found(text: str) -> None:
    assert "a path" in found(text.encode())


def test_the_gzip_header_is_read() -> None:
    stream = io.BytesIO()
    with gzip.GzipFile(filename="x.nii", mode="wb", fileobj=stream, mtime=0) as packed:
        packed.write(b"nothing")
    assert found(stream.getvalue()) == {"a name, a comment or an extra field"}
    assert found(gzip.compress(b"nothing", mtime=1700000000)) == {"the time at which it was packed"}
    assert found(gzip.compress(b"nothing", mtime=0)) == set()


def test_the_nifti_header_is_read(nifti: bytes) -> None:
    assert found(gzip.compress(nifti, mtime=0), "stimuli/K7/map_a.nii.gz") == set()
    for start, size in ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)):
        content = nifti[:start] + b"Mueller".ljust(size, b"\0") + nifti[start + size :]
        assert found(content) == {"words in a field that should be empty"}
    assert "sub-0042" in found(nifti[:148] + b"SUB-0042".ljust(80, b"\0") + nifti[228:])


def test_a_nifti_extension_is_found(nifti: bytes) -> None:
    note = b"scanned at gotham_general".ljust(40, b"\0")
    content = bytearray(nifti[:348] + bytes([1, 0, 0, 0]) + struct.pack("<ii", 48, 6) + note + nifti[352:])
    struct.pack_into("<f", content, 108, 400.0)
    assert found(bytes(content)) == {"an extension", "Gotham General"}


def test_words_in_voxels_are_found(nifti: bytes) -> None:
    for text in (b"sub-0042", "recurrence".encode("utf-16-le")):
        content = nifti[:400] + text + nifti[400 + len(text) :]
        assert len(found(content)) == 1


def test_noise_in_voxels_is_no_finding(nifti: bytes) -> None:
    noise = np.random.default_rng(1).integers(0, 256, 2_000_000, dtype=np.uint8).tobytes()
    assert found(nifti[:352] + noise) == set()


def test_zip_files_are_opened() -> None:
    def packed(name: str, content: bytes, when: tuple[int, int, int, int, int, int] = (1980, 1, 1, 0, 0, 0)) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name, when), content)
        return stream.getvalue()

    assert found(packed("a.txt", b"nothing")) == set()
    assert found(packed("a.txt", b"of sub-0042")) == {"sub-0042"}
    assert found(packed("sub-0042.txt", b"nothing")) == {"sub-0042"}
    assert found(packed("a.txt", b"nothing", (2024, 3, 9, 1, 2, 4))) == {"the time at which it was packed"}


def test_damaged_archives_are_read_as_bytes() -> None:
    whole = gzip.compress(b"x" * 1000, mtime=0)
    assert found(whole[:20] + b" sub-0042 ") == {"sub-0042"}
    assert found(b"PK\x03\x04 sub-0042") == {"sub-0042"}


def test_identifiers_come_from_the_table_the_sidecars_and_the_paths(cohort: Path) -> None:
    case = Cohort.open(cohort).cases[0]
    sidecar = case.file("T1").with_name(f"{case.id}_T1w.json")
    content = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**content, "PatientName": "Doe^Jane", "AcquisitionDate": "2021-07-03"}))
    words = identifiers_of(Cohort.open(cohort), cohort)
    assert {"sub-001", "Site A", "Doe^Jane", "2021-07-03", str(cohort.resolve())} <= words
    assert not {"T1", "FLAIR", "test", "train", "n/a", "mL/100 g"} & words
