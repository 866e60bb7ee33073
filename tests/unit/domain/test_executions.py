"""The names of executions: never the same twice, and as long as AWS permits."""

from datetime import timedelta

from image_to_video.domain.executions import execution_name, has_first_execution

from tests.support.samples import NOW, a_task

TASK = "0123456789abcdef0123456789abcdef"


def test_names_of_executions_are_never_the_same() -> None:
    """By id, by the moment of creation to the millisecond, and by version."""
    moments = [NOW + timedelta(milliseconds=number) for number in range(1000)]
    versions = (None, 1, 12, 10**12)
    names = {execution_name(TASK, moment, version) for moment in moments for version in versions}
    assert len(names) == len(moments) * len(versions)
    assert max(map(len, names)) <= 80


def test_the_first_execution_is_known_also_by_the_name_of_earlier_releases() -> None:
    first = execution_name(TASK, NOW)
    for execution in (TASK, first):
        assert has_first_execution(a_task(task_id=TASK, execution=execution))
    for execution in (f"{TASK}-3", execution_name(TASK, NOW, 3)):
        assert not has_first_execution(a_task(task_id=TASK, execution=execution))
