"""Writes a network as ONNX for OpenCV's DNN module: export.py depth|mask CHECKPOINT OUT [SIDE]. Normalisation is folded in."""
import sys

import torch

import net as nets


def main(task, checkpoint, out, side=None):
    task = dict(nets.DEPTH if task == "depth" else nets.MASK)
    if side:
        task["side"] = int(side)
    net = nets.Net(**task)
    net.load_state_dict(torch.load(checkpoint, map_location="cpu"))
    net.eval()
    for module in net.modules():
        if isinstance(module, nets.Step):
            module.conv = torch.nn.utils.fusion.fuse_conv_bn_eval(module.conv, module.norm)
            module.norm = torch.nn.Identity()
    x = torch.zeros(1, task["channels"], task["side"], task["side"])
    names = ["maps", "whole"] if task["globals"] else ["maps"]
    torch.onnx.export(net, x, out, opset_version=11, input_names=["picture"], output_names=names)
    print(out, sum(p.numel() for p in net.parameters()), "parameters")


if __name__ == "__main__":
    main(*sys.argv[1:5])
