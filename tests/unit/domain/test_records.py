from datetime import UTC, datetime, timedelta, timezone

from image_to_video.domain.records import iso

from tests.support.samples import NOW


def test_moments_are_written_in_utc_with_milliseconds_and_sort_as_texts() -> None:
    assert iso(datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) == "2026-11-22T12:00:00.000Z"
    east = timezone(timedelta(hours=5, minutes=30))
    assert iso(datetime(2026, 11, 22, 1, 0, 0, 999_999, east)) == "2026-11-21T19:30:00.999Z"
    moments = [NOW + timedelta(milliseconds=997 * number) for number in range(50)]
    assert sorted(map(iso, moments)) == [iso(moment) for moment in moments]
