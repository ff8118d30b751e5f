// A batch or a picture that its owner cancels, and one that takes too long: what waits is given back at once; what is at the
// provider is cancelled there and followed until it has ended, and what it came to decides who pays.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { assertRefused, dataOf, givenMember, request } from '../http/support/client.mjs';
import { psql, required, runProgram } from '../http/support/database.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, callsOf, closed, ended, givenBatch, itemIs, itemsOf, startAccount } from './support/account.mjs';

let account;
before(async () => {
  account = await startAccount({
    env: {
      FAL_CONCURRENCY: '1',
      FAL_START_TIMEOUT_S: '3',
      FAL_RUN_TIMEOUT_S: '3',
      FAL_DOWNLOAD_TIMEOUT_S: '2',
      FAL_CANCEL_TIMEOUT_S: '4',
      FAL_UNSURE_S: '30',
      ATTEMPTS_MAX: '4',
    },
  });
});
after(() => account?.stop());
afterEach(async () => {
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  await account.sandbox.post('release');
  await account.sandbox.post('settings', { run_ms: 100, queue_ms: 0 });
  account.door.open = true;
});

const ask = (job, item, token = account.member.token) =>
  request(account.stack, {
    method: 'POST',
    path: `/api/v1/jobs/${job}${item ? `/items/${item}` : ''}/cancellation`,
    token,
  });
const accepted = (job) =>
  eventually(async () => (await callsOf(account, job)).find((call) => call.state === 'accepted'), { what: 'an accepted call' });
const creditsOf = async (job) => (await account.stack.rows(`
  select state, count(*)::int as count from credit_holds where job_id = '${job}' group by state order by state`))
  .map(({ state, count }) => `${count} ${state}`);
/** Once the simulator is done with everything it has accepted. */
const idle = () =>
  eventually(async () => {
    const now = await account.sandbox.get('requests');
    return now.IN_QUEUE + now.IN_PROGRESS === 0;
  }, { what: 'the simulator being done' });

