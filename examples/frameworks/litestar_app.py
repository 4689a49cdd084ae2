"""Litestar: `uvicorn examples.frameworks.litestar_app:app`."""

from litestar import Litestar, get

from watchkeeper import instrument


@get("/v1/users/{number:int}")
async def user(number: int) -> dict[str, int]:
    """Answer."""
    return {"id": number}


@get("/fail")
async def fail() -> None:
    """Fail."""
    raise ValueError


app = Litestar([user, fail])
app = instrument(app)
