// Sends every sample picture through the HTTP API, one job per preset, and brings the models back.
// Usage: node demo.mjs PICTURES_DIR OUT_DIR STACK_JSON BINARY; the environment holds the product's settings.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

const PRESETS = { low: 1000, medium: 5000, high: 10000 }; // triangles at most
const TYPES = { ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp" };
const AVAILABLE_MIN = 1000;
const GRANT = 5000;
const POLL_MS = 100;
const LIMITED_MAX = 10;
const DEADLINE_MS = 10 * 60_000;
const ENDED = new Set(["succeeded", "partial", "failed", "cancelled"]);

const [picturesDir, outDir, stackFile, binary] = process.argv.slice(2);
const stack = JSON.parse(await readFile(stackFile, "utf8"));
const base = stack.base_url;
const started = Date.now();

main().then(
  (ok) => (process.exitCode = ok ? 0 : 1),
  (error) => {
    clearProgress();
    console.error(`demo: ${error.message}`);
    process.exitCode = 1;
  },
);

async function main() {
  const pictures = await samplePictures();
  const call = await signIn(stack.logins[0]);
  await ensureCredits(call);
  await emptyOutDir();
  const jobs = await Promise.all(Object.keys(PRESETS).map((preset) => submit(call, preset, pictures)));
  await follow(call, jobs);
  const rows = (await Promise.all(jobs.map((job) => collect(call, job)))).flat();
  rows.sort((a, b) => a.file.localeCompare(b.file) || PRESETS[a.preset] - PRESETS[b.preset]);
  const { available } = await call("GET", "/api/v1/credits/balance");
  const ok = rows.length === pictures.length * jobs.length && rows.every((row) => !row.error);
  printTable(rows, available);
  await report({ ok, base_url: base, seconds: secondsSince(started), credits_available: available, rows });
  return ok;
}

async function samplePictures() {
  const names = (await readdir(picturesDir).catch(() => [])).filter((name) => TYPES[path.extname(name).toLowerCase()]).sort();
  if (names.length === 0) throw new Error(`no sample pictures in ${picturesDir}`);
  const twin = names.find((name, i) => names.findIndex((other) => modelName(other) === modelName(name)) !== i);
  if (twin) throw new Error(`another sample has the same name as ${twin}, up to the ending`);
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(path.join(picturesDir, name)) })));
}

// A function that calls the API as this user and answers what is inside `data`.
async function signIn({ email, password }) {
  const login = await request("POST", "/api/v1/auth/login", { json: { email, password } });
  return (method, url, body = {}) => request(method, url, { ...body, token: login.access_token });
}

async function request(method, url, { json, form, token } = {}) {
  const headers = { accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (json) headers["content-type"] = "application/json";
  const answer = await patiently(() => fetch(new URL(url, base), { method, headers, body: json ? JSON.stringify(json) : form }));
  const text = await answer.text();
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Error(`${method} ${url}: ${answer.status}, not JSON: ${text.slice(0, 200)}`);
  }
  if (!answer.ok || body.status !== "success") {
    const errors = (body.errors ?? []).map((error) => `${error.code}: ${error.message ?? ""}`).join("; ");
    throw new Error(`${method} ${url}: ${answer.status} ${body.message ?? ""} ${errors}`.trim());
  }
  return body.data;
}

// A limit of the API is not a failure of the demo: it says how long to wait.
async function patiently(send) {
  for (let attempt = 1; ; attempt++) {
    const answer = await send();
    if (answer.status !== 429 || attempt === LIMITED_MAX) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(answer.headers.get("retry-after") ?? 1)));
  }
}

async function ensureCredits(call) {
  const { available } = await call("GET", "/api/v1/credits/balance");
  if (available >= AVAILABLE_MIN) return;
  const args = ["admin", "credits-grant", "--company-domain", "demo.example", "--credits", `${GRANT}`];
  execFileSync(binary, [...args, "--reason", "demo", "--source", `demo-${Date.now()}`], { stdio: ["ignore", "pipe", "pipe"] });
}

async function emptyOutDir() {
  await mkdir(outDir, { recursive: true });
  for (const name of await readdir(outDir)) {
    if (name.endsWith(".glb") || name === "report.json") await rm(path.join(outDir, name));
  }
}

async function submit(call, preset, pictures) {
  const form = new FormData();
  form.append("quality", preset);
  for (const { name, bytes } of pictures) {
    form.append("files", new Blob([bytes], { type: TYPES[path.extname(name).toLowerCase()] }), name);
  }
  const accepted = await call("POST", "/api/v1/upload/batch", { form });
  const items = accepted.items.map((item) => ({ ...item, submittedAt: Date.now() }));
  return { preset, id: accepted.job_id, items, rejected: accepted.rejected ?? [], status: accepted.status };
}