describe('its owner cancels', () => {
  test('what waits ends at once, what runs as soon as the provider has stopped it; nothing is charged', async () => {
    const { sandbox } = account;
    await sandbox.post('settings', { run_ms: 20_000 });
    const job = await givenBatch(account, 3);
    await accepted(job);
    const now = dataOf(await ask(job), 202);
    assert.equal(now.items.filter((item) => item.status === 'cancelled').length, 2, 'those that were waiting');
    assert.deepEqual(now.credits, { held: 35, settled: 0, released: 70 });
    const done = await ended(account, job);
    assert.equal(done.status, 'cancelled');
    assert.deepEqual(await creditsOf(job), ['3 released']);
    const calls = await closed(account, job);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd, call.error_type]), [['cancelled', 0, 'client_cancelled']]);
    await assertPaidOnce(account);
  });

  test('one picture of a batch; the others go on', async () => {
    const { sandbox } = account;
    await sandbox.post('settings', { run_ms: 500 });
    const job = await givenBatch(account, 3);
    const items = await itemsOf(account, job);
    dataOf(await ask(job, items[2].id), 202);
    const done = await ended(account, job);
    assert.equal(done.status, 'partial');
    assert.deepEqual(done.items.map((item) => item.status), ['succeeded', 'succeeded', 'cancelled']);
    assert.deepEqual(await creditsOf(job), ['1 released', '2 settled']);
    await assertPaidOnce(account);
  });

  test('what the provider finishes all the same is a model, and is paid', async () => {
    const { sandbox } = account;
    await sandbox.post('settings', { run_ms: 1000 });
    await sandbox.fault('ignore_cancel', { step: 'submit' });
    const job = await givenBatch(account, 1);
    await accepted(job);
    dataOf(await ask(job), 202);
    const done = await ended(account, job);
    assert.equal(done.status, 'succeeded');
    assert.deepEqual(await creditsOf(job), ['1 settled']);
    await eventually(async () => (await sandbox.calls('cancel')).length > 0, { what: 'the request being cancelled' });
    await assertPaidOnce(account);
  });

  test('one that will not stop is let go: credits back, and the cost is ours', async () => {
    const { sandbox } = account;
    await sandbox.fault('stuck_running', { step: 'submit' });
    await sandbox.fault('ignore_cancel', { step: 'submit' });
    const job = await givenBatch(account, 1);
    await accepted(job);
    dataOf(await ask(job), 202);
    assert.equal((await ended(account, job)).status, 'cancelled');
    const calls = await closed(account, job);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['abandoned', 300_000]]);
    assert.deepEqual(await creditsOf(job), ['1 released']);
    await sandbox.post('release');
    await idle();
    await assertPaidOnce(account);
  });

  for (const fault of ['drop_before', 'drop_after', 'http_503', 'html_502', 'truncated_json', 'slow_headers:600', 'http_404']) {
    test(`${fault} at the cancelling`, async () => {
      const { sandbox } = account;
      await sandbox.post('settings', { run_ms: 1500 });
      await sandbox.fault(fault, { step: 'cancel' });
      const job = await givenBatch(account, 1);
      await accepted(job);
      dataOf(await ask(job), 202);
      const done = await ended(account, job);
      // Nobody heard of a 404 that was none: the model is made, and paid.
      assert.equal(done.status, fault === 'http_404' ? 'succeeded' : 'cancelled');
      await assertPaidOnce(account);
    });
  }

  test('one whose answer was lost: its word comes, and then it is cancelled', async () => {
    const { sandbox } = account;
    await sandbox.post('settings', { run_ms: 20_000 });
    await sandbox.fault('drop_after', { step: 'submit' });
    const job = await givenBatch(account, 1);
    await itemIs(account, job, 'unsure');
    assert.equal(dataOf(await ask(job), 202).items[0].status, 'unsure', 'it may have been paid for: it is not simply forgotten');
    assert.deepEqual(await creditsOf(job), ['1 held']);
    const [{ id }] = await callsOf(account, job);
    const request = (await sandbox.ledger()).rows.at(-1).request_id;
    const said = await runProgram(required('I2M_BIN'), ['admin', 'provider', 'resolve', '--call', id, '--request-id', request], {
      env: account.stack.env,
    });
    assert.equal(said.code, 0, said.error);
    assert.equal((await ended(account, job)).status, 'cancelled');
    assert.deepEqual((await closed(account, job)).map((call) => call.state), ['cancelled']);
    assert.deepEqual(await creditsOf(job), ['1 released']);
    await assertPaidOnce(account);
  });

  test('a worker that dies with the wish leaves it to the next', async () => {
    const { sandbox, stack } = account;
    await sandbox.post('settings', { run_ms: 20_000 });
    const job = await givenBatch(account, 1);
    await accepted(job);
    await stack.kill9('work');
    assert.equal(dataOf(await ask(job), 202).items[0].status, 'running');
    await stack.run('work');
    assert.equal((await ended(account, job)).status, 'cancelled');
    assert.deepEqual((await closed(account, job)).map((call) => [call.state, call.cost_microusd]), [['cancelled', 0]]);
    await assertPaidOnce(account);
  });

  test('with the notice lost the next heartbeat finds the wish', async () => {
    const { sandbox, stack } = account;
    await sandbox.post('settings', { run_ms: 20_000 });
    const job = await givenBatch(account, 1);
    await accepted(job);
    await psql(stack.name, `update job_items set cancel_asked_at = now() where job_id = '${job}'`);
    assert.equal((await ended(account, job)).status, 'cancelled');
    await assertPaidOnce(account);
  });

  test('what waits for a locked account ends at once, too', async () => {
    const { sandbox } = account;
    await sandbox.post('lock');
    const job = await givenBatch(account, 2);
    await eventually(async () => (await account.stack.row("select state from provider_health where provider = 'fal'"))?.state === 'locked', {
      what: 'the lock being seen',
    });
    dataOf(await ask(job), 202);
    assert.equal((await ended(account, job, 5_000)).status, 'cancelled');
    await sandbox.post('unlock');
    await assertPaidOnce(account);
  });

  test('twice is once; what has ended stays as it ended; nobody cancels another company\'s', async () => {
    const job = await givenBatch(account, 1);
    assert.equal((await ended(account, job)).status, 'succeeded');
    const nothingMoved = await account.stack.watch();
    assert.equal(dataOf(await ask(job), 202).status, 'succeeded');
    assert.equal(dataOf(await ask(job), 202).status, 'succeeded');
    await nothingMoved();
    const other = await givenMember(account.stack, { credits: 100 });
    assertRefused(await ask(job, null, other.token), 404, 'not_found');
    assertRefused(await ask(job, '019e0000-0000-7000-8000-000000000001'), 404, 'not_found');
    await assertPaidOnce(account);
  });
});

