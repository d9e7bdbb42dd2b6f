"""One training process a device, alone or started by torchrun, which then take their steps together."""

import os
import subprocess

import torch
import torch.distributed as dist


class Processes:
    """This process among all: `rank` of `count`, and its `device`.

    Tensors are exchanged through NCCL (gloo on a CPU), the clock through gloo, so that no device
    waits for it.
    """

    def __init__(self, device):
        self.rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.device, self.host = torch.device(device), None
        if self.device.type == "cuda":
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if self.count > 1:
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
            self.host = dist.new_group(backend="gloo")

    def together(self, net):
        """The network whose gradients are averaged over all processes; statistics stay each one's own."""
        if self.count == 1:
            return net
        where = [self.device.index] if self.device.type == "cuda" else None
        return torch.nn.parallel.DistributedDataParallel(net, device_ids=where, broadcast_buffers=False)

    def agree(self, value):
        """The first process's number, for all."""
        if self.count == 1:
            return value
        told = torch.tensor(value, dtype=torch.float64)
        dist.broadcast(told, 0, group=self.host)
        return float(told)

    def say(self, *words):
        if self.rank == 0:
            print(*words, flush=True)

    def close(self):
        if self.count > 1:
            dist.destroy_process_group()


def commit():
    """The commit that this file comes from, for the log; `MIEN_COMMIT` where there is no repository."""
    command = ["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"]
    if "MIEN_COMMIT" in os.environ:
        return os.environ["MIEN_COMMIT"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
