// The worker is killed with -9 at random moments, in the middle of random faults at random steps and of cancellations: every item
// ends, none is accepted twice, the money is in order and the books cover what was charged.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { givenRandom } from '../http/support/invariants.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, itemIs, itemsOf, startAccount } from './support/account.mjs';

const items = 6;
const rounds = Number(process.env.I2M_TEST_ROUNDS ?? 4);

const steps = ['initiate', 'upload', 'submit', 'status', 'result', 'file', 'cancel'];
const onCalls = ['drop_before', 'drop_after', 'truncated_json', 'html_502', 'html_502_after', 'http_503', 'http_429', 'slow_headers:700'];
const onRequests = ['error:internal_server_error', 'error:content_policy_violation', 'error:runner_disconnected', 'webhook_late:1000', 'webhook_duplicate:2'];
onRequests.push('webhook_lost', 'platform_retry:1', 'truncated_glb', 'result_expired', 'unknown_state', 'log_flood:500');
const reasons = ['outcome_unknown', 'content_rejected', 'contract_missed', 'attempts_exhausted'];
const final = ['succeeded', 'failed', 'refused', 'abandoned', 'cancelled'];

const cancelled = (job) =>
  fetch(`${account.stack.base}/api/v1/jobs/${job}/cancellation`, { method: 'POST', headers: { authorization: `Bearer ${account.member.token}` } });

let account;
before(async () => {
  account = await startAccount({
    env: { FAL_UNSURE_S: '6', ATTEMPTS_MAX: '20', FAL_POLL_MS: '100', FAL_FAILURES_MAX: '1000' },
    sandbox: { 'run-ms': 400 },
  });
});
after(() => account?.stop());

