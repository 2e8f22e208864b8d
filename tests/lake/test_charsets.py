"""Encodings are found by their letters, and Spark is made to read them."""

import codecs
import gzip
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.core.errors import SourceError
from rfm_spark.core.reading.places import Where
from rfm_spark.lake.charsets import found_encoding, high_letters
from rfm_spark.lake.files import listing, read_files
from rfm_spark.lake.look import read_source
from rfm_spark.lake.texts import readable

GERMAN, POLISH = "Müller;Weiß;Jörg;12,50 €\nStraße;Köln;5", "Łódź;Gdańsk;Wrocław\nKraków;zażółć gęślą;jaźń"

RUSSIAN = "Юлия;Лыжи;Щит\nЖизнь;Дюйм;Днями"


@pytest.mark.parametrize(
    ("encoding", "text", "found"),
    [("cp1252", GERMAN, "windows-1252"), ("latin-1", "José;Zoë", "ISO-8859-1"), ("iso8859-15", GERMAN, "ISO-8859-15"),
     ("cp1250", POLISH, "windows-1250"), ("iso8859-2", POLISH, "ISO-8859-2"), ("cp850", "Müller;Größe", "cp850"),
     ("mac-roman", "Müller;Größe;Zoë", "macintosh"), ("cp1254", "İstanbul;Şükrü;ağaç", "windows-1254"),
     ("cp1251", RUSSIAN, "cp1251"), ("koi8-r", RUSSIAN, "koi8_r"),
     ("cp1253", "Αθήνα;Παπαδόπουλος", "cp1253"), ("gb18030", "北京;王小明;商品", "gb18030"),
     ("utf-8", GERMAN, "UTF-8"), ("utf-8-sig", GERMAN, "UTF-8"), ("utf-16", GERMAN, "UTF-16"),
     ("utf-16-le", "name;city", "UTF-16LE"), ("ascii", "a;b", "UTF-8")],
)  # fmt: skip
def test_an_encoding_is_found_by_its_letters(encoding: str, text: str, found: str) -> None:
    data = f"{text}\n".encode(encoding) if "16" in encoding else f"{text}\n".encode(encoding) * 8
    name = found_encoding(data, "x.csv")
    assert name == found
    assert data.decode(encoding) == data.decode(name).lstrip("\ufeff" if name != encoding else "")


def test_windows_1252_and_latin_1_differ_by_the_bytes_that_only_one_has_letters_for() -> None:
    assert found_encoding("Müller;5".encode("latin-1"), "x") == "ISO-8859-1"
    assert found_encoding("Müller;5 €".encode("cp1252"), "x") == "windows-1252"


@pytest.mark.parametrize("encoding", ["windows-1252", "cp1250", "koi8-r", "macintosh", "cp437"])
def test_upper_bytes_mean_what_python_says(encoding: str) -> None:
    letters = high_letters(encoding)
    assert letters is not None
    table = str.maketrans(*letters)
    for byte in range(0x80, 0x100):
        meant = bytes([byte]).decode(encoding, "replace")
        assert bytes([byte]).decode("latin-1").translate(table) in (meant, chr(byte) if meant == "\ufffd" else meant)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis", "gb18030", "euc_kr", "utf-7", "no such"])
def test_encodings_of_several_bytes_have_no_upper_letters(encoding: str) -> None:
    assert high_letters(encoding) is None


def rows_of(spark: SparkSession, path: Path, **options: str | bool) -> list[tuple[str, ...]]:
    """As a run reads them; the first row is the header."""
    place = Where(path=str(path), format="csv", options={"header": True, **options})
    rows = read_files(spark, str(path), place, listing(spark, str(path), place))
    kept = [name for name in rows.columns if name != "_corrupt_record"]
    return [tuple(kept), *sorted(tuple(row) for row in rows.select(*(f"`{name}`" for name in kept)).collect())]


