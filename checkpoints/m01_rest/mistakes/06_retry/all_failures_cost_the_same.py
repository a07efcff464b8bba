"""Treats a time-out like any other failure: the server that is still at work on the last attempt gets the next one as easily."""
#| exercise: m01-06-ex1
#| caught by: test_ex1_a_retry_costs_what_it_costs
class RetryBudget:

    def __init__(self, tokens: int = 500, *, retry_cost: int = 5, timeout_cost: int = 10) -> None:
        if min(tokens, retry_cost, timeout_cost) < 1:
            raise ValueError(f"want tokens and costs of 1 or more, not {tokens=}, {retry_cost=}, {timeout_cost=}")
        self.tokens = self._full = tokens
        self._retry_cost = retry_cost
        self._timeout_cost = timeout_cost

    def try_spend(self, *, timed_out: bool = False) -> int:
        if self._retry_cost > self.tokens:
            return 0
        self.tokens -= self._retry_cost
        return self._retry_cost

    def refund(self, spent: int) -> None:
        self.tokens = min(self._full, self.tokens + max(1, spent))
