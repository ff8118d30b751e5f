"""Endless samples from libscene.so, made ahead in a process of their own."""
import ctypes
import multiprocessing as mp
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def shapes_of(task, side, count):
    if task == "depth":
        return [((count, side, side, 4), np.uint8), ((count, 3, side // 2, side // 2), np.float32),
                ((count, 2), np.float32)]
    return [((count, side, side, 3), np.uint8), ((count, side // 2, side // 2), np.float32), ((count,), np.int32)]


class Scenes:
    def __init__(self, library, pack):
        """`pack` is the furniture; a file beside it that ends in .sprites instead of .bin is taken along."""
        self.lib = ctypes.CDLL(library)
        self.lib.scene_open.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.lib.scene_open(pack.encode()))
        sprites = pack.removesuffix(".bin") + ".sprites"
        if os.path.exists(sprites):
            self.lib.scene_sprites(self.handle, sprites.encode(), 128)

    def batch(self, task, side, split, seed, count, out=None):
        out = out or [np.zeros(shape, kind) for shape, kind in shapes_of(task, side, count)]
        call = self.lib.scene_depth if task == "depth" else self.lib.scene_mask
        call(self.handle, split, ctypes.c_uint64(seed), side, count, *[a.ctypes.data_as(ctypes.c_void_p) for a in out])
        return out


def work(library, pack, task, side, count, seed, step, nice, buffers, free, ready):
    os.nice(nice)
    scenes = Scenes(library, pack)
    while True:
        slot = free.get()
        arrays = [np.frombuffer(b, kind).reshape(shape) for b, (shape, kind) in zip(buffers[slot], shapes_of(task, side, count))]
        scenes.batch(task, side, 0, seed, count, arrays)
        seed += step
        ready.put(slot)


class Stream:
    """Batches of `count` fresh samples, as lists of arrays that stay valid until the next one is taken."""

    def __init__(self, library, pack, task, side, count, seed, workers=1, ahead=6, nice=0):
        self.shapes = shapes_of(task, side, count)
        self.free, self.ready, self.held = mp.Queue(), mp.Queue(), None
        self.buffers = [[mp.RawArray(ctypes.c_byte, int(np.prod(s)) * np.dtype(k).itemsize) for s, k in self.shapes]
                        for _ in range(ahead)]
        for slot in range(ahead):
            self.free.put(slot)
        for i in range(workers):
            mp.Process(target=work, daemon=True,
                       args=(library, pack, task, side, count, seed + i * count, workers * count, nice, self.buffers, self.free,
                             self.ready)).start()

    def take(self):
        if self.held is not None:
            self.free.put(self.held)
        self.held = self.ready.get()
        return [np.frombuffer(b, k).reshape(s) for b, (s, k) in zip(self.buffers[self.held], self.shapes)]