describe('every stage has a time of its own', () => {
  const failedFor = async (job, code, words) => {
    const done = await ended(account, job);
    assert.equal(done.status, 'failed');
    assert.equal(done.items[0].error.code, code, JSON.stringify(done.items[0].error));
    assert.match(done.items[0].error.message, words);
    assert.deepEqual(await creditsOf(job), ['1 released']);
    return closed(account, job);
  };

  test('in the queue: the provider gives it up, and nothing is billed', async () => {
    await account.sandbox.fault('stuck_queue', { step: 'submit' });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /could not begin with it in time/);
    assert.deepEqual(calls.map((call) => [call.state, call.error_type, call.cost_microusd]), [['failed', 'request_timeout', 0]]);
    await assertPaidOnce(account);
  });

  test('in the queue, and the provider forgets: it is cancelled by us', async () => {
    await account.sandbox.fault('stuck_queue', { step: 'submit' });
    await account.sandbox.fault('start_ignored', { step: 'submit' });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /too long at the provider/);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['cancelled', 0]]);
    await assertPaidOnce(account);
  });

  test('in progress: it is cancelled there', async () => {
    await account.sandbox.fault('stuck_running', { step: 'submit' });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /too long at the provider/);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['cancelled', 0]]);
    await assertPaidOnce(account);
  });

  test('in progress, and it will not stop: it is taken as paid', async () => {
    await account.sandbox.fault('stuck_running', { step: 'submit' });
    await account.sandbox.fault('ignore_cancel', { step: 'submit' });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /could not be stopped/);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['abandoned', 300_000]]);
    await account.sandbox.post('release');
    await idle();
    await assertPaidOnce(account);
  });

  test('its time goes on while no worker follows it', async () => {
    const { sandbox, stack } = account;
    await sandbox.fault('stuck_running', { step: 'submit' });
    const job = await givenBatch(account, 1);
    await eventually(async () => (await callsOf(account, job))[0]?.running_at, { what: 'it being seen in progress' });
    await stack.kill9('work');
    await pause(3500);
    await account.sandbox.forgetCalls();
    await stack.run('work');
    const calls = await failedFor(job, 'deadline_exceeded', /too long at the provider/);
    assert.deepEqual(calls.map((call) => call.state), ['cancelled']);
    const [first] = await sandbox.calls('');
    assert.equal(first.step, 'cancel', 'its time was over before anybody looked');
    await assertPaidOnce(account);
  });

  test('the download', async () => {
    await account.sandbox.fault('slow_headers:9000', { step: 'file', times: 0 });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /could not be fetched/);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['succeeded', 300_000]]);
    await assertPaidOnce(account);
  });

  test('all of the item: the provider is told, and the books know what it came to', async () => {
    const { sandbox, stack } = account;
    await stack.restart('serve', { ITEM_DEADLINE_S: '2' });
    await sandbox.post('settings', { run_ms: 20_000 });
    const calls = await failedFor(await givenBatch(account, 1), 'deadline_exceeded', /in time/);
    await stack.restart('serve');
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['cancelled', 0]]);
    await assertPaidOnce(account);
  });
});
