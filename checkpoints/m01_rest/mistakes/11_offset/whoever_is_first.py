"""Gives whichever fetch is done first: fast pages overtake slow ones, and so do their positions."""
#| exercise: m01-11-ex3
#| caught by: test_ex3_in_order_whoever_answers_first
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
        while len(self.waiting) < self.in_flight and (window := next(self.windows, None)) is not None:
            self.waiting.append((window, asyncio.create_task(self.fetch(window))))
        if not self.waiting:
            raise StopAsyncIteration
        await asyncio.wait([task for _, task in self.waiting], return_when=asyncio.FIRST_COMPLETED)
        first = next(pair for pair in self.waiting if pair[1].done())
        page = first[1].result()
        self.waiting.remove(first)
        return first[0], page

    async def aclose(self) -> None:
        """Cancel what is on its way, and wait until it is gone."""
        tasks = [task for _, task in self.waiting]
        self.waiting.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
