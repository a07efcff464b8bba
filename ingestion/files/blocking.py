# Made from solutions/m02_push/18_ingester.ipynb: edit it there.
"""Blocking calls and iterators, in threads, without leaving one behind."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TypeVar

__all__ = ["T", "in_thread", "pulled"]


T = TypeVar("T")


async def pulled(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Pull items out of a blocking iterator, in threads, one ahead of the consumer.

    At the end, whatever ends it, the iterator is closed and no thread is left in it.
    """
    items = await in_thread(make)

    def pull() -> "asyncio.Task[T | None]":
        return asyncio.create_task(in_thread(lambda: next(items, None)))

    following = pull()
    try:
        while (item := await following) is not None:
            following = pull()
            yield item
    finally:
        await asyncio.gather(following, return_exceptions=True)
        close = getattr(items, "close", None)
        if close:
            await in_thread(close)


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread. Cancelled, it waits for the thread, which nothing can stop."""
    task = asyncio.create_task(asyncio.to_thread(call))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
