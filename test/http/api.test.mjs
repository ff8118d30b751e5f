// The whole way once: sign in, upload, watch, download; and the shape of every answer.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';

import {
  answersSeen,
  assertRefused,
  balanceOf,
  dataOf,
  filesOf,
  get,
  givenMember,
  listen,
  login,
  postJson,
  request,
  statusOf,
  upload,
  waitForJob,
} from './support/client.mjs';
import { ball, realPicture } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

let stack, member;
before(async () => {
  stack = await startStack();
  member = await givenMember(stack, { credits: 1000 });
});
after(() => stack?.stop());

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function trianglesOf(glb) {
  assert.equal(glb.toString('latin1', 0, 4), 'glTF');
  assert.equal(glb.readUInt32LE(4), 2);
  assert.equal(glb.readUInt32LE(8), glb.length);
  const document = JSON.parse(glb.toString('utf8', 20, 20 + glb.readUInt32LE(12)));
  const counts = document.meshes.flatMap((mesh) =>
    mesh.primitives.map((each) => document.accessors[each.indices].count / 3),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

test('a login answers a bearer token, its lifetime and who signed in', async () => {
  const data = dataOf(await login(stack, member.user));
  assert.deepEqual(Object.keys(data), ['access_token', 'token_type', 'expires_in', 'user']);
  assert.equal(data.token_type, 'Bearer');
  assert.equal(data.expires_in, 28_800);
  assert.deepEqual(data.user, {
    id: member.user.id,
    email: member.user.email,
    name: 'User 1',
    role: 'member',
    company: { id: member.company.id, name: 'Company 1' },
  });
  const claims = JSON.parse(Buffer.from(data.access_token.split('.')[1], 'base64url').toString());
  assert.equal(claims.sub, member.user.id);
  assert.equal(claims.company_id, member.company.id);
  assert.equal(claims.exp - claims.iat, 28_800);
  const shouted = { ...member.user, email: member.user.email.toUpperCase() };
  assert.equal((await login(stack, shouted)).status, 200, 'addresses have no upper case');
});

test('presets tell qualities, prices and limits without signing in', async () => {
  const { presets, limits } = dataOf(await get(stack, '/api/v1/presets'));
  assert.deepEqual(presets, [
    { quality: 'low', triangles_max: 1000, credits: 35 },
    { quality: 'medium', triangles_max: 5000, credits: 52 },
    { quality: 'high', triangles_max: 10_000, credits: 70 },
  ]);
  assert.equal(limits.files_max, 25);
  assert.equal(limits.file_bytes_max, 10 * 1024 * 1024);
});

test('three pictures of three formats become three models, watched from the start, and are paid for exactly', async () => {
  const files = [
    { name: 'chair.png', bytes: realPicture('cc0-chairoak-B-alpha.png') },
    { name: 'Stühle — 椅子 "x";y.jpg', bytes: realPicture('ccby-mug-A-shadow.jpg') },
    { name: 'amphora.webp', bytes: realPicture('mit-fluent-amphora.webp') },
  ];
  const before = await balanceOf(stack, member.token);
  assert.deepEqual(before, { balance: 1000, held: 0, available: 1000 });

  const sent = files.map((file) => ({ ...file, name: file.name.replaceAll('"', '\\"') }));
  const answer = await upload(stack, member.token, { files: sent, fields: { quality: 'low' } });
  const batch = dataOf(answer, 202);
  assert.deepEqual(Object.keys(batch), ['job_id', 'status', 'items', 'rejected', 'credits_held']);
  assert.equal(batch.status, 'queued');
  assert.deepEqual(batch.rejected, []);
  assert.equal(batch.credits_held, 105);
  assert.deepEqual(
    batch.items.map((item) => [item.file_name, item.status, item.credits]),
    files.map((file) => [file.name, 'queued', 35]),
  );

  const stream = await listen(stack, member.token, batch.job_id);
  assert.equal(stream.status, 200);
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.equal(stream.headers['cache-control'], 'no-store');
  const held = await balanceOf(stack, member.token);
  assert.equal(held.balance, held.available + held.held);

  const done = await waitForJob(stack, member.token, batch.job_id);
  assert.equal(await stream.ended, 'complete');
  assert.equal(done.status, 'succeeded');
  assert.equal(done.progress, 1);
  assert.equal(done.triangles_max, 1000);
  assert.deepEqual(done.credits, { held: 0, settled: 105, released: 0 });
  assert.ok(Date.parse(done.finished_at) >= Date.parse(done.created_at));
  for (const item of done.items) {
    assert.deepEqual(Object.keys(item), ['item_id', 'file_name', 'status', 'stage', 'progress', 'error']);
    assert.deepEqual([item.status, item.stage, item.progress, item.error], ['succeeded', 'done', 1, null]);
  }
  assert.deepEqual(
    done.items.map((item) => item.item_id),
    batch.items.map((item) => item.item_id),
  );

  assertStreamTellsAll(stream, batch, done);
  assert.deepEqual(await balanceOf(stack, member.token), { balance: 895, held: 0, available: 895 });
  await stack.proof();
  const ledger = await stack.rows('select kind, amount, balance_after from credit_ledger order by seq');
  assert.deepEqual(
    ledger.map((entry) => entry.balance_after),
    [1000, 965, 930, 895],
  );

  const models = await filesOf(stack, member.token, batch.job_id);
  assert.deepEqual(
    models.map((model) => model.file_name),
    ['chair.glb', 'Stühle — 椅子 "x";y.glb', 'amphora.glb'],
  );
  for (const [i, model] of models.entries()) {
    assert.equal(model.item_id, batch.items[i].item_id);
    await assertDownloads(model);
  }
  assert.deepEqual(
    stack.resultsOnDisk(),
    (await stack.rows("select object_key as k from files where kind = 'model'")).map((row) => row.k).sort(),
  );
  assert.deepEqual(
    stack.disk().filter((path) => path.startsWith('tmp/')),
    [],
  );
});

function assertStreamTellsAll(stream, batch, done) {
  const [first, ...rest] = stream.events;
  assert.equal(first.kind, 'status');
  assert.equal(first.data.job_id, batch.job_id);
  assert.equal(rest.pop().kind, 'end');
  const numbered = rest.filter((each) => each.id !== undefined);
  assert.deepEqual(
    numbered.map((each) => each.id),
    numbered.map((_, i) => first.id + 1 + i),
    'no gap, no duplicate',
  );
  const last = numbered.pop();
  assert.equal(last.kind, 'job');
  assert.equal(last.data.status, 'succeeded');
  assert.deepEqual(last.data.credits, { held: 0, settled: 105, released: 0 });
  for (const item of done.items) {
    const told = numbered
      .filter((each) => each.kind === 'item' && each.data.item_id === item.item_id)
      .map((each) => each.data.status);
    assert.equal(told.pop(), 'succeeded');
  }
}

async function assertDownloads(model) {
  assert.match(model.url, /^\/api\/v1\/download\/files\//);
  assert.ok(Date.parse(model.expires_at) > Date.now());
  const whole = await get(stack, model.url);
  assert.equal(whole.status, 200);
  assert.equal(whole.headers['content-type'], 'model/gltf-binary');
  assert.equal(Number(whole.headers['content-length']), model.size);
  assert.equal(whole.body.length, model.size);
  assert.equal(sha256(whole.body), model.sha256);
  assert.equal(trianglesOf(whole.body), model.triangles);
  assert.ok(model.triangles > 0 && model.triangles <= 1000);
  assert.equal(whole.headers.etag, `"${model.sha256}"`);
  const [, plain, encoded] = /^attachment; filename="([^"\\]*)"; filename\*=UTF-8''(\S+)$/.exec(
    whole.headers['content-disposition'],
  );
  assert.match(plain, /^[\x20-\x7e]+\.glb$/);
  assert.equal(decodeURIComponent(encoded), model.file_name);
}

