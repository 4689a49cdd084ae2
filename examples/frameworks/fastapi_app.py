"""FastAPI: `uvicorn examples.frameworks.fastapi_app:app`."""

from fastapi import FastAPI

from watchkeeper import instrument

app = FastAPI()


@app.get("/v1/users/{number}")
async def user(number: int) -> dict[str, int]:
    """Answer."""
    return {"id": number}


@app.get("/fail")
async def fail() -> None:
    """Fail."""
    raise ValueError


app = instrument(app)
