"""Names of variables are made, not copied, and each is given once."""

from __future__ import annotations

import keyword

import pytest

from dagwright.importing.names import Names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("TrainAbaloneModel", "train_abalone_model"),
        ("CheckMSEEvaluation", "check_mse_evaluation"),
        ("batch-transform_2", "batch_transform_2"),
        ("1st", "step_1_st"),
        ("---", "step"),
        ("import", "import_step"),
        ("Print", "print_step"),
        ("Match", "match_step"),
        ("Project", "project_step"),
        ("l", "l_step"),
        ("тренировка", "step"),
        ("x;import os", "x_import_os"),
    ],
)
def test_a_name_is_made_of_words(text: str, name: str) -> None:
    assert Names().made(text, "step") == name


def test_each_name_is_given_once() -> None:
    names = Names()
    made = [names.made(text, "step") for text in ("Train", "train", "TRAIN", "Train-step", "train_step_2", "Train")]
    assert made == ["train", "train_step", "train_step_2", "train_step_step", "train_step_2_step", "train_step_3"]


def test_whatever_it_is_called_it_becomes_an_identifier() -> None:
    names = Names()
    for text in ("", " ", "\n", '"', "a" * 300, "None", "é", "0", "_", "class", "Class_Step"):
        made = names.made(text, "step")
        assert made.isidentifier(), text
        assert made.isascii(), text
        assert not keyword.iskeyword(made), text
