// 16 parallel uploads of 10 MiB: what they add to serve's memory, how fast they go, and nginx's PUT beside them.
import { connect } from "node:net";
import { readFile } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { paddedJpeg, paddedPng } from "./pictures.mjs";
import { cpuOf, median, memoryOf, number, quiet, sleep, table } from "./system.mjs";

const AT_ONCE = 16;
const BYTES = 10 * 1024 * 1024;
const PIECE = 256 * 1024;
const GROWTH_MIB_MAX = 64;
const SAMPLE_MS = 20;
const SETTLE_MS = 1000;
const QUIET_WAIT_S = 2;
const PACE_MS = 50; // a piece each: 5 MiB/s a connection, so that all 16 are under way for two seconds
const BOUNDARY = "bench-7f3c1d";

export async function measureUploads(stack) {
  const rounds = number("BENCH_ROUNDS", 3);
  const picture = (name) => readFile(new URL(`../test/data/pictures/${name}`, import.meta.url));
  const png = paddedPng(await picture("cc0-chairoak-B-alpha.png"), BYTES);
  const jpeg = paddedJpeg(await picture("cc0-teddy-A-white.jpg"), BYTES);
  const loads = [
    { name: "PNG and JPEG, flat out", files: [["a.png", "image/png", png], ["b.jpg", "image/jpeg", jpeg]], rounds },
    { name: "JPEG alone, flat out", files: [["b.jpg", "image/jpeg", jpeg]], rounds },
    { name: "PNG and JPEG, 5 MiB/s each", files: [["a.png", "image/png", png], ["b.jpg", "image/jpeg", jpeg]], rounds: 1, paceMs: PACE_MS },
  ];
  console.log(`\n## Uploads: ${AT_ONCE} parallel, ${BYTES / 1024 / 1024} MiB each, one picture a request\n`);
  await stack.stopServe();
  await stack.startServe();
  await sleep(SETTLE_MS);
  const idle = memoryOf(stack.pids.serve); // freshly started: what any upload adds is growth
  const rows = [];
  for (const load of loads) {
    for (let i = 1; i <= load.rounds; ++i) {
      const served = await round(stack, load, "serve");
      served.growth = served.peak.pss - idle.pss;
      served.growthAnonymous = served.peak.anonymous - idle.anonymous;
      const put = stack.dav ? await round(stack, load, "nginx") : null;
      rows.push({ load: load.name, round: i, served, put, ratio: put ? served.speed / put.speed : NaN });
    }
  }
  const put = (row, digits, pick) => (row.put ? pick(row.put).toFixed(digits) : "-");
  console.log(
    table(
      ["load", "round", "MB/s", "s", "serve CPU ms each", "postgres ms", "Pss idle", "peak", "growth MiB", "of it anonymous", "nginx PUT MB/s", "its CPU ms", "MB/s / PUT"],
      rows.map((row) => [
        row.load, row.round, row.served.speed.toFixed(0), row.served.seconds.toFixed(2), row.served.cpu.serve.toFixed(1), row.served.cpu.postgres.toFixed(1),
        idle.pss.toFixed(1), row.served.peak.pss.toFixed(1), row.served.growth.toFixed(1), row.served.growthAnonymous.toFixed(1),
        put(row, 0, (each) => each.speed), put(row, 1, (each) => each.cpu.nginx), row.put ? row.ratio.toFixed(2) : "-",
      ]),
    ),
  );
  if (stack.dav) {
    const flat = rows.filter((row) => row.load === loads[0].name);
    const ratio = median(flat.map((row) => row.ratio)).toFixed(2);
    console.log(`\nserve / nginx PUT, MB/s, median: ${ratio}. serve syncs every picture to the disk and books it in PostgreSQL; nginx does neither.`);
  } else {
    console.log("\nThis nginx has no DAV module: no PUT beside it.");
  }
  const growth = Math.max(...rows.map((row) => row.served.growth));
  const must = `${AT_ONCE} parallel uploads of 10 MiB add less than ${GROWTH_MIB_MAX} MiB to serve`;
  return [{ must, measured: `${growth.toFixed(1)} MiB at most`, reached: growth < GROWTH_MIB_MAX }];
}

async function round(stack, load, target) {
  await stack.emptyUploads();
  await quiet(number("BENCH_FOREIGN", 0.07), QUIET_WAIT_S);
  const pid = stack.pids[target];
  const groups = ["serve", "postgres", "nginx"];
  const spent = groups.map((name) => cpuOf(stack.pids[name]));
  const sampler = await startSampler(pid);
  const begun = performance.now();
  const sends = Array.from({ length: AT_ONCE }, (_, i) => {
    const [name, type, bytes] = load.files[i % load.files.length];
    return target === "serve" ? upload(stack, stack.users[i], name, type, bytes, load.paceMs) : send(stack.nginxPort, putHead(i, bytes), [bytes], load.paceMs, 201);
  });
  const answers = await Promise.all(sends);
  const seconds = (performance.now() - begun) / 1000;
  const peak = await sampler.stop();
  if (target === "serve") answers.forEach(judge);
  const cpu = Object.fromEntries(groups.map((name, i) => [name, (cpuOf(stack.pids[name]) - spent[i]) / 1000 / AT_ONCE]));
  return { speed: (AT_ONCE * BYTES) / 1e6 / seconds, seconds, cpu, peak };
}

function judge(body) {
  const { status, data } = JSON.parse(body);
  if (status !== "success" || data.items.length !== 1 || data.rejected.length !== 0) throw new Error(`an upload was not taken: ${body}`);
}

function upload(stack, user, name, type, bytes, paceMs) {
  const front = Buffer.from(
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="quality"\r\n\r\nlow\r\n` +
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`,
  );
  const back = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
  const length = front.length + bytes.length + back.length;
  const head =
    `POST /api/v1/upload/batch HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${user.token}\r\n` +
    `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
  return send(stack.port, head, [front, bytes, back], paceMs, 202);
}

const putHead = (i, bytes) => `PUT /put/${i} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`;

// Sends a request in pieces on a connection of its own and answers the body of what comes back.
async function send(port, head, parts, paceMs, expected) {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (piece) => (text += piece));
  const ended = new Promise((done, failed) => {
    socket.once("end", done);
    socket.once("error", failed);
  });
  ended.catch(() => {}); // told below
  socket.write(head);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE) {
      const drained = socket.write(part.subarray(at, at + PIECE));
      if (paceMs) await sleep(paceMs);
      else if (!drained) await Promise.race([new Promise((done) => socket.once("drain", done)), ended]);
    }
  }
  await ended;
  if (!text.startsWith(`HTTP/1.1 ${expected} `)) throw new Error(`answered: ${text.slice(0, 400)}`);
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}

// In a thread of its own: the one that sends has no time to look every 20 ms.
async function startSampler(pid) {
  const worker = new Worker(new URL("sampler.mjs", import.meta.url), { workerData: { pid, everyMs: SAMPLE_MS } });
  await new Promise((done) => worker.once("message", done));
  return {
    async stop() {
      const said = new Promise((done) => worker.once("message", done));
      worker.postMessage("stop");
      return said;
    },
  };
}
