// Processes are killed with -9, stopped for too long, or robbed of Redis, in the middle of the work. Every job still ends, the
// balance is exact, and what is on disk is what the database says.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import {
  balanceOf,
  dataOf,
  filesOf,
  get,
  givenMember,
  listen,
  upload,
  waitForJob,
} from './support/client.mjs';
import { assertDiskIsSwept, assertWhole, givenRandom } from './support/invariants.mjs';
import { ball, realPicture } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';

const all = ['serve', 'work', 'schedule'];
let stack, member;
before(async () => {
  stack = await startStack({ ownRedis: true, env: { ENGINE_THREADS: '1' } });
});
beforeEach(async () => {
  for (const role of [...stack.processes.keys()].filter((each) => !all.includes(each)))
    await stack.kill9(role);
  for (const role of all.filter((each) => !stack.processes.has(each))) await stack.run(role);
  member = await givenMember(stack, { credits: 1000 });
});
after(() => stack?.stop());

async function givenJob(count, quality = 'low', picture = (i) => ball({ shade: i, side: 128 })) {
  const files = Array.from({ length: count }, (_, i) => ({ name: `${i}.png`, bytes: picture(i) }));
  return dataOf(await upload(stack, member.token, { files, fields: { quality } }), 202).job_id;
}

const itemsOf = (job) =>
  stack.rows(`select id, status, attempt, stage from job_items where job_id = '${job}' order by position`);
const running = (job) =>
  eventually(async () => (await itemsOf(job)).some((item) => item.status === 'running'), {
    every: 5,
    within: 20_000,
    what: 'a running item',
  });

async function assertPaid(job, count, price) {
  const done = await waitForJob(stack, member.token, job);
  assert.equal(done.status, 'succeeded');
  assert.deepEqual(done.credits, { held: 0, settled: count * price, released: 0 });
  assert.deepEqual(await balanceOf(stack, member.token), {
    balance: 1000 - count * price,
    held: 0,
    available: 1000 - count * price,
  });
  const models = await filesOf(stack, member.token, job);
  assert.equal(models.length, count);
  for (const model of models) assert.equal((await get(stack, model.url)).body.length, model.size);
  await assertWhole(stack);
}

test('the worker, then the server, then Redis are killed in the middle of a job: it ends, and is paid for once', async (t) => {
  const random = givenRandom(t);
  const job = await givenJob(4, 'high', () => realPicture('cc0-teddy-A-white.jpg')); // one takes long enough to be hit
  await running(job);
  await pause(random(200));
  await stack.kill9('work');
  await stack.run('work');
  await running(job);
  await pause(random(200));
  await stack.kill9('serve');
  await stack.run('serve');
  await running(job);
  await pause(random(200));
  await stack.redis.kill9();
  await pause(random(500));
  await stack.redis.start();
  await assertPaid(job, 4, 70);
  const attempts = (await itemsOf(job)).map((item) => item.attempt);
  assert.ok(
    attempts.some((attempt) => attempt > 1),
    `attempts: ${attempts}`,
  );
  await assertDiskIsSwept(stack);
});

test('everything is killed at once, Redis too: it ends when it is started again', async (t) => {
  const random = givenRandom(t);
  const job = await givenJob(3);
  await running(job);
  await pause(random(300));
  await Promise.all([...all.map((role) => stack.kill9(role)), stack.redis.kill9()]);
  await stack.redis.start();
  await Promise.all(all.map((role) => stack.run(role)));
  await assertPaid(job, 3, 35);
});

test('the scheduler is killed: a second one takes over, and the job ends without the first', async (t) => {
  const random = givenRandom(t);
  await stack.run('schedule2');
  const job = await givenJob(4);
  await pause(random(500));
  await stack.kill9('schedule');
  await assertPaid(job, 4, 35);
  assert.equal(await stack.end('schedule2'), 0);
});

test('Redis is emptied in the middle: the job ends, and its listener hears everything', async () => {
  const job = await givenJob(4);
  const stream = await listen(stack, member.token, job);
  await running(job);
  for (let i = 0; i < 4; ++i) {
    assert.equal(await stack.redis.ask('flushall'), 'OK');
    const { balance, held, available } = await balanceOf(stack, member.token);
    assert.equal(balance, held + available);
    await pause(150);
  }
  assert.equal(await stream.ended, 'complete');
  const numbers = stream.events.filter((each) => each.id !== undefined).map((each) => each.id);
  assert.deepEqual(
    numbers,
    numbers.map((_, i) => numbers[0] + i),
  );
  await assertPaid(job, 4, 35);
});

test('a worker that sleeps beyond its lease and wakes up again changes nothing any more', async () => {
  const job = await givenJob(1, 'high');
  await running(job);
  stack.signal('work', 'SIGSTOP');
  await stack.run('work2');
  await assertPaid(job, 1, 70);
  const [item] = await itemsOf(job);
  assert.deepEqual([item.status, item.attempt], ['succeeded', 2]);
  const before = await stack.everything();
  stack.signal('work', 'SIGCONT');
  await pause(2000); // it finishes what it was making, or notices at its next heartbeat
  assert.deepEqual(await stack.everything(), before);
  await assertWhole(stack);
  assert.equal(await stack.end('work2'), 0);
  // It is as good as before.
  const next = await givenMember(stack);
  member = next;
  const again = await givenJob(1);
  assert.equal((await waitForJob(stack, member.token, again)).status, 'succeeded');
});

test('what a worker stored and could not book before it was killed does not stay on disk', async () => {
  const job = await givenJob(1);
  await running(job);
  // The booking of the model waits for the job's row, which is held here; the model itself is stored before.
  const blocker = stack.session();
  await blocker.run('begin');
  await blocker.run(`select from job_history where id = '${job}' for update`);
  const stored = () => stack.resultsOnDisk().find((path) => path.includes(job));
  const orphan = await eventually(stored, { every: 2, within: 10_000, what: 'the stored model' });
  await stack.kill9('work');
  await blocker.close();
  await stack.run('work');
  await assertPaid(job, 1, 35);
  assert.equal((await itemsOf(job))[0].attempt, 2);
  await assertDiskIsSwept(stack);
  assert.ok(!stack.disk().includes(orphan));
});
