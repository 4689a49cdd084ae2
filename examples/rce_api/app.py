"""What does the reference service answer? `create()` is what a server runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from arq.connections import ArqRedis
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from examples.rce_api.chat import chat, user_of
from examples.rce_api.config import PAGES, QUEUE, SERVICE, Config
from examples.rce_api.deliveries import connect, request_delivery
from examples.rce_api.faults import Faults, Switchboard
from examples.rce_api.messages import Message, Messages, messages
from examples.rce_api.pages import pages
from watchkeeper import Telemetry, instrument
from watchkeeper.adapters.arq import watch
from watchkeeper.jobs.jobs import Jobs

LAST_USER = 1000
READY_SECONDS = 0.5


class Draft(BaseModel):
    """What a client says."""

    user: str = Field(min_length=1, max_length=50)
    text: str = Field(min_length=1, max_length=2000)


def create() -> FastAPI:
    """Return the observed service, configured by the environment."""
    config, telemetry = Config.read(), Telemetry.read(service=SERVICE, pages=PAGES)
    return instrument(service(config, telemetry.jobs), telemetry=telemetry, user=user_of)


def service(config: Config, jobs: Jobs) -> FastAPI:
    """Return the service; ``jobs`` is told how full its queue is, also when no worker lives that could tell."""
    redis = connect(config.redis_url) if config.redis_url else None
    kept, switchboard = messages(config.mongodb_url), Switchboard(redis)

    @asynccontextmanager
    async def watching(_app: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(watch(jobs, redis, QUEUE)) if redis is not None else None
        yield
        if task is not None:
            task.cancel()

    app = FastAPI(title=SERVICE, docs_url=None, redoc_url=None, lifespan=watching)
    app.include_router(api(kept, redis, switchboard), prefix="/v1")
    app.include_router(chat(kept), prefix="/v1")
    app.include_router(health(kept, redis))
    app.include_router(pages(config.web_vitals))
    app.mount("/admin", admin(kept))
    if config.faults:
        app.include_router(fault_switches(switchboard))
    return app


def api(kept: Messages, redis: ArqRedis | None, switchboard: Switchboard) -> APIRouter:
    """Return rooms, messages and users."""
    router = APIRouter(dependencies=[Depends(switchboard.suffer)])

    @router.get("/users/{user_id}")
    async def user(user_id: int) -> dict[str, Any]:
        if not 0 < user_id <= LAST_USER:
            raise HTTPException(404, f"there is no user {user_id}")
        return {"id": user_id, "name": f"user {user_id}"}

    @router.get("/rooms/{room}/messages")
    async def latest(room: str) -> list[Message]:
        return await kept.latest(room)

    @router.post("/rooms/{room}/messages", status_code=201)
    async def post(room: str, draft: Draft) -> dict[str, bool]:
        await kept.add(Message(room, draft.user, draft.text))
        return {"delivery": await request_delivery(redis, room, draft.user)}

    return router


def admin(kept: Messages) -> FastAPI:
    """Return the mounted sub-application."""
    app = FastAPI(title="admin", docs_url=None, redoc_url=None)

    @app.get("/rooms/{room}/stats")
    async def stats(room: str) -> dict[str, int]:
        return {"messages": len(await kept.latest(room))}

    return app


def health(kept: Messages, redis: ArqRedis | None) -> APIRouter:
    """Return whether the process lives, and whether it can do its work."""
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        checks = {"messages": kept.check()} | ({"redis": redis.ping()} if redis is not None else {})
        found = {name: await _verdict(check) for name, check in checks.items()}
        return JSONResponse(found, 200 if set(found.values()) == {"ok"} else 503)

    return router


def fault_switches(switchboard: Switchboard) -> APIRouter:
    """Return where faults are switched on and off."""
    router = APIRouter()

    @router.get("/_faults")
    async def get() -> Faults:
        return await switchboard.get()

    @router.put("/_faults")
    async def put(wanted: Annotated[dict[str, float], Body()]) -> Faults:
        try:
            faults = Faults.parse(wanted)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        await switchboard.set(faults)
        return faults

    return router


async def _verdict(check: Any) -> str:
    try:
        await asyncio.wait_for(check, READY_SECONDS)
    except Exception as error:  # noqa: BLE001 - each client has its own exceptions; any of them means not ready
        return type(error).__name__
    return "ok"
