"""The simulator: what IAM's documentation says of each rule, and what holds for every policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iam_simulator import allowed

BUCKET = "arn:aws:s3:::acme"


def policy(*statements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"Version": "2012-10-17", "Statement": list(statements)}]


def statement(effect: str = "Allow", action: Any = "s3:GetObject", resource: Any = f"{BUCKET}/*", **more: Any) -> Any:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def under(operator: str, key: str, values: Any, context: dict[str, Any]) -> bool:
    """Whether a statement with this condition allows a request with this context."""
    guarded = policy(statement(Condition={operator: {key: values}}))
    return allowed(guarded, "s3:GetObject", f"{BUCKET}/a", context)


def test_nothing_is_allowed_unless_something_allows_it() -> None:
    assert not allowed([], "s3:GetObject", f"{BUCKET}/a")
    assert allowed(policy(statement()), "s3:GetObject", f"{BUCKET}/a")
    assert not allowed(policy(statement()), "s3:PutObject", f"{BUCKET}/a")
    assert not allowed(policy(statement()), "s3:GetObject", BUCKET)


def test_a_denial_wins_wherever_it_stands() -> None:
    deny = statement("Deny", resource=f"{BUCKET}/secret/*")
    for documents in (policy(deny, statement()), policy(statement()) + policy(deny)):
        assert allowed(documents, "s3:GetObject", f"{BUCKET}/a")
        assert not allowed(documents, "s3:GetObject", f"{BUCKET}/secret/a")


def test_wildcards_and_case() -> None:
    assert allowed(policy(statement(action="s3:Get*")), "s3:GetObject", f"{BUCKET}/a/b:c")
    assert allowed(policy(statement(action="S3:getobject")), "s3:GetObject", f"{BUCKET}/a")
    assert not allowed(policy(statement(resource=f"{BUCKET}/A")), "s3:GetObject", f"{BUCKET}/a")
    assert allowed(policy(statement(resource=f"{BUCKET}/?")), "s3:GetObject", f"{BUCKET}/a")
    assert not allowed(policy(statement(resource=f"{BUCKET}/?")), "s3:GetObject", f"{BUCKET}/ab")
    assert not allowed(policy(statement(resource="arn:aws:s3:::ac.e/*")), "s3:GetObject", f"{BUCKET}/a")


TEXTS = [
    ("StringEquals", "a", {"k": "a"}, True),
    ("StringEquals", ["a", "b"], {"K": "b"}, True),
    ("StringEquals", "a*", {"k": "ab"}, False),
    ("StringEquals", "a", {}, False),
    ("StringEqualsIfExists", "a", {}, True),
    ("StringNotEquals", ["a", "b"], {"k": "b"}, False),
    ("StringNotEquals", "a", {}, True),
    ("StringNotEqualsIfExists", "a", {"k": "a"}, False),
    ("StringLike", "a/*", {"k": "a/b/c"}, True),
    ("StringNotLike", "a/*", {"k": "b"}, True),
    ("StringEqualsIgnoreCase", "A", {"k": "a"}, True),
    ("ArnEquals", "arn:aws:iam::1:role/a*", {"k": "arn:aws:iam::1:role/abc"}, True),
    ("ArnLike", "arn:aws:*:1:role/a", {"k": "arn:aws:iam::1:role/a"}, False),
    ("ArnLike", "arn:aws:s3:*:1:x:*", {"k": "arn:aws:s3:r:1:x:y:z"}, True),
    ("ArnNotEquals", "arn:aws:kms:r:1:key/a", {"k": "arn:aws:kms:r:1:key/b"}, True),
    ("ArnNotEqualsIfExists", "arn:aws:kms:r:1:key/a", {}, True),
    ("Bool", "true", {"k": True}, True),
    ("Bool", "false", {"k": "true"}, False),
    ("Bool", "false", {}, False),
    ("Null", "true", {}, True),
    ("Null", "false", {}, False),
    ("Null", "false", {"k": ["a", "b"]}, True),
    ("NumericLessThanEquals", "86400", {"k": 86400}, True),
    ("NumericLessThanEquals", 86400, {"k": 86401}, False),
    ("NumericNotEquals", "1", {"k": 2}, True),
]
SETS = [
    ("ForAllValues:StringEquals", ["a", "b"], {"k": ["a"]}, True),
    ("ForAllValues:StringEquals", ["a", "b"], {"k": ["a", "c"]}, False),
    ("ForAllValues:StringEquals", ["a"], {}, True),
    ("ForAllValues:StringLike", "ml.m5.*", {"k": ["ml.m5.large", "ml.m5.xlarge"]}, True),
    ("ForAnyValue:StringEquals", ["a"], {"k": ["c", "a"]}, True),
    ("ForAnyValue:StringEquals", ["a"], {}, False),
    ("ForAnyValue:StringNotLike", ["a*"], {"k": ["ab", "c"]}, True),
    ("ForAnyValue:StringNotLike", ["a*"], {"k": ["ab"]}, False),
]


@pytest.mark.parametrize(("operator", "values", "context", "expected"), TEXTS + SETS)
def test_operators(operator: str, values: Any, context: dict[str, Any], expected: bool) -> None:
    assert under(operator, "k", values, context) is expected


def test_every_condition_has_to_hold() -> None:
    guarded = policy(statement(Condition={"StringEquals": {"a": "1", "b": "2"}, "Null": {"c": "true"}}))
    assert allowed(guarded, "s3:GetObject", f"{BUCKET}/x", {"a": "1", "b": "2"})
    assert not allowed(guarded, "s3:GetObject", f"{BUCKET}/x", {"a": "1", "b": "3"})
    assert not allowed(guarded, "s3:GetObject", f"{BUCKET}/x", {"a": "1", "b": "2", "c": ""})


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (statement(Condition={"StringAlmostEquals": {"k": "a"}}), "StringAlmostEquals"),
        (statement(Condition={"ForSomeValues:StringEquals": {"k": "a"}}), "ForSomeValues"),
        (statement(Condition={"StringEquals": {"many": "a"}}), "needs ForAllValues"),
        (statement(resource=BUCKET + "/${aws:username}/*"), "policy variables"),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "NotAction"),
    ],
)
def test_what_is_not_known_is_an_error(broken: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        allowed(policy(broken), "s3:GetObject", f"{BUCKET}/a", {"many": ["a", "b"], "k": "a"})


ACTIONS = st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt"])
PATTERNS = st.sampled_from(["s3:*", "s3:Get*", "s3:???Object", "*", "kms:Decrypt", "kms:decrypt"])
NAMES = st.text(alphabet="ab*?", max_size=4)
STATEMENTS = st.builds(statement, st.sampled_from(["Allow", "Deny"]), PATTERNS, NAMES.map(lambda n: f"{BUCKET}/{n}"))


@given(st.lists(STATEMENTS, max_size=5), ACTIONS, st.text(alphabet="ab", max_size=4))
def test_order_and_grouping_do_not_count(statements: list[Any], action: str, key: str) -> None:
    resource = f"{BUCKET}/{key}"
    told = allowed(policy(*statements), action, resource)
    assert allowed(policy(*reversed(statements)), action, resource) is told
    assert allowed([document for one in statements for document in policy(one)], action, resource) is told


@given(st.lists(STATEMENTS, max_size=5), ACTIONS, st.text(alphabet="ab", max_size=4))
def test_a_denial_only_takes_and_an_allowance_only_gives(statements: list[Any], action: str, key: str) -> None:
    resource = f"{BUCKET}/{key}"
    told = allowed(policy(*statements), action, resource)
    assert not allowed(policy(*statements, statement("Deny", "*", "*")), action, resource)
    assert allowed(policy(*statements, statement("Allow", "*", "*")), action, resource) >= told


@given(st.lists(st.text(alphabet="ab", min_size=1, max_size=3), max_size=3), st.text(alphabet="ab", min_size=1))
def test_a_negated_operator_is_the_opposite_where_there_is_a_value(wanted: list[str], value: str) -> None:
    for operator in ("StringEquals", "StringLike"):
        negated = operator.replace("String", "StringNot")
        assert under(operator, "k", wanted, {"k": value}) is not under(negated, "k", wanted, {"k": value})
