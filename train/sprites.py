"""Packs drawings with alpha into one file: sprites.py FOLDER OUT. Square, premultiplied RGBA of SIDE pixels."""
import glob
import os
import re
import sys

import numpy as np
from PIL import Image

SIDE = 128
SHOWN_ELSEWHERE = {"1f3fa", "1f4f7", "1f45f", "1fab4", "1f9f8", "1f341"}  # tests and reports look at these


def main(folder, out):
    count = 0
    with open(out, "wb") as to:
        for path in sorted(glob.glob(os.path.join(folder, "*.webp"))):
            name = os.path.splitext(os.path.basename(path))[0]
            if name in SHOWN_ELSEWHERE or re.search(r"1f3f[b-f]", name):  # one skin tone of each will do
                continue
            rgba = np.asarray(Image.open(path).convert("RGBA").resize((SIDE, SIDE), Image.BOX)).astype(np.float32)
            rgba[..., :3] *= rgba[..., 3:] / 255
            to.write((rgba + 0.5).clip(0, 255).astype(np.uint8).tobytes())
            count += 1
    print(count, "sprites")


if __name__ == "__main__":
    main(*sys.argv[1:3])
