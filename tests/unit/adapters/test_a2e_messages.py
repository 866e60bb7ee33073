"""The table of what refusals are read as: real texts of A2E, and plausible ones of its kind."""

# Chinese texts have Chinese commas.
# ruff: noqa: RUF001

import time

import httpx
import pytest
from image_to_video.adapters.a2e_messages import refuses_content, topic_of
from image_to_video.adapters.a2e_responses import Answer, Verdict

FREE_PLAN = "API access is not available for free users, please upgrade to Pro or Max."
"""As in the one refusal of A2E that was published."""

ACCESS, COINS, THROTTLED = Verdict.ACCESS, Verdict.COINS, Verdict.THROTTLED
CONTENT, INVALID, UNCLEAR = Verdict.CONTENT, Verdict.INVALID, Verdict.UNCLEAR

# Where a refusal of the request itself has these words, only the request is to blame. The second
# column is whether it is its image.
REQUEST_TO_BLAME = [
    ("Insufficient image resolution: at least 512x512 is needed", True),
    ("Insufficient resolution", True),
    ("insufficient white balance in the image", True),
    ("The image has low light balance", True),
    ("Image too large for your plan. Upgrade to Max.", True),
    ("Image too small. No coins were charged.", True),
    ("Invalid image format; no credits have been deducted", True),
    ("Too many faces in the image", True),
    ("The background of the image is too busy", True),
    ("No face detected", True),
    ("Failed to download image: HTTP 403 Forbidden", True),
    ("Could not fetch the image, it requires a login", True),
    ("image_url must be an http or https address", True),
    ("image_url is required", True),
    ("Photo of a credit card is blurry", True),
    ("Image contains no balance of light", True),
    ("end_image_url is required for FLF2V", True),
    ("IMAGE_TOO_SMALL", True),
    ("invalidImageUrl", True),
    ("Only moderate image sizes are supported", True),
    ("Picture: a professional, max 4096 px", True),
    ("图片分辨率不足", True),
    ("图片过大，请压缩后重试", True),
    ("未检测到人脸", True),
    ("无法下载图片", True),
    ("video credits parameter is invalid", False),
    ("prompt is required for image to video", False),
    ("number_of_images must be between 1 and 8", False),
    ("Parameter names are case-sensitive", False),
    ("minor version of the interface is not supported", False),
    ("prompt has too many characters, max 1000", False),
    ("max 1000 characters, feel free to shorten", False),
    ("The plan of the scene must be in English", False),
    ("video_time must be 5, 10, 15 or 20", False),
    ("frame rate limit is 30", False),
    ("unexpected token < in JSON", False),
    ("提示词过长", False),
    ("参数错误", False),
    ("", False),
]
ACCOUNT_TO_BLAME = [
    (FREE_PLAN, ACCESS),
    ("Please upgrade your plan", ACCESS),
    ("This feature requires a Pro plan", ACCESS),
    ("Only available on paid plans", ACCESS),
    ("Your subscription has expired", ACCESS),
    ("Image to video is not available for your plan", ACCESS),
    ("image-to-video is only for Pro or Max", ACCESS),
    ("Your account has been suspended", ACCESS),
    ("API access is disabled", ACCESS),
    ("Invalid token", ACCESS),
    ("Token has expired, please log in again", ACCESS),
    ("invalid or missing API key", ACCESS),
    ("Unauthorized", ACCESS),
    ("FREE_PLAN_NOT_ALLOWED", ACCESS),
    ("请升级会员后使用", ACCESS),
    ("免费用户无法使用API", ACCESS),
    ("会员已过期", ACCESS),
    ("登录已过期", ACCESS),
    ("Insufficient coins, please recharge.", COINS),
    ("Insufficient balance", COINS),
    ("insufficient account balance to process this image", COINS),
    ("INSUFFICIENT_CREDITS", COINS),
    ("InsufficientBalance", COINS),
    ("Not enough coins for image to video", COINS),
    ("You don’t have enough credits", COINS),
    ("Insufficient coins for a 4K resolution image", COINS),
    ("no credits left", COINS),
    ("You are out of credits", COINS),
    ("Your credits are exhausted", COINS),
    ("Your coin balance is too low", COINS),
    ("Please top up", COINS),
    ("You need 30 coins", COINS),
    ("金币不足，请充值", COINS),
    ("余额不足，无法处理图片", COINS),
    ("积分不够", COINS),
    ("没有足够的积分", COINS),
    ("Too many requests", THROTTLED),
    ("too many concurrent tasks", THROTTLED),
    ("Too many running tasks, the maximum is 2", THROTTLED),
    ("The server is busy", THROTTLED),
    ("The server's busy, come back later", THROTTLED),
    ("Rate limit exceeded", THROTTLED),
    ("RATE_LIMIT", THROTTLED),
    ("queue is full", THROTTLED),
    ("Daily limit reached", THROTTLED),
    ("You have reached your monthly quota", THROTTLED),
    ("Maximum concurrency exceeded", THROTTLED),
    ("请求过于频繁", THROTTLED),
    ("服务器繁忙", THROTTLED),
    ("Maximum 5 tasks can be processed simultaneously", THROTTLED),
    ("You already have 5 running tasks, please wait", THROTTLED),
    ("Not enough quota", COINS),
    ("insufficient_user_quota", COINS),
    ("Not enough points", COINS),
    ("You have used all your coins", COINS),
    ("排队人数过多", THROTTLED),
]
CONTENT_TO_BLAME = [
    "adult content detected",
    "The image was flagged as unsafe",
    "child safety violation",
    "NSFW image",
    "nsfw content detected",
    "Content policy: image shows a pro athlete",
    "Your request was refused by our content policy",
    "The prompt violates our community guidelines. Free speech has limits.",
    "sensitive words in prompt",
    "Invalid image: nudity",
    "Image rejected: celebrity likeness",
    "copyrighted character",
    "portrait rights",
    "a minor was detected",
    "the face seems to be of a minor",
    "unauthorized use of a celebrity's likeness",
    "Blocked by moderation; no coins were charged",
    "prohibited content",
    "CONTENT_POLICY_VIOLATION",
    "sensitiveContent",
    "图片包含敏感内容",
    "内容违规",
    "审核未通过",
    "涉及未成年人",
]
UNEXPLAINED = [
    "",
    "Operation failed",
    "internal trouble",
    "Internal server error: image is required",
    "Cannot read properties of undefined (reading 'image')",
    "Failed to process image, please try again later",
    "The image is being processed",
    "moderation service unavailable",
    "exception: missing parameter",
    "request timed out while the image was invalid",
    "系统错误",
    "任务失败",
    "free",
    "pro",
    "max",
    "coins",
    "balance",
    "busy signal processing",
    "insufficient",
    "No credits were charged",
    "The upgrade of our servers failed",
    "系统升级中",
]


