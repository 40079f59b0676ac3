"""Kernels of the GPU engine: threads of a warp work together, the code for the device assembles, the driver is told right."""

import contextlib
import ctypes
import functools
import re
import shutil
import subprocess
import sysconfig
import threading
import types
from pathlib import Path
from typing import final

import jax
import numpy as np
import pytest
from llvmlite import binding

import jumpax
from gpu_runs import finished, program_of, started
from jumpax.engines.gpu import CudaDevice, Gpu, HostDevice, machine
from jumpax.engines.gpu import device as gpu_device
from jumpax.engines.gpu import driver as gpu_driver
from jumpax.engines.gpu.kernel import write
from jumpax.engines.gpu.warp import AbstractWarp, Cuda
from jumpax.engines.native.interface import INPUTS, STATE, Block, arrays_of, collected
from jumpax.engines.native.machine import assembly, machine_for, optimise
from jumpax.engines.native.operations import Number


class Team:
    """Four threads of this process that play a warp: what a vote gives is what all four came to it with."""

    size = 4

    def __init__(self):
        self.barrier, self.local = threading.Barrier(self.size, timeout=30), threading.local()
        self.values = [0] * self.size
        word, self.functions = ctypes.c_uint32, {}
        kept = {"lane": (self.lane, 0), "ballot": (self.ballot, 1), "shuffle": (self.shuffle, 2)}
        for name, (function, number) in kept.items():
            made = ctypes.CFUNCTYPE(word, *[word] * number)(function)
            self.functions[name] = made
            binding.add_symbol(f"team_{name}", ctypes.cast(made, ctypes.c_void_p).value)

    def lane(self):
        return self.local.lane

    def exchange(self, value):
        self.values[self.local.lane] = value
        self.barrier.wait()
        seen = list(self.values)
        self.barrier.wait()
        return seen

    def ballot(self, flag):
        return sum(1 << lane for lane, value in enumerate(self.exchange(flag)) if value)

    def shuffle(self, value, source):
        return self.exchange(value)[source]


@final
class TeamWarp(AbstractWarp):
    """A warp that is played by a team."""

    def lane(self, code):
        return code.call("team_lane", "uint32")

    def ballot(self, code, flag):
        return code.call("team_ballot", "uint32", code.convert(flag, "uint32"))

    def shuffle(self, code, value, source):
        return code.call("team_shuffle", value.kind, value, source)

    @contextlib.contextmanager
    def enter(self, module, arguments):
        with module.function(f"void @advance({arguments}, i32 %lane)") as code:
            yield code, Number("%lane", "int32"), code.constant(Team.size, "int32")
            code.say("ret void")


def inputs_of(program, inputs):
    return arrays_of(program, inputs, np.array([10_000], np.int32), np)


