// What the kernel says about processes and the machine, and the small things all parts need.
import { readFileSync, readdirSync } from "node:fs";
import { cpus } from "node:os";

const TICK_US = 10_000; // USER_HZ is 100 on every Linux that Debian runs on
export const CORES = cpus().length;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function statOf(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null; // it ended
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = (from, to) => fields.slice(from, to).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), own: ticks(11, 13) * TICK_US, reaped: ticks(13, 15) * TICK_US };
}

// A process and all its descendants.
export function familyOf(root) {
  const children = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = statOf(name)?.parent;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const family = [];
  for (const todo = [root]; todo.length > 0; ) {
    const pid = todo.pop();
    family.push(pid);
    todo.push(...(children.get(pid) ?? []));
  }
  return family;
}

// CPU microseconds of a process, its descendants, and those of them that have ended.
export function cpuOf(root) {
  return familyOf(root).reduce((sum, pid) => {
    const stat = statOf(pid);
    return sum + (stat ? stat.own + stat.reaped : 0);
  }, 0);
}

export function cpuOfMe() {
  const { own, reaped } = statOf(process.pid);
  return { own, children: reaped };
}

// Microseconds that the machine's cores have worked, and that they were withheld from it.
export function cpuOfMachine() {
  const fields = readFileSync("/proc/stat", "latin1").split("\n", 1)[0].trim().split(/\s+/).slice(1, 9).map(Number);
  const steal = fields[7];
  return { busy: (fields[0] + fields[1] + fields[2] + fields[5] + fields[6]) * TICK_US, steal: steal * TICK_US };
}

// MiB: proportional set size, and the part of it that no file backs.
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const mib = (name) => Number(text.match(new RegExp(`^${name}: +(\\d+) kB`, "m"))[1]) / 1024;
  return { pss: mib("Pss"), anonymous: mib("Pss_Anon") };
}

// Waits until nobody else works on the machine, or for as long as it is worth waiting.
export async function quiet(share, secondsMax) {
  for (const end = Date.now() + secondsMax * 1000; Date.now() < end; ) {
    const before = cpuOfMachine().busy;
    await sleep(500);
    if ((cpuOfMachine().busy - before) / (500_000 * CORES) <= share) return;
  }
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export const number = (name, usual) => {
  const value = Number(process.env[name] ?? usual);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is not a number`);
  return value;
};

// A Markdown table, readable as it is.
export function table(head, rows) {
  const texts = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...texts.map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(" | ")} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? "-".repeat(width + 2) : "-".repeat(width + 1) + ":")).join("|")}|`;
  return [line(texts[0]), rule, ...texts.slice(1).map(line)].join("\n");
}
