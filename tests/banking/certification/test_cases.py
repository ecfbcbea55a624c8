"""Files of cases: both spellings, and one line that names row and field where something is wrong."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from webapp.banking.certification.cases import CaseFileError, Expected, read_cases
from webapp.banking.gateway import BankType
from webapp.kernel import clock
from webapp.kernel.config import PROJECT_ROOT

EXAMPLES = PROJECT_ROOT / "docs" / "certification"
HEADING = "id,kind,reference,expected"


def written(folder: Path, text: str, name: str = "cases.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_case_is_read_from_csv(tmp_path: Path):
    path = written(
        tmp_path,
        "id,description,kind,reference,amount,phone,payer_bank,date,expected,expected_amount,"
        "expected_currency\n"
        'B-1,"Pago, móvil",MOBILE_TRANSFER,000123456,"1.240,00",+58 414-123.45.67,0102,2026-08-06,'
        "found,1240.00,VES\n",
    )
    (case,) = read_cases(path)
    assert (case.id, case.description, case.expected) == ("B-1", "Pago, móvil", Expected.FOUND)
    assert (case.amount, case.currency) == (Decimal("1240.00"), "VES")
    claim = case.claim
    assert (claim.reference, claim.bank) == ("000123456", BankType.MOBILE_TRANSFER)
    assert (claim.amount, claim.phone) == (Decimal("1240.00"), "04141234567")
    assert (claim.payer_bank, claim.operation_date) == ("0102", date(2026, 8, 6))


def test_excels_semicolons_and_mark_are_read_and_empty_rows_skipped(tmp_path: Path):
    path = written(
        tmp_path, f"\ufeff{HEADING.replace(',', ';')}\n;;;\nA;BANESCO;123456789;not_found\n"
    )
    (case,) = read_cases(path)
    assert (case.id, case.expected) == ("A", Expected.NOT_FOUND)


@pytest.mark.parametrize("indent", ["", "cases:\n"])
def test_yaml_keeps_leading_zeros_and_knows_today(tmp_path: Path, indent: str):
    item = "- {id: A, kind: BANESCO, reference: 000123456, payer_bank: 0134, date: yesterday, expected: settled}\n"
    (case,) = read_cases(written(tmp_path, indent + item, "cases.yaml"))
    assert (case.claim.reference, case.claim.payer_bank) == ("000123456", "0134")
    assert case.claim.operation_date == clock.today() - timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "row 1, id: the field is missing"),
        ("id,kind,reference\n", "row 1, expected: the field is missing"),
        (f"{HEADING},colour\n", "row 1, 'colour': there is no such field"),
        (f"{HEADING}\n", "there is no case"),
        (f"{HEADING}\nA,BANESCO,12x,found\n", "row 2, reference: must be 1 to 20 digits"),
        (f"{HEADING}\nA,BANESCO,١٢٣,found\n", "row 2, reference: must be"),
        (f"{HEADING}\nA,BANESCO,,found\n", "row 2, reference: is empty"),
        (f"{HEADING}\nA,CHEQUE,123456,found\n", "row 2, kind: must be one of BANESCO"),
        (f"{HEADING}\n\nA,BANESCO,123456,perhaps\n", "row 3, expected: must be one of found"),
        (f"{HEADING}\nA,BANESCO,1,found,x\n", "row 2: more values than columns"),
        (f'{HEADING}\n"A,BANESCO,1,found\n', "after row 1: unexpected end of data"),
        (f"{HEADING}\nA,BANESCO,1,found\nA,BANESCO,2,found\n", "A, id: two cases have this id"),
        (f"{HEADING},amount\nA,BANESCO,1,found,1.234\n", "row 2, amount: must be an amount"),
        (f"{HEADING},phone\nA,BANESCO,1,found,0212\n", "row 2, phone: must be a mobile number"),
        (f"{HEADING},date\nA,BANESCO,1,found,6/8/26\n", "row 2, date: must be YYYY-MM-DD"),
        (f"{HEADING},payer_bank\nA,BANESCO,1,found,134\n", "row 2, payer_bank: must be the 4"),
        (
            f"{HEADING},expected_amount\nA,BANESCO,1,not_found,1.00\n",
            "row 2, expected_amount: nothing is shown where not_found is expected",
        ),
    ],
)
def test_a_wrong_csv_names_row_and_field(tmp_path: Path, text: str, said: str):
    with pytest.raises(CaseFileError) as error:
        read_cases(written(tmp_path, text))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("just words", "must be a list of cases"),
        ("- 1", "row 1: a case is a list of `name: value`"),
        ("- {id: [1]}", "row 1, id: must be a single value"),
        ("- {id: A, kind: BANESCO, reference: 1}", "row 1, expected: the field is missing"),
        ("- {id: A", "line 1: this is not YAML"),
        ("- !!python/object/apply:os.getcwd []", "row 1: a case is a list"),
        ("- " + "[" * 3000, "this is not YAML"),
        ("- {id: A, ? [x] : B}", "this is not YAML"),
    ],
)
def test_a_wrong_yaml_names_row_and_field(tmp_path: Path, text: str, said: str):
    with pytest.raises(CaseFileError) as error:
        read_cases(written(tmp_path, text, "cases.yml"))
    assert said in str(error.value)


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(CaseFileError, match=r"must end with \.csv"):
        read_cases(written(tmp_path, HEADING, "cases.txt"))
    (tmp_path / "latin.csv").write_bytes("id,descripción".encode("latin-1"))
    with pytest.raises(CaseFileError, match="not UTF-8"):
        read_cases(tmp_path / "latin.csv")


@pytest.mark.parametrize("name", ["cases-status.csv", "cases-confirmation.yaml"])
def test_the_examples_can_be_read(name: str):
    assert len(read_cases(EXAMPLES / name)) > 10
