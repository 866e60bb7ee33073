"""The videos of test tasks: real, put into the bucket when needed, cut where that is asked."""

from urllib.parse import urlsplit

import pytest
from image_to_video.adapters.sample_clips import CUT, WHOLE, SampleClips, sample
from image_to_video.adapters.video_probe import InspectedVideo
from image_to_video.domain.errors import VideoDownloadError
from image_to_video.domain.owner_names import owner_is_valid

from tests.conftest import Application

BUCKET = "videos"


@pytest.fixture
def clips(application: Application) -> SampleClips:
    return SampleClips(application.client("s3"), BUCKET)


def stored(application: Application, key: str) -> bytes:
    body: bytes = application.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return body


def test_the_video_is_whole_and_small(application: Application, clips: SampleClips) -> None:
    link = clips.whole()
    assert urlsplit(link).path.endswith(WHOLE)
    inspected = InspectedVideo([stored(application, WHOLE)])
    assert sum(map(len, inspected)) < 10_000
    assert (inspected.width, inspected.height, inspected.duration_seconds) == (320, 180, 5.0)


def test_the_cut_one_is_refused(application: Application, clips: SampleClips) -> None:
    assert urlsplit(clips.cut()).path.endswith(CUT)
    with pytest.raises(VideoDownloadError, match="cut"):
        list(InspectedVideo([stored(application, CUT)]))


def test_what_is_there_already_stays(application: Application, clips: SampleClips) -> None:
    application.client("s3").put_object(Bucket=BUCKET, Key=WHOLE, Body=b"there")
    clips.whole()
    assert stored(application, WHOLE) == b"there" != sample()


def test_a_dead_link_leads_to_nothing(application: Application, clips: SampleClips) -> None:
    key = urlsplit(clips.dead()).path.rpartition("_test/")[2]
    found = application.client("s3").list_objects_v2(Bucket=BUCKET)
    assert key
    assert "Contents" not in found


def test_no_owner_s_videos_lie_where_they_are_forgotten() -> None:
    assert not owner_is_valid(WHOLE.partition("/")[0])
