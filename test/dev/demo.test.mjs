// The demo's driver against a stand-in for the API: what it prints, writes and answers.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./scratch.mjs";

const driver = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../tools/dev/demo.mjs");

function glb(triangles) {
  const gltf = { asset: { version: "2.0" }, accessors: [{ count: triangles * 3 }], meshes: [{ primitives: [{ indices: 0 }] }] };
  const json = Buffer.from(JSON.stringify(gltf).padEnd(Math.ceil(JSON.stringify(gltf).length / 4) * 4));
  const bytes = Buffer.alloc(20 + json.length);
  bytes.write("glTF", 0, "latin1");
  bytes.writeUInt32LE(2, 4);
  bytes.writeUInt32LE(bytes.length, 8);
  bytes.writeUInt32LE(json.length, 12);
  bytes.write("JSON", 16, "latin1");
  json.copy(bytes, 20);
  return bytes;
}

// Answers like the product; `model(preset)` is what a download gives, `item(preset)` the item's last state.
async function standIn(t, { model = () => glb(900), promised = 900, item = () => ({ status: "succeeded" }), rejected = [] } = {}) {
  const presetOf = (job) => job.replace("job-", "");
  const file = (preset) => {
    const bytes = model(preset);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { item_id: "i1", file_name: "mug.png", url: `/dl/${preset}`, size: bytes.length, sha256, triangles: promised };
  };
  const answers = {
    "POST /api/v1/auth/login": () => ({ access_token: "token" }),
    "GET /api/v1/credits/balance": () => ({ balance: 5000, held: 0, available: 5000 }),
    "POST /api/v1/upload/batch": (_, body) => {
      const preset = /name="quality"\r\n\r\n(\w+)/.exec(body)[1];
      const items = [{ item_id: "i1", file_name: "mug.png", status: "queued", credits: 35 }];
      return { job_id: `job-${preset}`, status: "queued", items, rejected, credits_held: 35 };
    },
    "GET /api/v1/jobs": ([, , , , id]) => {
      const last = item(presetOf(id));
      const status = last.status === "succeeded" ? "succeeded" : "failed";
      return { job_id: id, status, progress: 1, items: [{ item_id: "i1", file_name: "mug.png", ...last }] };
    },
    "GET /api/v1/download": ([, , , , id]) => ({ files: [file(presetOf(id))] }),
  };
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("latin1")) body += chunk;
    if (request.url.startsWith("/dl/")) return response.end(model(request.url.slice(4)));
    const key = Object.keys(answers).find((start) => `${request.method} ${request.url}`.startsWith(start));
    response.end(JSON.stringify({ status: "success", data: answers[key](request.url.split("/"), body), message: "", errors: [] }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

async function demo(t, base) {
  const top = await mkdtemp(path.join(os.tmpdir(), "i2m-demo-"));
  t.after(() => rm(top, { recursive: true }));
  await mkdir(path.join(top, "pictures"));
  await writeFile(path.join(top, "pictures/mug.png"), "a picture");
  await writeFile(path.join(top, "stack.json"), JSON.stringify({ base_url: base, logins: [{ email: "a@b", password: "c" }] }));
  const args = [driver, "pictures", "out", "stack.json", "no-program"];
  const answer = await run(process.execPath, args, { cwd: top });
  const out = await readdir(path.join(top, "out"));
  const report = out.includes("report.json") ? JSON.parse(await readFile(path.join(top, "out/report.json"), "utf8")) : undefined;
  return { ...answer, models: out.filter((name) => name.endsWith(".glb")).sort(), report };
}

test("each sample comes back in each preset, with a table and a report", async (t) => {
  const { status, out, models, report } = await demo(t, await standIn(t));
  assert.equal(status, 0, out);
  assert.deepEqual(models, ["mug-high.glb", "mug-low.glb", "mug-medium.glb"]);
  assert.match(out, /file +preset +triangles +kB +seconds +credits/);
  assert.match(out, /mug\.png +low +900 /);
  assert.match(out, /3 of 3 models/);
  assert.equal(report.ok, true);
  assert.equal(report.rows.length, 3);
});

const failures = {
  "a model that is no GLB": [{ model: () => Buffer.from("hello, this is not a model") }, /not a GLB/],
  "a model whose length is wrong": [{ model: () => glb(900).subarray(0, -4) }, /length is wrong/],
  "a model with other triangles than promised": [{ model: () => glb(901) }, /901 triangles in the file, 900 promised/],
  "a model beyond its preset": [{ model: () => glb(1001), promised: 1001 }, /1001 triangles, 1000 allowed/],
  "a picture that failed": [{ item: () => ({ status: "failed", error: { code: "timeout", message: "too slow" } }) }, /failed: timeout too slow/],
  "a picture that was rejected": [{ rejected: [{ file_name: "x.png", code: "empty_file", message: "is empty" }] }, /rejected: empty_file/],
};
for (const [what, [behaviour, expected]] of Object.entries(failures)) {
  test(`${what} is named, and fails the demo`, async (t) => {
    const { status, out, report } = await demo(t, await standIn(t, behaviour));
    assert.equal(status, 1, out);
    assert.match(out, expected);
    assert.equal(report.ok, false);
  });
}