def played(program, inputs, block):
    """The state that a team leaves behind."""
    team, state = Team(), [np.array(leaf) for leaf in block]
    arrays = inputs_of(program, inputs)
    given = [*state, *(np.asarray(arrays[name]) for name in INPUTS)]
    compiled = machine.machine_code(program, False, TeamWarp())
    faults = []

    def play(lane):
        team.local.lane = lane
        try:
            compiled(given, (0, 0, 0, 0, 2, lane))
        except BaseException as fault:  # to be seen in the main thread
            faults.append(fault)

    threads = [threading.Thread(target=play, args=(lane,)) for lane in range(team.size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults
    assert not team.barrier.broken, "a thread did not come to a vote"
    return Block(*state)


def test_threads_of_a_warp_vote_and_share_the_queue():
    paths = 30
    program, inputs, block = started(Gpu(HostDevice(Team.size)), paths)
    after = played(program, inputs, block)
    assert after.queue[1] == paths
    assert (after.turns > 0).all()
    assert len(set(after.turns.tolist())) == 1, "threads of a warp take every turn together"
    recorded = collected(program, after, paths)
    jax.tree.map(np.testing.assert_array_equal, recorded, finished(Gpu(HostDevice(1)), paths, 10_000))


def test_numbers_of_paths_end_before_they_turn_negative():
    program, inputs, block = started(Gpu(HostDevice(Team.size)), 1)
    most = np.int32(2**31 - 1)
    after = played(program, inputs._replace(paths=most), block._replace(queue=np.array([most, 0], np.int32)))
    assert after.queue.tolist() == [most, 0]
    assert (after.path == -1).all(), "no path is left to take"


@pytest.mark.parametrize(
    ("name", "fold", "precision"),
    [
        ("dimerization", "plain", "float32"),
        ("telegraph", "score", "float32"),
        ("repressilator", "tangent", "float32"),
        ("vilar_oscillator", "plain", "float64"),
    ],
)
def test_code_for_the_device(name, fold, precision):
    text = machine.ptx(program_of(name, fold, precision), False, 64, 8)
    assert text.count(".entry advance") == 1
    assert ".func" not in text
    assert not re.search(r"\bcall\b", text), "every operation is an instruction"
    assert not re.search(r"\.(approx|ftz|full)", text), "every operation is correctly rounded"
    assert "vote.sync.ballot" in text
    parts = text.split("vote.sync.ballot")
    turn = max(parts, key=lambda part: part.count(f".f{precision[-2:]}"))
    assert not re.search(r"\b(ld|st)\.(local|global)", turn.split("bra")[0]), "a turn stays in registers"


def test_nothing_is_contracted_outside_elementary_functions():
    """Only `.rn` keeps the assembler from contracting; what is left without it comes from `log`, `exp` and `power`."""
    program = program_of("vilar_oscillator", "score")
    text = write(program, False, Cuda(64, 8))
    assert text.count("contract") > 10
    strict = assembly(text.replace(" contract", ""), machine_for(machine.GPU), optimise)
    assert not re.search(r"\b(add|sub|mul)\.f(32|64)", strict)
    wanted = text.count("call float @llvm.fmuladd")
    assert strict.count("fma") <= wanted, "products and sums that are one operation, and no others"
    loose = machine.ptx(program, False, 64, 8)
    assert 5 < loose.count("fma.rn.f32") <= text.count("contract") / 2 + wanted


def ptxas():
    """NVIDIA's assembler, if it is installed: `pip install nvidia-cuda-nvcc` (37 MB) has it."""
    bundled = sorted(Path(sysconfig.get_paths()["purelib"]).glob("nvidia/*/bin/ptxas"))
    return shutil.which("ptxas") or (str(bundled[-1]) if bundled else None)


@pytest.mark.skipif(ptxas() is None, reason="needs NVIDIA's assembler: pip install nvidia-cuda-nvcc")
@pytest.mark.parametrize("name", ["dimerization", "telegraph"])
def test_it_assembles_for_hopper_without_spills(name, tmp_path):
    file = tmp_path / "kernel.ptx"
    file.write_text(machine.ptx(program_of(name), False, 64, 8))
    command = [ptxas(), "-v", "-arch=sm_90", str(file), "-o", str(tmp_path / "kernel.cubin")]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert "0 bytes spill stores, 0 bytes spill loads" in made.stderr
    registers = re.search(r"Used (\d+) registers", made.stderr)
    assert registers is not None
    assert int(registers.group(1)) <= 96


class FakeLibrary:
    """A driver whose GPU is this processor: what is launched runs at once."""

    def __init__(self, program):
        self.compiled, self.calls, self.depth = machine.machine_code(program, False), [], 0
        self.outside: set[str] = set()
        kinds = [ctypes.c_void_p] * (len(STATE) + len(INPUTS)) + [ctypes.c_int32] * 5
        self.launched = functools.partial(self.play, kinds)

    def __getattr__(self, name):
        def succeed(*arguments):
            self.calls.append(name)
            self.depth += {"cuCtxPushCurrent_v2": 1, "cuCtxPopCurrent_v2": -1}.get(name, 0)
            if not self.depth and name.startswith(("cuEvent", "cuModule", "cuFunc")):
                self.outside.add(name)
            return 0

        return succeed

    def cuOccupancyMaxActiveBlocksPerMultiprocessor(self, value, *rest):
        assert self.depth
        value._obj.value = 3
        return 0

    def cuDeviceGetAttribute(self, value, *rest):
        value._obj.value = 2
        return 0

    def cuLaunchKernel(self, function, *arguments):
        assert self.depth
        *shape, shared, stream, pointers, extra = arguments
        assert (shape[1:3], shape[4:], shared, stream.value, extra) == ([1, 1], [1, 1], 0, 77, None)
        self.launched(shape[0] * shape[3], pointers)
        return 0

    def play(self, kinds, threads, pointers):
        values = [ctypes.cast(place, ctypes.POINTER(kind))[0] for kind, place in zip(kinds, pointers, strict=True)]
        arrays = [value and types.SimpleNamespace(ctypes=types.SimpleNamespace(data=value)) for value in values[:-5]]
        self.compiled(arrays, (*values[-5:], threads))


def test_what_the_driver_is_told(monkeypatch):
    program, inputs, block = started(Gpu(HostDevice(64)), 200)
    fake = gpu_driver.Driver(FakeLibrary(program))
    for room in (gpu_device, gpu_driver):
        monkeypatch.setattr(room, "driver", lambda: fake)
    monkeypatch.setattr(gpu_device, "cuda_trouble", lambda: None)
    gpu = types.SimpleNamespace(local_hardware_id=0, memory_stats=lambda: {"bytes_limit": 10**9})
    monkeypatch.setattr(CudaDevice, "place", lambda _: gpu)
    device = CudaDevice()
    kernel = device.kernel(program, False)
    assert [device.threads(kernel, room) for room in (1, 200, 10**6)] == [64, 256, 6 * 64]
    with pytest.raises(jumpax.InputError, match=r"2 stops of 8 bytes and 60 bytes beside, take 10 GB"):
        Gpu(device).start(program, inputs, 2**27)
    state = [np.array(leaf) for leaf in block]
    arrays = [np.asarray(array) for array in inputs_of(program, inputs).values()]
    buffers = [
        types.SimpleNamespace(__cuda_array_interface__={"data": (array.ctypes.data, False)}) if array.size else None
        for array in (*state, *arrays)
    ]
    with fake.timed() as seconds:
        device.launch(kernel, 64, types.SimpleNamespace(stream=77), buffers, (0, 0, 0, 0, 2))
    assert seconds == [0.0]
    recorded = collected(program, Block(*state), 200)
    jax.tree.map(np.testing.assert_array_equal, recorded, finished(Gpu(HostDevice(1)), 200, 10_000))
    assert fake.library.calls.count("cuModuleLoadDataEx") == 1, "assembled once"
    assert fake.library.calls.count("cuCtxPushCurrent_v2") == fake.library.calls.count("cuCtxPopCurrent_v2")
    assert fake.library.outside == set(), "these need a context"
    with pytest.raises(jax.errors.JaxRuntimeError, match="computed on the processor"):
        jax.block_until_ready(jax.jit(lambda: Gpu(device).gather(program, inputs, 200))())


def test_a_driver_that_fails_is_heard():
    library = types.SimpleNamespace(
        cuInit=lambda _: 0, cuDeviceGet=lambda *_: 101, cuGetErrorString=lambda *_: 0,
        cuModuleLoadDataEx=lambda *_: 218, cuCtxPushCurrent_v2=lambda _: 0, cuCtxPopCurrent_v2=lambda _: 0,
    )  # fmt: skip
    driver = gpu_driver.Driver(library)
    with pytest.raises(jumpax.SimulationError, match=r"opening GPU 3 failed .* 101"):
        driver.multiprocessors(3)
    with pytest.raises(jumpax.UnsupportedError, match=r"cannot assemble .* 218"):
        driver.load(ctypes.c_void_p(1), "")
    with pytest.raises(jumpax.UnsupportedError, match="sees no GPU"):
        gpu_driver.Driver(types.SimpleNamespace(cuInit=lambda _: 100))
