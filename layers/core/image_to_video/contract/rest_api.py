"""The resolver of the REST API: what holds for every answer, whatever its route and function."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.utilities.typing import LambdaContext

from image_to_video.contract import cors, rest_errors
from image_to_video.contract.http_semantics import field_value, matches, not_modified
from image_to_video.contract.rest_errors import no_such_task, problem_response
from image_to_video.contract.rest_requests import readable_only, without_base_path
from image_to_video.contract.rest_routes import methods_at
from image_to_video.domain.errors import SettingsError


class RestApi(APIGatewayRestResolver):
    """Powertools' resolver; errors are problem documents, and web pages of one origin may call it.

    `cors_origin` is called when it is needed, because it may raise SettingsError.
    """

    def __init__(self, cors_origin: Callable[[], str]) -> None:
        super().__init__(enable_validation=True, debug=False)  # debugging prints whole events
        # The methods of each path, which is written as in OpenAPI: /tasks/{task_id}.
        self.methods: dict[str, set[str]] = defaultdict(set)
        self.cors_origin = cors_origin
        self.include_router(rest_errors.router)
        self.not_found(self.answer_no_route)

    def route[F: Callable[..., Any]](
        self, rule: str, method: str | list[str] | tuple[str], *arguments: Any, **options: Any
    ) -> Callable[[F], F]:
        """Register a route as Powertools does, and remember its method."""
        path = rule.replace("<", "{").replace(">", "}")
        self.methods[path].update([method] if isinstance(method, str) else method)
        return super().route(rule, method, *arguments, **options)

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answer one request; every answer names it, and a web page of our origin may read it."""
        answer = super().resolve(readable_only(without_base_path(event)), context)
        headers = answer["multiValueHeaders"]
        tag = headers.get("ETag", [""])[0]
        if tag and matches(field_value(event, "If-None-Match"), tag):
            answer = not_modified(answer)
            headers = answer["multiValueHeaders"]
        headers["X-Request-Id"] = [event["requestContext"]["requestId"]]
        if "origin" in {name.lower() for name in event.get("headers") or {}}:
            with suppress(SettingsError):
                for name, values in cors.readable_by(self.cors_origin()).items():
                    headers[name] = [*headers.get(name, []), *values]
        # A HEAD keeps GET's body: the gateway takes its length from there and does not send it.
        if answer["body"] is None:
            answer["body"] = ""
        return answer

    @property
    def base(self) -> str:
        """Where the API's own address is, as a reference relative to the current request's.

        `../` for each segment below the first (RFC 3986, 5.2.4), so links resolve wherever the API
        is mounted.
        """
        return "../" * (str(self.current_event.path).count("/") - 1)

    def answer_no_route(self, _: NotFoundError) -> Response[str]:
        """Answer OPTIONS, and every other path or method that is none of the API's."""
        event = self.current_event
        methods = methods_at(event.path)
        if not methods:
            if "task_id" in (event.path_parameters or {}):
                return no_such_task()
            return problem_response(
                HTTPStatus.NOT_FOUND, "route_not_found", "There is no such route."
            )
        allow = {"Allow": ", ".join(sorted(methods | {"OPTIONS"}))}
        if event.http_method != "OPTIONS":
            return problem_response(
                HTTPStatus.METHOD_NOT_ALLOWED,
                "method_not_allowed",
                f"Here is only {allow['Allow']}.",
                headers=allow,
            )
        allow |= cors.may_send(self.cors_origin(), allow["Allow"])
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allow, body="")
