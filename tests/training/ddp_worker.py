"""What each of the processes of test_distributed.py runs under torchrun."""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from conftest import TOY_CONFIG, Toy, ToyProblem, toy_model
from safetensors.torch import save_file

from crystalgen.errors import TrainingError
from crystalgen.training.loop import optimize
from crystalgen.training.machine import Machine, start_machine
from crystalgen.training.state import start_state


def gradient_of_first_step(machine: Machine, out: Path) -> None:
    config = replace(TOY_CONFIG, clip_norm=1e9, seed=5)
    problem = ToyProblem(61, noise=0.0)
    model = toy_model(dropout=0.0)
    if machine.rank == 1:
        torch.nn.init.zeros_(next(model.parameters()))  # the first process decides
    state = start_state(model, config)
    step = next(
        optimize(state, problem, config, machine, steps=10, bad_batch=out / "nan")
    )
    gradients = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    gradients["grad_norm"] = torch.tensor(step.grad_norm)
    gradients["loss"] = torch.tensor(step.losses["loss"])
    save_file(gradients, out / f"gradient-{machine.rank}.safetensors")


def whole_and_resumed_runs(machine: Machine, out: Path) -> None:
    toy = Toy()
    for folder, stops in (("whole", [99]), ("parts", [7, 99])):
        model = toy_model()
        for stop in stops:
            asked = iter(range(1, 100))
            settings = {
                "machine": machine,
                "validation": ToyProblem(21, seed=1),
                # only one process is asked to stop
                "stop": lambda a=asked, s=stop: next(a) == s and machine.rank == 1,
            }
            model = toy_model()
            list(toy.fit(out / folder, model=model, resume=True, **settings))
        save_file(model.state_dict(), out / f"{folder}-{machine.rank}.safetensors")


def nan_on_one_process(machine: Machine, out: Path) -> None:
    toy = Toy()
    try:
        list(toy.fit(out / "nan", problem=ToyProblem(bad=[3]), machine=machine))
    except TrainingError as error:
        (out / f"error-{machine.rank}.txt").write_text(f"{type(error)} {error}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    with start_machine(TOY_CONFIG) as machine:
        gradient_of_first_step(machine, folder)
        whole_and_resumed_runs(machine, folder)
        nan_on_one_process(machine, folder)
