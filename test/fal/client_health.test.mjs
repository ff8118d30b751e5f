// The account is locked, the key is refused, the service falls over: the provider is left alone for every company, the jobs
// wait, an operator is told, and one picture at a time tries whether it goes again.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { psql } from '../http/support/database.mjs';
import { eventually } from '../http/support/stack.mjs';
import { givenMember } from '../http/support/client.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, itemsOf, metricsOf, startAccount } from './support/account.mjs';

let account;
before(async () => {
  account = await startAccount({ env: { FAL_FAILURES_MAX: '3', ATTEMPTS_MAX: '20', FAL_UNSURE_S: '3' } });
});
after(() => account?.stop());
afterEach(async () => {
  await account.sandbox.post('unlock');
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
});

const healthIs = (state) =>
  eventually(
    async () => (await account.stack.row("select state from provider_health where provider = 'fal'"))?.state === state,
    { within: 15_000, what: `the provider being ${state}` },
  );
const logged = (words) =>
  eventually(() => words.test(account.stack.logOf('schedule')), { within: 5000, what: `${words} in the log` });
const metricIs = (name, value) =>
  eventually(async () => (await metricsOf(account, 'schedule'))(name) === value, { within: 5000, what: `${name} ${value}` });

test('a locked account: jobs of all companies wait, an operator is told, and it resumes by itself', async () => {
  const { sandbox, stack } = account;
  await sandbox.post('lock');
  const other = { ...account, member: await givenMember(stack, { credits: 1000 }) };
  const jobs = [await givenBatch(account, 3), await givenBatch(other, 2)];
  await healthIs('locked');
  await metricIs('provider_state{provider="fal",state="locked"}', 1);
  await logged(/"level":"error".*"event":"provider_alert".*"state":"locked"/);
  await sandbox.forgetCalls();
  await pause(3000);
  const asked = (await sandbox.calls('initiate')).length + (await sandbox.calls('submit')).length;
  assert.ok(asked >= 1 && asked <= 4, `probed ${asked} times in 3 s, at one a second`);
  for (const job of jobs) {
    for (const item of await itemsOf(account, job)) assert.ok(!['failed', 'succeeded'].includes(item.status), item.status);
  }
  await sandbox.post('unlock');
  assert.equal((await ended(account, jobs[0])).status, 'succeeded');
  assert.equal((await ended(other, jobs[1])).status, 'succeeded');
  await healthIs('ok');
  await metricIs('provider_state{provider="fal",state="ok"}', 1);
  await logged(/"event":"provider_resumed"/);
  await assertPaidOnce(account);
});

test('a lock while requests run: those are finished, and only new ones wait', async () => {
  const { sandbox } = account;
  await sandbox.post('settings', { run_ms: 1500 });
  const running = await givenBatch(account, 2);
  await eventually(async () => (await callsOf(account, running)).filter((call) => call.state === 'accepted').length === 2, {
    what: 'two accepted calls',
  });
  await sandbox.post('lock');
  const waiting = await givenBatch(account, 1);
  assert.equal((await ended(account, running)).status, 'succeeded');
  await healthIs('locked');
  assert.deepEqual((await closed(account, waiting)).filter((call) => call.state !== 'refused'), []);
  await sandbox.post('unlock');
  await sandbox.post('settings', { run_ms: 100 });
  assert.equal((await ended(account, waiting)).status, 'succeeded');
  await assertPaidOnce(account);
});

test('a lock, and the worker dies: what is at the provider is fetched by the next all the same, and ends no lock', async () => {
  const { sandbox, stack } = account;
  await stack.restart('work', { FAL_PROBE_S: '600' }); // nothing is tried meanwhile
  await sandbox.post('settings', { run_ms: 2500 });
  const running = await givenBatch(account, 3);
  const accepted = async () => (await callsOf(account, running)).filter((call) => call.state === 'accepted').length === 3;
  await eventually(accepted, { what: 'three accepted calls' });
  await sandbox.post('lock');
  const waiting = await givenBatch(account, 1);
  await healthIs('locked');
  const health = () => stack.row("select state, since from provider_health where provider = 'fal'");
  const before = await health();
  await stack.kill9('work');
  await stack.run('work', { FAL_PROBE_S: '600' });
  assert.equal((await ended(account, running)).status, 'succeeded');
  assert.deepEqual(await health(), before, 'it was locked all the time');
  await sandbox.post('unlock');
  await sandbox.post('settings', { run_ms: 100 });
  await psql(stack.name, "update provider_health set probe_at = now()");
  assert.equal((await ended(account, waiting)).status, 'succeeded');
  await stack.restart('work');
  await assertPaidOnce(account);
});

test('a key that is not accepted: likewise', async () => {
  const { sandbox } = account;
  await sandbox.fault('http_401', { step: 'initiate', times: 4 });
  const job = await givenBatch(account, 1);
  await healthIs('key');
  await logged(/"event":"provider_alert".*"state":"key"/);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await healthIs('ok');
  await assertPaidOnce(account);
});

test('failures in a row open the breaker, and a probe closes it', async () => {
  const { sandbox } = account;
  await sandbox.fault('http_503', { step: 'initiate', times: 5 });
  const job = await givenBatch(account, 4);
  await healthIs('open');
  await logged(/"event":"provider_alert".*"state":"open"/);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await healthIs('ok');
  await assertPaidOnce(account);
});

test('what calls came to is counted', async () => {
  const metrics = await metricsOf(account, 'work');
  assert.ok(metrics('provider_calls_total{outcome="succeeded",provider="fal"}') > 0);
  assert.equal((await metricsOf(account, 'schedule'))('provider_limit{provider="fal"}'), 8);
});

test('a provider that is stuck is given up at the item\'s deadline, and told so; the customer is paid back', async () => {
  const { sandbox, stack } = account;
  await stack.restart('serve', { ITEM_DEADLINE_S: '3' });
  await sandbox.fault('stuck_queue', { step: 'submit' });
  const job = await givenBatch(account, 1);
  const done = await ended(account, job);
  assert.equal(done.items[0].error.code, 'deadline_exceeded');
  const request = (await sandbox.ledger()).rows.at(-1);
  await eventually(async () => (await sandbox.ledger()).rows.find((row) => row.request_id === request.request_id).state === 'COMPLETED', {
    what: 'the request being cancelled',
  });
  await stack.restart('serve');
  await assertPaidOnce(account);
});