test('a model is answered in parts, by its tag, and by HEAD alone', async () => {
  const batch = dataOf(
    await upload(stack, member.token, {
      files: [{ name: 'a.png', bytes: ball() }],
      fields: { quality: 'low' },
    }),
    202,
  );
  await waitForJob(stack, member.token, batch.job_id);
  const [model] = await filesOf(stack, member.token, batch.job_id);
  const whole = (await get(stack, model.url)).body;
  const part = async (range) => get(stack, model.url, undefined, { Range: range });

  const first = await part('bytes=0-3');
  assert.equal(first.status, 206);
  assert.equal(first.body.toString(), 'glTF');
  assert.equal(first.headers['content-range'], `bytes 0-3/${whole.length}`);
  assert.deepEqual((await part('bytes=100-')).body, whole.subarray(100));
  assert.deepEqual((await part('bytes=-10')).body, whole.subarray(-10));
  assert.deepEqual((await part(`bytes=10-${whole.length * 2}`)).body, whole.subarray(10));
  assert.deepEqual((await part(`bytes=-${whole.length * 2}`)).body, whole);
  for (const odd of [
    'bytes=5-2',
    'bytes=0-1,4-5',
    'bytes=x-',
    'lines=0-1',
    'bytes=-',
    'bytes=99999999999999999999-',
    `bytes=${whole.length}-`,
  ]) {
    const answer = await part(odd);
    assert.ok([200, 416].includes(answer.status), `${odd}: ${answer.status}`);
    if (answer.status === 200) assert.deepEqual(answer.body, whole, odd);
  }

  for (const noRange of ['bytes=abc-100', 'bytes= 0-1', 'bytes=+1-2', 'bytes=-', 'bytes=5-2', 'items=0-1']) {
    const answer = await part(noRange);
    assert.equal(answer.status, 200, noRange);
    assert.equal(answer.body.length, whole.length);
  }

  const unchanged = await get(stack, model.url, undefined, { 'If-None-Match': `"${model.sha256}"` });
  assert.deepEqual(
    [unchanged.status, unchanged.body.length, unchanged.headers.etag],
    [304, 0, `"${model.sha256}"`],
  );
  assert.equal((await get(stack, model.url, undefined, { 'If-None-Match': '"other"' })).status, 200);

  const head = await request(stack, { method: 'HEAD', path: model.url });
  assert.deepEqual(
    [head.status, Number(head.headers['content-length']), head.body.length],
    [200, whole.length, 0],
  );
  assert.equal((await request(stack, { method: 'HEAD', path: '/api/v1/presets' })).body.length, 0);
});

