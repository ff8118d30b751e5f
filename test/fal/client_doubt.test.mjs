// What could make a second submit of a request that was, or may have been, made: a worker that dies after it has written down how a call
// ended and before its item has; a gateway that fails where a result is fetched; an answer that PostgreSQL cannot take as it is.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';

import { Session } from '../http/support/database.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, startAccount } from './support/account.mjs';

/** What stands between our client and the queue: `gate.answer(request)` may answer in its place. */
function startGate() {
  const gate = { answer: () => null };
  const server = http.createServer((asked, answer) => {
    const own = gate.answer(asked);
    if (own) {
      asked.resume();
      answer.writeHead(own.status, own.headers);
      return answer.end(own.body);
    }
    const onward = http.request(`${gate.target}${asked.url}`, { method: asked.method, headers: asked.headers, agent: false }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      gate.url = `http://127.0.0.1:${server.address().port}`;
      gate.stop = () => (server.closeAllConnections(), server.close());
      resolve(gate);
    }),
  );
}

let account;
let gate;
let lock;
before(async () => {
  gate = await startGate();
  account = await startAccount({
    env: { FAL_QUEUE_URL: gate.url, FAL_UNSURE_S: '3', FAL_RUN_TIMEOUT_S: '2', FAL_CANCEL_TIMEOUT_S: '1', FAL_FAILURES_MAX: '1000', ATTEMPTS_MAX: '10' },
  });
  gate.target = account.sandbox.url;
  account.door.open = false; // each is found out by asking
  lock = new Session(account.stack.name);
});
after(async () => {
  await lock?.close();
  await account?.stop();
  gate?.stop();
});
afterEach(async () => {
  gate.answer = () => null;
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  await account.sandbox.post('release');
});

const accepted = async () => (await account.sandbox.ledger()).rows.length;
const isResult = (asked) => asked.method === 'GET' && /\/requests\/[^/]+$/.test(asked.url);
/** The first `times` that `which` fits are answered so. */
const answered = (times, which, answer) => {
  let left = times;
  gate.answer = (asked) => (left > 0 && which(asked) ? (--left, answer) : null);
  return () => assert.equal(left, 0, 'each was met');
};
async function outcome(job) {
  const done = await ended(account, job);
  const calls = await closed(account, job);
  await assertPaidOnce(account);
  return { done, calls, states: calls.map((call) => call.state) };
}

describe('the worker dies when its call has ended and its item has not', () => {
  const spoil = {
    'one that could not be stopped': ['stuck_running', 'ignore_cancel'],
    'one that the provider has forgotten': ['http_404'],
    'one whose result is gone': ['result_expired'],
    'one that brought no model': ['mesh_missing'],
  };
  for (const [name, faults] of Object.entries(spoil)) {
    test(`${name}: it may have been paid for, nothing follows it`, async () => {
      const before = await accepted();
      for (const fault of faults)
        await account.sandbox.fault(fault, fault === 'http_404' ? { step: 'status', times: 3 } : { step: 'submit' });
      const job = await givenBatch(account, 1);
      await eventually(async () => (await callsOf(account, job)).length > 0, { every: 10, what: 'a call' });
      // Its item cannot end while somebody else holds its job.
      await lock.run(`begin; select id from job_history where id = '${job}' for update`);
      await eventually(async () => (await callsOf(account, job))[0].ended_at, { every: 20, what: 'the call having ended' });
      await account.stack.kill9('work');
      await lock.run('rollback');
      await account.stack.run('work');
      const { done, calls } = await outcome(job);
      assert.equal(done.status, 'failed');
      assert.deepEqual(calls.map((call) => call.cost_microusd), [300_000]);
      assert.equal((await accepted()) - before, 1);
      assert.equal(done.credits.released, 35);
    });
  }
});

