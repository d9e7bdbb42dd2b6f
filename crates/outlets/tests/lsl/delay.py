"""Measures how long samples take from push to reception: one thread waits on each camera's frames.

usage: delay.py SECONDS
Prints the delay from the push (capture time plus the latency that the sample itself carries) to the
return of `pull_sample`. It measures; it judges nothing.
"""

import sys
import threading
import time

import numpy as np
import pylsl

infos = [i for i in pylsl.resolve_streams(2.0) if i.name().endswith("_Frames")]
end = time.monotonic() + float(sys.argv[1])
delays = []


def listen(info):
    inlet = pylsl.StreamInlet(info, recover=False)
    while time.monotonic() < end:
        sample, stamp = inlet.pull_sample(timeout=0.2)
        if sample is not None:
            delays.append(pylsl.local_clock() - stamp - sample[3])


threads = [threading.Thread(target=listen, args=(info,)) for info in infos]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ms = np.array(delays) * 1e3
ms = ms[len(infos) * 5 :]  # the first samples include opening the stream
print(
    f"push to received: {len(ms)} samples, "
    + ", ".join(f"p{p} {np.percentile(ms, p):.2f} ms" for p in (50, 95, 99))
    + f", max {ms.max():.2f} ms"
)
