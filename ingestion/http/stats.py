# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""What a client has done so far."""

from dataclasses import dataclass

__all__ = ["ClientStats"]


@dataclass
class ClientStats:
    """What a client has done so far.

    Attributes:
        requests: Requests made, repeated ones included.
        retries: Attempts after a call's first.
        limited_s: Time spent waiting for the rate limiter.
        backed_off_s: Time spent waiting between attempts.
        bytes_read: Bodies, unpacked.
    """

    requests: int = 0
    retries: int = 0
    limited_s: float = 0.0
    backed_off_s: float = 0.0
    bytes_read: int = 0
