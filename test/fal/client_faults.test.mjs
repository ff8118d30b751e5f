// Our client through the simulator's whole fault plan, each fault at each step of a call. Whatever happens: an item has at
// most one accepted submit unless the earlier one is known to have failed, every item ends, and the books balance.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { assertPaidOnce, closed, ended, givenBatch, itemIs, itemsOf, startAccount } from './support/account.mjs';

let account;
before(async () => {
  account = await startAccount({
    env: { FAL_UNSURE_S: '3', FAL_FAILURES_MAX: '1000', ATTEMPTS_MAX: '4', FAL_START_TIMEOUT_S: '60' },
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
    for (const fault of [...spoilt, ...errors]) {
      if (step === 'upload' && fault === 'truncated_json') continue; // its answer is not read
      test(`${fault} at ${step}`, async () => {
        const { status, calls } = await madeWith(fault, step);
        assert.equal(status, 'succeeded');
        assert.deepEqual(calls.filter((call) => call.state !== 'refused').map((call) => call.state), ['succeeded']);
        await assertPaidOnce(account);
      });
    }
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
  for (const fault of ['drop_after', 'truncated_json', 'html_502_after']) {
    test(`${fault}: its webhook resolves it`, async () => {
      await account.sandbox.post('settings', { run_ms: 1200 });
      await account.sandbox.fault(fault, { step: 'submit' });
      const job = await givenBatch(account, 1);
      const unsure = await itemIs(account, job, 'unsure');
      assert.equal(unsure.stage, 'unsure');
      const done = await ended(account, job);
      await account.sandbox.post('settings', { run_ms: 100 });
      assert.equal(done.status, 'succeeded');
      const calls = await closed(account, job);
      assert.deepEqual(calls.map((call) => call.state), ['succeeded']);
      await assertPaidOnce(account);
    });
    test(`${fault}, and its webhook too: it fails, is paid back, and stays booked to us`, async () => {
      account.door.open = false;
      const { job, item, calls } = await madeWith(fault, 'submit');
      assert.equal(item.error.code, 'outcome_unknown');
      assert.match(item.error.message, /Your credits were returned/);
      assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['abandoned', 300_000]]);
      assert.equal((await itemsOf(account, job))[0].status, 'failed');
      await assertPaidOnce(account);
    });
  }
  for (const fault of ['drop_before', 'html_502', 'http_500', 'http_503', 'http_504']) {
    test(`${fault}: it may have been accepted for all we know`, async () => {
      const { item, calls } = await madeWith(fault, 'submit');
      assert.equal(item.error.code, 'outcome_unknown');
      assert.deepEqual(calls.map((call) => call.state), ['abandoned']);
      await assertPaidOnce(account);
    });
  }
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
  for (const fault of ['log_flood:2000', 'platform_retry:2', 'webhook_duplicate:3', 'webhook_late:1500', 'webhook_disordered:500', 'webhook_empty', 'wrong_content_type', 'webhook_lost']) {
    test(`${fault} changes nothing`, async () => {
      const { status, calls } = await madeWith(fault, 'submit');
      assert.equal(status, 'succeeded');
      assert.deepEqual(calls.map((call) => call.state), ['succeeded']);
      await assertPaidOnce(account);
    });
  }
  for (const fault of ['webhook_forged', 'webhook_old']) {
    test(`${fault} is not believed`, async () => {
      const { status, calls } = await madeWith(fault, 'submit');
      assert.equal(status, 'succeeded');
      assert.equal(calls[0].hooked_at, null);
      await assertPaidOnce(account);
    });
  }
});

describe('what was made', () => {
  for (const fault of ['truncated_glb', 'not_a_glb', 'mesh_missing', 'file_gone', 'huge_glb']) {
    test(`${fault}: no model, no charge for the customer; ours is booked`, async () => {
      const { item, status, calls } = await madeWith(fault, 'submit');
      if (fault === 'huge_glb') return assert.ok(['succeeded', 'failed'].includes(status));
      assert.equal(item.error?.code, 'contract_missed');
      assert.equal(calls.length, 1);
      assert.equal(calls[0].cost_microusd, 300_000);
      await assertPaidOnce(account);
    });
  }
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
