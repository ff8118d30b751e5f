// What the simulator promises beyond what the vendor's client looks at: its clock, its faults, its webhooks, its books.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { ball } from '../http/support/pictures.mjs';
import { call, completed, eventually, startReceiver, startSandbox, submit, trellis, tripo, webhookVerified } from './support/sandbox.mjs';

const endpoints = JSON.parse(readFileSync(new URL('../../sandbox/fal_endpoints.json', import.meta.url)));
const dataUri = (bytes) => `data:image/png;base64,${bytes.toString('base64')}`;
const image = dataUri(ball({ side: 160 }));

let sandbox;
before(async () => {
  sandbox = await startSandbox({ concurrency: 16, 'run-ms': 20 });
});
after(() => sandbox?.stop());

/** The least that an endpoint takes. */
function leastInput(id) {
  const input = {};
  for (const [name, rules] of Object.entries(endpoints[id].inputs)) {
    if (rules.required && rules.type === 'url') input[name] = image;
    if (rules.type === 'urls') input[name] = Array(Math.max(1, rules.min_length ?? 1)).fill(image);
  }
  return input;
}

async function resultOf(urls, on = sandbox) {
  const state = await completed(on, urls);
  return { state, ...(await call(on, { path: urls.response_url })) };
}

async function make(endpoint, input, fault) {
  const headers = fault && { 'x-sandbox-fault': fault };
  const { json, status } = await submit(sandbox, endpoint, input, { headers });
  assert.equal(status, 200, JSON.stringify(json));
  return resultOf(json);
}

/** Files in an answer, wherever they are. */
function filesIn(value) {
  if (Array.isArray(value)) return value.flatMap(filesIn);
  if (value === null || typeof value !== 'object') return [];
  return typeof value.url === 'string' ? [value] : Object.values(value).flatMap(filesIn);
}

