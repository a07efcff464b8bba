"""Sets in the place of `any`, one nested decision in the place of early returns, and `ensure_future` in a loop with a break."""
#| exercise: m01-11-ex1
def joins(page: Page, start: int, seen: Container[str | bytes], total: int | None) -> bool:
    names: set[str | bytes] = {record.key for record in page.records} | {reject.raw for reject in page.rejects}
    if not names and (total or 0) > start:
        return False
    return not start or bool([name for name in names if name in seen])


#| exercise: m01-11-ex2
def is_last(window: Window, rows: int, end: int, *, total: int | None, has_more: bool | None) -> bool:
    reached = window.start + rows
    if reached <= end:
        if has_more:
            raise CorruptError("more is promised, nothing comes")
        return True
    match has_more:
        case True:
            return False
        case False:
            return True
    if total is None or rows >= window.size:
        return False
    return total <= reached


#| exercise: m01-11-ex3
class InOrder(Generic[Answer]):
    """Fetches windows, some at once, and gives each with its answer in the order of the windows.

    A window is taken from *windows* only when it is its turn to be sent: whoever makes them can still change their mind
    about the later ones. When one fails, all before it have been given. After `aclose` no fetch is running.

    Args:
        windows: What to fetch, in order.
        fetch: Fetches one.
        in_flight: How many may be on their way at once.
    """

    def __init__(
        self, windows: Iterable[Window], fetch: Callable[[Window], Coroutine[Any, Any, Answer]], in_flight: int
    ) -> None:
        self.windows = iter(windows)
        self.fetch = fetch
        self.in_flight = in_flight
        self.waiting: deque[tuple[Window, asyncio.Task[Answer]]] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Window, Answer]:
        """Send what may be sent, wait for the oldest window on its way, and give it.

        Raises:
            StopAsyncIteration: all windows have been given.
        """
        for _ in range(self.in_flight - len(self.waiting)):
            try:
                upcoming = next(self.windows)
            except StopIteration:
                break
            self.waiting.append((upcoming, asyncio.ensure_future(self.fetch(upcoming))))
        if len(self.waiting) == 0:
            raise StopAsyncIteration()
        page = await self.waiting[0][1]
        return self.waiting.popleft()[0], page

    async def aclose(self) -> None:
        """Cancel what is on its way, and wait until it is gone."""
        tasks = [task for _, task in self.waiting]
        self.waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