// Asks after all jobs until each has ended; an item's seconds run from when it was first seen at work.
async function follow(call, jobs) {
  for (let open = jobs; open.length > 0; open = open.filter((job) => !ENDED.has(job.status))) {
    if (Date.now() - started > DEADLINE_MS) throw new Error(`not finished after ${DEADLINE_MS / 60_000} minutes`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    await Promise.all(open.map(async (job) => note(job, await call("GET", `/api/v1/jobs/${job.id}/status`))));
    showProgress(jobs);
  }
  clearProgress();
}

function note(job, status) {
  job.status = status.status;
  for (const seen of status.items) {
    const item = job.items.find(({ item_id }) => item_id === seen.item_id);
    if (!item) continue;
    Object.assign(item, { status: seen.status, stage: seen.stage, error: seen.error });
    if (seen.status !== "queued" && seen.status !== "dispatched") item.startedAt ??= Date.now();
    if (ENDED.has(seen.status)) item.endedAt ??= Date.now();
  }
}

async function collect(call, job) {
  const some = job.items.some(({ status }) => status === "succeeded");
  const { files } = some ? await call("GET", `/api/v1/download/${job.id}/files`) : { files: [] };
  const rejected = job.rejected.map(({ file_name, code, message }) => ({
    file: file_name, preset: job.preset, error: `rejected: ${code} ${message}`,
  }));
  const rows = await Promise.all(job.items.map(async (item) => {
    const row = { file: item.file_name, preset: job.preset, credits: item.credits };
    row.seconds = Math.round((item.endedAt - (item.startedAt ?? item.submittedAt)) / 100) / 10;
    if (item.status !== "succeeded") return { ...row, error: `${item.status}: ${plainError(item.error)}` };
    const file = files.find(({ item_id }) => item_id === item.item_id);
    if (!file) return { ...row, error: "succeeded, and has no file" };
    try {
      return { ...row, ...(await download(file, job.preset)) };
    } catch (error) {
      return { ...row, error: error.message };
    }
  }));
  return [...rows, ...rejected];
}

function plainError(error) {
  if (!error) return "no reason given";
  return typeof error === "string" ? error : [error.code, error.message].filter(Boolean).join(" ");
}

async function download(file, preset) {
  const answer = await patiently(() => fetch(new URL(file.url, base))); // the signature in the link is all it needs
  if (!answer.ok) throw new Error(`download: ${answer.status}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const triangles = glbTriangles(bytes);
  if (file.size !== bytes.length) throw new Error(`${bytes.length} bytes, ${file.size} promised`);
  if (file.sha256 && file.sha256 !== createHash("sha256").update(bytes).digest("hex")) throw new Error("sha256 differs");
  if (file.triangles !== triangles) throw new Error(`${triangles} triangles in the file, ${file.triangles} promised`);
  if (triangles > PRESETS[preset]) throw new Error(`${triangles} triangles, ${PRESETS[preset]} allowed`);
  const target = path.join(outDir, `${modelName(file.file_name)}-${preset}.glb`);
  await writeFile(`${target}.tmp`, bytes);
  await rename(`${target}.tmp`, target);
  return { model: target, triangles, bytes: bytes.length };
}

function modelName(fileName) {
  return path.basename(fileName, path.extname(fileName)).replace(/[^\w.-]/g, "_");
}

// Checks the container (magic, version, length, chunks) and counts the triangles of its meshes.
function glbTriangles(bytes) {
  if (bytes.length < 20 || bytes.toString("latin1", 0, 4) !== "glTF") throw new Error("not a GLB file");
  if (bytes.readUInt32LE(4) !== 2) throw new Error("not glTF 2");
  if (bytes.readUInt32LE(8) !== bytes.length) throw new Error("the GLB's length is wrong");
  const jsonBytes = bytes.readUInt32LE(12);
  if (bytes.toString("latin1", 16, 20) !== "JSON" || 20 + jsonBytes > bytes.length) throw new Error("the GLB has no JSON chunk");
  const gltf = JSON.parse(bytes.toString("utf8", 20, 20 + jsonBytes));
  let triangles = 0;
  for (const primitive of (gltf.meshes ?? []).flatMap((mesh) => mesh.primitives)) {
    if ((primitive.mode ?? 4) !== 4) throw new Error("a primitive that is not triangles");
    const counted = gltf.accessors[primitive.indices ?? primitive.attributes.POSITION];
    triangles += counted.count / 3;
  }
  if (triangles === 0) throw new Error("a model without triangles");
  return triangles;
}

function printTable(rows, available) {
  const head = ["file", "preset", "triangles", "kB", "seconds", "credits"];
  const cells = rows.map((row) => [
    row.file, row.preset, row.triangles ?? "-", row.bytes ? Math.ceil(row.bytes / 1000) : "-", row.seconds?.toFixed(1) ?? "-",
    row.error ? "-" : row.credits,
  ].map(String));
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i].length)));
  const line = (row) => row.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  console.log(`\n${line(head)}`);
  rows.forEach((row, i) => console.log(line(cells[i]) + (row.error ? `  ${row.error}` : "")));
  const good = rows.filter((row) => !row.error).length;
  console.log(`\n${good} of ${rows.length} models in ${secondsSince(started)} s, in ${outDir}; ${available} credits left`);
}

async function report(content) {
  const target = path.join(outDir, "report.json");
  await writeFile(`${target}.tmp`, `${JSON.stringify(content, null, 2)}\n`);
  await rename(`${target}.tmp`, target);
}

function secondsSince(time) {
  return Math.round((Date.now() - time) / 100) / 10;
}

let lastShown = "";
function showProgress(jobs) {
  const parts = jobs.map((job) => `${job.preset} ${job.items.filter((item) => ENDED.has(item.status)).length}/${job.items.length}`);
  const text = parts.join("   ");
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${text}   ${secondsSince(started)} s`);
  else if (text !== lastShown) console.log(`  ${text}   ${secondsSince(started)} s`);
  lastShown = text;
}

function clearProgress() {
  if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
}
