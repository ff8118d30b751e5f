"""Trains one network: train.py depth|mask MINUTES OUT [--from CHECKPOINT] [--device cuda].

The learning rate follows the clock, not the step, so that the run ends when it should on a shared machine.
Writes OUT (the averaged weights) every few minutes, and prints the held-out objects' errors.
"""
import argparse
import copy
import math
import time

import numpy as np
import torch
import torch.nn.functional as F

import net as nets
from data import Scenes, Stream

KINDS = ["white", "gradient", "colour", "table", "texture", "photo", "drawing"]


def inputs(task, pixels):
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    if task == "mask":
        return x / 127.5 - 1
    rgb, alpha = x[:, :3] / 127.5 - 1, x[:, 3:] / 255
    return torch.cat([rgb, alpha], 1)  # already on middle grey


def gradient_loss(error, weight):
    total = 0
    for _ in range(3):
        dx, wx = error[..., 1:] - error[..., :-1], weight[..., 1:] * weight[..., :-1]
        dy, wy = error[..., 1:, :] - error[..., :-1, :], weight[..., 1:, :] * weight[..., :-1, :]
        total = total + (dx.abs() * wx).sum() / wx.sum().clamp(min=1) + (dy.abs() * wy).sum() / wy.sum().clamp(min=1)
        error, weight = F.avg_pool2d(error, 2), (F.avg_pool2d(weight, 2) > 0.99).float()
    return total


def depth_errors(maps, target):
    """Errors of first and last surface once the object has been moved along z to fit, as the comparison does."""
    weight = (target[:, 2] > 0.4).float()
    front, thick = target[:, 0].clamp(-1, 1), target[:, 1].clamp(0, 1.5)
    ef, et = maps[:, 0] - front, maps[:, 1] - thick
    eb = ef - et
    area = weight.sum((1, 2)).clamp(min=1)
    shift = (((ef + eb) / 2 * weight).sum((1, 2)) / area)[:, None, None]
    return ef - shift, eb - shift, et, shift, weight, area


def depth_loss(out, target, whole):
    maps, said = out
    maps, said = maps.float(), said.float().flatten(1)
    ef, eb, et, shift, weight, area = depth_errors(maps, target)

    def mean(error):  # every object counts the same, however small its area
        return ((error.abs() * weight).sum((1, 2)) / area).mean()

    edges = gradient_loss(ef[:, None], weight[:, None]) + 0.5 * gradient_loss(et[:, None], weight[:, None])
    return mean(ef) + mean(eb) + 0.5 * mean(et) + 0.2 * shift.abs().mean() + 0.3 * edges + 0.3 * (said - whole).abs().mean()


def mask_loss(out, target, _):
    logit = out[:, 0].float()
    p = torch.sigmoid(logit)
    dice = 1 - (2 * (p * target).sum((1, 2)) + 20) / (p.sum((1, 2)) + target.sum((1, 2)) + 20)
    return F.binary_cross_entropy_with_logits(logit, target) + 0.5 * dice.mean()


def judge(task, net, held_out):
    net.eval()
    rows = []
    with torch.no_grad():
        for pixels, target, extra in held_out:
            out = net(inputs(task, pixels).contiguous(memory_format=torch.channels_last))
            target = torch.from_numpy(target)
            if task == "depth":
                ef, eb, et, _, weight, area = depth_errors(out[0].float(), target)
                mean = lambda e: ((e.abs() * weight).sum((1, 2)) / area)
                sine = (out[1].flatten(1)[:, 0] - torch.from_numpy(extra)[:, 0]).abs()
                rows.append(torch.stack([mean(ef), mean(eb), mean(et), sine], 1))
            else:
                said, true = out[:, 0] > 0, target > 0.5
                iou = (said & true).sum((1, 2)) / (said | true).sum((1, 2)).clamp(min=1)
                rows.append(torch.stack([iou, torch.from_numpy(extra).float()], 1))
    net.train()
    rows = torch.cat(rows)
    if task == "depth":
        return "front %.4f back %.4f thick %.4f sin %.4f" % tuple(rows.mean(0).tolist())
    by = ["%s %.3f" % (KINDS[k], rows[rows[:, 1] == k, 0].mean()) for k in range(len(KINDS)) if (rows[:, 1] == k).any()]
    return "iou %.4f  " % rows[:, 0].mean() + " ".join(by)


