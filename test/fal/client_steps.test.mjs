// The worker is killed with -9 at each step of a call, one by one. What the next worker finds is one row of provider_calls, and
// from it alone it knows what to do: never a second submit, unless the first surely was not sent.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { Session } from '../http/support/database.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, startAccount } from './support/account.mjs';

/** What stands between our client and the queue: it can keep a POST to itself, as a network that has stopped would. */
function startGate() {
  const gate = { held: null, hold: false };
  const server = http.createServer((asked, answer) => {
    if (gate.hold && asked.method === 'POST') {
      gate.held = asked.socket;
      return asked.resume();
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
  account = await startAccount({ env: { FAL_UNSURE_S: '2', ATTEMPTS_MAX: '20', FAL_QUEUE_URL: gate.url } });
  gate.target = account.sandbox.url;
  lock = new Session(account.stack.name);
});
after(async () => {
  await lock?.close();
  await account?.stop();
  gate?.stop();
});
afterEach(async () => {
  gate.hold = false;
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  await account.sandbox.post('settings', { run_ms: 100 });
  account.door.open = true;
});

const accepted = async () => (await account.sandbox.ledger()).rows.length;
const callIs = (job, state) =>
  eventually(async () => (await callsOf(account, job)).find((call) => call.state === state), { every: 10, what: `a call that is ${state}` });
const seen = (step) => eventually(async () => (await account.sandbox.calls(step)).length > 0, { every: 10, what: `a call at ${step}` });
async function killed() {
  await account.stack.kill9('work');
  await account.stack.run('work');
}
/** One picture; the worker is killed once `reached(job)`; its calls when it has ended. */
async function madeAround(reached, { webhooks = false } = {}) {
  account.door.open = webhooks;
  await account.sandbox.forgetCalls();
  const before = await accepted();
  const job = await givenBatch(account, 1);
  await reached(job);
  await killed();
  const done = await ended(account, job);
  const calls = await closed(account, job);
  await assertPaidOnce(account);
  return { job, done, calls, accepted: (await accepted()) - before, states: calls.map((call) => call.state) };
}

test('while the picture is uploaded: nothing was sent, it begins anew', async () => {
  await account.sandbox.fault('slow_headers:3000', { step: 'upload' });
  const made = await madeAround(async () => {
    await seen('initiate');
    await pause(100);
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
});

test('before the row is written: likewise', async () => {
  await lock.run("begin; select pg_advisory_xact_lock(hashtextextended('provider_calls:fal', 0))");
  const made = await madeAround(async (job) => {
    await seen('upload');
    await pause(200);
    assert.deepEqual(await callsOf(account, job), []);
    setTimeout(() => lock.run('rollback'), 300);
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
});

test('after the row, before anything reached the provider: nobody can know, so it is not sent again', async () => {
  gate.hold = true;
  const made = await madeAround(async (job) => {
    await callIs(job, 'submitting');
    await eventually(() => gate.held, { every: 10, what: 'the POST on its way' });
    setTimeout(() => (gate.hold = false), 200);
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['failed', ['abandoned'], 0]);
  assert.equal(made.done.items[0].error.code, 'outcome_unknown');
});

for (const webhooks of [true, false]) {
  test(`after it was accepted, before its id was written; webhooks ${webhooks ? 'come' : 'are lost'}`, async () => {
    await account.sandbox.fault('slow_headers:1500', { step: 'submit' });
    await account.sandbox.post('settings', { run_ms: 2500 });
    const before = await accepted();
    const made = await madeAround(
      async (job) => {
        await eventually(async () => (await accepted()) > before, { every: 10, what: 'the simulator accepting it' });
        assert.equal((await callsOf(account, job))[0].state, 'submitting');
      },
      { webhooks },
    );
    assert.equal(made.accepted, 1);
    if (webhooks) assert.deepEqual([made.done.status, made.states], ['succeeded', ['succeeded']]);
    else assert.deepEqual([made.done.status, made.states, made.calls[0].cost_microusd], ['failed', ['abandoned'], 300_000]);
  });
}

test('after its id was written', async () => {
  await account.sandbox.post('settings', { run_ms: 1500 });
  const made = await madeAround((job) => callIs(job, 'accepted'));
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
});

test('while it is polled', async () => {
  await account.sandbox.post('settings', { run_ms: 1500 });
  const made = await madeAround(async () => {
    await eventually(async () => (await account.sandbox.calls('status')).length > 3, { every: 10, what: 'a few looks' });
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
});

test('while its result is asked for', async () => {
  await account.sandbox.fault('slow_headers:3000', { step: 'result' });
  const made = await madeAround(async (job) => {
    await seen('result');
    assert.equal((await callsOf(account, job))[0].state, 'accepted');
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
});

test('after its result was written, while the model is fetched', async () => {
  await account.sandbox.fault('slow_headers:3000', { step: 'file', times: 1 });
  const made = await madeAround(async (job) => {
    await seen('file');
    assert.equal((await callsOf(account, job))[0].state, 'answered');
  });
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
  assert.equal((await account.sandbox.calls('submit')).length, 1);
  assert.ok((await account.sandbox.calls('file')).length >= 2, 'fetched anew');
});

test('after the model was stored, before it was settled', async () => {
  let held;
  const made = await madeAround(async (job) => {
    await callIs(job, 'accepted');
    await lock.run(`begin; select id from job_history where id = '${job}' for update`);
    await eventually(() => account.stack.disk().find((file) => file.includes(job) && file.endsWith('.glb')), { every: 10, what: 'a stored model' });
    held = await callsOf(account, job);
    await account.stack.kill9('work');
    await lock.run('rollback');
    await account.stack.run('work');
  });
  assert.equal(held[0].state, 'answered');
  assert.deepEqual([made.done.status, made.states, made.accepted], ['succeeded', ['succeeded'], 1]);
  const [{ settled }] = await account.stack.rows(`select count(*)::int as settled from credit_holds where job_id = '${made.job}' and state = 'settled'`);
  assert.equal(settled, 1);
});

test('in the middle of being cancelled', async () => {
  await account.sandbox.fault('slow_headers:3000', { step: 'cancel' });
  await account.sandbox.post('settings', { run_ms: 20_000 });
  account.door.open = false;
  await account.sandbox.forgetCalls();
  const job = await givenBatch(account, 1);
  await callIs(job, 'accepted');
  await fetch(`${account.stack.base}/api/v1/jobs/${job}/cancellation`, {
    method: 'POST',
    headers: { authorization: `Bearer ${account.member.token}` },
  });
  await seen('cancel');
  await killed();
  const done = await ended(account, job);
  assert.equal(done.status, 'cancelled');
  assert.deepEqual((await closed(account, job)).map((call) => call.state), ['cancelled']);
  await assertPaidOnce(account);
});