test('If-Range gives a part of the same model only; of another one the client is sent the whole', async () => {
  const job = await stack.row("select job_id from files where kind = 'model' limit 1");
  const [model] = await filesOf(stack, member.token, job.job_id);
  const ask = (tag) => get(stack, model.url, undefined, { Range: 'bytes=0-3', 'If-Range': tag });
  assert.equal((await ask(`"${model.sha256}"`)).status, 206);
  const whole = await ask('"another"');
  assert.deepEqual([whole.status, whole.body.length], [200, model.size]);
});

test('an upload made by fetch and FormData is taken, and face_limit picks the cheapest preset', async () => {
  const form = new FormData();
  form.append('files', new Blob([ball({ shade: 3 })], { type: 'image/png' }), 'ball.png');
  form.append('face_limit', '1001');
  const headers = { Authorization: `Bearer ${member.token}` };
  const answer = await fetch(`${stack.base}/api/v1/upload/batch`, { method: 'POST', headers, body: form });
  const { data } = await answer.json();
  assert.equal(answer.status, 202);
  assert.equal(data.credits_held, 52);
  const done = await waitForJob(stack, member.token, data.job_id);
  assert.deepEqual([done.status, done.quality, done.triangles_max], ['succeeded', 'medium', 1001]);
  const [model] = await filesOf(stack, member.token, data.job_id);
  assert.ok(model.triangles <= 1001);
});

test('a picture without an object fails with its reason and is not paid for; the good one beside it is', async () => {
  const { available } = await balanceOf(stack, member.token);
  const files = [
    { name: 'blank.png', bytes: realPicture('edge-blank-white.png') },
    { name: 'ball.png', bytes: ball() },
  ];
  const batch = dataOf(await upload(stack, member.token, { files, fields: { quality: 'low' } }), 202);
  const done = await waitForJob(stack, member.token, batch.job_id);
  assert.equal(done.status, 'partial');
  assert.deepEqual(
    done.items.map((item) => [item.status, item.error?.code]),
    [
      ['failed', 'no_object_found'],
      ['succeeded', undefined],
    ],
  );
  assert.match(done.items[0].error.message, /object/);
  assert.deepEqual(done.credits, { held: 0, settled: 35, released: 35 });
  assert.deepEqual(await balanceOf(stack, member.token), {
    balance: available - 35,
    held: 0,
    available: available - 35,
  });
  await stack.proof();
});

test('a limited answer tells its limit', async () => {
  const { headers } = await get(stack, '/api/v1/credits/balance', member.token);
  assert.match(headers['ratelimit-policy'], /^"balance";q=600000;w=60$/);
  assert.match(headers.ratelimit, /^"balance";r=\d+;t=\d+$/);
});

test('a refusal is problem+json for who asks for that', async () => {
  const answer = await get(stack, '/api/v1/credits/balance', undefined, {
    Accept: 'application/problem+json',
  });
  assert.equal(answer.status, 401);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.headers['www-authenticate'], 'Bearer');
  assert.deepEqual(Object.keys(answer.json), [
    'type',
    'title',
    'status',
    'detail',
    'instance',
    'code',
    'errors',
  ]);
  assert.equal(answer.json.type, 'urn:image2model:error:token_missing');
  assert.equal(answer.json.status, 401);
  assert.equal(answer.json.instance, `urn:request:${answer.headers['x-request-id']}`);
});

