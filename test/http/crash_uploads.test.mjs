// The server is killed with -9 while pictures come in and jobs are booked. Whoever repeats his request with the same
// Idempotency-Key has exactly one job for it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { balanceOf, dataOf, givenMember, upload } from './support/client.mjs';
import { assertDiskIsSwept, givenRandom } from './support/invariants.mjs';
import { ball, ballOfBytes } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

const kills = 15;
const retryMsMax = 30_000;

let stack, member;
before(async () => {
  stack = await startStack({ roles: ['serve'] });
  member = await givenMember(stack, { credits: 1_000_000 });
});
after(() => stack?.stop());

/** As a good client does: again with the same key until there is an answer. */
async function uploadUntilAnswered(order, tries) {
  const until = Date.now() + retryMsMax;
  for (;;) {
    const answer = await upload(stack, member.token, order).catch((error) => {
      assert.notEqual(error.code, 'ERR_ASSERTION', error.message);
    });
    if (answer && answer.status !== 503) return dataOf(answer, 202);
    assert.ok(Date.now() < until, `no answer in ${retryMsMax} ms`);
    ++tries.count;
    await pause(20);
  }
}

test(`the server is killed ${kills} times while pictures come in: one job a key, and nothing else`, async (t) => {
  const random = givenRandom(t);
  const tries = { count: 0 };
  const batches = new Map();
  for (let round = 0; round < kills; ++round) {
    const orders = [1, 2, 3].map((n) => ({
      key: `${round}-${n}`,
      fields: { quality: 'low' },
      files: [
        { name: 'a.png', bytes: ball({ shade: round }) },
        { name: 'b.png', bytes: n === 1 ? ballOfBytes(2_000_000) : ball({ shade: n }) },
      ],
    }));
    const answers = orders.map((order) => uploadUntilAnswered(order, tries));
    await pause(random(60));
    await stack.restart('serve');
    for (const [i, batch] of (await Promise.all(answers)).entries()) batches.set(orders[i].key, batch);
    // Once more, now that all is quiet: still the same answer.
    for (const order of orders)
      assert.deepEqual(await uploadUntilAnswered(order, tries), batches.get(order.key));
  }
  t.diagnostic(`${tries.count} tries were cut off`);
  assert.ok(tries.count > 0);

  const jobs = await stack.rows('select id from job_history');
  assert.deepEqual(
    jobs.map((row) => row.id).sort(),
    [...batches.values()].map((batch) => batch.job_id).sort(),
  );
  const count = kills * 3 * 2;
  assert.deepEqual(
    await stack.row("select count(*) as count, sum(amount) as sum from credit_holds where state = 'held'"),
    { count, sum: count * 35 },
  );
  assert.deepEqual(await balanceOf(stack, member.token), {
    balance: 1_000_000,
    held: count * 35,
    available: 1_000_000 - count * 35,
  });
  await stack.proof();
  await stack.execute("update job_items set not_before = now() + interval '1 day'"); // the scheduler is only to sweep
  await assertDiskIsSwept(stack);
});

test('when the connection to the database breaks at the commit, the client is told to try again, and has one job', async () => {
  const order = { files: [{ name: 'x.png', bytes: ball({ shade: 77 }) }], fields: { quality: 'low' } };
  for (let i = 0; i < 10; ++i) {
    const before = await balanceOf(stack, member.token);
    const breaking = (async () => {
      await pause(i);
      const others = `select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and usename = 'i2m_app'`;
      await stack.execute(others);
    })();
    const tries = { count: 0 };
    const batch = await uploadUntilAnswered({ ...order, key: `broken-${i}` }, tries);
    await breaking;
    assert.equal(batch.items.length, 1);
    const after = await balanceOf(stack, member.token);
    assert.equal(after.available, before.available - 35);
    assert.equal(
      (await stack.row(`select count(*) from idempotency_keys where key = 'broken-${i}'`)).count,
      1,
    );
  }
  await stack.proof();
});
