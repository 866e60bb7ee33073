"""The body of a start call, as A2E's public documentation describes it, and its price."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

COINS_PER_FIVE_SECONDS = 30
"""Price of `a2e` and `a2e-v2-flash`, as clients of the service observed it in 2026."""


def _public_address(value: str) -> str:
    """Refuse data URLs: A2E fetches every picture itself, by http or https."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http or https address")
    return value


def _secure_address(value: str) -> str:
    """Refuse plain http, except to a receiver on this machine, which has no certificate."""
    parts = urlsplit(value)
    is_local = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in ({"http", "https"} if is_local else {"https"}):
        raise ValueError("must be an https address")
    return value


type PublicAddress = Annotated[str, AfterValidator(_public_address)]
type SecureAddress = Annotated[str, AfterValidator(_secure_address)]


class PriceInputs(BaseModel):
    """What the price of a start depends on; other members are ignored.

    Strict: a number sent as text is refused. A default is never validated, so an empty text or a
    zero here means "not sent", while one that is sent is validated.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    model_version: Literal["a2e", "a2e-v2", "a2e-v2-flash"] = "a2e"
    number_of_images: int = Field(default=0, ge=1, le=8)
    video_time: Literal[5, 10, 15, 20] = 5

    @property
    def coins(self) -> int:
        """Coins charged for each video of this call.

        `a2e-v2` is documented as more expensive, but not by how much: here it costs twice as much.
        """
        factor = 2 if self.model_version == "a2e-v2" else 1
        return COINS_PER_FIVE_SECONDS * factor * self.video_time // 5


class StartBody(PriceInputs):
    """A start call that A2E's public documentation allows; members not named here are ignored."""

    image_url: PublicAddress
    name: str = ""
    prompt: str = ""
    negative_prompt: str = ""
    lora: str = ""
    model_type: Literal["GENERAL", "FLF2V"] = "GENERAL"
    end_image_url: PublicAddress = ""
    extend_prompt: bool = True
    video_length: int = Field(default=0, ge=1, le=1000)
    skip_face_enhance: bool = False
    minor_suspected_skip: bool = False
    webhook_url: SecureAddress = Field(default="", max_length=2048)
    webhook_token: str = Field(default="", max_length=256)

    @model_validator(mode="after")
    def _both_prompts(self) -> Self:
        # The schema calls the prompts optional; the service requires both unless there is a LoRA.
        if not self.lora and not (self.prompt.strip() and self.negative_prompt.strip()):
            raise ValueError("prompt and negative_prompt are both required without lora")
        if self.model_type == "FLF2V" and not self.end_image_url:
            raise ValueError("end_image_url is required for FLF2V")
        return self


def explain(error: ValidationError) -> str:
    """What is wrong with a body, in one readable line."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, fault["loc"])), fault["msg"])))
        for fault in error.errors(include_url=False, include_context=False)
    )
