"""A small instrumented application for servers that are started as processes."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from watchkeeper import instrument


async def thing(request: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse(request.path_params["id"])


app = instrument(Starlette(routes=[Route("/things/{id}", thing)]), service="chat")
