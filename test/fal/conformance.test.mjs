// The vendor's own client, unmodified, against the simulator: what it takes for fal.ai, we may take for it, too.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ApiError, ValidationError } from '@fal-ai/client';

import { ball } from '../http/support/pictures.mjs';
import { call, clientOf, eventually, startReceiver, startSandbox, submit, trellis, tripo, webhookVerified } from './support/sandbox.mjs';

const picture = new Blob([ball()], { type: 'image/png' });
const dataUri = `data:image/png;base64,${ball().toString('base64')}`;
const quick = { pollInterval: 20, timeout: 30_000 };

let sandbox;
let fal;
before(async () => {
  sandbox = await startSandbox({ concurrency: 8 });
  fal = clientOf(sandbox);
});
after(() => sandbox?.stop());

/** The client's calls for one test: told apart by the endpoint, for tests run one after the other. */
async function callsDuring(work) {
  await sandbox.forgetCalls();
  const before = (await sandbox.ledger()).accepted;
  const answer = await work().then(
    (value) => ({ value }),
    (error) => ({ error }),
  );
  const calls = await sandbox.calls('');
  const accepted = (await sandbox.ledger()).accepted - before;
  return { ...answer, accepted, of: (step) => calls.filter((each) => each.step === step) };
}

async function assertGlb(file) {
  const answer = await fetch(file.url);
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200);
  assert.equal(bytes.toString('latin1', 0, 4), 'glTF');
  assert.equal(bytes.readUInt32LE(8), bytes.length);
  return { bytes, answer };
}

describe('subscribe', () => {
  test('by polling: queue updates, logs, the result and its request id', async () => {
    const updates = [];
    let enqueued;
    const result = await fal.subscribe(tripo, {
      input: { image_url: dataUri, face_limit: 1000 },
      logs: true,
      onEnqueue: (id) => (enqueued = id),
      onQueueUpdate: (update) => updates.push(update),
      ...quick,
    });
    assert.equal(result.requestId, enqueued);
    assert.match(result.data.task_id, /^[0-9a-f-]{36}$/);
    assert.equal(result.data.model_mesh.content_type, 'application/octet-stream');
    assert.equal(result.data.model_mesh.file_name, undefined);
    assert.equal(result.data.rendered_image.content_type, 'image/webp');
    const { bytes } = await assertGlb(result.data.model_mesh);
    assert.equal(bytes.length, result.data.model_mesh.file_size);
    const last = updates.at(-1);
    assert.equal(last.status, 'COMPLETED');
    assert.ok(last.metrics.inference_time > 0);
    assert.ok(last.logs.length >= 2);
    assert.deepEqual(Object.keys(last.logs[0]), ['message', 'timestamp', 'level', 'source']);
    for (const update of updates.filter((each) => each.status === 'IN_PROGRESS' && each.logs)) {
      assert.deepEqual(last.logs.slice(0, update.logs.length), update.logs, 'the list only grows');
    }
  });

  test('by the event stream: each state once, COMPLETED last, then the result', async () => {
    const updates = [];
    const during = await callsDuring(() =>
      fal.subscribe(tripo, {
        input: { image_url: dataUri },
        mode: 'streaming',
        logs: true,
        onQueueUpdate: (update) => updates.push(update.status),
      }),
    );
    assert.equal(during.error, undefined);
    await assertGlb(during.value.data.model_mesh);
    assert.equal(updates.at(-1), 'COMPLETED');
    assert.deepEqual([...new Set(updates)].at(-2), 'IN_PROGRESS');
    assert.equal(during.of('stream').length, 1);
    assert.equal(during.of('status').length, 0, 'nothing was polled');
  });

  test('a webhook can be asked for beside it', async (t) => {
    const receiver = await startReceiver();
    t.after(receiver.stop);
    const result = await fal.subscribe(trellis, {
      input: { image_url: dataUri },
      webhookUrl: `${receiver.url}/fal/cb?token=a%20b&x=1`,
      ...quick,
    });
    const delivery = await eventually(() => receiver.received[0], 'the webhook');
    assert.equal(delivery.path, '/fal/cb?token=a%20b&x=1');
    assert.equal(delivery.json.request_id, result.requestId);
    assert.deepEqual(delivery.json.payload, result.data);
    const jwks = (await call(sandbox, { path: '/.well-known/jwks.json', key: '' })).json;
    assert.ok(webhookVerified(delivery, jwks));
  });

  test('a client-side timeout cancels the request', async () => {
    const during = await callsDuring(() =>
      fal.subscribe(tripo, {
        input: { image_url: dataUri },
        headers: { 'x-sandbox-fault': 'stuck_running' },
        ...quick,
        timeout: 200,
      }),
    );
    assert.match(during.error.message, /^Client timed out waiting for the request to complete after 200ms$/);
    await eventually(async () => (await sandbox.calls('cancel')).length === 1, 'the cancel');
    const row = (await sandbox.ledger()).rows.at(-1);
    const ended = await eventually(async () => {
      const now = (await sandbox.ledger()).rows.find((each) => each.request_id === row.request_id);
      return now.state === 'COMPLETED' && now;
    }, 'the cancelled request');
    assert.equal(ended.error_type, 'client_cancelled');
    assert.equal(ended.charged_usd, 0);
  });
});