def test_a_run_reads_any_encoding_separator_line_and_alignment(spark: SparkSession, tmp_path: Path) -> None:
    text = "Größe;Name\n1;Müller\n2;Weiß €\n"
    right = [("Größe", "Name"), ("1", "Müller"), ("2", "Weiß €")]
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    (tmp_path / "b.csv").write_bytes(codecs.BOM_UTF8 + f"sep=;\r\n{text}".encode())
    (tmp_path / "c.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(f"sep=;\n{text}".encode("cp1252")))
    (tmp_path / "e.txt").write_text("Größe   Name\n1       Müller\n2       Weiß €\n", encoding="utf-8")
    assert rows_of(spark, tmp_path / "a.csv", sep=";", encoding="windows-1252") == right
    assert rows_of(spark, tmp_path / "b.csv", sep=";") == right
    assert rows_of(spark, tmp_path / "c.csv", sep=";", encoding="UTF-16") == right
    assert rows_of(spark, tmp_path / "d.csv.gz", encoding="windows-1252") == right
    assert rows_of(spark, tmp_path / "e.txt", sep=r"\s{2,}") == right


def test_folders_such_as_country_de_stay_columns_of_converted_files(spark: SparkSession, tmp_path: Path) -> None:
    for country in ("DE", "FR"):
        (tmp_path / "in" / f"country={country}").mkdir(parents=True)
        (tmp_path / "in" / f"country={country}" / "x.csv").write_text(f"sep=;\na;b\n1;{country}\n")
    assert rows_of(spark, tmp_path / "in", sep=";") == [("a", "b", "country"), ("1", "DE", "DE"), ("1", "FR", "FR")]


def test_what_can_not_be_converted_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"options\.encoding klingon is unknown"):
        readable(["/x.csv"], {"encoding": "klingon"}, "csv", "x.csv")
    with pytest.raises(SourceError, match=r"its encoding is Shift_JIS; save it as plain CSV in UTF-8"):
        readable(["s3://b/x.csv"], {"encoding": "Shift_JIS"}, "csv", "s3://b/x.csv")


def test_blank_aligned_columns_and_nested_json_are_looked_at(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "cdnow.txt").write_text(" 00001 19970101  1   11.77\n 00002 19970112 10   12.00\n")
    rows, kind, options = read_source(spark, str(tmp_path / "cdnow.txt"))
    assert (kind, options) == ("csv", {"header": False, "sep": r"\s+"})
    assert [tuple(row) for row in rows.collect()] == [
        ("00001", "19970101", "1", "11.77"), ("00002", "19970112", "10", "12.00"),
    ]  # fmt: skip
    (tmp_path / "wide.txt").write_text("Customer name   Date         Amount\nAnn Lee         2024-05-01   5.00\n")
    assert read_source(spark, str(tmp_path / "wide.txt"))[2] == {"header": True, "sep": r"\s{2,}"}


def test_json_lines_in_latin_1_are_read_as_they_are(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_bytes(
        '{"who": "Müller", "paid": 1}\n{"who": "Zoë", "paid": 2}\n'.encode("latin-1")
    )
    rows, kind, options = read_source(spark, str(tmp_path / "orders.json"))
    assert (kind, options["encoding"]) == ("json", "ISO-8859-1")
    assert sorted(row["who"] for row in rows.collect()) == ["Müller", "Zoë"]


def test_files_in_utf_8_and_latin_1_are_not_read_as_one(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("who,paid\nMüller,1\n".encode())
    (tmp_path / "b.csv").write_bytes("who,paid\nMüller,2\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"several encodings \(ISO-8859-1, UTF-8\)"):
        read_source(spark, str(tmp_path))
    # Plain ASCII is both.
    (tmp_path / "a.csv").write_bytes(b"who,paid\nMuller,1\n")
    assert read_source(spark, str(tmp_path))[2]["encoding"] == "ISO-8859-1"


def test_a_copy_here_is_no_use_to_executors_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("who;paid\nMüller;1\n".encode("utf-16"))
    with pytest.raises(SourceError, match="can't be read where it is, since its encoding is UTF-16"):
        readable([str(tmp_path / "a.csv")], {"encoding": "UTF-16"}, "csv", "a.csv", converts=False)