for (let round = 0; round < rounds; ++round) {
  test(`killed at random moments, round ${round}`, async (t) => {
    const random = givenRandom(t);
    const { sandbox, stack, door } = account;
    const one = (list) => list[random(list.length)];
    await sandbox.fault(`slow_headers:${100 + random(600)}`, { step: 'submit', times: items });
    for (let n = 0; n < 4; ++n) await sandbox.fault(one(onCalls), { step: one(steps), skip: random(items) });
    for (let n = 0; n < 3; ++n) await sandbox.fault(one(onRequests), { step: 'submit', skip: random(items) });
    const { planned } = await sandbox.get('faults');
    t.diagnostic(planned.map(({ fault, step, skip }) => `${fault} at ${step} ${skip}`).join(', '));
    door.open = random(3) > 0;
    const job = await givenBatch(account, items);
    for (let kill = 0; kill < 3; ++kill) {
      await pause(random(900));
      await stack.kill9('work');
      if (random(3) === 0 && stack.processes.has('schedule')) await stack.kill9('schedule');
      await stack.run('work');
      if (!stack.processes.has('schedule')) await stack.run('schedule');
      if (random(6) === 0) await cancelled(job);
    }
    const done = await ended(account, job, 90_000);
    t.diagnostic(`${done.items.map((item) => item.status)}`);
    await assertPaidOnce(account);
    for (const item of done.items) {
      if (item.status === 'failed') assert.ok(reasons.includes(item.error.code), JSON.stringify(item));
    }
    const calls = await closed(account, job);
    assert.ok(calls.every((call) => final.includes(call.state)), JSON.stringify(calls.map((call) => call.state)));
    await fetch(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  });
}

test('killed between the submit and its answer: nothing is sent again, and the webhook brings the model', async () => {
  const { sandbox, stack, door } = account;
  door.open = true;
  await sandbox.post('settings', { run_ms: 3000 });
  await sandbox.fault('slow_headers:1500', { step: 'submit' });
  const job = await givenBatch(account, 1);
  const accepted = async () => (await sandbox.ledger()).rows.length;
  const before = await accepted();
  for (let tries = 0; (await accepted()) === before && tries < 200; ++tries) await pause(10);
  assert.equal(await accepted(), before + 1, 'the simulator has accepted it, and has not answered');
  assert.deepEqual((await callsOf(account, job)).map((call) => call.state), ['submitting']);
  await stack.kill9('work');
  await stack.run('work');
  await itemIs(account, job, 'unsure');
  const done = await ended(account, job);
  await sandbox.post('settings', { run_ms: 400 });
  assert.equal(done.status, 'succeeded');
  assert.equal(await accepted(), before + 1);
  assert.deepEqual((await closed(account, job)).map((call) => [call.state, call.submission]), [['succeeded', 1]]);
  await assertPaidOnce(account);
});

test('killed after the answer: the request is followed by its id, not made again', async () => {
  const { sandbox, stack, door } = account;
  door.open = false;
  await sandbox.post('settings', { run_ms: 2000 });
  const job = await givenBatch(account, 1);
  const call = async () => (await callsOf(account, job))[0];
  for (let tries = 0; (await call())?.state !== 'accepted' && tries < 500; ++tries) await pause(10);
  const { request_id } = await call();
  await stack.kill9('work');
  await stack.run('work');
  const done = await ended(account, job);
  await sandbox.post('settings', { run_ms: 400 });
  door.open = true;
  assert.equal(done.status, 'succeeded');
  const calls = await closed(account, job);
  assert.deepEqual(calls.map((each) => [each.state, each.request_id]), [['succeeded', request_id]]);
  assert.equal((await itemsOf(account, job))[0].attempt, 2);
  await assertPaidOnce(account);
});

test('where the operator allows it, an unsure item is submitted once more, and both calls are booked', async () => {
  const { sandbox, stack, door } = account;
  await stack.restart('schedule', { FAL_RESUBMIT_UNSURE: 'true', FAL_UNSURE_S: '2' });
  door.open = false;
  await sandbox.fault('drop_after', { step: 'submit' });
  const job = await givenBatch(account, 1);
  const done = await ended(account, job);
  assert.equal(done.status, 'succeeded');
  const calls = await closed(account, job);
  assert.deepEqual(calls.map((each) => [each.state, each.submission, each.cost_microusd]), [
    ['abandoned', 1, 300_000],
    ['succeeded', 2, 300_000],
  ]);
  await sandbox.fault('drop_after', { step: 'submit', times: 2 });
  const lost = await ended(account, await givenBatch(account, 1));
  assert.equal(lost.status, 'failed', 'no third time');
  door.open = true;
  await stack.restart('schedule');
});

test('an operator says what became of an unsure call', async () => {
  const { sandbox, stack, door } = account;
  await stack.restart('schedule', { FAL_UNSURE_S: '600' });
  door.open = false;
  const provider = async (verb, ...args) => {
    const { runProgram, required } = await import('../http/support/database.mjs');
    const { code, out, error } = await runProgram(required('I2M_BIN'), ['admin', 'provider', verb, ...args], { env: stack.env });
    assert.equal(code, 0, error);
    return JSON.parse(out);
  };
  await sandbox.fault('drop_after', { step: 'submit' });
  const job = await givenBatch(account, 1);
  await itemIs(account, job, 'unsure');
  const [unsure] = (await provider('unsure')).calls;
  const { rows } = await sandbox.ledger();
  const request = rows.at(-1).request_id;
  const before = await provider('reconcile');
  assert.ok(before.billed_without_a_call.some((each) => each.request_id === request) || before.booked_without_a_request.length > 0);
  await provider('resolve', '--call', unsure.call_id, '--request-id', request);
  assert.equal((await ended(account, job)).status, 'succeeded');

  await sandbox.fault('drop_before', { step: 'submit' });
  const second = await givenBatch(account, 1);
  await itemIs(account, second, 'unsure');
  const [never] = (await provider('unsure')).calls;
  await provider('resolve', '--call', never.call_id, '--not-accepted');
  assert.equal((await ended(account, second)).status, 'succeeded');
  assert.deepEqual((await closed(account, second)).map((each) => each.state), ['refused', 'succeeded']);

  const { charged, booked } = await assertPaidOnce(account, { resubmitted: true });
  const after = await provider('reconcile');
  assert.deepEqual(after.billed_without_a_call.filter((each) => each.request_id === request), []);
  assert.equal(after.billed_microusd, charged);
  assert.equal(after.booked_microusd, booked);
  const status = await provider('status');
  assert.ok(status.calls.some((each) => each.state === 'succeeded' && each.calls > 0));
  door.open = true;
  await stack.restart('schedule');
});
