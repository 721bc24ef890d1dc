#!/usr/bin/env python3
"""The tracer's C interface from Python, with nothing but ctypes: `lydite run -- python3 ctypes_agent.py`."""
import ctypes
import os
import sys
ly = ctypes.CDLL(os.environ.get("LIBLYDITE", "liblydite.so.0"))
for name in ("lydite_start", "lydite_open", "lydite_current"):
    getattr(ly, name).restype = ctypes.c_void_p if name != "lydite_open" else ctypes.c_int
AGENT, GENERATION, TOOL, INPUT, OUTPUT = 1, 4, 5, 0, 1


class Step:
    """with Step(tracer, AGENT, "name") as step: ... ends the step, and marks it when an error passes."""

    def __init__(self, tracer, kind, name):
        self.ptr = ctypes.c_void_p(ly.lydite_start(tracer, kind, name.encode()))

    def __enter__(self):
        return self.ptr

    def __exit__(self, kind, error, _):
        if error is not None:
            ly.lydite_set_error(self.ptr, kind.__name__.encode(), str(error).encode())
        ly.lydite_end(self.ptr)


tracer = ctypes.c_void_p()
if ly.lydite_abi() != 1 or ly.lydite_open(None, ctypes.byref(tracer), None) != 0:
    print("not traced", file=sys.stderr)
with Step(tracer, AGENT, "ctypes agent"):
    with Step(tracer, TOOL, "python_version") as tool:
        ly.lydite_set_tool_result(tool, sys.version.split()[0].encode())
    with Step(tracer, GENERATION, "stand-in-model") as call:
        ly.lydite_add_text(call, INPUT, b"user", b"Which Python is this?")
        ly.lydite_add_text(call, OUTPUT, b"assistant", sys.version.encode())
        ly.lydite_set_tokens(call, ctypes.c_int64(6), ctypes.c_int64(12))
stats, text = (ctypes.c_uint64 * 64)(512), ctypes.create_string_buffer(512)  # lydite_stats begins with its size
if ly.lydite_close(tracer, 5000, stats) != 0:
    ly.lydite_stats_text(stats, text, 512)
    print(text.value.decode(), file=sys.stderr)