def verdict(status: int, text: str, code: int | None = None, key: str = "msg") -> Answer:
    return Answer.read(httpx.Response(status, json={"code": code or status, key: text}))


@pytest.mark.parametrize("status", [400, 413, 415, 422])
@pytest.mark.parametrize(("text", "image"), REQUEST_TO_BLAME)
def test_a_refused_request_is_to_blame_unless_a_phrase_says_otherwise(
    status: int, text: str, image: bool
) -> None:
    answer = verdict(status, text)
    assert (answer.verdict(), answer.is_about_the_image) == (INVALID, image)


@pytest.mark.parametrize("status", [200, 400, 402, 403, 409, 422])
@pytest.mark.parametrize(("text", "expected"), ACCOUNT_TO_BLAME)
def test_the_account_is_to_blame_in_its_phrases_whatever_the_status(
    status: int, text: str, expected: Verdict
) -> None:
    assert verdict(status, text, 7001 if status == 200 else None).verdict() is expected


@pytest.mark.parametrize("status", [200, 400, 403, 422])
@pytest.mark.parametrize("text", CONTENT_TO_BLAME)
def test_content_is_to_blame_before_image_and_plan(status: int, text: str) -> None:
    assert verdict(status, text, 7001 if status == 200 else None).verdict() is CONTENT


@pytest.mark.parametrize("text", UNEXPLAINED)
def test_what_explains_nothing_is_no_refusal(text: str) -> None:
    assert verdict(200, text, 7001).verdict() is UNCLEAR
    assert verdict(409, text).verdict() is UNCLEAR


@pytest.mark.parametrize(("text", "image"), REQUEST_TO_BLAME)
def test_with_http_200_only_a_phrase_makes_a_refusal_of_a_request(text: str, image: bool) -> None:
    answer = verdict(200, text, 7001)
    assert answer.verdict() in (INVALID, UNCLEAR)
    if answer.verdict() is INVALID:
        assert answer.is_about_the_image is image


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Forbidden", ACCESS),
        ("", ACCESS),
        (f"{FREE_PLAN} Sensitive content needs Max.", ACCESS),
        ("Content policy: image shows a pro athlete", CONTENT),
        ("content moderated: maximum sensitivity, free of charge", CONTENT),
        ("Insufficient coins", COINS),
        ("rate limit exceeded", THROTTLED),
        ("Your IP is blocked", ACCESS),
    ],
)
@pytest.mark.parametrize(("status", "code"), [(403, 403), (200, 403), (403, 7)])
def test_403_is_the_account_unless_content_or_coins_are_named(
    status: int, code: int, text: str, expected: Verdict
) -> None:
    assert verdict(status, text, code).verdict() is expected


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (402, "", COINS),
        (402, "Payment Required", COINS),
        (402, "Upgrade your plan", ACCESS),
        (401, "nsfw", ACCESS),
        (429, "Insufficient coins", THROTTLED),
        (404, "Insufficient coins", Verdict.NOT_FOUND),
        (500, "Insufficient coins", UNCLEAR),
        (408, "image is required", UNCLEAR),
    ],
)
def test_a_status_that_says_it_all_needs_no_words(
    status: int, text: str, expected: Verdict
) -> None:
    assert verdict(status, text).verdict() is expected


@pytest.mark.parametrize(
    "key", ["msg", "message", "err_message", "error", "errorMessage", "errMsg"]
)
def test_a_text_is_read_under_every_key(key: str) -> None:
    assert verdict(400, "Insufficient coins", key=key).verdict() is COINS


def test_all_texts_of_an_answer_count_and_each_is_said_once() -> None:
    body = {"code": 400, "msg": " ", "message": ["no coins left"], "error": "Bad Request"}
    answer = Answer.read(
        httpx.Response(400, json=body | {"err_message": {"message": "Bad Request"}})
    )
    assert answer.verdict() is COINS
    assert answer.message == "no coins left; Bad Request"


def test_a_failed_task_is_refused_content_also_where_coins_are_mentioned() -> None:
    assert refuses_content("nsfw; please recharge")
    assert not refuses_content("case sensitive")
    assert not refuses_content("")


@pytest.mark.parametrize(
    "text",
    [
        *("no " * 2000, "image " * 2000, "limit " * 2000, "upgrade" * 1000, "图片" * 4000),
        *("is " * 3000, "insufficient your any more the " * 500, "image_" * 1000),
        *("a" * 10**6, "aB" * 100_000),
    ],
)
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    begun = time.thread_time()
    topic_of(text)
    refuses_content(text)
    assert time.thread_time() - begun < 5
