// What `image2model model` writes, opened by programs that are not ours: Khronos' validator and three.js' loaders.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = process.env.I2M_BIN ?? join(root, "build/release/bin/image2model");
const require = createRequire(join(root, "web/package.json"));
const validator = require("gltf-validator");
const three = (file) => import(pathToFileURL(join(root, "web/node_modules/three", file)).href);

// What the loaders expect of a browser.
globalThis.self = globalThis;
globalThis.ProgressEvent ??= class {};

let folder;
let glb;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "i2m_models_"));
  glb = join(folder, "model.glb");
  execFileSync(program, ["convert", join(root, "test/data/pictures/mit-fluent-plant.webp"), "-o", glb, "--quality", "medium"]);
});
after(() => rmSync(folder, { recursive: true, force: true }));

// made(name, ...options): the file, and what the command says about it
function made(name, ...options) {
  const file = join(folder, name);
  const said = execFileSync(program, ["model", glb, "-o", file, "--json", ...options], { encoding: "utf8" });
  return { file, bytes: readFileSync(file), report: JSON.parse(said) };
}

function contents(bytes) {
  const size = bytes.readUInt32LE(12);
  const json = JSON.parse(bytes.subarray(20, 20 + size).toString());
  const bin = bytes.subarray(28 + size);
  const image = json.bufferViews[json.images[0].bufferView];
  const picture = bin.subarray(image.byteOffset ?? 0, (image.byteOffset ?? 0) + image.byteLength);
  return { json, picture: createHash("sha256").update(picture).digest("hex") };
}

const exact = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

async function issues(bytes) {
  const { issues: found } = await validator.validateBytes(new Uint8Array(bytes), { maxIssues: 20 });
  return found.messages.filter((message) => message.severity <= 1);
}

async function loaded(bytes) {
  const { GLTFLoader } = await three("examples/jsm/loaders/GLTFLoader.js");
  const { MeshoptDecoder } = await three("examples/jsm/libs/meshopt_decoder.module.js");
  const { Texture } = await three("build/three.module.js");
  const loader = new GLTFLoader().setMeshoptDecoder(MeshoptDecoder);
  loader.register(() => ({ name: "no pictures", loadTexture: async () => new Texture() }));
  return (await loader.parseAsync(exact(bytes), "")).scene;
}

async function measured(object) {
  const { Box3, Vector3 } = await three("build/three.module.js");
  let triangles = 0;
  let texture = 0;
  object.updateMatrixWorld(true);
  object.traverse((node) => {
    if (!node.isMesh) return;
    const { index, attributes } = node.geometry;
    triangles += (index ? index.count : attributes.position.count) / 3;
    texture += attributes.uv ? 1 : 0;
  });
  return { triangles, texture, size: new Box3().setFromObject(object).getSize(new Vector3()).toArray() };
}

const near = (actual, wanted, within) => assert.ok(Math.abs(actual - wanted) <= within, `${actual} is not near ${wanted}`);

for (const [name, options, triangles] of [
  ["plain.glb", [], 5000],
  ["fewer.glb", ["--simplify", "700"], 700],
  ["sized.glb", ["--size", "height=30cm"], 5000],
  ["packed.glb", ["--compress"], 5000],
  ["all.glb", ["--simplify", "1500", "--size", "width=250mm", "--compress"], 1500],
]) {
  test(`${name} is valid, loads, and keeps its picture byte for byte`, async () => {
    const { bytes, report } = made(name, ...options);
    assert.deepEqual(await issues(bytes), []);
    const was = contents(readFileSync(glb));
    assert.equal(contents(bytes).picture, was.picture);
    assert.deepEqual(contents(bytes).json.materials, was.json.materials);
    const model = await measured(await loaded(bytes));
    assert.equal(model.triangles, report.triangles);
    assert.ok(report.triangles <= triangles && report.triangles >= triangles * 0.98, `${report.triangles}`);
    assert.equal(model.texture, 1);
    model.size.forEach((side, i) => near(side, report.size_m[i], 1e-4));
  });
}

test("the size that is asked for is the size in the file", async () => {
  const { bytes } = made("sized.glb", "--size", "height=30cm", "--simplify", "900");
  near((await measured(await loaded(bytes))).size[1], 0.3, 1e-5);
});

test("compression more than halves the geometry", () => {
  const geometry = (bytes) => bytes.length - contents(bytes).json.bufferViews[contents(bytes).json.images[0].bufferView].byteLength;
  assert.ok(geometry(made("packed.glb", "--compress").bytes) * 2.5 < geometry(readFileSync(glb)));
});

test("OBJ and MTL load, beside their picture", async () => {
  const { OBJLoader } = await three("examples/jsm/loaders/OBJLoader.js");
  const { MTLLoader } = await three("examples/jsm/loaders/MTLLoader.js");
  const { unzipSync, strFromU8 } = await three("examples/jsm/libs/fflate.module.js");
  const { bytes, report } = made("model.zip");
  const files = unzipSync(new Uint8Array(bytes));
  assert.deepEqual(Object.keys(files), ["model.obj", "model.mtl", "textures/0.jpg"]);
  const model = await measured(new OBJLoader().parse(strFromU8(files["model.obj"])));
  assert.equal(model.triangles, report.triangles);
  assert.equal(model.texture, 1);
  const materials = new MTLLoader().parse(strFromU8(files["model.mtl"]), "");
  assert.equal(materials.materialsInfo.material_0.map_kd, "textures/0.jpg");
});

test("STL loads in millimetres, z up", async () => {
  const { STLLoader } = await three("examples/jsm/loaders/STLLoader.js");
  const { bytes, report } = made("model.stl", "--size", "height=8cm", "--solid");
  const geometry = new STLLoader().parse(exact(bytes));
  geometry.computeBoundingBox();
  assert.equal(geometry.attributes.position.count / 3, report.triangles);
  near(geometry.boundingBox.max.z - geometry.boundingBox.min.z, 80, 0.01);
});

test("USDZ loads, its entries stored and aligned", async () => {
  const { USDLoader } = await three("examples/jsm/loaders/USDLoader.js");
  const { bytes, report } = made("model.usdz", "--size", "height=30cm");
  let at = 0;
  const names = [];
  while (bytes.readUInt32LE(at) === 0x04034b50) {
    const [method, size, name, extra] = [bytes.readUInt16LE(at + 8), bytes.readUInt32LE(at + 18), bytes.readUInt16LE(at + 26), bytes.readUInt16LE(at + 28)];
    names.push(bytes.subarray(at + 30, at + 30 + name).toString());
    at += 30 + name + extra;
    assert.equal(method, 0);
    assert.equal(at % 64, 0);
    at += size;
  }
  assert.deepEqual(names, ["model.usda", "textures/0.jpg"]);
  const pictures = [];
  globalThis.Image = class {
    set src(url) {
      pictures.push(url);
    }
  };
  const model = await measured(new USDLoader().parse(exact(bytes)));
  assert.equal(model.triangles, report.triangles);
  assert.equal(model.texture, 1);
  near(model.size[1], 0.3, 1e-4);
  const picture = Buffer.from(await (await fetch(pictures[0])).arrayBuffer());
  assert.equal(createHash("sha256").update(picture).digest("hex"), contents(readFileSync(glb)).picture);
});
