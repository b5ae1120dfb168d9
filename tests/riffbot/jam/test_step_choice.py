"""The steps of a jam's chunks: the model's default while the machine keeps up, else fewer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from riffbot.inference.batching import choose_steps
from riffbot.inference.engine.throughput import work_units
from riffbot.jam.capacity import Capacity
from riffbot.jam.step_choice import StepChooser
from riffbot.request import RiffRequest

CYCLE_S = 5.12


class Machine:
    """A machine on which a unit of work takes `unit_s` seconds."""

    def __init__(self, unit_s: float, *, usual: int = 8, others: float = 0.0) -> None:
        self.unit_s, self.usual, self.others = unit_s, usual, others
        self.capacity = Capacity(CYCLE_S, lambda: self.others)
        self.chooser = StepChooser(self.resolve, self.capacity)

    def resolve(self, request: RiffRequest) -> RiffRequest:
        steps = request.steps or choose_steps(request, self.usual)
        return request.with_changes(steps=steps, guidance=4.0, width=512)

    def generate(self, **fields: object) -> int | None:
        """Generate a chunk; its steps."""
        asked = RiffRequest(**{"prompt": "sax", "seed_image": "beat", "denoising": 0.75, **fields})
        chosen = self.chooser.choose(asked)
        resolved = self.resolve(chosen)
        self.chooser.record(resolved, self.unit_s * work_units(resolved))
        return resolved.steps

    def seconds(self, steps: int) -> float:
        request = RiffRequest(prompt="sax", seed_image="beat", denoising=0.75, steps=steps)
        return self.unit_s * work_units(self.resolve(request))


def seconds_a_unit(steps: int, share: float) -> float:
    """With which a chunk of so many steps takes this share of the time that it sounds."""
    return share * CYCLE_S / Machine(1.0).seconds(steps)


def test_a_machine_that_keeps_up_takes_the_default() -> None:
    machine = Machine(seconds_a_unit(8, 0.5))
    assert [machine.generate() for _ in range(5)] == [8] * 5


def test_a_slower_one_takes_as_many_as_it_sustains() -> None:
    machine = Machine(seconds_a_unit(6, 0.75))
    steps = [machine.generate() for _ in range(12)]
    assert steps[0] == 8, "nothing was measured yet"
    assert steps[1:] == [6] * 11
    assert machine.capacity.load == pytest.approx(0.75, rel=0.05)
    machine.capacity.check()


def test_the_slowest_takes_the_fewest_and_is_refused() -> None:
    machine = Machine(seconds_a_unit(3, 1.5))
    assert [machine.generate() for _ in range(8)][1:] == [3] * 7
    assert not machine.capacity.can_sustain()


def test_other_jams_take_their_share_and_give_it_back() -> None:
    machine = Machine(seconds_a_unit(8, 0.5))
    machine.generate()
    machine.others = 0.4
    fewer = [machine.generate() for _ in range(6)][-1]
    assert fewer is not None
    assert 3 <= fewer < 8
    machine.others = 0.0
    assert [machine.generate() for _ in range(6)][-1] == 8


def test_a_measurement_at_the_limit_does_not_move_it_to_and_fro() -> None:
    machine = Machine(seconds_a_unit(7, 0.8))
    steps = []
    for number in range(40):
        machine.unit_s = seconds_a_unit(7, 0.8) * (1.03 if number % 2 else 0.97)
        steps.append(machine.generate())
    changes = [one for one, other in pairwise(steps) if one != other]
    assert len(changes) <= 2, steps


def test_steps_that_a_person_named_stay() -> None:
    machine = Machine(seconds_a_unit(3, 1.5))
    assert [machine.generate(steps=20) for _ in range(3)] == [20] * 3


def test_the_image_is_heard_as_long_as_the_machine_sustains_that() -> None:
    machine = Machine(seconds_a_unit(4, 0.9), usual=4)
    machine.generate(denoising=0.9)
    steps = machine.generate(denoising=0.8)
    assert steps is not None
    assert round(steps * 0.8) < steps


@pytest.mark.parametrize(("denoising", "steps"), [(0.05, 10), (0.5, 4), (0.0, 4)])
def test_fewer_steps_that_save_nothing_are_not_taken(denoising: float, steps: int) -> None:
    machine = Machine(seconds_a_unit(3, 3.0), usual=4)
    machine.generate(denoising=denoising)
    assert machine.generate(denoising=denoising) == steps


@pytest.mark.parametrize("denoising", [0.05, 0.3, 0.75, 0.85, 0.9, 0.95, 1.0])
def test_a_jam_that_is_steered_wilder_stays_in_time(denoising: float) -> None:
    machine = Machine(seconds_a_unit(3, 0.5), usual=4)
    for _ in range(6):
        machine.generate()
    for _ in range(6):
        steps = machine.generate(denoising=denoising)
    assert steps is not None
    assert machine.capacity.can_sustain()


def test_while_the_model_loads_nothing_is_chosen() -> None:
    machine = Machine(seconds_a_unit(6, 0.7))
    loading = [True]
    machine.chooser._resolve = lambda request: None if loading[0] else machine.resolve(request)
    assert machine.generate() == 8, "which the engine resolves when it can"
    loading[0] = False
    assert machine.generate() == 6, "what was measured meanwhile counts"
