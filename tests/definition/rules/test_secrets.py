"""What gives a secret away, and what only looks like it. The secrets are put together here: no scanner minds them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from definition.rules.samples import function, get, graph_of, join, model, parameter, processing, training

from dagwright.definition.rules.secrets import secrets_in
from dagwright.definition.validate import validate

WORD = "not-a-real-one"
JWT = ".".join(["eyJ" + "a1" * 10, "eyJ" + "b2" * 10, "c3" * 10])


def told(*steps: Any, **top: Any) -> list[str]:
    problems = [secret.problem for secret in secrets_in(graph_of(*steps, **top))]
    assert not any(WORD in str(problem) for problem in problems)
    return [problem.field for problem in problems]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PASSWORD",
            "DB_PASSWORD",
            "dbPassword",
            "db.password",
            "MYSQL_PWD",
            "passwd",
            "mypassword",
            "KEY_PASSPHRASE",
        ),
        *("SECRET", "CLIENT_SECRET", "clientSecret", "AWS_SECRET_ACCESS_KEY", "secretkey", "SECRET_KEY"),
        *("TOKEN", "HF_TOKEN", "GITHUB_TOKEN", "accessToken", "auth-token", "csrf_token"),
        *("API_KEY", "apiKey", "APIKey", "OPENAI_API_KEY", "wandb_api_key", "apikey", "API_KEYS"),
        *("PRIVATE_KEY", "SIGNING_KEY", "ENCRYPTION_KEY", "STORAGE_ACCOUNT_KEY", "CREDENTIALS"),
    ],
)
def test_a_name_gives_a_secret_away(name: str) -> None:
    assert told(processing(Environment={name: WORD})) == [f"Arguments.Environment{spelled(name)}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_tokens", "512"), ("MAX_NEW_TOKENS", "20"), ("num_token", "many"), ("TOKENIZERS_PARALLELISM", "false")),
        *(("tokenizer", "bert"), ("eos_token", "</s>"), ("pad_token", "[PAD]"), ("mask_token", "m"), ("token", "7")),
        *(("SECRET_NAME", "prod-db"), ("secret_arn", "x"), ("SECRET_ID", "prod-db"), ("PASSWORD_FILE", "f")),
        *(
            ("password_parameter", "/prod/db"),
            ("TOKEN_TYPE", "bearer"),
            ("PASSWORD_ENABLED", "x"),
            ("secretary", "Ann"),
        ),
        *(
            ("primary_key", "id"),
            ("sort_key", "date"),
            ("key", "value"),
            ("KMS_KEY", "alias/a"),
            ("keyboard", "qwerty"),
        ),
        *(("PWD", "/opt/ml"), ("OLDPWD", "/"), ("compass", "north"), ("passes", "3"), ("bypass", "no")),
        *(("DB_SECRET", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db"), ("DB_SECRET", "prod/db/login")),
        *(("DB_PASSWORD", ""), ("DB_PASSWORD", "{{resolve:secretsmanager:db}}"), ("DB_PASSWORD", "${DB_PASSWORD}")),
        *(("DB_PASSWORD", "$DB_PASSWORD"), ("DB_PASSWORD", "<password>"), ("DB_PASSWORD", "/run/secrets/db")),
        *(("USE_TOKEN", "true"), ("DB_PASSWORD", "None"), ("DB_PASSWORD", "****"), ("TOKEN", "s3://acme/token")),
    ],
)
def test_a_name_alone_is_no_secret(name: str, value: str) -> None:
    assert told(processing(Environment={name: value}), training(HyperParameters={name: f'"{value}"'})) == []


@pytest.mark.parametrize(
    "text",
    [
        *("AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "IOSFODNN7EXAMPLE", "the key is AKIA" + "IOSFODNN7EXAMPLE."),
        *("gh" + "p_" + "a1" * 18, "github" + "_pat_" + "a1" * 15, "gl" + "pat-" + "a1" * 10),
        *("xo" + "xb-1234567890-abc", "xo" + "xp-1234567890-abc", "s" + "k-" + "a1" * 12, "s" + "k-proj-" + "a1" * 12),
        *("h" + "f_" + "a" * 34, "AI" + "za" + "a" * 35, JWT, "Bearer " + JWT),
        *("-----BEGIN " + "RSA PRIVATE KEY-----", "-----BEGIN " + "PRIVATE KEY-----"),
        *("postgresql://me:" + WORD + "@db:5432/a", "https://me:" + WORD + "@example.com/repo.git"),
        *("jdbc:redshift://db:5439/a?user=me&password=" + WORD, "https://b.s3.amazonaws.com/k?X-Amz-Signature=abc"),
    ],
)
def test_a_form_gives_a_secret_away_wherever_it_stands(text: str) -> None:
    assert told(function(text=text)) == ["Arguments.text"]
    assert told(processing(AppSpecification={"ContainerArguments": ["--note", text]})) != []
    assert told(function(nested={"list": [join("a", text)]})) == ["Arguments.nested.list[0].Std:Join.Values[1]"]
    assert told(parameters=[parameter("Note", DefaultValue=text)]) == ["Parameters[0].DefaultValue"]


@pytest.mark.parametrize(
    "text",
    [
        *("AKIA", "an AKIA key", "sk-learn-pipeline-for-churn", "sk-learn", "task-0123456789012345678901234", "ghp_"),
        *("-----BEGIN CERTIFICATE-----", "https://example.com:8080/a@b", "https://host:443", "s3://bucket/key@1"),
        *("postgresql://me:${DB_PASSWORD}@db/a", "postgresql://me:{{password}}@db/a", "https://me@example.com"),
        *("eyJ", "a.b.c", "123456789012.dkr.ecr.us-east-1.amazonaws.com/a@sha256:" + "0" * 64, "?password=${PW}"),
    ],
)
def test_what_looks_like_a_form_is_no_secret(text: str) -> None:
    assert told(function(text=text), processing(Environment={"NOTE": text})) == []


def test_an_option_gives_the_next_word_away() -> None:
    words = ["--rate", "0.1", "--db-password", WORD, f"--api-key={WORD}", "--token", get("Parameters.Token")]
    job = processing(AppSpecification={"ContainerArguments": words})
    place = "Arguments.AppSpecification.ContainerArguments"
    assert told(job, parameters=[parameter("Token")]) == [f"{place}[3]", f"{place}[4]"]
    quiet = ["--max-tokens", "512", "--password-file", "/run/secrets/db", "--token", "--quiet", "password", "secret"]
    assert told(processing(AppSpecification={"ContainerArguments": quiet})) == []


def test_every_place_that_a_user_fills_is_read() -> None:
    assert told(model(PrimaryContainer={"Environment": {"API_KEY": WORD}})) != []
    assert told(function(body={"login": {"password": WORD}})) == ["Arguments.body.login.password"]
    assert told(function(), Metadata={"API_KEY": WORD}) == ["Metadata.API_KEY"]
    assert told(processing(Tags=[{"Key": "token", "Value": WORD}])) == ["Arguments.Tags[0].Value"]
    assert told(parameters=[parameter("DbPassword", DefaultValue=WORD)]) == ["Parameters[0].DefaultValue"]
    assert told(parameters=[parameter("DbPassword")]) == []


def test_the_members_of_a_request_are_no_names_that_a_user_chose() -> None:
    assert told(processing(ClientRequestToken=WORD, Secret=WORD)) == []


def test_no_other_rule_repeats_a_secret() -> None:
    job = processing(Environment={"DB_PASSWORD": WORD * 100})
    assert WORD not in str(validate({"Version": "2020-12-01", "Steps": [job]}))


@pytest.mark.parametrize("piece", ["eyJ", "eyJ.", "://a:", "sk-", "-----BEGIN ", "?password", "AKIA", "aA", "xox"])
def test_long_texts_take_linear_time(piece: str) -> None:
    started = time.process_time()
    assert told(function(text=piece * 100_000)) == []
    assert time.process_time() - started < 5


def spelled(name: str) -> str:
    return f".{name}" if name.replace("_", "").replace("-", "").isalnum() else f"['{name}']"


def test_the_value_is_the_part_of_a_text_that_is_the_secret() -> None:
    token = "ghp_" + "a1" * 18
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"
    steps = function("A", text=f"clone https://{token}@example.org/x", DB_PASSWORD=f"my {token}", pem=f"key: {key}")
    assert [secret.value for secret in secrets_in(graph_of(steps))] == [token, f"my {token}", key]


def test_a_number_and_an_allowed_value_are_secrets_by_their_name_too() -> None:
    values = parameter("DbPassword", "Integer", DefaultValue=86420, EnumValues=[86420, 97531])
    fields = ["Parameters[0].DefaultValue", "Parameters[0].EnumValues[0]", "Parameters[0].EnumValues[1]"]
    assert told(parameters=[values]) == fields
    assert told(parameters=[parameter("UsePassword", "Boolean", DefaultValue=True)]) == []
    assert told(processing(AppSpecification={"ContainerArguments": ["--password", 97531]})) != []