async function bytesOf(file) {
  const answer = await fetch(file.url);
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

const isGlb = (bytes) => bytes.toString('latin1', 0, 4) === 'glTF' && bytes.readUInt32LE(8) === bytes.length;

function trianglesOf(glb) {
  const document = JSON.parse(glb.toString('utf8', 20, 20 + glb.readUInt32LE(12)));
  return document.accessors[document.meshes[0].primitives[0].indices].count / 3;
}

describe('models', () => {
  for (const id of Object.keys(endpoints)) {
    test(`${id} takes its least input, charges its list price and answers a GLB`, async () => {
      const { state, headers, json } = await make(id, leastInput(id));
      assert.equal(state.error, undefined, JSON.stringify(json));
      const glbs = (await Promise.all(filesIn(json).map(bytesOf))).filter(isGlb);
      assert.ok(glbs.length > 0, JSON.stringify(json));
      const { rows } = await sandbox.ledger();
      const row = rows.find((each) => each.request_id === state.request_id);
      assert.ok(row.list_price_usd > 0);
      assert.equal(row.charged_usd, row.list_price_usd);
      const { unit_price: unit } = (await call(sandbox, { path: `/v1/models/pricing?endpoint_id=${id}` })).json.prices[0];
      const billed = Number(headers.get('x-fal-billable-units')) * unit;
      assert.ok(Math.abs(billed - row.charged_usd) < 1e-6);
    });
  }

  test('the face limit holds, and the texture and prices follow the input', async () => {
    for (const [input, usd] of [
      [{}, 0.3],
      [{ texture: 'no' }, 0.2],
      [{ texture: 'HD' }, 0.4],
      [{ texture: 'HD', face_limit: 500 }, 0.4],
    ]) {
      const { state, json } = await make(tripo, { image_url: image, ...input });
      const glb = await bytesOf(json.pbr_model ?? json.model_mesh ?? json.base_model);
      const document = JSON.parse(glb.toString('utf8', 20, 20 + glb.readUInt32LE(12)));
      assert.equal(document.images === undefined, input.texture === 'no');
      assert.ok(trianglesOf(glb) <= (input.face_limit ?? 5000));
      const row = (await sandbox.ledger()).rows.find((each) => each.request_id === state.request_id);
      assert.equal(row.charged_usd, usd);
    }
  });

  test('quad is an FBX, which is no GLB', async () => {
    const { json } = await make(tripo, { image_url: image, quad: true });
    const bytes = await bytesOf(json.model_mesh);
    assert.equal(isGlb(bytes), false);
    assert.match(bytes.toString('latin1', 0, 40), /^; FBX 7/);
  });

  test('what is wrong with a picture is said as fal says it', async () => {
    const said = async (endpoint, input) => {
      const { state, json } = await make(endpoint, input);
      assert.equal(state.status, 'COMPLETED');
      const [{ type, loc, ctx }] = json.detail;
      return { type, field: loc.at(-1), ctx };
    };
    const served = http.createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
    await new Promise((resolve) => served.once('listening', resolve));
    const away = `http://127.0.0.1:${served.address().port}/x.png`;
    const text = `data:text/plain;base64,${Buffer.from('no picture').toString('base64')}`;
    const cut = dataUri(ball().subarray(0, 200));
    const heavy = dataUri(Buffer.concat([ball(), Buffer.alloc(9 * 1024 * 1024)]));
    const hunyuan = 'fal-ai/hunyuan-3d/v3.1/rapid/image-to-3d';
    assert.deepEqual(await said(trellis, { image_url: away }), { type: 'file_download_error', field: 'image_url', ctx: undefined });
    assert.equal((await said(trellis, { image_url: text })).type, 'unsupported_image_format');
    assert.equal((await said(trellis, { image_url: cut })).type, 'image_load_error');
    assert.deepEqual(await said(hunyuan, { input_image_url: dataUri(ball()) }), {
      type: 'image_too_small',
      field: 'input_image_url',
      ctx: { min_height: 128, min_width: 128 },
    });
    assert.deepEqual(await said(hunyuan, { input_image_url: heavy }), {
      type: 'file_too_large',
      field: 'input_image_url',
      ctx: { max_size: 8 * 1024 * 1024 },
    });
    served.close();
  });

  test('an endpoint that is not there is 404, an input that is wrong is told field by field and costs nothing', async () => {
    assert.equal((await submit(sandbox, 'nobody/nothing', {})).status, 404);
    assert.deepEqual((await submit(sandbox, 'tripo3d/tripo/v9/image-to-3d', {})).json, { detail: 'Path /v9/image-to-3d not found' });
    const { state, headers, json } = await make('fal-ai/trellis-2', { image_url: 7, resolution: 700, remesh_band: 5, seed: 1.5 });
    assert.equal(state.error_type, 'string_type');
    assert.deepEqual(
      json.detail.map(({ loc, type, ctx }) => [loc[1], type, ctx]),
      [
        ['image_url', 'string_type', undefined],
        ['resolution', 'one_of', { expected: [512, 1024, 1536] }],
        ['remesh_band', 'less_than_equal', { le: 4 }],
        ['seed', 'int_type', undefined],
      ],
    );
    assert.equal(headers.get('x-fal-billable-units'), '0');
    const many = await make('fal-ai/meshy/v6/multi-image-to-3d', { image_urls: Array(5).fill(image) });
    assert.deepEqual(many.json.detail[0].ctx, { max_length: 4 });
  });
});

describe('the clock', () => {
  test('positions count down by the concurrency limit; low priority waits behind everybody', async (t) => {
    const slow = await startSandbox({ concurrency: 1, 'run-ms': 150 });
    t.after(slow.stop);
    const urls = [];
    for (const priority of ['normal', 'low', 'normal', 'normal']) {
      const headers = { 'x-fal-queue-priority': priority };
      urls.push((await submit(slow, tripo, { image_url: image }, { headers })).json);
    }
    assert.deepEqual(urls.map((each) => each.queue_position), [0, 0, 0, 1]);
    const now = await Promise.all(urls.map((each) => call(slow, { path: each.status_url })));
    assert.deepEqual(now.map((each) => [each.status, each.json.status, each.json.queue_position]), [
      [202, 'IN_PROGRESS', undefined],
      [202, 'IN_QUEUE', 2],
      [202, 'IN_QUEUE', 0],
      [202, 'IN_QUEUE', 1],
    ]);
    assert.deepEqual(await slow.get('requests'), { IN_QUEUE: 3, IN_PROGRESS: 1, COMPLETED: 0 });
    const ends = [];
    await Promise.all(urls.map((each, i) => completed(slow, each).then(() => ends.push(i))));
    assert.deepEqual(ends, [0, 2, 3, 1]);
    const { headers, status } = await submit(slow, tripo, { image_url: image }, { query: '?fal_max_queue_length=0' });
    assert.equal(status, 200, headers);
  });

  test('a queue longer than the caller wants is 429', async (t) => {
    const full = await startSandbox({ concurrency: 1 });
    t.after(full.stop);
    for (let i = 0; i < 3; ++i) {
      await submit(full, tripo, { image_url: image }, { headers: { 'x-sandbox-fault': 'stuck_running' } });
    }
    const answer = await submit(full, tripo, { image_url: image }, { query: '?fal_max_queue_length=1' });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get('x-fal-needs-retry'), '1');
    assert.equal((await full.ledger()).accepted, 3);
  });

  test('every way to write an address is understood', async () => {
    const { json: urls } = await submit(sandbox, tripo, { image_url: image });
    const { request_id: id } = urls;
    assert.equal(urls.response_url, `${sandbox.url}/tripo3d/tripo/requests/${id}`);
    await completed(sandbox, urls);
    for (const path of [
      `/tripo3d/tripo/requests/${id}/status/`,
      `/${tripo}/requests/${id}/status?logs=true`,
      `/queue.fal.run/tripo3d/tripo/requests/${id}`,
      `/tripo3d/tripo/requests/${id}/response`,
    ]) {
      assert.equal((await call(sandbox, { path })).status, 200, path);
    }
    const proxied = await call(sandbox, {
      path: '/api/fal/proxy',
      headers: { 'x-fal-target-url': `https://queue.fal.run/tripo3d/tripo/requests/${id}/status` },
    });
    assert.equal(proxied.json.status, 'COMPLETED');
    assert.equal((await call(sandbox, { path: `/fal-ai/trellis/requests/${id}` })).status, 404, 'another app');
  });

  test('results expire: soon where nothing is stored, by size', async (t) => {
    const short = await startSandbox({ 'result-ms': 60_000, 'large-result-ms': 0, 'run-ms': 10 });
    t.after(short.stop);
    const headers = { 'x-fal-store-io': '0' };
    const small = (await submit(short, tripo, { image_url: image }, { headers })).json;
    await completed(short, small);
    assert.equal((await call(short, { path: small.response_url })).status, 200);
    await short.post('settings', { result_ms: 0 });
    assert.deepEqual((await call(short, { path: small.response_url })).json, { status: 'NOT_FOUND' });
    const stored = (await submit(short, tripo, { image_url: image })).json;
    await completed(short, stored);
    assert.equal((await call(short, { path: stored.response_url })).status, 200);
  });

  test('files live as long as their owner wrote; null means soon, and is a violation', async (t) => {
    const short = await startSandbox({ 'null-lifecycle-ms': 0, 'run-ms': 10 });
    t.after(short.stop);
    const made = async (lifecycle) => {
      const headers = { 'x-fal-object-lifecycle-preference': lifecycle };
      const { json } = await submit(short, trellis, { image_url: image }, { headers });
      return (await fetch((await resultOf(json, short)).json.model_mesh.url)).status;
    };
    assert.equal(await made('{"expiration_duration_seconds": 3600}'), 200);
    assert.deepEqual(await short.violations(), []);
    assert.equal(await made('{"expiration_duration_seconds": null}'), 404);
    assert.deepEqual((await short.violations()).map((each) => each.kind), ['null_lifecycle']);
  });

  test('polling faster than the bound is a violation', async (t) => {
    const strict = await startSandbox({ 'poll-floor-ms': 5000 });
    t.after(strict.stop);
    const { json } = await submit(strict, tripo, { image_url: image });
    await call(strict, { path: json.status_url });
    assert.deepEqual(await strict.violations(), []);
    await call(strict, { path: json.status_url });
    assert.deepEqual((await strict.violations()).map((each) => each.kind), ['polled_too_fast']);
  });
});

