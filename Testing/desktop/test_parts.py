"""The parts of the panel by themselves: work between events, signals, the card."""

from __future__ import annotations

import unittest
from collections.abc import Iterator
from unittest import mock

import host  # first: it finds Qt, or puts the stand-ins in place
from SynthPerfLib.bundle import Bundle
from SynthPerfLib.desktop.card import card_html, make_card
from SynthPerfLib.desktop.runner import Runner
from SynthPerfLib.desktop.sentences import sentence
from SynthPerfLib.desktop.signal import Signal
from SynthPerfLib.errors import InputError
from SynthPerfLib.jobs import Progress, Steps


class SignalTest(unittest.TestCase):
    """A signal in plain Python."""

    def test_slots_are_called_until_they_are_disconnected(self) -> None:
        signal, heard = Signal(), []
        end = signal.connect(heard.append)
        signal.emit(1)
        with signal.blocked():
            signal.emit(2)
        end()
        end()
        signal.emit(3)
        assert heard == [1]


class RunnerTest(unittest.TestCase):
    """Work between two events."""

    def setUp(self) -> None:
        self.runner = Runner()
        self.done: list[object] = []
        self.failed: list[Exception] = []
        self.closed = False

    def work(self, steps: int = 3, error: Exception | None = None) -> Steps[str]:
        try:
            for number in range(steps):
                yield Progress(number / steps, f"step {number}")
            if error is not None:
                raise error
            return "made"
        finally:
            self.closed = True

    def start(self, steps: Iterator[Progress]) -> None:
        self.runner.start(steps, self.done.append, self.failed.append)

    def wait(self) -> None:
        host.wait_until(lambda: not self.runner.busy)

    def test_nothing_is_done_before_the_next_event(self) -> None:
        self.start(self.work())
        assert self.runner.busy
        assert self.done == []
        self.wait()
        assert self.done == ["made"]

    def test_an_error_is_handed_on_once(self) -> None:
        self.start(self.work(error=InputError("no")))
        self.wait()
        assert [str(error) for error in self.failed] == ["no"]
        assert self.done == []

    def test_an_error_of_the_one_who_waits_is_handed_on_too(self) -> None:
        self.runner.start(self.work(), lambda _made: 1 / 0, self.failed.append)
        self.wait()
        assert isinstance(self.failed[0], ZeroDivisionError)

    def test_cancelling_closes_the_work_and_calls_nobody(self) -> None:
        self.start(self.work(10**9))
        for _ in range(5):
            host.let_work()
        self.runner.cancel()
        assert self.closed
        for _ in range(5):
            host.let_work()
        assert (self.done, self.failed) == ([], [])

    def test_new_work_takes_the_place_of_old_work(self) -> None:
        self.start(self.work(10**9))
        host.let_work()
        self.start(self.work())
        self.wait()
        assert self.done == ["made"]

    def test_the_time_left_falls(self) -> None:
        assert self.runner.seconds_left is None
        with mock.patch("SynthPerfLib.desktop.runner.time.monotonic", side_effect=[float(n) for n in range(100)]):
            self.start(self.work(5))
            told = []
            self.runner.changed.connect(lambda: told.append(self.runner.seconds_left))
            self.wait()
        told = [seconds for seconds in told if seconds is not None]
        assert len(told) > 1
        assert told == sorted(told, reverse=True)


class SentenceTest(unittest.TestCase):
    """Every failure is one sentence."""

    def test_what_the_user_is_told(self) -> None:
        assert sentence(InputError("ADC is not in its unit.")) == "ADC is not in its unit."
        assert "not enough memory" in sentence(MemoryError())
        assert "No space left on device: x.nii" in sentence(OSError(28, "No space left on device", "x.nii"))
        with self.assertLogs(level="ERROR"):
            assert "a defect in SynthPerf" in sentence(KeyError("x"))


class CardTest(unittest.TestCase):
    """The card of the model that ships."""

    def test_the_card_says_what_must_be_known(self) -> None:
        bundle = Bundle.open(host.BUNDLE)
        card = card_html(bundle)
        cases = f"{bundle.metadata['training']['cases']} cases, all simulated"
        for words in ("Research use only", "ASL cerebral blood flow", "mL/100 g/min", cases):
            assert words in card
        assert "structural similarity (SSIM), 0 to 1 (validation)" in card
        assert "any of them" in card

    def test_a_name_cannot_bring_its_own_html(self) -> None:
        bundle = Bundle.open(host.BUNDLE)
        about = {**bundle.metadata, "description": "<script>"}
        hostile = Bundle(bundle.folder, "<img src=x>", about, bundle.inference, "")
        assert "<img" not in card_html(hostile)
        assert "<script" not in card_html(hostile)

    def test_the_window_opens(self) -> None:
        window = make_card(Bundle.open(host.BUNDLE), None)
        window.show()
        host.let_work()
        assert window.visible
        window.close()


if __name__ == "__main__":
    unittest.main()
