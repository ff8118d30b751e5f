// SIGTERM: what was begun is finished, nothing that was accepted is lost, and the process ends with 0.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import {
  assertRefused,
  balanceOf,
  dataOf,
  filePart,
  get,
  givenMember,
  multipart,
  request,
  upload,
  waitForJob,
} from './support/client.mjs';
import { ball, ballOfBytes, realPicture } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';
import { head, wire } from './support/wire.mjs';

let stack, member;
before(async () => {
  stack = await startStack({ roles: ['serve'], env: { DRAIN_LINGER_MS: '1000' } });
  member = await givenMember(stack, { credits: 1_000_000 });
});
after(() => stack?.stop());

/** A client with one connection that it keeps, posting and asking in turn until the server takes no more. */
async function busyClient(number, told) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const picture = { name: 'x.png', bytes: ball({ side: 32, shade: number }) };
  try {
    for (let i = 0; ; ++i) {
      const key = `${told.round}-${number}-${i}`;
      const answer = await upload(stack, member.token, {
        files: [picture],
        fields: { quality: 'low' },
        key,
        agent,
      });
      told.jobs.set(key, dataOf(answer, 202).job_id);
      const path = '/api/v1/credits/balance';
      dataOf(await request(stack, { path, token: member.token, agent }));
      told.answers += 2;
    }
  } catch (error) {
    // A connection that is refused was never accepted; anything else is a request that was lost.
    if (error.code !== 'ECONNREFUSED') told.lost.push(error);
  } finally {
    agent.destroy();
  }
}

test('no request on a kept connection is lost when the server is stopped under load, three times', async (t) => {
  for (let round = 1; round <= 3; ++round) {
    const told = { round, jobs: new Map(), lost: [], answers: 0 };
    const clients = Array.from({ length: 16 }, (_, number) => busyClient(number, told));
    await pause(500);
    assert.equal(await stack.end('serve'), 0);
    await Promise.all(clients);
    t.diagnostic(`${told.answers} answers`);
    assert.deepEqual(told.lost, []);
    assert.ok(told.answers >= 16);
    const known = await stack.rows(
      `select key, job_id from idempotency_keys where key like '${round}-%' order by key`,
    );
    assert.deepEqual(
      new Map(known.map((row) => [row.key, row.job_id])),
      new Map([...told.jobs].sort()),
      'exactly the jobs that were answered',
    );
    assert.deepEqual(
      stack.disk().filter((path) => path.startsWith('tmp/')),
      [],
    );
    await stack.run('serve');
  }
  await stack.proof();
});

test('an upload that is under way is finished, then its connection is closed; new ones are refused', async () => {
  const form = multipart([filePart({ name: 'large.png', bytes: ballOfBytes(3_000_000) })]);
  const connection = await wire(stack);
  const headers = {
    Authorization: `Bearer ${member.token}`,
    ...form.headers,
    'Content-Length': form.body.length,
  };
  await connection.send(head('POST', '/api/v1/upload/batch', headers));
  await connection.send(form.body.subarray(0, 1_000_000));
  await eventually(() => stack.disk().some((path) => path.startsWith('tmp/')), {
    what: 'the beginning of the upload',
  });
  const ending = stack.end('serve');
  await pause(300);
  await assert.rejects(get(stack, '/api/v1/health/live'), { code: 'ECONNREFUSED' });
  await pause(1200); // longer than the linger: what is not idle has more time
  await connection.send(form.body.subarray(1_000_000));
  const answer = await connection.answer();
  assert.equal(answer.status, 202);
  assert.equal(answer.headers.connection, 'close');
  await connection.closed();
  assert.equal(await ending, 0);
  await stack.run('serve');
});

test('an idle connection is answered once more while the server lingers, and readiness says that it is stopping', async () => {
  const [idle, asking] = [await wire(stack), await wire(stack)];
  await idle.send(head('GET', '/api/v1/health/live'));
  assert.equal((await idle.answer()).status, 200);
  const ending = stack.end('serve');
  await eventually(
    () =>
      get(stack, '/api/v1/health/live').then(
        () => false,
        () => true,
      ),
    { what: 'the draining' },
  );
  await asking.send(head('GET', '/api/v1/health/ready'));
  const ready = await asking.answer();
  assert.deepEqual([ready.status, ready.json.draining, ready.headers.connection], [503, true, 'close']);
  await idle.send(head('GET', '/api/v1/credits/balance', { Authorization: `Bearer ${member.token}` }));
  const answer = await idle.answer();
  assert.deepEqual([answer.status, answer.headers.connection], [200, 'close']);
  assert.equal(await ending, 0);
  await stack.run('serve');
});

test('a worker that is stopped hands its picture back at once, and the next one makes it', async () => {
  await stack.execute("update job_items set not_before = now() + interval '1 day'"); // what the other tests left waits
  const other = await givenMember(stack, { credits: 70 });
  await Promise.all([stack.run('work'), stack.run('schedule')]);
  const files = [{ name: 'teddy.jpg', bytes: realPicture('cc0-teddy-A-white.jpg') }];
  const job = dataOf(await upload(stack, other.token, { files, fields: { quality: 'high' } }), 202).job_id;
  const item = () => stack.row(`select status, attempt from job_items where job_id = '${job}'`);
  await eventually(async () => (await item()).status === 'running', { every: 10, what: 'the beginning' });
  assert.equal(await stack.end('work'), 0);
  const left = await item();
  // Either it was finished within the worker's patience, or it waits for the next.
  assert.ok(['queued', 'dispatched', 'succeeded'].includes(left.status), left.status);
  await stack.run('work');
  assert.equal((await waitForJob(stack, other.token, job)).status, 'succeeded');
  assert.deepEqual(await balanceOf(stack, other.token), { balance: 0, held: 0, available: 0 });
});

test('a second SIGTERM while draining does no harm', async () => {
  const ending = stack.end('serve');
  stack.signal('serve', 'SIGTERM');
  assert.equal(await ending, 0);
  await stack.run('serve');
  assertRefused(await get(stack, '/api/v1/credits/balance'), 401, 'token_missing');
});
