// The fault plan where it meets what only some calls use: the stream of events, uploads in parts, the webhook's keys, refusals of
// the key at steps that spend nothing, results that are gone, states that nobody has heard of, models that are too large.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { dataOf, upload } from '../http/support/client.mjs';
import { realPicture } from '../http/support/pictures.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, closed, ended, givenBatch, startAccount } from './support/account.mjs';

const parts = { FAL_UPLOAD_PARTS_ABOVE_BYTES: '20000', FAL_UPLOAD_PART_BYTES: '10000' };
let account;
before(async () => {
  account = await startAccount({
    env: { FAL_UNSURE_S: '2', FAL_FAILURES_MAX: '1000', ATTEMPTS_MAX: '4', FAL_STREAM: 'true', FAL_START_TIMEOUT_S: '20', ...parts },
  });
});
after(() => account?.stop());
afterEach(async () => {
  await fetch(`${account.sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  account.door.open = true;
});

async function madeWith(fault, step, rule = {}) {
  if (fault) await account.sandbox.fault(fault, { step, ...rule });
  const job = await givenBatch(account, 1);
  const done = await ended(account, job);
  const calls = await closed(account, job);
  await assertPaidOnce(account);
  return { job, status: done.status, item: done.items[0], calls, states: calls.map((call) => call.state) };
}
const spoilt = ['drop_before', 'drop_after', 'slow_headers:300', 'truncated_json', 'wrong_json_type', 'html_502', 'html_502_after'];
const errors = ['http_404', 'http_429', 'http_500', 'http_503', 'http_504'];

describe('the stream of events', () => {
  for (const fault of [...spoilt, ...errors, 'http_401', 'http_403']) {
    test(`${fault}: the status is polled`, async () => {
      account.door.open = false;
      const { status, states } = await madeWith(fault, 'stream');
      assert.deepEqual([status, states], ['succeeded', ['succeeded']]);
    });
  }
});

describe('an upload in parts', () => {
  const whole = realPicture('ccby-mug-A-shadow.jpg');
  test('arrives whole, in as many parts as it needs', async () => {
    await account.sandbox.forgetCalls();
    const job = dataOf(await upload(account.stack, account.member.token, { files: [{ name: 'a.jpg', bytes: whole }], fields: { quality: 'low' } }), 202).job_id;
    assert.equal((await ended(account, job)).status, 'succeeded');
    assert.equal((await account.sandbox.calls('part')).length, Math.ceil(whole.length / 10_000));
    assert.equal((await account.sandbox.calls('complete')).length, 1);
    assert.equal((await account.sandbox.calls('upload')).length, 0);
    assert.deepEqual(await account.sandbox.violations(), [], 'no key to the storage, which needs none');
  });
  for (const step of ['part', 'complete']) {
    for (const fault of [...spoilt, ...errors]) {
      if (step === 'complete' && /json/.test(fault)) continue; // its answer is not read
      test(`${fault} at ${step}`, async () => {
        const files = [{ name: 'a.jpg', bytes: whole }];
        await account.sandbox.fault(fault, { step });
        const job = dataOf(await upload(account.stack, account.member.token, { files, fields: { quality: 'low' } }), 202).job_id;
        assert.equal((await ended(account, job)).status, 'succeeded');
        await assertPaidOnce(account);
      });
    }
  }
});

describe('a refusal of the key at a step that spends nothing says nothing about the request', () => {
  for (const fault of ['http_401', 'http_403']) {
    for (const step of ['status', 'result', 'file']) {
      test(`${fault} at ${step}`, async () => {
        const { status, states } = await madeWith(fault, step, { times: 2 });
        assert.deepEqual([status, states], ['succeeded', ['succeeded']]);
      });
    }
    test(`${fault} at the submit: it was not accepted, and is sent again once the provider is asked again`, async () => {
      const { status, states, calls } = await madeWith(fault, 'submit');
      assert.deepEqual([status, states], ['succeeded', ['refused', 'succeeded']]);
      assert.equal(calls[0].cost_microusd, 0);
    });
  }
});

describe('webhooks', () => {
  for (const fault of [...spoilt, ...errors]) {
    test(`${fault} where the provider publishes its keys`, async () => {
      await account.stack.restart('serve'); // it has no keys yet
      const { status, states } = await madeWith(fault, 'jwks');
      assert.deepEqual([status, states], ['succeeded', ['succeeded']]);
    });
  }
  test('webhook_rotated: its key is not among those we have; they are fetched anew, and it is believed', async () => {
    await account.stack.restart('serve');
    await madeWith(null);
    const fetched = () => account.stack.logOf('serve').match(/webhook_keys_fetched/g).length;
    const before = fetched();
    const { status, calls } = await madeWith('webhook_rotated', 'submit');
    assert.equal(status, 'succeeded');
    const hooked = async () => (await account.stack.rows(`select hooked_at from provider_calls where id = '${calls[0].id}'`))[0].hooked_at;
    await eventually(hooked, { within: 25_000, what: 'the webhook being believed' });
    assert.ok(fetched() > before);
  });
});

describe('what the request comes to', () => {
  test('user_timeout at the submit: a 504 is a 504, nobody knows', async () => {
    const { item, states } = await madeWith('user_timeout', 'submit');
    assert.equal(item.error.code, 'outcome_unknown');
    assert.deepEqual(states, ['abandoned']);
  });
  test('unknown_state: the result itself tells', async () => {
    account.door.open = false;
    const { status, states } = await madeWith('unknown_state', 'submit');
    assert.deepEqual([status, states], ['succeeded', ['succeeded']]);
  });
  test('result_expired, with its webhook: the webhook brought it', async () => {
    await account.stack.restart('work', { FAL_STREAM: 'false', FAL_POLL_MS: '3000', FAL_POLL_MAX_MS: '3000' });
    const { status } = await madeWith('result_expired', 'submit');
    await account.stack.restart('work');
    assert.equal(status, 'succeeded');
  });
  test('result_expired, with its webhook lost: it was paid for, and the customer does not pay', async () => {
    account.door.open = false;
    const { item, calls } = await madeWith('result_expired', 'submit');
    assert.match(item.error.message, /had dropped the model before it could be fetched/);
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['failed', 300_000]]);
  });
  test('huge_glb, 64 MiB: under the cap it is a model', async () => {
    const { job, status } = await madeWith('huge_glb', 'submit');
    assert.equal(status, 'succeeded');
    const [file] = await account.stack.rows(`select triangles from files where job_id = '${job}' and kind = 'model'`);
    assert.ok(file.triangles > 0);
  });
  test('huge_glb over the cap: it is not taken, and the customer does not pay', async () => {
    await account.stack.restart('work', { FAL_MODEL_BYTES_MAX: '8388608' });
    const { item, calls } = await madeWith('huge_glb', 'submit');
    await account.stack.restart('work');
    assert.equal(item.error.code, 'contract_missed');
    assert.deepEqual(calls.map((call) => [call.state, call.cost_microusd]), [['succeeded', 300_000]]);
  });
});
