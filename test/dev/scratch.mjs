// Scratch clones: the few files that ./dev needs, in a folder of the test's own, with the product (I2M_BIN) or a stand-in.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const tree = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.I2M_BIN ?? path.join(tree, "test/dev/stub/image2model");

export const isRoot = process.getuid() === 0;

/// A clone under a new folder of /tmp; `below` names folders between the two. Stopped and deleted when the test ends.
export async function scratchClone(t, { below = "clone", user } = {}) {
  const top = await mkdtemp(path.join(os.tmpdir(), "i2m-dev-"));
  const root = path.join(top, below);
  const clone = { top, root, var: path.join(root, "var"), binary: path.join(root, "image2model"), user };
  t.after(async () => {
    await dev(clone, ["down"]);
    const pg = path.join(clone.var, "pg");
    const elsewhere = await readlink(pg).catch(() => undefined);
    if (elsewhere) await rm(elsewhere, { recursive: true });
    await rm(top, { recursive: true });
  });
  await chmod(top, 0o755);
  await mkdir(path.join(root, "tools"), { recursive: true });
  await cp(path.join(tree, "dev"), path.join(root, "dev"));
  await cp(path.join(tree, "tools/dev"), path.join(root, "tools/dev"), { recursive: true });
  for (const folder of ["db", "config"]) await cp(path.join(tree, folder), path.join(root, folder), { recursive: true });
  await copyFile(binary, clone.binary);
  const decoder = `${binary}-decode`; // the program that reads pictures lies beside the product; the stub has none
  if (existsSync(decoder)) await copyFile(decoder, `${clone.binary}-decode`);
  await rememberPorts(clone, await freePort(), await freePort());
  if (user) await run("chown", ["-R", user, root]);
  return clone;
}

export async function rememberPorts(clone, http, redis) {
  await mkdir(clone.var, { recursive: true });
  await writeFile(path.join(clone.var, "ports"), `http=${http}\nredis=${redis}\n`);
}

/// Runs ./dev in the clone, as the clone's user -> {status, out}; it has ended only when nobody holds its output any more.
export function dev(clone, args, env = {}) {
  const settings = { ...process.env, I2M_BIN: clone.binary, I2M_VAR: "", HOME: clone.top, ...env };
  const command = [path.join(clone.root, "dev"), ...args];
  if (clone.user) command.unshift("runuser", "-u", clone.user, "--");
  return run(command[0], command.slice(1), { cwd: "/", env: settings });
}

export function run(file, args, options = {}) {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: 120_000, ...options }, (error, stdout, stderr) =>
      resolve({ status: error ? (error.code ?? error.signal) : 0, out: stdout + stderr }));
  });
}

export async function stackOf(clone) {
  return JSON.parse(await readFile(path.join(clone.var, "stack.json"), "utf8"));
}

/// Every process that carries the clone's mark or works in its database's folder.
export async function processesOf(clone) {
  const found = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    const ours = environment.split("\0").includes(`I2M_STACK=${clone.var}`) || folder.startsWith(path.join(clone.var, "pg"));
    if (ours && (await processState(pid))?.state !== "Z") found.push(Number(pid));
  }
  return found;
}

export async function processState(pid) {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (!line) return undefined;
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0], session: Number(fields[3]), terminal: Number(fields[4]) };
}

export function listen() {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

export async function freePort() {
  const server = await listen();
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function modeOf(file) {
  return ((await stat(file)).mode & 0o777).toString(8);
}
