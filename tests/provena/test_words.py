import pytest

from jobs.templatetags.jobs import counted as printed
from provena.words import counted


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (12_000, "12,000 jobs")]
)
def test_a_number_of_things_is_told_in_the_form_of_that_number(number: int, told: str) -> None:
    assert counted(number, "job") == told
    assert printed(number, "job") == told


def test_a_plural_that_takes_more_than_an_s_is_said() -> None:
    assert counted(2, "batch", "batches") == "2 batches"
    assert printed(2, "batch,batches") == "2 batches"
    assert printed(1, "batch,batches") == "1 batch"
