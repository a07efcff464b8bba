"""Takes the window out before its answer is there: who asks again after a failure gets the one behind it."""
#| exercise: m01-11-ex3
#| caught by: test_ex3_a_failure_comes_after_all_before_it
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
        while len(self.waiting) < self.in_flight and (window := next(self.windows, None)) is not None:
            self.waiting.append((window, asyncio.create_task(self.fetch(window))))
        if not self.waiting:
            raise StopAsyncIteration
        window, task = self.waiting.popleft()
        return window, await task

    async def aclose(self) -> None:
        """Cancel what is on its way, and wait until it is gone."""
        tasks = [task for _, task in self.waiting]
        self.waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