describe('uploads', () => {
  test('a Blob in the input is uploaded, and its URL is what the model gets', async () => {
    const during = await callsDuring(() => fal.subscribe(trellis, { input: { image_url: picture }, ...quick }));
    assert.equal(during.error, undefined);
    await assertGlb(during.value.data.model_mesh);
    assert.equal(during.of('initiate').length, 1);
    assert.equal(during.of('upload').length, 1);
    assert.deepEqual(await sandbox.violations(), [], 'the key goes to the API only');
  });

  test('what was uploaded can be had by everybody, unchanged', async () => {
    const url = await fal.storage.upload(new File([ball()], 'a ball.png', { type: 'image/png' }));
    assert.match(url, /\/files\/b\/[0-9a-f]{8}\/[\w-]{21}_a_ball\.png$/);
    const answer = await fetch(url);
    assert.equal(answer.headers.get('content-type'), 'image/png');
    assert.equal(answer.headers.get('cache-control'), 'public, max-age=5184000, immutable');
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), ball());
  });

  test('95 MiB go up in ten parts and come back whole', async () => {
    const bytes = Buffer.alloc(95 * 1024 * 1024);
    for (let i = 0; i < bytes.length; i += 4096) bytes.writeUInt32LE(i, i);
    const during = await callsDuring(() => fal.storage.upload(new Blob([bytes], { type: 'application/octet-stream' })));
    assert.equal(during.error, undefined);
    assert.equal(during.of('part').length, 10);
    assert.deepEqual(during.of('part').map((each) => Number(each.path.split('/').at(-1))), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.equal(during.of('complete').length, 1);
    const back = Buffer.from(await (await fetch(during.value)).arrayBuffer());
    assert.ok(back.equals(bytes));
  });

  test('a part that fails is sent again', async () => {
    await sandbox.fault('http_500', { step: 'part' });
    const bytes = Buffer.alloc(91 * 1024 * 1024, 7);
    const during = await callsDuring(() => fal.storage.upload(new Blob([bytes])));
    assert.equal(during.error, undefined);
    assert.equal(during.of('part').length, 11);
    assert.equal((await (await fetch(during.value)).arrayBuffer()).byteLength, bytes.length);
  });
});

