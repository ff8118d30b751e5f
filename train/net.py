"""The networks: one small U-shaped stack of 3x3 convolutions, made for OpenCV's DNN module on one core."""
import torch
from torch import nn
import torch.nn.functional as F

DEPTH = dict(name="depth", side=96, channels=4, outputs=2, globals=2)
MASK = dict(name="mask", side=128, channels=3, outputs=1, globals=0, widths=(16, 32, 64, 96, 112), ups=(96, 64, 32, 16))


class Step(nn.Module):
    """Convolution, normalisation (folded into the convolution on export), ReLU."""

    def __init__(self, into, out, kernel=3, stride=1, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel, stride, (kernel - 1) // 2, bias=False)
        self.norm = nn.BatchNorm2d(out)
        self.relu = relu

    def forward(self, x):
        x = self.norm(self.conv(x))
        return F.relu(x) if self.relu else x


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = Step(width, width)
        self.second = Step(width, width, relu=False)

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Net(nn.Module):
    """Answers maps of half the input's side; with `globals`, one vector for the whole picture besides."""

    def __init__(self, channels, outputs, side, globals=0, widths=(16, 48, 80, 112, 128), ups=(96, 64, 48, 24), **_):
        super().__init__()
        w = widths
        self.coarsest = side // 32
        self.stem = Step(channels, w[0], kernel=4, stride=2)
        self.down = nn.ModuleList()
        for i, blocks in enumerate((1, 2, 1, 1)):
            self.down.append(nn.Sequential(Step(w[i], w[i + 1], stride=2), *[Block(w[i + 1]) for _ in range(blocks)]))
        self.up = nn.ModuleList([
            Step(w[4] + w[3], ups[0]),
            Step(ups[0] + w[2], ups[1]),
            Step(ups[1] + w[1], ups[2]),
            Step(ups[2] + w[0], ups[3]),
        ])
        self.head = nn.Conv2d(ups[3], outputs, 3, padding=1)
        self.whole = nn.Sequential(nn.Conv2d(w[4], 64, 1), nn.ReLU(), nn.Conv2d(64, globals, 1)) if globals else None

    def forward(self, x):
        skips = [self.stem(x)]
        for stage in self.down:
            skips.append(stage(skips[-1]))
        x = skips.pop()
        whole = None
        if self.whole is not None:
            whole = self.whole(F.avg_pool2d(x, self.coarsest))
        for step in self.up:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = step(torch.cat([x, skips.pop()], 1))
        x = self.head(x)
        return x if whole is None else (x, whole)
