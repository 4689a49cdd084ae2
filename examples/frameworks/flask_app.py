"""Flask: `gunicorn examples.frameworks.flask_app:app`."""

from flask import Flask

from watchkeeper import instrument

app = Flask(__name__)


@app.get("/v1/users/<int:number>")
def user(number: int) -> dict[str, int]:
    """Answer."""
    return {"id": number}


@app.get("/fail")
def fail() -> str:
    """Fail."""
    raise ValueError


app = instrument(app)
