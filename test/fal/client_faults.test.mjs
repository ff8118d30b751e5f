// Our client through the simulator's whole fault plan, each fault at each step of a call. Whatever happens: an item has at
// most one accepted submit unless the earlier one is known to have failed, every item ends, and the books balance.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { assertPaidOnce, closed, ended, givenBatch, itemIs, startAccount } from './support/account.mjs';
import { inLanes, lanes } from './support/lanes.mjs';

let account;
before(async () => {
  account = await startAccount({
    env: { FAL_UNSURE_S: '3', FAL_FAILURES_MAX: '1000', ATTEMPTS_MAX: '12', FAL_START_TIMEOUT_S: '60' },
  });
});
beforeEach(async () => {
  account.door.open = true;
});
after(() => account?.stop());

/** One picture while `fault` is planned for `step`; how its item and its calls ended. */
async function madeWith(fault, step, rule = {}, fields) {
  await account.sandbox.fault(fault, { ...(step && { step }), ...rule });
  const job = await givenBatch(account, 1, fields);
  const done = await ended(account, job);
  const calls = await closed(account, job);
  return { job, item: done.items[0], calls, status: done.status };
}

// --- What breaks one call. `made`: the item becomes a model all the same.

const spoilt = ['drop_before', 'drop_after', 'slow_headers:300', 'truncated_json', 'wrong_json_type', 'html_502', 'html_502_after'];
const errors = ['http_429', 'http_500', 'http_503', 'http_504'];

describe('steps that may be repeated: a fault there costs time, and nothing else', () => {
  for (const step of ['initiate', 'upload', 'status', 'result', 'file']) {
    test(`at ${step}: ${[...spoilt, ...errors]}`, async () => {
      const { sandbox } = account;
      account.door.open = false; // a webhook that brings the output first would leave the faults unmet
      await sandbox.post('faults', [...spoilt, ...errors].map((fault) => ({ fault, step })));
      const job = await givenBatch(account, 8);
      const done = await ended(account, job);
      assert.equal(done.status, 'succeeded', JSON.stringify(done.items));
      assert.deepEqual((await sandbox.get('faults')).planned, [], 'each was met');
      const calls = await closed(account, job);
      assert.deepEqual(calls.filter((call) => call.state !== 'refused').map((call) => call.state), Array(8).fill('succeeded'));
      await assertPaidOnce(account);
    });
  }
});

describe('a submit that surely was not accepted is submitted again', () => {
  for (const fault of ['http_429', 'http_404']) {
    test(fault, async () => {
      const { status, calls } = await madeWith(fault, 'submit');
      const states = calls.map((call) => call.state);
      if (fault === 'http_429') assert.deepEqual([status, states], ['succeeded', ['refused', 'succeeded']]);
      else assert.deepEqual([status, states], ['failed', ['refused']]); // a wrong address stays wrong
      assert.equal(calls[0].cost_microusd, 0);
      await assertPaidOnce(account);
    });
  }
});

describe('a submit whose answer was lost is never sent again', () => {
  const lost = ['drop_after', 'truncated_json', 'html_502_after'];
  const unknown = ['drop_before', 'html_502', 'http_500', 'http_503', 'http_504', 'user_timeout'];
  const sentWith = async (fault, { id, endpoint }) => {
    await account.sandbox.fault(fault, { step: 'submit', endpoint });
    return givenBatch(account, 1, { quality: 'low', model: id });
  };
  const failsAsUnknown = async (fault, lane) => {
    const job = await sentWith(fault, lane);
    const { items } = await ended(account, job);
    assert.equal(items[0].error.code, 'outcome_unknown');
    assert.match(items[0].error.message, /Your credits were returned/);
    const calls = await closed(account, job);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['abandoned', calls[0].price_microusd]]);
  };

  test('its webhook resolves it', { concurrency: lanes.length }, async (t) => {
    await account.sandbox.post('settings', { run_ms: 1200 });
    await inLanes(t, lost, async (fault, lane) => {
      const job = await sentWith(fault, lane);
      assert.equal((await itemIs(account, job, 'unsure')).stage, 'unsure');
      assert.equal((await ended(account, job)).status, 'succeeded');
      assert.deepEqual((await closed(account, job)).map((call) => call.state), ['succeeded']);
    });
    await account.sandbox.post('settings', { run_ms: 100 });
    await assertPaidOnce(account);
  });
  test('its webhook is lost too: it fails, is paid back, and stays booked to us', { concurrency: lanes.length }, async (t) => {
    await inLanes(t, lost, (fault, lane) => {
      account.door.open = false;
      return failsAsUnknown(fault, lane);
    });
    await assertPaidOnce(account);
  });
  test('no webhook will come: it may have been accepted for all we know', { concurrency: lanes.length }, async (t) => {
    await inLanes(t, unknown, failsAsUnknown);
    await assertPaidOnce(account);
  });
  test('slow_headers: it is only slow', async () => {
    const { status, calls } = await madeWith('slow_headers:1500', 'submit');
    assert.equal(status, 'succeeded');
    assert.equal(calls.length, 1);
  });
});