describe('errors', () => {
  test('422 is a ValidationError with the fields that are wrong', async () => {
    const { error } = await callsDuring(() =>
      fal.subscribe('tripo3d/p1/image-to-3d', { input: { face_limit: 3, texture: 'yes' }, ...quick }),
    );
    assert.ok(error instanceof ValidationError);
    assert.equal(error.status, 422);
    assert.deepEqual(
      error.fieldErrors.map(({ loc, type }) => [loc.join('.'), type]),
      [
        ['body.image_url', 'missing'],
        ['body.face_limit', 'greater_than_equal'],
        ['body.texture', 'bool_type'],
      ],
    );
    assert.deepEqual(error.getFieldErrors('face_limit')[0].ctx, { ge: 48 });
    assert.equal((await sandbox.ledger()).rows.at(-1).charged_usd, 0);
  });

  test('a result asked for too early is 400', async () => {
    const { request_id: requestId } = await fal.queue.submit(tripo, {
      input: { image_url: dataUri },
      headers: { 'x-sandbox-fault': 'stuck_running' },
    });
    await assert.rejects(fal.queue.result(tripo, { requestId }), (error) => {
      assert.ok(error instanceof ApiError);
      assert.equal(error.status, 400);
      assert.deepEqual(error.body, { detail: 'Request is still in progress' });
      assert.equal(error.requestId, requestId);
      return true;
    });
    await fal.queue.cancel(tripo, { requestId });
  });

  test('a page of HTML instead of JSON is an error without a body or a request id', async () => {
    await sandbox.fault('html_502', { times: 4 });
    const during = await callsDuring(() => fal.queue.submit(tripo, { input: { image_url: dataUri } }));
    assert.equal(during.error.status, 502);
    assert.equal(during.error.message, 'HTTP 502: Bad Gateway');
    assert.equal(during.error.body, undefined);
    assert.equal(during.error.requestId, '');
    assert.equal(during.of('submit').length, 4);
    assert.equal(during.accepted, 0);
  });

  test('an account that is locked can neither submit nor upload, but its requests go on', async () => {
    const { request_id: requestId } = await fal.queue.submit(tripo, { input: { image_url: dataUri } });
    await sandbox.post('lock', { reason: 'Exhausted balance.' });
    const locked = { status: 403, body: { detail: 'User is locked. Reason: Exhausted balance.' } };
    await assert.rejects(fal.queue.submit(tripo, { input: { image_url: dataUri } }), locked);
    await assert.rejects(fal.storage.upload(picture), locked);
    await fal.queue.subscribeToStatus(tripo, { requestId, ...quick });
    await assertGlb((await fal.queue.result(tripo, { requestId })).data.model_mesh);
    await sandbox.post('unlock');
    await fal.storage.upload(picture);
  });

  test('keys that are missing, malformed or unknown are 401, each with its words', async () => {
    const keyed = await startSandbox({ key: 'kid:right' });
    const detail = async (credentials) => {
      const client = clientOf(keyed, { credentials });
      return client.queue.status(tripo, { requestId: 'x' }).catch((error) => [error.status, error.body.detail]);
    };
    assert.deepEqual(await detail('kid:wrong'), [401, 'No user found for Key ID and Secret']);
    assert.deepEqual(await detail('kid'), [401, "Invalid Key Authorization header format. Expected '<key_id>:<key_secret>'."]);
    assert.deepEqual(await detail(''), [
      401,
      'Cannot access application "tripo3d/tripo". Authentication is required to access this application.',
    ]);
    assert.deepEqual((await keyed.violations()).map((each) => each.kind), ['no_authorization']);
    await keyed.stop();
  });
});

describe('cancel', () => {
  const submitted = async (fault) =>
    (await fal.queue.submit(tripo, { input: { image_url: dataUri }, headers: { 'x-sandbox-fault': fault } })).request_id;
  const cancelled = async (requestId) => {
    const during = await callsDuring(() => fal.queue.cancel(tripo, { requestId }));
    return { status: during.of('cancel')[0].status, error: during.error };
  };

  test('queued: 202, and it never runs', async () => {
    const requestId = await submitted('stuck_queue');
    assert.deepEqual(await cancelled(requestId), { status: 202, error: undefined });
    const status = await fal.queue.subscribeToStatus(tripo, { requestId, ...quick });
    assert.equal(status.error_type, 'client_cancelled');
    await assert.rejects(fal.queue.result(tripo, { requestId }), { status: 499 });
  });

  test('running: 202, which is only a signal', async () => {
    const obeys = await submitted('stuck_running');
    await eventually(async () => (await fal.queue.status(tripo, { requestId: obeys })).status === 'IN_PROGRESS');
    assert.deepEqual(await cancelled(obeys), { status: 202, error: undefined });
    assert.equal((await fal.queue.subscribeToStatus(tripo, { requestId: obeys, ...quick })).error_type, 'client_cancelled');
    const deaf = await submitted('ignore_cancel');
    await eventually(async () => (await fal.queue.status(tripo, { requestId: deaf })).status === 'IN_PROGRESS');
    assert.equal((await cancelled(deaf)).status, 202);
    await fal.queue.subscribeToStatus(tripo, { requestId: deaf, ...quick });
    await assertGlb((await fal.queue.result(tripo, { requestId: deaf })).data.model_mesh);
    const row = (await sandbox.ledger()).rows.find((each) => each.request_id === deaf);
    assert.equal(row.charged_usd, 0.3, 'it completed, and is paid for');
  });

  test('finished: 400, and the client throws', async () => {
    const requestId = await submitted('error:no_media_generated');
    await fal.queue.subscribeToStatus(tripo, { requestId, ...quick });
    const { status, error } = await cancelled(requestId);
    assert.equal(status, 400);
    assert.deepEqual(error.body, { status: 'ALREADY_COMPLETED' });
  });

  test('unknown: 404', async () => {
    const { status, error } = await cancelled('019e0000-0000-7000-8000-000000000001');
    assert.equal(status, 404);
    assert.deepEqual(error.body, { status: 'NOT_FOUND' });
  });
});

