"""What A2E is sent, with the names of its public reference (https://video.a2e.ai)."""

from image_to_video.domain.generator import StartRequest


def start_body(request: StartRequest) -> dict[str, object]:
    """The body of a start.

    What A2E would otherwise decide by itself, or by the account's plan, is always sent. What only
    some starts need is left out of all others.
    """
    body: dict[str, object] = {
        "name": request.name,
        "image_url": request.image_url,
        "video_time": request.video_time,
        "model_version": request.model_version,
        "extend_prompt": request.extend_prompt,
    }
    if request.lora is None:
        body |= {"prompt": request.prompt, "negative_prompt": request.negative_prompt}
    else:
        body["lora"] = request.lora
    if request.end_image_url is not None:
        body |= {"model_type": "FLF2V", "end_image_url": request.end_image_url}
    if request.skip_face_enhance:
        body["skip_face_enhance"] = True
    if request.hint is not None:
        body |= {"webhook_url": request.hint.url, "webhook_token": request.hint.token}
    return body
