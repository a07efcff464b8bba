"""How long an example takes is no property of it: on a busy machine any may be interrupted for longer than 200 ms."""

from hypothesis import settings

settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")
