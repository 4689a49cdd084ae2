"""Where does each framework take what is to stand around its application?"""

from collections.abc import Callable
from typing import Any

from watchkeeper.asgi.threads import in_thread
from watchkeeper.asgi.types import App, Scope
from watchkeeper.frameworks.carrier import ERROR
from watchkeeper.logs.lines import answered
from watchkeeper.process import Telemetry
from watchkeeper.verdict import SERVER_ERROR


def put_in_place(app: Any, telemetry: Telemetry, observe: Callable[[App], App]) -> bool:
    """Observe an application of a known framework from within, outside of all its middleware; say whether it is one."""
    if hasattr(app, "build_middleware_stack"):
        _starlette(app, observe)
    elif hasattr(app, "asgi_handler") and hasattr(app, "on_startup"):
        _litestar(app, telemetry, observe)
    elif hasattr(app, "asgi_app"):
        app.asgi_app = observe(app.asgi_app)  # Quart
    else:
        return False
    return True


def _starlette(app: Any, observe: Callable[[App], App]) -> None:
    """Stand around the stack that is built with the first request, for then all middleware is known."""
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: observe(build())
    app.middleware_stack = None


def _litestar(app: Any, telemetry: Telemetry, observe: Callable[[App], App]) -> None:
    async def start() -> None:
        telemetry.start()

    async def stop() -> None:
        await in_thread(telemetry.stop)

    async def failed(error: Exception, scope: Scope) -> None:
        if getattr(error, "status_code", SERVER_ERROR) >= SERVER_ERROR:
            scope[ERROR] = error
            answered(error, "litestar")

    app.after_exception.append(failed)
    app.asgi_handler = observe(app.asgi_handler)
    app.on_startup.insert(0, start)
    app.on_shutdown.insert(0, stop)  # called in reverse: what happens in the application's own hooks is counted