describe('what the request comes to', () => {
  test('one that fails for ever is submitted twice, and no more', async () => {
    await account.sandbox.fault('error:internal_server_error', { step: 'submit', times: 0 });
    const job = await givenBatch(account, 1);
    const done = await ended(account, job);
    await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
    assert.equal(done.status, 'failed');
    const calls = await closed(account, job);
    assert.deepEqual(calls.map((call) => call.state), ['failed', 'failed']);
    await assertPaidOnce(account);
  });
  const harmless = ['log_flood:2000', 'platform_retry:2', 'webhook_duplicate:3', 'webhook_late:1500', 'webhook_disordered:500'];
  harmless.push('wrong_json_type', 'webhook_empty', 'wrong_content_type', 'webhook_lost', 'webhook_forged', 'webhook_old');
  test('what changes nothing', { concurrency: lanes.length }, async (t) => {
    await inLanes(t, harmless, async (fault, { id, endpoint }) => {
      await account.sandbox.fault(fault, { step: 'submit', endpoint });
      const job = await givenBatch(account, 1, { quality: 'low', model: id });
      assert.equal((await ended(account, job)).status, 'succeeded');
      const calls = await closed(account, job);
      assert.deepEqual(calls.map((call) => call.state), ['succeeded']);
      if (/forged|old|lost/.test(fault)) assert.equal(calls[0].hooked_at, null, 'not believed');
    });
    await assertPaidOnce(account);
  });
});

describe('what was made', () => {
  test('is no model: no charge for the customer; ours is booked', { concurrency: lanes.length }, async (t) => {
    await inLanes(t, ['truncated_glb', 'not_a_glb', 'mesh_missing', 'file_gone'], async (fault, { id, endpoint }) => {
      await account.sandbox.fault(fault, { step: 'submit', endpoint });
      const job = await givenBatch(account, 1, { quality: 'low', model: id });
      const { items } = await ended(account, job);
      assert.equal(items[0].error?.code, 'contract_missed');
      const calls = await closed(account, job);
      assert.deepEqual(calls.map((call) => call.cost_microusd), [calls[0].price_microusd]);
    });
    await assertPaidOnce(account);
  });
  test('face_overshoot: it is simplified here, its texture kept, and keeps to the preset', async () => {
    const { status, job } = await madeWith('face_overshoot', 'submit');
    assert.equal(status, 'succeeded');
    const [file] = await account.stack.rows(`select triangles, object_key from files where job_id = '${job}' and kind = 'model'`);
    assert.ok(file.triangles > 0 && file.triangles <= 1000, `${file.triangles} triangles`);
    const glb = account.stack.contentOf(file.object_key);
    const json = JSON.parse(glb.subarray(20, 20 + glb.readUInt32LE(12)));
    assert.ok(json.images?.length > 0 && json.materials?.length > 0);
    await assertPaidOnce(account);
  });
  test('cut_download: it is fetched again', async () => {
    const { status, calls } = await madeWith('cut_download', 'file');
    assert.equal(status, 'succeeded');
    assert.equal(calls.length, 1);
  });
});
