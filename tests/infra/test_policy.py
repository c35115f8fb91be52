"""Statements, trust and the right to hand over a role, as documents."""

from __future__ import annotations

from dagwright.infra.policy import Statement, document, pass_role, trust


def test_a_statement_says_what_it_holds_and_nothing_empty() -> None:
    one = Statement("Read", ("s3:GetObject",), ("arn:aws:s3:::b/*",))
    assert one.as_json() == {
        "Sid": "Read",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::b/*"],
    }


def test_a_statement_about_nothing_is_left_out() -> None:
    """An empty list of resources is refused by IAM; what a project does not use needs no permission."""
    told = document(
        [Statement("Functions", ("lambda:InvokeFunction",), ()), Statement("All", ("sns:Publish",), ("*",))]
    )
    assert [one["Sid"] for one in told["Statement"]] == ["All"]


def test_a_service_assumes_a_role_for_this_account_alone() -> None:
    (statement,) = trust("states", "123456789012", sources=["arn:aws:states:us-east-1:123456789012:stateMachine:a-*"])[
        "Statement"
    ]
    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": ["arn:aws:states:us-east-1:123456789012:stateMachine:a-*"]},
    }
    assert "Resource" not in statement


def test_a_role_is_handed_to_one_service() -> None:
    passed = pass_role("PassJobRole", ["arn:aws:iam::123456789012:role/R"], "sagemaker").as_json()
    assert passed["Action"] == ["iam:PassRole"]
    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
