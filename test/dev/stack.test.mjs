// What ./dev up and down promise, with real processes. A stack takes a second or two.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, test } from "node:test";
import {
  dev, freePort, isRoot, listen, modeOf, processesOf, processState, rememberPorts, run, scratchClone, stackOf,
} from "./scratch.mjs";

const NAMES = ["postgres", "redis", "schedule", "serve", "work"];
const needsRoot = { skip: isRoot ? false : "needs root" };

async function up(clone) {
  const answer = await dev(clone, ["up"]);
  assert.equal(answer.status, 0, answer.out);
  const stack = await stackOf(clone);
  assert.deepEqual(Object.keys(stack.pids).sort(), NAMES);
  const ready = await fetch(`${stack.base_url}/api/v1/health/ready`);
  assert.equal(ready.status, 200);
  return { ...stack, out: answer.out };
}

async function down(clone) {
  const answer = await dev(clone, ["down"]);
  assert.equal(answer.status, 0, answer.out);
  assert.deepEqual(await processesOf(clone), []);
  return answer.out;
}

// Secrets are for the owner's eyes and on no command line -> the password of Redis.
async function keepsSecrets(clone, pids) {
  const secrets = path.join(clone.var, "secrets");
  assert.equal(await modeOf(secrets), "700");
  const files = (await readdir(secrets)).map((name) => path.join(secrets, name));
  files.push(path.join(clone.var, "stack.json"), path.join(clone.var, "redis/redis.conf"));
  for (const file of files) assert.equal(await modeOf(file), "600", file);
  const password = (await readFile(path.join(secrets, "redis.env"), "utf8")).trim().split("=")[1];
  for (const pid of Object.values(pids)) assert.ok(!(await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(password));
  return password;
}

describe("./dev up and down", { concurrency: 3 }, () => {
  test("up leaves five processes that outlive it, down leaves none, both may be repeated", async (t) => {
    const clone = await scratchClone(t);
    const first = await up(clone);
    for (const pid of Object.values(first.pids)) {
      const { session, terminal } = await processState(pid);
      assert.deepEqual({ session, terminal }, { session: pid, terminal: 0 });
    }
    const secret = await keepsSecrets(clone, first.pids);
    const second = await up(clone);
    assert.match(second.out, /already up/);
    assert.deepEqual(second.pids, first.pids);
    assert.match(await down(clone), /stopped: serve work schedule redis postgres/);
    assert.deepEqual((await stackOf(clone)).pids, {});
    assert.match(await down(clone), /nothing is up/);
    const third = await up(clone);
    assert.equal(third.base_url, first.base_url);
    assert.equal(third.redis_port, first.redis_port);
    assert.equal(await keepsSecrets(clone, third.pids), secret);
  });

  test("up again starts what was killed and leaves the rest alone", async (t) => {
    const clone = await scratchClone(t);
    let before = await up(clone);
    for (const name of ["serve", "work", "redis", "postgres"]) {
      process.kill(before.pids[name], "SIGKILL");
      const after = await up(clone);
      const changed = NAMES.filter((other) => after.pids[other] !== before.pids[other]);
      assert.deepEqual(changed, [name]);
      before = after;
    }
  });

  test("up again restarts the product, and only that, when its program is newer", async (t) => {
    const clone = await scratchClone(t);
    const before = await up(clone);
    await utimes(clone.binary, new Date(), new Date(Date.now() + 5000));
    const after = await up(clone);
    assert.deepEqual(NAMES.filter((name) => after.pids[name] !== before.pids[name]), ["schedule", "serve", "work"]);
  });

  test("down does not touch a process that has got a recorded number", async (t) => {
    const clone = await scratchClone(t);
    await up(clone);
    const record = path.join(clone.var, "run/work.pid");
    const [, start, ...rest] = (await readFile(record, "utf8")).split(" ");
    const stranger = spawn("sleep", ["60"]);
    t.after(() => stranger.kill());
    await writeFile(record, [stranger.pid, start, ...rest].join(" "));
    await down(clone);
    assert.equal((await processState(stranger.pid)).state, "S");
  });

  test("what a killed process leaves behind ends with the stack, recorded or not", async (t) => {
    const clone = await scratchClone(t);
    await rename(clone.binary, `${clone.binary}.real`);
    await writeFile(clone.binary, '#!/bin/sh\n[ "$1" != work ] || { sleep 987 & wait; }\nexec "$0.real" "$@"\n', { mode: 0o755 });
    const { pids } = await up(clone);
    process.kill(pids.work, "SIGKILL");
    await down(clone);
    const { pids: unrecorded } = await up(clone);
    await rm(path.join(clone.var, "run"), { recursive: true });
    await down(clone);
    for (const [name, pid] of Object.entries(unrecorded)) {
      const state = (await processState(pid))?.state ?? "gone";
      assert.match(state, /gone|Z/, `${name} still runs`); // where nobody collects the dead they stay as zombies
    }
  });

  test("taken ports are left to their owner", async (t) => {
    const clone = await scratchClone(t);
    const [http, redis] = [await listen(), await listen()];
    t.after(() => (http.close(), redis.close()));
    await rememberPorts(clone, http.address().port, redis.address().port);
    const stack = await up(clone);
    assert.notEqual(Number(new URL(stack.base_url).port), http.address().port);
    assert.notEqual(stack.redis_port, redis.address().port);
    assert.match(stack.out, /is taken, using/);
  });

  test("two clones that want the same ports come up at once, each for itself", async (t) => {
    const clones = [await scratchClone(t), await scratchClone(t)];
    const [http, redis] = [await freePort(), await freePort()];
    for (const clone of clones) await rememberPorts(clone, http, redis);
    const [one, two] = await Promise.all(clones.map(up));
    assert.notEqual(one.base_url, two.base_url);
    assert.notEqual(one.redis_port, two.redis_port);
    await down(clones[0]);
    assert.equal((await fetch(`${two.base_url}/api/v1/health/ready`)).status, 200);
  });

  test("a clone's path may have a space in it", async (t) => {
    const clone = await scratchClone(t, { below: "my clone ü" });
    const stack = await up(clone);
    assert.equal(stack.pg_socket, path.join(clone.var, "pg/run"));
    assert.equal((await dev(clone, ["redis-cli", "ping"])).out.trim(), "PONG");
    await down(clone);
  });

  test("a clone's path may be longer than a socket's", async (t) => {
    const clone = await scratchClone(t, { below: "long/".repeat(20) });
    const stack = await up(clone);
    assert.match(stack.pg_socket, /^\/tmp\/image2model-/);
    assert.equal((await dev(clone, ["psql", "-Atc", "select current_user"])).out.trim(), "i2m_owner");
    await down(clone);
    await assert.rejects(readdir(stack.pg_socket));
  });

  test("a clone's path may have quotes, commas and a dollar in it", async (t) => {
    const clone = await scratchClone(t, { below: `it's "my", $HOME` });
    const stack = await up(clone);
    assert.equal((await dev(clone, ["psql", "-Atc", "select current_user"])).out.trim(), "i2m_owner");
    assert.equal(stack.storage_root, path.join(clone.var, "files"));
    await down(clone);
  });

  test("an unprivileged user can do it all", needsRoot, async (t) => {
    const clone = await scratchClone(t, { user: "nobody" });
    const { pids } = await up(clone);
    const owners = await run("stat", ["-c", "%U", ...Object.values(pids).map((pid) => `/proc/${pid}`)]);
    assert.deepEqual(new Set(owners.out.trim().split("\n")), new Set(["nobody"]));
    await down(clone);
  });

  test("root's clone may lie where the user postgres cannot go", needsRoot, async (t) => {
    const clone = await scratchClone(t);
    await chmod(clone.top, 0o700);
    const stack = await up(clone);
    assert.match(stack.out, /its files are in \/var\/tmp\/image2model-/);
    await down(clone);
    await up(clone);
  });

  test("a program that does not start is shown with the end of its log", async (t) => {
    const clone = await scratchClone(t);
    await writeFile(clone.binary, '#!/bin/sh\n[ "$1" = migrate ] || { echo "cannot: $1"; exit 3; }\n');
    const answer = await dev(clone, ["up"]);
    assert.notEqual(answer.status, 0);
    assert.match(answer.out, /cannot: serve/);
    await down(clone);
  });

  test("an up that is interrupted anywhere can be repeated", async (t) => {
    const clone = await scratchClone(t);
    for (const seconds of ["0.2", "0.5", "0.9", "1.3"]) {
      await run("timeout", ["-s", "INT", seconds, path.join(clone.root, "dev"), "up"], {
        env: { ...process.env, I2M_BIN: clone.binary, I2M_VAR: "" },
      });
    }
    await up(clone);
    await down(clone);
  });
});

test("setup says nothing when nothing is missing, and is quick", async (t) => {
  const clone = await scratchClone(t);
  assert.equal((await dev(clone, ["setup"])).status, 0);
  const times = [];
  for (let i = 0; i < 3; i++) {
    const start = Date.now();
    assert.deepEqual(await dev(clone, ["setup"]), { status: 0, out: "" });
    times.push(Date.now() - start);
  }
  assert.ok(Math.min(...times) < 500, `${times} ms`);
});

test("an unknown command is refused, and help is given", async (t) => {
  const clone = await scratchClone(t);
  const answer = await dev(clone, ["fly"]);
  assert.equal(answer.status, 1);
  assert.match(answer.out, /no such command: fly/);
  assert.match((await dev(clone, ["help"])).out, /\.\/dev demo/);
});
