from __future__ import annotations

import pytest

from dagwright.engines.local.serving.joining import CSV, JSON, JSON_LINES, JoinError, Joining, format_of

ROWS = [b"7,0.5,1", b'8,"x,y",2']
DOCUMENTS = [b'{"id": 7, "features": [1, 2]}', b'{"id": 8, "features": [3]}']


def joining(form: str = CSV, join: str = "None", before: str = "$", after: str = "$") -> Joining:
    return Joining({"InputFilter": before, "OutputFilter": after, "JoinSource": join}, form, form)


@pytest.mark.parametrize(
    ("form", "records", "before", "sent"),
    [
        (CSV, ROWS, "$[1:]", b'0.5,1\n"x,y",2'),
        (CSV, ROWS, "$[0]", b"7\n8"),
        (CSV, ROWS, "$[-1,0]", b"1,7\n2,8"),
        (CSV, [b"7,1\r"], "$[1]", b"1"),
        (JSON, DOCUMENTS[:1], "$.features", b"[1, 2]"),
        (JSON_LINES, DOCUMENTS, "$.features", b"[1, 2]\n[3]"),
        (JSON_LINES, DOCUMENTS, "$['id']", b"7\n8"),
    ],
)
def test_what_the_model_gets(form: str, records: list[bytes], before: str, sent: bytes) -> None:
    job = joining(form, before=before)
    assert job.filters
    assert job.to_send(records) == sent


@pytest.mark.parametrize(
    ("form", "records", "join", "after", "answer", "made"),
    [
        (CSV, ROWS, "Input", "$", b"0.9\n0.1\n", [b"7,0.5,1,0.9", b'8,"x,y",2,0.1']),
        (CSV, ROWS, "Input", "$", b"0.9,a\r\n0.1,b", [b"7,0.5,1,0.9,a", b'8,"x,y",2,0.1,b']),
        (CSV, ROWS, "Input", "$[0,-1]", b"0.9\n0.1\n", [b"7,0.9", b"8,0.1"]),
        (CSV, ROWS, "None", "$[-1]", b"0.9,a\n0.1,b\n", [b"a", b"b"]),
        (JSON, DOCUMENTS[:1], "Input", "$", b"[0.9]", [b'{"id": 7, "features": [1, 2], "SageMakerOutput": [0.9]}']),
        (JSON, [b"[1, 2]"], "Input", "$", b"0.9", [b'{"SageMakerInput": [1, 2], "SageMakerOutput": 0.9}']),
        (
            JSON_LINES, DOCUMENTS, "Input", "$['id','SageMakerOutput']", b'{"p": 0.9}\n{"p": 0.1}\n',
            [b'{"id": 7, "SageMakerOutput": {"p": 0.9}}', b'{"id": 8, "SageMakerOutput": {"p": 0.1}}'],
        ),
        (JSON_LINES, DOCUMENTS, "None", "$.p", b'{"p": 0.9}\n{"p": 0.1}\n', [b"0.9", b"0.1"]),
    ],
)  # fmt: skip
def test_what_the_output_has(
    form: str, records: list[bytes], join: str, after: str, answer: bytes, made: list[bytes]
) -> None:
    job = joining(form, join, after=after)
    assert job.joins
    assert job.joined(records, answer) == made


@pytest.mark.parametrize(
    ("form", "records", "answer", "said"),
    [
        (CSV, ROWS, b"0.9\n", "answered 1 records to 2"),
        (JSON_LINES, DOCUMENTS, b"[0.9, 0.1]", "answered 1 records to 2"),
        (JSON, DOCUMENTS[:1], b"0.9 0.1", "record 1 of the answer of the model is no JSON"),
        (JSON, [b"not JSON"], b"1", "record 1 of the input is no JSON"),
        (CSV, [b"\xff,1"], b"1", "record 1 of the input is no CSV"),
        (CSV, [b'"begun,1'], b"1", "record 1 of the input is no CSV: unexpected end of data"),
        (CSV, [b'"a"b,1'], b"1", "record 1 of the input is no CSV: ',' expected"),
    ],
)
def test_an_answer_that_does_not_fit(form: str, records: list[bytes], answer: bytes, said: str) -> None:
    with pytest.raises(JoinError, match=said):
        joining(form, "Input").joined(records, answer)


def test_a_cell_in_quotes_may_have_several_lines_if_nothing_cuts_it() -> None:
    job, content = joining(join="Input", after="$[0,-1]"), b'"a\r\n""b""",1\r\nc,2\n'
    assert job.records(content, lines=False) == [b'"a\r\n""b""",1', b"c,2"]
    assert job.records(content, lines=True) == [b'"a', b'""b""",1', b"c,2"]
    made = job.joined(job.records(content, lines=False), b'"x\ny"\nz\n')
    assert made == [b'"a\r\n""b""","x\ny"', b"c,z"]


def test_nothing_is_taken_apart_without_need() -> None:
    job = joining()
    assert not job.filters
    assert not job.joins


def test_formats_by_their_types() -> None:
    assert format_of("Text/CSV; charset=utf-8") == CSV
    assert format_of("application/jsonlines") == JSON_LINES
    assert format_of("application/x-npy") == ""
