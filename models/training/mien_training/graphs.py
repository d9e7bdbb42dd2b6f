"""A part of a training step as one CUDA graph: the GPU need not wait for Python between its thousands of small operations."""

import torch

WARM_UPS = 3


class Captured:
    """`function`, which takes no arguments, as a CUDA graph from its fourth call on.

    Every replay writes its results into the same tensors and draws new random numbers. What the function reads must lie
    in the same tensors each time; it must not copy from the host nor wait for the GPU. On a CPU, or with `on` false,
    it is the plain function.
    """

    def __init__(self, function, on):
        self.function, self.on = function, on
        self.calls, self.graph, self.result = 0, None, None
        self.stream = torch.cuda.Stream() if on else None

    def __call__(self):
        if not self.on:
            return self.function()
        if self.graph is None:
            torch.cuda.synchronize()
            self.calls += 1
            if self.calls <= WARM_UPS:
                with torch.cuda.stream(self.stream):
                    result = self.function()
                torch.cuda.synchronize()
                return result
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=self.stream):
                self.result = self.function()
        self.graph.replay()
        return self.result


class Pool:
    """The last batches of what one graph makes, for another to draw from: each row is used about `uses` times."""

    def __init__(self, make, batches):
        made = [make() for _ in range(batches)]
        self.next, self.rows = 0, len(made[0]["points"])
        kept = lambda values: values.half() if values.ndim == 4 else values  # pictures
        self.tensors = {k: torch.cat([kept(batch[k]) for batch in made]) for k in made[0]}
        self.drawn = {k: values.clone() for k, values in made[-1].items()}

    def put(self, made):
        at = slice(self.next * self.rows, (self.next + 1) * self.rows)
        for key, values in self.tensors.items():
            values[at].copy_(made[key])
        self.next = (self.next + 1) % (len(self.tensors["points"]) // self.rows)

    def draw(self):
        """A random batch, always in the same tensors."""
        values = self.tensors["points"]
        rows = torch.argsort(torch.rand(len(values), device=values.device))[: self.rows]
        for key, values in self.tensors.items():
            self.drawn[key].copy_(values[rows])
        return self.drawn
