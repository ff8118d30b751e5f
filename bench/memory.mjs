// What serve holds while it does nothing, and how long it takes to its first answer.
import { connect } from "node:net";
import path from "node:path";
import { writeFile } from "node:fs/promises";
import { command } from "./stack.mjs";
import { median, memoryOf, number, sleep, table } from "./system.mjs";

const IDLE_MIB_MAX = 60;
const SETTLE_MS = 2000;
const CONNECTIONS = 1000;
const STARTS = 9;

export async function measureMemory(stack) {
  console.log("\n## Memory of serve, proportional set size\n");
  const rows = [];
  const note = async (what) => {
    await sleep(SETTLE_MS);
    rows.push({ what, ...memoryOf(stack.pids.serve) });
  };
  await stack.stopServe();
  await stack.startServe();
  await note("idle, just started");
  const login = ({ email }) => ({ type: "application/json", body: JSON.stringify({ email, password: stack.password }) });
  await Promise.all(stack.users.map((user) => stack.call("POST", "/api/v1/auth/login", login(user))));
  await note(`idle, after ${stack.users.length} logins at once`);
  await load(stack);
  await note("idle, after a balance load of 64 connections");
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => idleConnection(stack.port)));
  await note(`with ${CONNECTIONS} idle connections, each answered once`);
  for (const socket of sockets) socket.destroy();
  await note("idle, after these have gone");
  console.log(table(["serve", "Pss MiB", "of it anonymous"], rows.map(({ what, pss, anonymous }) => [what, pss.toFixed(1), anonymous.toFixed(1)])));
  const worst = Math.max(...rows.filter(({ what }) => what.startsWith("idle")).map(({ pss }) => pss));
  return [{ must: `idle serve under ${IDLE_MIB_MAX} MiB`, measured: `${rows[0].pss.toFixed(1)} MiB just started, ${worst.toFixed(1)} MiB at most`, reached: worst < IDLE_MIB_MAX }];
}

async function load(stack) {
  const file = path.join(stack.dir, "memory.requests");
  await writeFile(file, stack.users.map(({ token }) => `/api/v1/credits/balance\t${token}\n`).join(""));
  const script = new URL("requests.lua", import.meta.url).pathname;
  await command("wrk", ["-t2", "-c64", `-d${number("BENCH_SECONDS", 5)}s`, "-s", script, stack.url, "--", file]);
}

function idleConnection(port) {
  return new Promise((done, failed) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("GET /api/v1/health/live HTTP/1.1\r\nHost: bench\r\n\r\n"));
    socket.once("data", (answer) => (answer.toString("latin1").startsWith("HTTP/1.1 200 ") ? done(socket) : failed(new Error(`${answer}`))));
    socket.once("error", failed);
  });
}

export async function measureStart(stack) {
  console.log(`\n## From exec to the first 200 of /api/v1/health/ready (polled every 2 ms), ${STARTS} starts\n`);
  const times = [];
  for (let i = 0; i < STARTS; ++i) times.push(await stack.timeStart());
  console.log(table(["", "median ms", "least", "most"], [["serve", median(times).toFixed(0), Math.min(...times).toFixed(0), Math.max(...times).toFixed(0)]]));
  return [];
}
