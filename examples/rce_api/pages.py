"""What does a browser get: pages that report their web vitals."""

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

from watchkeeper.vitals.browser import SNIPPET

PAGE = """<!doctype html>
<html lang="en">
<title>rce</title>
<meta name="viewport" content="width=device-width">
<h1>{title}</h1>
<button onclick="this.textContent = 'heard'">Say hello</button>
<script src="/static/web-vitals.js"></script>
<script src="/static/vitals.js"></script>
"""


def pages(web_vitals: str) -> APIRouter:
    """Return the pages; ``web_vitals`` is the file of the library that they load (`web-vitals.iife.js`)."""
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    async def home() -> str:
        return PAGE.format(title="Rooms")

    @router.get("/rooms/{room}", response_class=HTMLResponse)
    async def room(room: str) -> str:  # noqa: ARG001 - the page is the same for every room
        return PAGE.format(title="A room")

    @router.get("/static/vitals.js")
    async def snippet() -> FileResponse:
        return FileResponse(SNIPPET, media_type="text/javascript")

    @router.get("/static/web-vitals.js")
    def library() -> FileResponse:
        if not web_vitals or not Path(web_vitals).is_file():
            raise HTTPException(404, "set WEB_VITALS_FILE to dist/web-vitals.iife.js of the npm package web-vitals")
        return FileResponse(web_vitals, media_type="text/javascript")

    return router
