"""What the scenarios share: a deterministic transcript, and names that both languages print alike.

A topic (`futures.py`) is a list of functions named `scenario_S31_S32_what_it_shows`. Running the file prints

    == S31 S32 what it shows
    facts, one a line

`transcript.hpp` is the C++ twin of this file.
"""

import asyncio
import contextlib
import gc
import logging
import os
import re
import sys
import traceback
import warnings

MARK = "  # differs: "  # what CPython does otherwise; see say_differs


# ------------------------------------------------------------------------------------------- facts


class Boom(Exception):
    """The error that scenarios throw."""


class Strange(BaseException):
    """One that is not an ordinary exception."""


_NAMES = [  # the most derived class first
    (asyncio.CancelledError, "cancelled_error"),
    (asyncio.InvalidStateError, "invalid_state_error"),
    (asyncio.IncompleteReadError, "incomplete_read_error"),
    (asyncio.LimitOverrunError, "limit_overrun_error"),
    (asyncio.QueueEmpty, "queue_empty"),
    (asyncio.QueueFull, "queue_full"),
    (getattr(asyncio, "QueueShutDown", ()), "queue_shut_down"),
    (asyncio.BrokenBarrierError, "broken_barrier_error"),
    (TimeoutError, "timeout_error"),
    (KeyboardInterrupt, "keyboard_interrupt"),
    (SystemExit, "system_exit"),
    (Strange, "strange"),
    (OSError, "os_error"),
    # RuntimeError, ValueError, TypeError: which class of error a misuse gets is each language's own business.
    (Exception, "error"),
]


def kind(exception):
    """The name of an exception as both languages print it."""
    if isinstance(exception, Boom):
        return f"boom {exception}"
    if isinstance(exception, BaseExceptionGroup):
        return f"exception_group[{', '.join(kind(e) for e in exception.exceptions)}]"
    for types, name in _NAMES:
        if isinstance(exception, types):
            return name
    return type(exception).__name__


def text(value):
    """A value as both languages print it."""
    if value is None:
        return "nothing"
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, BaseException):
        return kind(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(text(v) for v in value)}]"
    return str(value)


def in_quotes(data):
    """Bytes as both languages print them."""
    return '"' + data.decode().replace("\n", "\\n") + '"'


def say(*facts):
    print(*(text(fact) for fact in facts), flush=True)


ANYTHING = object()


def say_differs(label, actual, *, cpython, ours, why):
    """A fact in which the library differs from CPython on purpose.

    Proves that CPython does what is claimed (a value, a tuple of values for different versions, or ANYTHING where
    it promises nothing) and prints what the library does instead.
    """
    actual = text(actual)
    if cpython is not ANYTHING:
        claimed = cpython if isinstance(cpython, tuple) else (cpython,)
        if actual not in claimed:
            raise AssertionError(f"{label}: CPython was said to give {claimed}, but gave {actual!r}")
    say(label, ours + MARK + why)


def attempt(function, *args):
    """What a call gives: its value or the name of its exception."""
    try:
        return text(function(*args))
    except BaseException as exception:
        return kind(exception)


async def outcome_of(awaitable):
    """What an await gives: its value or the name of its exception. Swallows a cancel."""
    try:
        return text(await awaitable)
    except BaseException as exception:
        return kind(exception)


def state(future):
    """pending, cancelled, a value or the name of an exception. Counts as retrieving the exception."""
    if not future.done():
        return "pending"
    if future.cancelled():
        return "cancelled"
    return text(future.exception() or future.result())


# ------------------------------------------------------------------------------------------- helpers


async def turns(n):
    """Lets the loop make n iterations."""
    for _ in range(n):
        await asyncio.sleep(0)


async def settle():
    """Lets everything that is ready, and what it makes ready, run."""
    await turns(20)


def reports(loop):
    """Collects what reaches the loop's exception handler: a list of the names of the exceptions."""
    seen = []

    def handler(loop, context):
        seen.append(kind(context["exception"]) if "exception" in context else "message")

    loop.set_exception_handler(handler)
    return seen


def collect():
    gc.collect()


@contextlib.contextmanager
def captured_log():
    """Collects what is logged or warned: a list of texts."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            exception = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            lines.append(record.getMessage() + exception)

    logger, handler = logging.getLogger("asyncio"), Handler()
    logger.addHandler(handler)
    propagate, logger.propagate = logger.propagate, False
    showwarning = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: lines.append(str(message))
        try:
            yield lines
        finally:
            collect()
            warnings.showwarning = showwarning
            logger.removeHandler(handler)
            logger.propagate = propagate


def logged(lines, words):
    return any(words in line for line in lines)


# ------------------------------------------------------------------------------------------- running


def since(*version):
    """Marks a scenario that only CPython `version` and later can play."""

    def mark(scenario):
        scenario.since = version
        return scenario

    return mark


def statements(name):
    return re.match(r"scenario((?:_S\d+)+)_", name)[1][1:].split("_")


def header(name):
    return "== " + name.removeprefix("scenario_").replace("_", " ")


def scenarios(module):
    return {name: f for name, f in module.items() if name.startswith("scenario_")}


def play(module):
    """Prints the transcript of a topic; used as `oracle.play(globals())` at the end of its file.

    A scenario that this interpreter cannot play is left out, and named on stderr as `cannot play: HEADER`.
    Names of scenarios given as arguments play only these.
    """
    os.environ.pop("PYTHONASYNCIODEBUG", None)
    wanted = sys.argv[1:]
    for name, scenario in scenarios(module).items():
        if wanted and not any(w in name for w in wanted):
            continue
        if sys.version_info[:2] < getattr(scenario, "since", (3, 12)):
            print("cannot play:", header(name), file=sys.stderr)
            continue
        print(header(name), flush=True)
        scenario()
