"""Takes first and looks afterwards: the purse goes below zero, and a refused retry has cost something."""
#| exercise: m01-06-ex1
#| caught by: test_ex1_what_it_cannot_pay_it_does_not_take
class RetryBudget:

    def __init__(self, tokens: int = 500, *, retry_cost: int = 5, timeout_cost: int = 10) -> None:
        if min(tokens, retry_cost, timeout_cost) < 1:
            raise ValueError(f"want tokens and costs of 1 or more, not {tokens=}, {retry_cost=}, {timeout_cost=}")
        self.tokens = self._full = tokens
        self._retry_cost = retry_cost
        self._timeout_cost = timeout_cost

    def try_spend(self, *, timed_out: bool = False) -> int:
        cost = self._timeout_cost if timed_out else self._retry_cost
        self.tokens -= cost
        return cost if self.tokens >= 0 else 0

    def refund(self, spent: int) -> None:
        self.tokens = min(self._full, self.tokens + max(1, spent))
