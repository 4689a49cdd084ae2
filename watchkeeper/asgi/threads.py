"""How is something waited for without holding up the loop, under asyncio and under trio?"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

Result = TypeVar("Result")


async def in_thread(
    work: Callable[[], Result], patience: float | None = None, threads: Executor | None = None
) -> Result:
    """Return what ``work`` returns in a thread (of ``threads``, if given); raise TimeoutError after ``patience``."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return await _in_trio(trio, work, patience)
    call = asyncio.get_running_loop().run_in_executor(threads, work)
    return await asyncio.wait_for(call, patience)


async def result(future: "Future[Result]", patience: float) -> Result:
    """Return what a future comes to; raise TimeoutError after ``patience``, and leave the future as it is."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return await _in_trio(trio, lambda: future.result(patience), patience)
    awaited = asyncio.wrap_future(future)
    # asyncio reports an exception that nobody fetched, and whoever gave up waiting does not.
    awaited.add_done_callback(lambda done: done.cancelled() or done.exception())
    return await asyncio.wait_for(asyncio.shield(awaited), patience)


async def _in_trio(trio: Any, work: Callable[[], Result], patience: float | None) -> Result:
    found: list[Result] = []
    with trio.move_on_after(float("inf") if patience is None else patience):
        found.append(await trio.to_thread.run_sync(work, abandon_on_cancel=True))
    if not found:
        raise TimeoutError
    return found[0]