test('an address that is not there answers 404, a method that is not taken 405 with Allow', async () => {
  assertRefused(await get(stack, '/api/v1/nothing'), 404, 'not_found');
  assertRefused(await get(stack, '/'), 404, 'not_found');
  assertRefused(await get(stack, '/api/v1/credits/balance/', member.token), 404, 'not_found');
  const job = '01890000-0000-7000-8000-000000000000';
  const wrong = [
    ['DELETE', '/api/v1/credits/balance', 'GET'],
    ['PUT', '/api/v1/auth/login', 'POST'],
    ['GET', '/api/v1/upload/batch', 'POST'],
    ['PATCH', `/api/v1/jobs/${job}/status`, 'GET'],
    ['POST', `/api/v1/download/files/${job}`, 'GET'],
    ['OPTIONS', '/api/v1/presets', 'GET'],
  ];
  for (const [method, path, allowed] of wrong) {
    const answer = await request(stack, { method, path, token: member.token });
    assertRefused(answer, 405, 'method_not_allowed');
    assert.ok(
      answer.headers.allow?.split(', ').includes(allowed),
      `${method} ${path} allows ${answer.headers.allow}`,
    );
  }
});

test('health and metrics answer without a token', async () => {
  assert.equal((await get(stack, '/api/v1/health/live')).json.status, 'live');
  assert.deepEqual((await get(stack, '/api/v1/health/ready')).json, {
    status: 'ready',
    postgres: true,
    redis: true,
    draining: false,
  });
  const metrics = await get(stack, '/metrics');
  assert.equal(metrics.status, 200);
  assert.match(metrics.headers['content-type'], /^text\/plain/);
  assert.match(metrics.body.toString(), /# TYPE \w+ (counter|gauge|histogram)/);
});

test('openapi.json lists exactly what is served', async () => {
  const document = (await get(stack, '/api/v1/openapi.json')).json;
  assert.equal(document.openapi, '3.1.0');
  const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  assert.deepEqual(listed.sort(), [
    'GET /api/v1/credits/balance',
    'GET /api/v1/download/files/{file_id}',
    'GET /api/v1/download/{job_id}/files',
    'GET /api/v1/health/live',
    'GET /api/v1/health/ready',
    'GET /api/v1/jobs/{job_id}/events',
    'GET /api/v1/jobs/{job_id}/status',
    'GET /api/v1/models',
    'GET /api/v1/openapi.json',
    'GET /api/v1/presets',
    'GET /metrics',
    'POST /api/v1/auth/login',
    'POST /api/v1/hooks/fal/{token}',
    'POST /api/v1/jobs/{job_id}/cancellation',
    'POST /api/v1/jobs/{job_id}/items/{item_id}/cancellation',
    'POST /api/v1/upload/batch',
  ]);
  for (const each of listed) {
    const [method, path] = each.split(' ');
    const answer = await request(stack, {
      method,
      path: path.replace(/\{\w+\}/, '01890000-0000-7000-8000-000000000000'),
    });
    assert.notEqual(answer.status, 405, each);
    if (answer.status === 404)
      assert.notEqual(answer.json.message, 'There is nothing at this address.', each);
    // Who must sign in, and who need not, is what the document says.
    const asks = document.paths[path][method.toLowerCase()].security.length > 0;
    assert.equal(answer.status === 401, asks, `${each} without a token: ${answer.status}`);
  }
});

test('every answer that these tests had is one that openapi.json promises', async () => {
  await postJson(stack, '/api/v1/auth/login', '{');
  await request(stack, { method: 'POST', path: '/api/v1/upload/batch', token: member.token, body: 'x' });
  const { job_id: job } = dataOf(
    await upload(stack, member.token, { files: [{ name: 'x.png', bytes: ball() }] }),
    202,
  );
  await statusOf(stack, member.token, job);
  await waitForJob(stack, member.token, job);
  const { events } = await listen(stack, member.token, job, 1000);
  assert.deepEqual(events, []);
  const { paths } = (await get(stack, '/api/v1/openapi.json')).json;
  const undocumented = new Set();
  for (const { method, path, status } of answersSeen) {
    const pattern = Object.keys(paths).find((each) =>
      new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    const operation = paths[pattern]?.[method.toLowerCase().replace('head', 'get')];
    if (operation && !operation.responses[status]) undocumented.add(`${method} ${pattern} ${status}`);
  }
  assert.deepEqual([...undocumented], []);
});
