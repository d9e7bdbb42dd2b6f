#!/usr/bin/env python3
"""Compiles the kernels beside this script to PTX with NVIDIA's compiler (NVRTC 12.4.127).

usage: compile.py [--check]

--check compares with the PTX that is there instead of writing it. The compiler and its headers come from
the wheels nvidia-cuda-nvrtc-cu12 and nvidia-cuda-runtime-cu12 (see requirements.txt); no GPU is needed.
"""

import ctypes
import hashlib
import sys
from pathlib import Path

import nvidia.cuda_nvrtc
import nvidia.cuda_runtime

HERE = Path(__file__).resolve().parent
VERSION = (12, 4)
# Turing and later. No multiplication is merged with the addition after it: the host does not, and the
# numbers are to be the same.
OPTIONS = ["--gpu-architecture=compute_75", "--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true"]


class Compiler:
    def __init__(self):
        folder = Path(next(iter(nvidia.cuda_nvrtc.__path__))) / "lib"
        self.library = ctypes.CDLL(str(folder / "libnvrtc.so.12"))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor = ctypes.c_int(), ctypes.c_int()
        self.call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        if (major.value, minor.value) != VERSION:
            sys.exit(f"NVRTC {major.value}.{minor.value} found, but the kernels are compiled with 12.4")

    def call(self, name, *arguments):
        status = getattr(self.library, name)(*arguments)
        if status:
            raise RuntimeError(f"{name}: {self.library.nvrtcGetErrorString(status).decode()}")

    def text(self, name, program):
        size = ctypes.c_size_t()
        self.call(f"{name}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(name, program, buffer)
        return buffer.value.decode()

    def compile(self, source, headers):
        runtime = Path(next(iter(nvidia.cuda_runtime.__path__))) / "include"
        options = [option.encode() for option in [*OPTIONS, f"--include-path={runtime}"]]
        program = ctypes.c_void_p()
        names = (ctypes.c_char_p * len(headers))(*[path.name.encode() for path in headers])
        texts = (ctypes.c_char_p * len(headers))(*[path.read_bytes() for path in headers])
        self.call("nvrtcCreateProgram", ctypes.byref(program), source.read_bytes(), source.name.encode(),
                  len(headers), texts, names)
        try:
            self.call("nvrtcCompileProgram", program, len(options), (ctypes.c_char_p * len(options))(*options))
        except RuntimeError as error:
            sys.exit(f"{source.name}: {error}\n{self.text('nvrtcGetProgramLog', program)}")
        if log := self.text("nvrtcGetProgramLog", program).strip():
            print(f"{source.name}: {log}", file=sys.stderr)
        return self.text("nvrtcGetPTX", program)


def fingerprint(source, headers):
    """As the test `the_ptx_comes_from_the_source` takes it."""
    digest = hashlib.sha256()
    for path in [Path(__file__).resolve(), *headers, source]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main():
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(__doc__)
    compiler = Compiler()
    headers = sorted(HERE.glob("*.cuh"))
    stale = []
    for source in sorted(HERE.glob("*.cu")):
        ptx = f"// {source.name} sha256:{fingerprint(source, headers)}\n{compiler.compile(source, headers)}"
        target = source.with_suffix(".ptx")
        if not check:
            target.write_text(ptx)
        elif not target.is_file() or target.read_text() != ptx:
            stale.append(target.name)
    if stale:
        sys.exit(f"{', '.join(stale)}: not what the compiler makes of the source; run `./x ptx`")


if __name__ == "__main__":
    main()