def flipped(arrays, task):
    pixels, target, extra = arrays
    return (np.concatenate([pixels, pixels[:, :, ::-1]]), np.concatenate([target, target[..., ::-1]]),
            np.concatenate([extra, extra]))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("task", choices=["depth", "mask"])
    args.add_argument("minutes", type=float)
    args.add_argument("out")
    args.add_argument("--from", dest="start")
    args.add_argument("--device", default="cpu")
    args.add_argument("--scenes", default="libscene.so")
    args.add_argument("--pack", default="pack.bin")
    args.add_argument("--workers", type=int, default=1)
    args.add_argument("--batch", type=int, default=24, help="renders a step; each is used as it is and mirrored")
    args.add_argument("--rate", type=float, default=2e-3)
    args.add_argument("--side", type=int, help="of the pictures, if not the task's: small ones first are quick")
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    task = nets.DEPTH if args.task == "depth" else nets.MASK
    if args.side:
        task = dict(task, side=args.side)
    torch.manual_seed(args.seed)
    cuda = args.device == "cuda"
    if not cuda:
        torch.set_num_threads(1)
    stream = Stream(args.scenes, args.pack, args.task, task["side"], args.batch, args.seed * 10**9, args.workers)
    scenes = Scenes(args.scenes, args.pack)
    held_out = [scenes.batch(args.task, task["side"], 1, 10**12 + i * 64, 64) for i in range(6)]
    net = nets.Net(**task)
    steps = 0
    if args.start:
        net.load_state_dict(torch.load(args.start, map_location="cpu"))
    net = net.to(args.device).to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    for p in average.parameters():
        p.requires_grad_(False)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=0.01, betas=(0.9, 0.98))
    loss_of = depth_loss if args.task == "depth" else mask_loss
    began = said_at = kept_at = time.time()
    window = []
    while True:
        now = time.time()
        done = (now - began) / (args.minutes * 60)
        if done >= 1:
            break
        rate = args.rate * min(1, (steps + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        pixels, target, extra = flipped(stream.take(), args.task)
        x = inputs(args.task, pixels).to(args.device).contiguous(memory_format=torch.channels_last)
        y, g = torch.from_numpy(target).to(args.device), torch.from_numpy(extra).to(args.device)
        with torch.autocast(args.device, dtype=torch.bfloat16):
            out = net(x)
        loss = loss_of(out, y, g)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        steps += 1
        keep = min(0.99, 1 - 1 / (1 + steps / 20))
        if steps % 4 == 0:
            for a, b in zip(average.state_dict().values(), net.state_dict().values()):
                a.mul_(keep).add_(b, alpha=1 - keep) if a.is_floating_point() else a.copy_(b)
        window.append(loss.item())
        if now - said_at > 60:
            said_at = now
            print("%5.1f min  %6d steps  %7d samples  loss %.4f  rate %.5f" % ((now - began) / 60, steps, steps * 2 * args.batch,
                  float(np.mean(window)), rate), flush=True)
            window = []
        if now - kept_at > 240:
            kept_at = now
            torch.save(average.state_dict(), args.out)
            print("   held out: " + judge(args.task, copy.deepcopy(average).cpu(), held_out), flush=True)
    torch.save(average.state_dict(), args.out)
    print("%d steps, %d samples; held out: %s" % (steps, steps * 2 * args.batch, judge(args.task, average.cpu(), held_out)))


if __name__ == "__main__":
    main()
