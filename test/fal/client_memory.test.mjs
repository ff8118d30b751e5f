// What a worker holds while hundreds of calls are in flight: neither their pictures, nor more models than a few.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { dataOf, upload } from '../http/support/client.mjs';
import { ballOfBytes } from '../http/support/pictures.mjs';
import { eventually } from '../http/support/stack.mjs';
import { assertPaidOnce, callsOf, ended, givenBatch, startAccount } from './support/account.mjs';

const many = 16;
let account;
before(async () => {
  account = await startAccount({
    env: { FAL_CONCURRENCY: String(many), MALLOC_MMAP_THRESHOLD_: '1048576' },
    sandbox: { concurrency: many },
    webhooks: false,
  });
});
after(() => account?.stop());

const are = (job, state) =>
  eventually(async () => (await callsOf(account, job)).filter((call) => call.state === state).length === many, {
    within: 30_000,
    what: `calls that are ${state}`,
  });

test('a picture that is at the provider is not held here', async () => {
  const { sandbox, stack, member } = account;
  const held = () => stack.memory('work', 'VmRSS');
  await sandbox.fault('stuck_running', { step: 'submit', times: 0 });
  const before = held();
  const files = Array.from({ length: many }, (_, i) => ({ name: `${i}.png`, bytes: ballOfBytes(9_000_000) }));
  const sent = files.reduce((sum, file) => sum + file.bytes.length, 0);
  const job = dataOf(await upload(stack, member.token, { files, fields: { quality: 'low' } }), 202).job_id;
  await are(job, 'accepted');
  assert.ok(held() - before < sent / 2, `${held() - before} bytes more, for ${sent} of pictures`);
  await fetch(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  await sandbox.post('release');
  await ended(account, job);
});

test('of many models that have been made a few are fetched at once', async () => {
  const { sandbox } = account;
  await sandbox.forgetCalls();
  await sandbox.fault('slow_headers:5000', { step: 'file', times: 0 });
  const job = await givenBatch(account, many);
  await are(job, 'answered');
  const fetched = (await sandbox.calls('file')).length;
  await fetch(`${sandbox.url}/_sandbox/faults`, { method: 'DELETE' });
  assert.ok(fetched > 0 && fetched <= 8, `${fetched} at once`);
  assert.equal((await ended(account, job)).status, 'succeeded');
  await assertPaidOnce(account);
});
