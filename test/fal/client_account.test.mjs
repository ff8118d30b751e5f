// The account runs so many calls at once, whoever sends them: two workers never have more than that at the provider, whatever
// Redis forgets and whoever is killed; and what the account really allows is learned.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { psql } from '../http/support/database.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, metricsOf, startAccount } from './support/account.mjs';

const most = 3;
let account;
before(async () => {
  account = await startAccount({
    env: { FAL_CONCURRENCY: `${most}`, ATTEMPTS_MAX: '20', FAL_UNSURE_S: '4' },
    sandbox: { concurrency: 100, 'run-ms': 150 },
    roles: ['serve', 'work', 'work2', 'schedule'],
  });
});
after(() => account?.stop());
afterEach(async () => {
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
});

const forgetMost = () => fetch(`${account.sandbox.url}/_sandbox/requests`, { method: 'DELETE' });
/** Never more at the provider than the account has; and more than one, or nothing was tried. */
async function assertWithin(limit) {
  const seen = await account.sandbox.get('requests');
  assert.ok(seen.live_most <= limit, `${seen.live_most} at once, of ${limit}`);
  assert.ok(seen.in_progress_most >= Math.min(2, limit), `${seen.in_progress_most} at once`);
}
/** The scheduler sends more than fits: only the places hold it back. */
const withoutDispatcher = () => account.stack.restart('schedule', { FAL_CONCURRENCY: '50' });

test('two workers share the places, and both have some', async () => {
  await forgetMost();
  const job = await givenBatch(account, 20);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await assertWithin(most);
  for (const role of ['work', 'work2']) {
    assert.ok((await metricsOf(account, role))('provider_calls_total{outcome="succeeded",provider="fal"}') > 0, role);
  }
  await assertPaidOnce(account);
});

test('a scheduler that sends too much changes nothing: who finds no place hands the picture back', async () => {
  await withoutDispatcher();
  await forgetMost();
  const job = await givenBatch(account, 20);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await assertWithin(most);
  const attempts = await account.stack.rows(`select attempt, attempts_max from job_items where job_id = '${job}'`);
  for (const { attempt, attempts_max: max } of attempts) assert.ok(max - attempt >= 19, 'waiting for a place is no attempt');
  await assertPaidOnce(account);
});

test('where Redis cannot tell, PostgreSQL alone keeps the number', async () => {
  const { redis, name } = account.stack;
  await redis.ask('SET', `${name}:slots:fal`, 'nothing that holds places');
  await forgetMost();
  const job = await givenBatch(account, 12);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await assertWithin(most);
  await redis.ask('DEL', `${name}:slots:fal`);
  await assertPaidOnce(account);
});

test('Redis forgets everything, again and again: PostgreSQL knows what is in flight', async () => {
  await forgetMost();
  const job = await givenBatch(account, 20);
  let over = false;
  const done = ended(account, job).finally(() => (over = true));
  const places = `${account.stack.name}:slots:fal`;
  for (let turn = 1; !over; ++turn) {
    // Now everything, now that it was told, now the places alone, so that it believes that none is taken.
    await account.stack.redis.ask(...(turn % 20 === 0 ? ['FLUSHALL'] : turn % 4 === 0 ? ['DEL', places, `${places}:told`] : ['DEL', places]));
    await pause(5);
  }
  assert.equal((await done).status, 'succeeded');
  await assertWithin(most);
  assert.match(account.stack.logOf('work') + account.stack.logOf('work2'), /"event":"slots_told"/);
  await assertPaidOnce(account);
});

test('a worker is killed while it has places: they stay taken while the provider is at work, and come back', async () => {
  const { stack, sandbox } = account;
  await sandbox.post('settings', { run_ms: 1500 });
  await forgetMost();
  const job = await givenBatch(account, 9);
  for (let kill = 0; kill < 3; ++kill) {
    await eventually(async () => (await callsOf(account, job)).some((call) => call.state === 'accepted'), { what: 'a call' });
    await stack.kill9('work');
    await pause(200);
    await stack.run('work');
    await pause(500);
  }
  await sandbox.post('settings', { run_ms: 150 });
  const done = await ended(account, job);
  assert.equal(done.status, 'succeeded', JSON.stringify(done.items));
  await assertWithin(most);
  await closed(account, job);
  assert.equal(await psql(stack.name, "select followed + lost from provider_calls_in_flight('fal')"), '0');
  assert.equal(await account.stack.redis.ask('ZCARD', `${stack.name}:slots:fal`), '0', 'every place was given back');
  await assertPaidOnce(account);
});

test('with Redis away, what is being made is finished, and never too much is begun', async () => {
  await forgetMost();
  const job = await givenBatch(account, 12);
  await eventually(async () => (await callsOf(account, job)).length > 0, { what: 'a call' });
  await account.stack.redis.kill9();
  await pause(500);
  await account.stack.redis.start();
  assert.equal((await ended(account, job)).status, 'succeeded');
  await assertWithin(most);
  await assertPaidOnce(account);
});

test('what the account allows is learned: what it does not run is not sent', async () => {
  const { sandbox, stack } = account;
  for (const role of ['work', 'work2']) await stack.restart(role, { FAL_CONCURRENCY: '8' });
  await stack.restart('schedule', { FAL_CONCURRENCY: '8' });
  await sandbox.post('settings', { concurrency: 2, run_ms: 15_000 });
  // While it starts nobody listens yet.
  const limit = async () => (await metricsOf(account, 'schedule').catch(() => () => undefined))('provider_limit{provider="fal"}');
  await eventually(async () => (await limit()) === 8, { what: 'the limit being told' });
  const job = await givenBatch(account, 6);
  await eventually(async () => (await limit()) === 2, { within: 25_000, what: 'the limit being learned' });
  await sandbox.post('settings', { run_ms: 100 });
  await ended(account, job);
  await forgetMost();
  await ended(account, await givenBatch(account, 10));
  await assertWithin(2);
  await assertPaidOnce(account);
});
