# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The loop: descriptors, deadlines, signals and calls from other threads, in one thread."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dc.loop import Loop

DEADLINE = 20.0


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def loop(errors: list[str]) -> Iterator[Loop]:
    """A loop that a test can leave with signals set: both are put back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    made = Loop(lambda: errors.append("reported"))
    yield made
    signal.set_wakeup_fd(-1)
    for number, handler in kept.items():
        signal.signal(number, handler)


def run(loop: Loop) -> None:
    """Until the test's callbacks stop it; a hang is a failure."""
    late: list[bool] = []

    def give_up() -> None:
        late.append(True)
        loop.stop()

    loop.arm("test deadline", DEADLINE, give_up)
    loop.run()
    assert not late, f"nothing stopped the loop within {DEADLINE} s"


def test_a_posted_call_runs_on_the_loops_thread_with_its_arguments(loop: Loop) -> None:
    seen: list[object] = []

    def note(*arguments: object) -> None:
        seen.extend([*arguments, threading.get_ident()])
        loop.stop()

    thread = threading.Thread(target=lambda: loop.post(note, 1, "two"))
    thread.start()
    run(loop)
    thread.join()
    assert seen == [1, "two", threading.get_ident()]


def test_posted_calls_keep_their_order(loop: Loop) -> None:
    seen: list[int] = []
    for number in range(1000):
        loop.post(seen.append, number)
    loop.post(loop.stop)
    run(loop)
    assert seen == list(range(1000))


def test_more_posts_than_the_wake_up_pipe_holds_never_block_and_all_run(loop: Loop) -> None:
    seen: list[int] = []
    for number in range(70_000):  # a pipe holds 65,536 bytes
        loop.post(seen.append, number)
    loop.post(loop.stop)
    run(loop)
    assert len(seen) == 70_000


def test_a_post_out_of_a_posted_call_does_not_starve_the_rest(loop: Loop) -> None:
    """A call that posts itself again and again leaves room for timers and descriptors."""

    def again() -> None:
        loop.post(again)

    loop.post(again)
    loop.arm("end", 0.0, loop.stop)
    run(loop)


def test_timers_fire_in_the_order_of_their_deadlines_and_never_early(loop: Loop) -> None:
    seen: list[str] = []
    start = time.monotonic()

    def note(name: str, seconds: float) -> Callable[[], None]:
        def fire() -> None:
            assert time.monotonic() - start >= seconds
            seen.append(name)
            if name == "c":
                loop.stop()

        return fire

    for name, seconds in (("c", 0.03), ("a", 0.01), ("b", 0.02)):
        loop.arm(name, seconds, note(name, seconds))
    run(loop)
    assert seen == ["a", "b", "c"]


def test_timers_of_one_deadline_fire_in_the_order_in_which_they_were_armed(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their names: the order must not change from run to run."""
    seen: list[str] = []
    with monkeypatch.context() as clock:
        clock.setattr(loop, "now", lambda: 1.0)
        for name in ("a", "z", "m", "a"):
            loop.arm(name, 0.0, partial(seen.append, name))
    loop.arm("end", 0.005, loop.stop)
    run(loop)
    assert seen == ["z", "m", "a"]


def test_arming_again_replaces_and_disarming_forgets(loop: Loop) -> None:
    seen: list[str] = []
    loop.arm("x", 0.0, lambda: seen.append("first"))
    loop.arm("x", 0.0, lambda: seen.append("second"))
    loop.arm("y", 0.0, lambda: seen.append("never"))
    loop.disarm("y")
    loop.disarm("nobody armed this")
    loop.arm("end", 0.005, loop.stop)
    run(loop)
    assert seen == ["second"]


def test_a_timer_that_an_earlier_one_of_the_same_round_disarmed_does_not_fire(loop: Loop) -> None:
    seen: list[str] = []
    loop.arm("a", 0.0, lambda: loop.disarm("b"))
    loop.arm("b", 0.0, lambda: seen.append("b"))
    loop.arm("end", 0.005, loop.stop)
    run(loop)
    assert seen == []


def test_a_timer_fires_once(loop: Loop) -> None:
    seen: list[str] = []
    loop.arm("once", 0.0, lambda: seen.append("x"))
    loop.arm("end", 0.01, loop.stop)
    run(loop)
    assert seen == ["x"]


def test_a_descriptor_is_called_for_data_and_for_its_end(loop: Loop) -> None:
    read, write = os.pipe()
    seen: list[bytes] = []

    def readable() -> None:
        seen.append(os.read(read, 100))
        if seen[-1] == b"data":
            os.close(write)
        else:
            loop.unwatch(read)
            loop.stop()

    loop.watch(read, readable)
    os.write(write, b"data")
    run(loop)
    os.close(read)
    assert seen == [b"data", b""]


def test_a_descriptor_that_an_earlier_callback_dropped_is_not_called(loop: Loop) -> None:
    pairs = [os.pipe() for _ in range(2)]
    called: list[int] = []

    def reader(own: int, other: int) -> Callable[[], None]:
        def readable() -> None:
            called.append(own)
            loop.unwatch(own)
            loop.unwatch(other)
            loop.stop()

        return readable

    for (own, write), (other, _) in zip(pairs, reversed(pairs), strict=True):
        loop.watch(own, reader(own, other))
        os.write(write, b"x")
    run(loop)
    for pair in pairs:
        os.close(pair[0])
        os.close(pair[1])
    assert len(called) == 1


def test_a_signal_is_a_callback_and_interrupts_the_wait(loop: Loop) -> None:
    loop.on_signal(signal.SIGUSR1, loop.stop)
    thread = threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGUSR1))
    thread.start()
    run(loop)
    thread.join()


def test_a_signal_before_the_loop_runs_is_not_lost(loop: Loop) -> None:
    loop.on_signal(signal.SIGUSR1, loop.stop)
    os.kill(os.getpid(), signal.SIGUSR1)
    run(loop)


def test_a_signal_that_finds_the_wake_up_pipe_full_is_not_lost(loop: Loop) -> None:
    """A flood of messages must not cost a SIGTERM or a SIGCHLD."""
    loop.on_signal(signal.SIGUSR1, loop.stop)
    for number in range(70_000):
        loop.post([].append, number)
    os.kill(os.getpid(), signal.SIGUSR1)
    run(loop)


def test_each_signal_has_its_own_callback(loop: Loop) -> None:
    seen: list[str] = []
    loop.on_signal(signal.SIGUSR1, lambda: seen.append("one"))
    loop.on_signal(signal.SIGUSR2, lambda: seen.append("two"))
    os.kill(os.getpid(), signal.SIGUSR2)
    loop.arm("end", 0.005, loop.stop)
    run(loop)
    assert seen == ["two"]


def test_a_callback_that_raises_is_reported_and_the_loop_goes_on(loop: Loop, errors: list[str]) -> None:
    def bad() -> None:
        raise RuntimeError("a defect")

    read, write = os.pipe()

    def bad_reader() -> None:
        loop.unwatch(read)
        bad()

    loop.watch(read, bad_reader)
    os.write(write, b"x")
    loop.post(bad)
    loop.arm("bad", 0.0, bad)
    loop.arm("end", 0.01, loop.stop)
    run(loop)
    os.close(read)
    os.close(write)
    assert errors == ["reported"] * 3


def test_its_own_descriptors_are_not_inherited_by_handlers(loop: Loop) -> None:
    assert not os.get_inheritable(loop._wake_read)
    assert not os.get_inheritable(loop._wake_write)
