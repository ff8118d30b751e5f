// The catalogue of models (config/models) against what the simulator knows of the service: fields, bounds, prices, answers.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { ball } from '../http/support/pictures.mjs';
import { call, completed, startSandbox, submit } from './support/sandbox.mjs';

const folder = new URL('../../config/models/', import.meta.url);
const models = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ file: name, ...JSON.parse(readFileSync(new URL(name, folder))) }));
const endpoints = JSON.parse(readFileSync(new URL('../../sandbox/fal_endpoints.json', import.meta.url)));
const image = `data:image/png;base64,${ball({ side: 160 }).toString('base64')}`;
const types = { string: 'string', boolean: 'bool', integer: 'int', number: 'float' };
const mebibytes10 = 10 * 1024 * 1024; // what an upload may have

let sandbox;
before(async () => {
  sandbox = await startSandbox({ 'run-ms': 0, concurrency: 64 });
});
after(() => sandbox?.stop());

const fieldsOf = (model) => endpoints[model.endpoint].inputs;
const bare = (field) => field.replace(/\[\]$/, '');

/** The input of a call with the first `pictures` fields filled. */
function inputOf(model, parameters, pictures = 1) {
  const input = { ...model.input.fixed, ...parameters };
  for (const field of model.input.pictures.slice(0, pictures)) input[bare(field)] = field.endsWith('[]') ? [image] : image;
  return input;
}

/** A path such as `model_urls.glb`. */
const at = (value, path) => path.split('.').reduce((inside, name) => inside?.[name], value);

/** The catalogue's price in millionths of a dollar, as config/models/README.md tells it. */
function priceOf(model, input) {
  const defaults = Object.entries(model.parameters.properties).map(([name, { default: value }]) => [name, value]);
  const full = { ...Object.fromEntries(defaults), ...input };
  const holds = ({ when = {}, given }) =>
    Object.entries(when).every(([name, value]) => full[name] === value) && (!given || given.some((name) => input[name]));
  const base = model.price.base.find(holds).micro_usd;
  return (model.price.extra ?? []).filter(holds).reduce((sum, row) => sum + row.micro_usd, base);
}

/** Every combination of the parameters that have few values. */
function combinations(model) {
  let all = [{}];
  for (const [name, { type, enum: values }] of Object.entries(model.parameters.properties)) {
    const choices = type === 'boolean' ? [false, true] : values;
    if (choices) all = all.flatMap((each) => choices.map((value) => ({ ...each, [name]: value })));
  }
  return all;
}

test('there are the models that were asked for, each under its own name', () => {
  const wanted = ['tripo-v2.5', 'tripo-v2.5-multiview', 'tripo-h3.1', 'tripo-p1', 'tripo-p2', 'trellis', 'trellis-2'];
  wanted.push('hunyuan3d-v3', 'hunyuan-3.1-rapid', 'rodin-v2', 'meshy-v6', 'triposr');
  for (const id of wanted) assert.ok(models.some((model) => model.id === id), id);
  for (const model of models) {
    assert.equal(model.file, `${model.id}.json`);
    assert.ok(Number.isInteger(model.version) && model.version >= 1);
    assert.equal(model.format, 'glb');
  }
});

for (const model of models) {
  describe(model.id, () => {
    test('names fields that the endpoint has, with values that it takes', () => {
      const fields = fieldsOf(model);
      for (const field of model.input.pictures) {
        assert.equal(fields[bare(field)]?.type, field.endsWith('[]') ? 'urls' : 'url', field);
      }
      const required = Object.entries(fields).filter(([, rules]) => rules.required).map(([name]) => name);
      assert.deepEqual(required.filter((name) => !model.input.pictures.map(bare).includes(name)), []);
      if (model.input.seed) assert.equal(fields[model.input.seed].type, 'int');
      for (const [name, rules] of Object.entries(model.parameters.properties)) {
        const theirs = fields[name];
        assert.equal(theirs?.type, types[rules.type], name);
        assert.deepEqual(rules.default, theirs.default, name);
        for (const value of rules.enum ?? []) assert.ok(theirs.enum.includes(value), `${name}: ${value}`);
        if (theirs.enum) assert.ok(rules.enum, `${name} needs its list of values`);
        if (theirs.ge !== undefined) assert.ok(rules.enum || rules.minimum >= theirs.ge, name);
        if (theirs.le !== undefined) assert.ok(rules.enum || rules.maximum <= theirs.le, name);
        assert.ok(!(name in model.input.fixed), `${name} cannot be both fixed and free`);
      }
    });

    test('keeps the endpoint’s bounds of pictures and faces', () => {
      const { picture_bytes_max: bytes = mebibytes10, picture_px_min: least, picture_px_max: most } = endpoints[model.endpoint];
      assert.equal(model.limits.picture_bytes_max, Math.min(bytes, mebibytes10));
      assert.equal(model.limits.picture_px_min, least);
      assert.equal(model.limits.picture_px_max, most);
      const faces = model.input.face_limit;
      if (!faces) return;
      assert.equal(faces.field, endpoints[model.endpoint].faces);
      const theirs = fieldsOf(model)[faces.field];
      for (const { value, faces: count } of faces.choices ?? []) {
        assert.ok(theirs.enum.includes(value), value);
        assert.equal(Number.parseInt(value, 10) * 1000, count);
      }
      if (faces.choices) return;
      assert.equal(faces.min, theirs.ge);
      assert.equal(faces.max, theirs.le);
    });

    test('knows the price of every combination of its parameters', async () => {
      const inputs = combinations(model).map((parameters) => inputOf(model, parameters));
      if (model.input.pictures.length > 1) inputs.push(inputOf(model, {}, model.input.pictures.length));
      const asked = new Map();
      for (const input of inputs) {
        const headers = { 'x-sandbox-fault': 'error:internal_server_error' };
        const { json } = await submit(sandbox, model.endpoint, input, { headers });
        asked.set(json.request_id, input);
      }
      for (const row of (await sandbox.ledger()).rows.filter((each) => asked.has(each.request_id))) {
        const input = asked.get(row.request_id);
        const said = JSON.stringify({ ...input, ...Object.fromEntries(model.input.pictures.map((name) => [bare(name), undefined])) });
        assert.equal(Math.round(row.list_price_usd * 1e6), priceOf(model, input), said);
      }
    });

    test('finds the GLB in the answer, whatever the parameters are', async () => {
      const tried = combinations(model).filter((_, i, all) => i % Math.ceil(all.length / 8) === 0);
      for (const parameters of tried) {
        const { json: urls } = await submit(sandbox, model.endpoint, inputOf(model, parameters));
        const status = await completed(sandbox, urls);
        const { json } = await call(sandbox, { path: urls.response_url });
        assert.equal(status.error, undefined, JSON.stringify(json));
        const file = model.output.mesh.map((path) => at(json, path)).find((each) => each?.url);
        assert.ok(file, JSON.stringify(json));
        const bytes = Buffer.from(await (await fetch(file.url)).arrayBuffer());
        assert.equal(bytes.toString('latin1', 0, 4), 'glTF');
        const previews = model.output.preview.map((path) => at(json, path)?.url);
        assert.ok(previews.length === 0 || previews.some(Boolean));
      }
    });
  });
}
