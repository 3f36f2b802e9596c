"""The state of a run between two steps, as safetensors: nothing is ever unpickled."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..errors import InputError
from ..images import written_whole

State = dict[str, torch.Tensor]


def save(path: Path, step: int, network: nn.Module, average: State, optimizer: torch.optim.Optimizer, key: str) -> None:
    """Write weights, their running average and the optimizer's moments after ``step`` steps, in one move."""
    tensors = {f"weights.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    names: dict[torch.Tensor, str] = {parameter: name for name, parameter in network.named_parameters()}
    for parameter, moments in optimizer.state.items():
        for moment, value in moments.items():
            tensors[f"moments.{moment}.{names[parameter]}"] = value
    with written_whole(path) as temporary:
        save_file(
            {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
            temporary,
            metadata={"step": str(step), "key": key},
        )


def restore(path: Path, network: nn.Module, average: State, optimizer: torch.optim.Optimizer, key: str) -> int:
    """Take up where :func:`save` left; return the number of steps done.

    Raises
    ------
    InputError
        If the checkpoint belongs to another recipe or cohort.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            about = stored.metadata()
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise InputError(f"The checkpoint {path} cannot be read: delete it to start again.") from error
    if about["key"] != key:
        raise InputError(
            f"{path.parent.parent} holds a run of another recipe or cohort: choose another --out, or delete it to "
            "start again."
        )
    network.load_state_dict({n.removeprefix("weights."): t for n, t in tensors.items() if n.startswith("weights.")})
    for name in average:
        average[name].copy_(tensors[f"average.{name}"])
    for name, parameter in network.named_parameters():
        moments = {}
        for key_, value in tensors.items():
            if key_.startswith("moments.") and key_.split(".", 2)[2] == name:
                moment = key_.split(".", 2)[1]
                moments[moment] = value if moment == "step" else value.to(parameter.device)
        if moments:
            optimizer.state[parameter] = moments
    return int(about["step"])