test('a gateway that fails where the result is fetched says nothing about the request, whoever signs the answer', async () => {
  for (const status of [500, 502, 503, 504, 202, 307, 408]) {
    const before = await accepted();
    const headers = { 'content-type': 'application/json', 'x-fal-request-id': '019e0000-0000-7000-8000-000000000001' };
    const met = answered(2, isResult, { status, headers, body: '{"detail":"Internal Server Error"}' });
    const { done, states } = await outcome(await givenBatch(account, 1));
    met();
    assert.deepEqual([done.status, states], ['succeeded', ['succeeded']]);
    assert.equal((await accepted()) - before, 1);
  }
});

test('a request that is not found now and then is not lost', async () => {
  let looks = 0;
  const headers = { 'content-type': 'application/json' };
  gate.answer = (asked) =>
    asked.url.endsWith('/status') && ++looks % 2 === 1 ? { status: 404, headers, body: '{"status":"NOT_FOUND"}' } : null;
  await account.sandbox.post('settings', { run_ms: 1500 });
  const { done, states } = await outcome(await givenBatch(account, 1));
  await account.sandbox.post('settings', { run_ms: 100 });
  assert.ok(looks >= 5, `${looks} looks`);
  assert.deepEqual([done.status, states], ['succeeded', ['succeeded']]);
});

describe('an answer that is no UTF-8, or is cut within a character', () => {
  const words = { latin1: Buffer.from(`<html>${'\xe9'.repeat(20)}</html>`, 'latin1'), cut: Buffer.from(`{"detail":"${'é'.repeat(400)}"}`), cut_odd: Buffer.from(`{"detail":"x${'é'.repeat(400)}"}`) };
  for (const [name, body] of Object.entries(words)) {
    const headers = { 'content-type': 'application/json' };
    const isSubmit = (asked) => asked.method === 'POST';
    test(`${name}: a lock is a lock`, async () => {
      answered(1, isSubmit, { status: 403, headers, body });
      const { done, states } = await outcome(await givenBatch(account, 1));
      assert.deepEqual([done.status, states], ['succeeded', ['refused', 'succeeded']]);
    });
    test(`${name}: what was refused is not in doubt`, async () => {
      answered(1, isSubmit, { status: 429, headers, body });
      const { done, states } = await outcome(await givenBatch(account, 1));
      assert.deepEqual([done.status, states], ['succeeded', ['refused', 'succeeded']]);
    });
    test(`${name}: what failed has failed`, async () => {
      answered(1, isResult, { status: 422, headers: { ...headers, 'x-fal-error-type': 'no_media_generated' }, body });
      const { done, states } = await outcome(await givenBatch(account, 1));
      assert.equal(done.items[0].error?.code, 'no_object_found');
      assert.deepEqual(states, ['failed']);
    });
  }
});

test('a request id that another call has: its item ends, and stays booked to us', async () => {
  const first = (await outcome(await givenBatch(account, 1))).calls[0];
  const body = JSON.stringify({ status: 'IN_QUEUE', request_id: first.request_id });
  answered(1, (asked) => asked.method === 'POST', { status: 200, headers: { 'content-type': 'application/json' }, body });
  const { done, calls } = await outcome(await givenBatch(account, 1));
  assert.equal(done.status, 'failed');
  assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['abandoned', 300_000]]);
});

test('a call that was let go does not keep a locked account from being asked again', async () => {
  for (const fault of ['stuck_running', 'ignore_cancel']) await account.sandbox.fault(fault, { step: 'submit' });
  const { states } = await outcome(await givenBatch(account, 1));
  assert.deepEqual(states, ['abandoned']);
  answered(1, (asked) => asked.method === 'POST', { status: 403, headers: {}, body: '{"detail":"User is locked. Reason: TOP_UP."}' });
  assert.equal((await outcome(await givenBatch(account, 1))).done.status, 'succeeded');
});

test('what was lost names its address without the secret in it', async () => {
  await account.sandbox.fault('drop_before', { step: 'submit' });
  const { calls } = await outcome(await givenBatch(account, 1));
  assert.match(calls[0].error_detail, /127\.0\.0\.1/);
  assert.doesNotMatch(calls[0].error_detail, /webhook/);
  assert.doesNotMatch(account.stack.logOf('work'), /fal_webhook/);
});