describe('faults', () => {
  test('one that is misspelled is refused, not forgotten', async () => {
    assert.equal((await submit(sandbox, tripo, { image_url: image }, { headers: { 'x-sandbox-fault': 'drop_befor' } })).status, 400);
    const answer = await call(sandbox, { method: 'POST', path: '/_sandbox/faults', body: { fault: 'error:nothing' } });
    assert.equal(answer.status, 400);
  });

  test('every error type is a COMPLETED request whose result is the error, and costs nothing', async () => {
    const { known } = await sandbox.get('faults');
    const types = known.map((each) => each.fault).filter((each) => each.startsWith('error:'));
    assert.ok(types.length > 35);
    await Promise.all(
      types.map(async (fault) => {
        const type = fault.slice('error:'.length);
        const { state, json, headers } = await make(tripo, { image_url: image }, fault);
        assert.equal(state.error_type, type);
        assert.ok(state.error);
        const platform = json.error_type !== undefined;
        assert.equal(platform ? json.error_type : json.detail[0].type, type);
        if (platform) assert.equal(headers.get('x-fal-error-type'), type);
        else assert.equal(json.detail[0].url, `https://docs.fal.ai/errors/#${type}`);
        assert.equal(headers.get('x-fal-billable-units'), '0');
      }),
    );
  });

  test('a magic seed plans what a header would', async () => {
    const { known } = await sandbox.get('faults');
    const { seed } = known.find((each) => each.fault === 'error:content_policy_violation');
    assert.equal((await make(tripo, { image_url: image, seed })).json.detail[0].type, 'content_policy_violation');
    const model = await make('tripo3d/h3.1/image-to-3d', { image_url: image, model_seed: seed });
    assert.equal(model.json.detail[0].type, 'content_policy_violation');
  });

  test('rules meet the calls they name, after those they skip, so many times', async () => {
    await sandbox.fault('http_503', { step: 'status', endpoint: 'fal-ai/trellis', skip: 1, times: 2 });
    const other = (await submit(sandbox, tripo, { image_url: image })).json;
    const { json } = await submit(sandbox, trellis, { image_url: image });
    const seen = [];
    for (let i = 0; i < 4; ++i) seen.push((await call(sandbox, { path: json.status_url })).status);
    assert.deepEqual(seen.map((each) => each === 503), [false, true, true, false]);
    assert.notEqual((await call(sandbox, { path: other.status_url })).status, 503);
    assert.deepEqual((await sandbox.get('faults')).planned, []);
  });

  test('answers break on their way: dropped, cut, slow, of another type', async () => {
    const { json: urls } = await submit(sandbox, trellis, { image_url: image });
    await completed(sandbox, urls);
    const spoilt = async (fault) => {
      const headers = { authorization: 'Key kid:ksec', 'x-sandbox-fault': fault };
      return fetch(urls.response_url, { headers });
    };
    await assert.rejects(spoilt('drop_before'), TypeError);
    await assert.rejects(spoilt('drop_after'), TypeError);
    const cut = await (await spoilt('truncated_json')).text();
    assert.throws(() => JSON.parse(cut));
    assert.equal((await spoilt('wrong_json_type')).headers.get('content-type'), 'text/plain');
    const html = await spoilt('html_502_after');
    assert.deepEqual([html.status, html.headers.get('x-fal-request-id')], [502, null]);
    const started = Date.now();
    assert.equal((await spoilt('slow_headers:150')).status, 200);
    assert.ok(Date.now() - started >= 145);
  });

  test('models arrive spoilt: not a GLB, truncated, cut, huge, too many faces, absent, gone', async () => {
    const spoilt = async (fault, input = {}) => (await make(tripo, { image_url: image, ...input }, fault)).json.model_mesh;
    assert.equal(isGlb(await bytesOf(await spoilt('not_a_glb'))), false);
    const half = await bytesOf(await spoilt('truncated_glb'));
    assert.equal(half.toString('latin1', 0, 4), 'glTF');
    assert.ok(half.readUInt32LE(8) > half.length);
    await assert.rejects(bytesOf(await spoilt('cut_download')), TypeError);
    const huge = await bytesOf(await spoilt('huge_glb'));
    assert.ok(isGlb(huge) && huge.length > 63 * 2 ** 20 && huge.length <= 64 * 2 ** 20);
    assert.ok(trianglesOf(await bytesOf(await spoilt('face_overshoot', { face_limit: 500 }))) > 600);
    assert.equal(await spoilt('mesh_missing'), null);
    assert.equal((await fetch((await spoilt('file_gone')).url)).status, 404);
    const odd = await spoilt('wrong_content_type');
    assert.equal((await fetch(odd.url)).headers.get('content-type'), odd.content_type);
    assert.match(odd.content_type, /^text\/html/);
    assert.ok(isGlb(await bytesOf(odd)));
  });

  test('a stuck queue moves when it is released', async () => {
    const { json } = await submit(sandbox, trellis, { image_url: image }, { headers: { 'x-sandbox-fault': 'stuck_queue' } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((await call(sandbox, { path: json.status_url })).json.status, 'IN_QUEUE');
    await sandbox.post('release');
    assert.equal((await resultOf(json)).state.error, undefined);
  });

  test('the platform tries again by itself unless it is told not to', async () => {
    const tries = async (headers) => {
      const { json } = await submit(sandbox, trellis, { image_url: image }, { headers: { 'x-sandbox-fault': 'platform_retry:2', ...headers } });
      const { state } = await resultOf(json);
      const row = (await sandbox.ledger()).rows.find((each) => each.request_id === json.request_id);
      return { error: state.error_type, same: row.gateway_request_id === json.request_id };
    };
    assert.deepEqual(await tries({}), { error: undefined, same: false });
    assert.deepEqual(await tries({ 'x-fal-no-retry': '1' }), { error: 'runner_disconnected', same: true });
  });

  test('a result that expired at once is gone', async () => {
    const { json } = await submit(sandbox, trellis, { image_url: image }, { headers: { 'x-sandbox-fault': 'result_expired' } });
    await eventually(async () => (await call(sandbox, { path: json.response_url })).status === 404);
  });

  test('a flood of log lines and a state that nobody knows', async () => {
    const { json } = await submit(sandbox, trellis, { image_url: image }, { headers: { 'x-sandbox-fault': 'log_flood:3000' } });
    await completed(sandbox, json);
    assert.ok((await call(sandbox, { path: `${json.status_url}?logs=1` })).json.logs.length > 3000);
    const odd = (await submit(sandbox, trellis, { image_url: image }, { headers: { 'x-sandbox-fault': 'unknown_state' } })).json;
    await eventually(async () => (await call(sandbox, { path: odd.status_url })).json.status === 'FAILED');
  });
});

describe('webhooks', () => {
  let receiver;
  let answers = [];
  before(async () => {
    receiver = await startReceiver(() => answers.shift() ?? 200);
  });
  after(() => receiver?.stop());

  const jwks = async () => (await call(sandbox, { path: '/rest.fal.ai/.well-known/jwks.json', key: '' })).json;
  async function told(fault, { count = 1, statuses = [], endpoint = trellis, input = { image_url: image } } = {}) {
    answers = statuses;
    const from = receiver.received.length;
    const query = `?fal_webhook=${encodeURIComponent(`${receiver.url}/cb`)}`;
    const { json } = await submit(sandbox, endpoint, input, { query, headers: fault && { 'x-sandbox-fault': fault } });
    const mine = () => receiver.received.slice(from).filter((each) => each.json.request_id === json.request_id);
    await eventually(() => mine().length >= count, 'the webhook');
    return { urls: json, deliveries: mine() };
  }

  test('OK with the output, ERROR with the error, both signed', async () => {
    const { urls, deliveries } = await told();
    assert.deepEqual(Object.keys(deliveries[0].json), ['request_id', 'gateway_request_id', 'status', 'payload']);
    assert.deepEqual(deliveries[0].json.payload, (await resultOf(urls)).json);
    assert.ok(webhookVerified(deliveries[0], await jwks()));
    const bad = (await told('error:image_load_error')).deliveries[0];
    assert.equal(bad.json.status, 'ERROR');
    assert.equal(bad.json.error, 'Invalid status code: 422');
    assert.equal(bad.json.payload.detail[0].type, 'image_load_error');
    assert.ok(webhookVerified(bad, await jwks()));
  });

  test('repeated until somebody says 2xx; a redirect ends it', async () => {
    assert.equal((await told(undefined, { statuses: [500, 503, 204], count: 3 })).deliveries.length, 3);
    const { urls, deliveries } = await told(undefined, { statuses: [302] });
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.equal(deliveries.length, 1);
    assert.equal((await sandbox.ledger()).rows.find((each) => each.request_id === urls.request_id).webhooks_sent, 1);
  });

  test('twice, late, lost, without a payload', async () => {
    assert.equal((await told('webhook_duplicate:3', { count: 3 })).deliveries.length, 3);
    const started = Date.now();
    const { urls, deliveries } = await told('webhook_late:300');
    assert.ok(deliveries[0].at - started >= 300);
    assert.equal((await call(sandbox, { path: urls.status_url })).json.status, 'COMPLETED');
    const empty = (await told('webhook_empty')).deliveries[0].json;
    assert.equal(empty.payload, null);
    assert.match(empty.payload_error, /not JSON serializable/);
    await assert.rejects(Promise.race([told('webhook_lost'), new Promise((_, reject) => setTimeout(reject, 300, new Error('lost')))]), /lost/);
  });

  test('out of order: after the webhook of a request that came later', async () => {
    const first = told('webhook_disordered:10000');
    await eventually(async () => (await sandbox.get('requests')).IN_PROGRESS === 0);
    const second = await told();
    const late = await first;
    assert.ok(late.deliveries[0].at >= second.deliveries[0].at);
  });

  test('forged or old is not believed; after a rotation only the new keys count', async () => {
    const set = await jwks();
    assert.equal(webhookVerified((await told('webhook_forged')).deliveries[0], set), false);
    const old = (await told('webhook_old')).deliveries[0];
    assert.equal(webhookVerified(old, set), false);
    assert.ok(webhookVerified(old, set, Number(old.headers['x-fal-webhook-timestamp'])), 'but it is signed');
    const rotated = (await told('webhook_rotated')).deliveries[0];
    assert.equal(webhookVerified(rotated, set), false, 'a cached set does not do');
    assert.ok(webhookVerified(rotated, await jwks()));
    await sandbox.post('rotate', { keep_old: true });
    assert.equal((await jwks()).keys.length, 2);
    assert.ok(webhookVerified(rotated, await jwks()));
    assert.ok(webhookVerified((await told()).deliveries[0], await jwks()));
  });
});

describe('the books', () => {
  test('every accepted submit is a row, and the platform bills what was charged', async (t) => {
    const fresh = await startSandbox({ 'run-ms': 10 });
    t.after(fresh.stop);
    for (const [endpoint, input, fault] of [
      [tripo, { image_url: image, texture: 'HD' }],
      [tripo, { image_url: image }, 'drop_after'],
      [trellis, { image_url: image }, 'error:internal_server_error'],
      [trellis, { image_url: image }, 'html_502'],
    ]) {
      await submit(fresh, endpoint, input, { headers: fault && { 'x-sandbox-fault': fault } }).catch(() => undefined);
    }
    await eventually(async () => (await fresh.get('requests')).COMPLETED === 3);
    const ledger = await fresh.ledger();
    assert.equal(ledger.accepted, 3);
    assert.equal(ledger.list_usd, 0.72);
    assert.equal(ledger.charged_usd, 0.7);
    assert.deepEqual(ledger.rows.map((row) => row.answer_lost), [false, true, false]);
    const { billing_events: events } = (await call(fresh, { path: '/api.fal.ai/v1/models/billing-events' })).json;
    assert.deepEqual(events.map((each) => [each.request_id, each.cost_estimate_nano_usd]), [
      [ledger.rows[0].request_id, 400_000_000],
      [ledger.rows[1].request_id, 300_000_000],
    ]);
    const { summary } = (await call(fresh, { path: '/v1/models/usage' })).json;
    assert.ok(Math.abs(summary.reduce((sum, each) => sum + each.cost, 0) - 0.7) < 1e-9);
  });

  test('the Python client’s way to upload: a token, then the bytes, in one piece or in parts', async () => {
    const { json: token } = await call(sandbox, { method: 'POST', path: '/storage/auth/token?storage_type=fal-cdn-v3', body: {} });
    assert.equal(token.base_url, sandbox.url);
    const headers = { authorization: `${token.token_type} ${token.token}`, 'content-type': 'text/plain', 'x-fal-file-name': 'a.txt' };
    const whole = await call(sandbox, { method: 'POST', path: `${token.base_url}/files/upload`, body: 'hello', headers });
    assert.equal(await (await fetch(whole.json.access_url)).text(), 'hello');
    const begun = (await call(sandbox, { method: 'POST', path: '/files/upload/multipart', body: '', headers })).json;
    const parts = [];
    for (const [i, body] of ['one', 'two'].entries()) {
      const path = `${begun.access_url}/multipart/${begun.uploadId}/${i + 1}`;
      const answer = await call(sandbox, { method: 'PUT', path, body, headers });
      parts.push({ partNumber: i + 1, etag: answer.headers.get('etag') });
    }
    const path = `${begun.access_url}/multipart/${begun.uploadId}/complete`;
    assert.equal((await call(sandbox, { method: 'POST', path, body: { parts: [...parts].reverse() }, headers })).status, 400);
    assert.equal((await call(sandbox, { method: 'POST', path, body: { parts }, headers })).status, 200);
    assert.equal(await (await fetch(begun.access_url)).text(), 'onetwo');
  });

  test('nobody uploads to an address that he was not given', async () => {
    const { json } = await call(sandbox, {
      method: 'POST',
      path: '/storage/upload/initiate?storage_type=fal-cdn-v3',
      body: { content_type: 'text/plain', file_name: 'x.txt' },
    });
    const put = (url) => fetch(url, { method: 'PUT', body: 'x' });
    assert.equal((await put(json.file_url)).status, 403);
    assert.equal((await fetch(json.file_url)).status, 404, 'not there before it is uploaded');
    assert.equal((await put(json.upload_url)).status, 200);
    assert.equal((await fetch(json.file_url)).status, 200);
  });
});
