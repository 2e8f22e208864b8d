"""`rfm-spark init`: from a file nobody has described to a run."""

import datetime as dt
import random
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from rfm_spark.capabilities.purchases.config import TransactionsSource
from rfm_spark.capabilities.purchases.quality import QualityConfig
from rfm_spark.cli.init import init_config
from rfm_spark.core.errors import ConfigError, SourceError
from rfm_spark.core.loading import load_config
from rfm_spark.lake.look import read_source
from rfm_spark.pipeline import run
from tests.effort import only_in_full

TODAY = dt.date(2024, 5, 1)


class Silent:
    def started(self, title: str, waits_for: str) -> None: ...

    def finished(self, title: str, rows: int | None, seconds: float) -> None: ...


def now() -> dt.datetime:
    return dt.datetime(2024, 5, 1, tzinfo=dt.timezone.utc)


def segmented(spark: SparkSession, yml: Path, as_of: dt.date) -> int:
    # The clusters take most of a run and read nothing of what was guessed.
    config = load_config(yml, ["clusters.enabled=false"])
    outcome = run(spark, config, as_of, clock=now, progress=Silent())
    assert outcome.exit_code == 0
    return spark.read.format("delta").load(f"{config.resolve('./lake')}/segments").count()


def retail_csv(file: Path) -> None:
    draw = random.Random(7)
    lines = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    for number in range(120):
        day, customer = dt.date(2010, 12, 1) + dt.timedelta(days=number), 12000 + draw.randrange(25)
        for stock in range(2):
            when = f"{day.month}/{day.day}/{day.year} 8:{10 + stock}"
            start = f'{536000 + number},S{stock},"A ""big"" lamp, red"'
            lines.append(f"{start},{draw.randint(1, 9)},{when},2.55,{customer},UK")
    lines.append("C536900,S1,Lamp,-1,3/20/2011 9:41,2.55,12001,UK")
    file.write_text("\n".join(lines) + "\n")


def test_online_retail_runs_as_it_was_guessed(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    retail_csv(tmp_path / "data" / "online retail.csv")
    yml = init_config(spark, str(tmp_path / "data" / "online retail.csv"), tmp_path / "shop.yml", TODAY)
    text = yml.read_text()
    assert f"rfm-spark run -c {yml} --as-of 2011-03-30" in text
    assert f"rfm-spark check -c {yml}" in text
    config = load_config(yml)
    assert config.name == "online_retail"
    assert config.part(TransactionsSource).path == "data/online retail.csv"
    assert segmented(spark, yml, dt.date(2011, 3, 30)) == 25


@only_in_full
def test_a_delta_folder_runs_as_it_was_guessed(spark: SparkSession, tmp_path: Path) -> None:
    rows = [(n % 12, n // 2, dt.datetime(2024, 1 + n % 4, 1 + n % 28, 12), 1.5 * n) for n in range(80)]
    schema = "household_id int, n bigint, transaction_timestamp timestamp, sales_value double"
    frame = spark.createDataFrame(rows, schema)
    frame.coalesce(1).write.format("delta").save(str(tmp_path / "lines"))
    yml = init_config(spark, str(tmp_path / "lines"), tmp_path / "conf" / "lines.yml", TODAY)
    config = load_config(yml)
    assert (config.part(TransactionsSource).path, config.part(TransactionsSource).format) == ("../lines", "delta")
    assert config.part(QualityConfig).max_staleness_days == 3
    assert segmented(spark, yml, dt.date(2024, 4, 28)) == 12


def test_headerless_cdnow_gets_a_configuration(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdnow.txt").write_text("00001,19970101,1,11.77\n00002,19970112,1,12.00\n00002,19970112,5,77.00\n")
    monkeypatch.chdir(tmp_path)
    yml = init_config(spark, "cdnow.txt", None, TODAY)
    assert yml == Path("cdnow.yml")
    source = load_config(yml).part(TransactionsSource)
    assert source.options == {"header": False}
    assert source.columns["customer_id"] == "_c0"


def test_an_existing_configuration_is_not_overwritten(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "mine.yml").write_text("precious")
    with pytest.raises(ConfigError, match="there already"):
        init_config(spark, "anything.csv", tmp_path / "mine.yml", TODAY)
    assert (tmp_path / "mine.yml").read_text() == "precious"


def test_a_hopeless_source_writes_nothing(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("city,temperature\nOslo,3\nRome,20\n")
    with pytest.raises(SourceError, match=r"simple\.yml"):
        init_config(spark, str(tmp_path / "w.csv"), tmp_path / "w.yml", TODAY)
    assert not (tmp_path / "w.yml").exists()


@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_delimiters_are_found(spark: SparkSession, tmp_path: Path, sep: str) -> None:
    rows = [("Kunde", "Datum", "Betrag"), ("A", "31.01.2024", "1,5" if sep != "," else "1.5"), ("B", "1.2.2024", "2")]
    (tmp_path / "x.csv").write_text("\n".join(sep.join(row) for row in rows) + "\n")
    frame, source_format, options = read_source(spark, str(tmp_path / "x.csv"))
    assert (frame.columns, source_format) == (["Kunde", "Datum", "Betrag"], "csv")
    assert options == ({"header": True} if sep == "," else {"header": True, "sep": sep})


def test_latin_1_and_line_breaks_in_quotes_are_read(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes('customer,note,amount\nJosé,"two\nlines, ""both""",3\n'.encode("latin-1"))
    frame, _, options = read_source(spark, str(tmp_path / "x.csv"))
    assert options == {"header": True, "encoding": "ISO-8859-1", "escape": '"', "multiLine": True}
    assert [tuple(row) for row in frame.collect()] == [("José", 'two\nlines, "both"', "3")]


def test_parquet_and_json_are_told_apart(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([("a", 1.5)], "customer string, amount double").coalesce(1)
    frame.write.parquet(str(tmp_path / "p"))
    frame.write.json(str(tmp_path / "j"))
    file = next((tmp_path / "p").glob("*.parquet"))
    (tmp_path / "array.json").write_text('[\n{"customer": "a", "amount": 1.5}\n]')
    formats = [read_source(spark, str(place))[1] for place in (tmp_path / "p", file, tmp_path / "j")]
    assert formats == ["parquet", "parquet", "json"]
    assert read_source(spark, str(tmp_path / "array.json"))[2] == {"multiLine": True}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("none.csv", None, "nothing at"), ("empty.csv", b"", "is empty"), ("blank.csv", b"\n\n", "no rows"),
     ("book.xlsx", b"PK\x03\x04", "save the rows as CSV"), ("one.csv", b"a\n1\n2\n", "one column only"),
     ("blob.bin", b"\x01\x00\x02\n", "UTF-8")],
)  # fmt: skip
def test_what_can_not_be_read_is_said(
    spark: SparkSession, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=said):
        read_source(spark, str(tmp_path / name))


def test_a_folder_of_nothing_or_of_everything_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no files"):
        read_source(spark, str(tmp_path))
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(SourceError, match="several formats"):
        read_source(spark, str(tmp_path))
