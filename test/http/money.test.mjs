// Credits when many spend at once: never one too many, and the ledger always adds up.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { assertRefused, balanceOf, dataOf, givenMember, upload, waitForJob } from './support/client.mjs';
import { ball, realPicture } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

let stack;
before(async () => {
  stack = await startStack({ roles: ['serve', 'serve2'] });
});
after(() => stack?.stop());

const picture = (shade) => ({ name: `${shade}.png`, bytes: ball({ shade }) });
const blank = { name: 'blank.png', bytes: realPicture('edge-blank-white.png') };

/** Each second one goes to the other server: they share nothing but PostgreSQL and Redis. */
const baseFor = (i) => stack.baseOf(i % 2 === 0 ? 'serve' : 'serve2');

test('of forty batches at once, when credits suffice for seven, exactly seven are accepted', async () => {
  const { token } = await givenMember(stack, { credits: 7 * 104 + 103 });
  const files = [picture(1), picture(2)];
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => upload(stack, token, { files, base: baseFor(i) })),
  );
  const accepted = answers.filter((answer) => answer.status === 202).map((answer) => dataOf(answer, 202));
  assert.equal(accepted.length, 7);
  for (const answer of answers.filter((each) => each.status !== 202)) {
    assertRefused(answer, 402, 'insufficient_credits', /needs 104 credits; \d+ are available/);
  }
  assert.deepEqual(await balanceOf(stack, token), { balance: 7 * 104 + 103, held: 7 * 104, available: 103 });
  const jobs = accepted.map((batch) => batch.job_id);
  assert.deepEqual((await stack.rows('select id from job_history')).map((row) => row.id).sort(), jobs.sort());
  const folders = stack
    .disk()
    .filter((path) => path.endsWith('/'))
    .map((path) => path.split('/')[2]);
  assert.deepEqual(folders.sort(), jobs, 'the 33 others left nothing on disk');
  await stack.proof();
});

test('while some spend, some are granted and models are settled and released, the sums hold at every moment', async () => {
  const { company, token } = await givenMember(stack, { credits: 1000 });
  await Promise.all(['work', 'work2', 'schedule'].map((role) => stack.run(role)));
  let over = false;
  const proving = (async () => {
    let proofs = 0;
    for (; !over; ++proofs) await stack.proof().then(() => pause(100));
    return proofs;
  })();
  const spend = async (i) => {
    const answer = await upload(stack, token, {
      files: [picture(i), blank],
      fields: { quality: 'low' },
      base: baseFor(i),
    });
    return dataOf(answer, 202).job_id;
  };
  const grants = Promise.all([1, 2, 3].map(() => stack.grant(company.domain, 100)));
  const jobs = await Promise.all(Array.from({ length: 6 }, (_, i) => spend(i)));
  await grants;
  for (const job of jobs) {
    const done = await waitForJob(stack, token, job);
    assert.equal(done.status, 'partial');
    assert.deepEqual(done.credits, { held: 0, settled: 35, released: 35 });
  }
  over = true;
  assert.ok((await proving) > 3);
  const left = 1000 + 300 - 6 * 35;
  assert.deepEqual(await balanceOf(stack, token), { balance: left, held: 0, available: left });
  const entries = await stack.rows(
    `select kind, count(*) as count, sum(amount) as sum from credit_ledger where company_id = '${company.id}' group by kind order by kind`,
  );
  assert.deepEqual(entries, [
    { kind: 'grant', count: 4, sum: 1300 },
    { kind: 'settle', count: 6, sum: 210 },
  ]);
  await stack.proof();
});

test('a grant with the same source is booked once', async () => {
  const company = await stack.givenCompany({ credits: 0 });
  const grant = { 'company-domain': company.domain, credits: 500, reason: 'paid', source: 'invoice 7' };
  const done = await Promise.allSettled(Array.from({ length: 5 }, () => stack.admin('credits-grant', grant)));
  assert.equal(done.filter((each) => each.status === 'fulfilled').length, 1);
  assert.equal(
    (await stack.row(`select available from credit_accounts where company_id = '${company.id}'`)).available,
    500,
  );
  await stack.proof();
});