describe('retries', () => {
  test('a connection dropped before the request was accepted: two POSTs, one payment', async () => {
    await sandbox.fault('drop_before');
    const during = await callsDuring(() => fal.subscribe(tripo, { input: { image_url: dataUri }, ...quick }));
    assert.equal(during.error, undefined);
    assert.equal(during.of('submit').length, 2);
    assert.equal(during.accepted, 1);
  });

  test('a connection dropped after it: two POSTs, and the vendor’s own client pays twice', async () => {
    await sandbox.fault('drop_after');
    const during = await callsDuring(() => fal.subscribe(tripo, { input: { image_url: dataUri }, ...quick }));
    assert.equal(during.error, undefined);
    assert.equal(during.of('submit').length, 2);
    assert.equal(during.accepted, 2);
    assert.deepEqual((await sandbox.ledger()).rows.slice(-2).map((each) => each.answer_lost), [true, false]);
  });

  test('503, 503, 200: three POSTs', async () => {
    await sandbox.fault('http_503', { times: 2 });
    const during = await callsDuring(() => fal.subscribe(tripo, { input: { image_url: dataUri }, ...quick }));
    assert.equal(during.error, undefined);
    assert.deepEqual(during.of('submit').map((each) => each.status), [503, 503, 200]);
    assert.equal(during.accepted, 1);
  });

  test('a start deadline of the user’s that is over: 504, one POST', async () => {
    await sandbox.fault('user_timeout');
    const during = await callsDuring(() => fal.queue.submit(tripo, { input: { image_url: dataUri }, startTimeout: 2 }));
    assert.ok(during.error.isUserTimeout);
    assert.equal(during.of('submit').length, 1);
  });

  test('a request that did not start within its deadline: the result is 504, asked for once', async () => {
    const during = await callsDuring(async () => {
      const headers = { 'x-sandbox-fault': 'stuck_queue' };
      const options = { input: { image_url: dataUri }, startTimeout: 1.01, headers };
      const { request_id: requestId } = await fal.queue.submit(tripo, options);
      await fal.queue.subscribeToStatus(tripo, { requestId, ...quick });
      return fal.queue.result(tripo, { requestId });
    });
    assert.ok(during.error.isUserTimeout);
    assert.equal(during.of('result').length, 1);
  });

  test('a status that fails is asked for again, a 500 too', async () => {
    await sandbox.fault('http_500', { step: 'status' });
    const during = await callsDuring(() => fal.subscribe(tripo, { input: { image_url: dataUri }, ...quick }));
    assert.equal(during.error, undefined);
    assert.equal(during.of('status')[0].status, 500);
    assert.equal(during.accepted, 1);
  });
});

describe('run', () => {
  test('answers the output directly, and 429 above the concurrency limit', async () => {
    await assertGlb((await fal.run(trellis, { input: { image_url: dataUri } })).data.model_mesh);
    const limited = await startSandbox({ concurrency: 1 });
    const { json } = await submit(limited, tripo, { image_url: dataUri }, { headers: { 'x-sandbox-fault': 'stuck_running' } });
    const answer = await call(limited, {
      method: 'POST',
      path: `/fal.run/${trellis}`,
      body: { image_url: dataUri },
    });
    assert.equal(answer.status, 429);
    assert.equal(answer.json.type, 'concurrent_requests_limit');
    await call(limited, { method: 'PUT', path: json.cancel_url });
    await limited.stop();
  });
});

test('the client did nothing that a good client does not do', async () => {
  assert.deepEqual(await sandbox.violations(), []);
});
