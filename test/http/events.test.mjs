// Server-sent events: complete, in order, and resumable, whatever breaks the connection.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  EventParser,
  assertRefused,
  dataOf,
  eventOf,
  get,
  givenMember,
  isFinal,
  listen,
  upload,
  waitForJob,
} from './support/client.mjs';
import { ball, realPicture } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';

let stack, member;
before(async () => {
  stack = await startStack({ env: { ENGINE_THREADS: '1' } });
  member = await givenMember(stack, { credits: 100_000 });
});
after(() => stack?.stop());

async function givenJob(count = 3) {
  const files = Array.from({ length: count }, (_, i) => ({ name: `${i}.png`, bytes: ball({ shade: i }) }));
  return dataOf(await upload(stack, member.token, { files, fields: { quality: 'low' } }), 202).job_id;
}

const numbered = (events) => events.filter((each) => each.id !== undefined && each.kind !== 'status');
const recorded = async (job) =>
  stack.rows(`select seq as id, kind, data from job_events where job_id = '${job}' order by seq`);
const plain = (events) => events.map(({ id, kind, data }) => ({ id, kind, data }));

test('the parser of these tests does not mind where the pieces are cut', () => {
  const text =
    'retry: 1000\nid: 7\nevent: item\ndata: {"a":"ü\\n"}\n\n: a comment\n\nevent: end\r\ndata: {}\r\n\r\n';
  for (let size = 1; size < text.length; ++size) {
    const parser = new EventParser();
    const events = text.match(new RegExp(`[^]{1,${size}}`, 'g')).flatMap((piece) => [...parser.feed(piece)]);
    assert.deepEqual(events, [
      { kind: 'item', data: { a: 'ü\n' }, id: 7 },
      { kind: 'end', data: {}, id: undefined },
    ]);
    assert.deepEqual([parser.retry, parser.comments], [1000, ['a comment']]);
  }
});

test('a stream that is broken again and again tells each event once, in order, and all of them', async () => {
  const job = await givenJob(4);
  const told = [];
  let last,
    breaks = 0;
  for (let over = false; !over; ++breaks) {
    const stream = await listen(stack, member.token, job, last);
    if (stream.status === 204) break;
    const before = told.length;
    // Each connection may tell two more, then it is cut.
    await eventually(() => stream.over || numbered(stream.events).length >= 2, { within: 30_000, every: 5 });
    over = stream.events.some((each) => each.kind === 'end');
    stream.close();
    const first = stream.events.find((each) => each.kind === 'status');
    assert.equal(first !== undefined, last === undefined, 'the whole status comes only at first');
    told.push(...numbered(stream.events));
    last = told.at(-1)?.id ?? first?.id;
    assert.ok(over || told.length > before);
  }
  assert.ok(breaks >= 3, `${breaks} connections`);
  const all = await recorded(job);
  assert.deepEqual(
    plain(told),
    all.filter((each) => each.id >= told[0].id),
  );
  assert.deepEqual(
    all.map((each) => each.id),
    all.map((_, i) => i + 1),
    'numbered without a gap',
  );
  assert.equal(all.at(-1).data.status, 'succeeded');
});

test('Last-Event-ID is answered with exactly what was missed', async () => {
  const job = await givenJob(2);
  await waitForJob(stack, member.token, job);
  const all = await recorded(job);
  for (const last of [0, 1, Math.floor(all.length / 2), all.length - 1]) {
    const stream = await listen(stack, member.token, job, last);
    assert.equal(await stream.ended, 'complete');
    assert.deepEqual(plain(stream.events.slice(0, -1)), all.slice(last));
    assert.equal(stream.events.at(-1).kind, 'end');
  }
});

test('after the end there is nothing more to come back for: 204', async () => {
  const job = await givenJob(1);
  const stream = await listen(stack, member.token, job);
  assert.equal(await stream.ended, 'complete');
  const { id } = numbered(stream.events).at(-1);
  for (const last of [id, id + 1000]) {
    const again = await listen(stack, member.token, job, last);
    assert.deepEqual([again.status, await again.ended, again.events], [204, 'complete', []]);
  }
  const whole = await listen(stack, member.token, job);
  assert.equal(await whole.ended, 'complete');
  assert.deepEqual(
    whole.events.map((each) => each.kind),
    ['status', 'end'],
    'without a number it is told how it ended',
  );
});

test('a Last-Event-ID that is no number is refused', async () => {
  const job = await givenJob(1);
  for (const last of ['x', '1.5', '99999999999999999999', '1 2']) {
    assertRefused(
      await get(stack, `/api/v1/jobs/${job}/events`, member.token, { 'Last-Event-ID': last }),
      422,
      'invalid',
    );
  }
  await waitForJob(stack, member.token, job);
});

test('a number from the future does not keep a stream open beyond the end of its job', async () => {
  const job = await givenJob(1);
  const stream = await listen(stack, member.token, job, 1_000_000);
  await waitForJob(stack, member.token, job);
  if (stream.status === 200)
    await eventually(() => stream.over, { within: 5000, what: 'the end of the stream' }).finally(() =>
      stream.close(),
    );
});

test('twenty listeners to one job all hear the same', async () => {
  const job = await givenJob(2);
  const streams = await Promise.all(Array.from({ length: 20 }, () => listen(stack, member.token, job, 0)));
  for (const stream of streams) assert.equal(await stream.ended, 'complete');
  const all = await recorded(job);
  for (const stream of streams) assert.deepEqual(plain(numbered(stream.events)), all);
});

test('progress is told while a model is being made', async () => {
  const files = [{ name: 'teddy.jpg', bytes: realPicture('cc0-teddy-A-white.jpg') }];
  const job = dataOf(await upload(stack, member.token, { files, fields: { quality: 'high' } }), 202).job_id;
  const stream = await listen(stack, member.token, job);
  assert.equal(await stream.ended, 'complete');
  const passing = stream.events.filter((each) => each.kind === 'item' && each.id === undefined);
  assert.ok(passing.length >= 1, 'a word on the way');
  for (const { data } of passing) {
    assert.deepEqual(Object.keys(data), ['item_id', 'file_name', 'status', 'stage', 'progress', 'error']);
    assert.ok(data.progress >= 0 && data.progress <= 1);
  }
});

test('a stream that is open while its server stops is ended properly, and goes on where it was at the next one', async () => {
  const job = await givenJob(6);
  const stream = await listen(stack, member.token, job);
  await eventOf(stream, (each) => each.id !== undefined && each.kind === 'item');
  assert.equal(await stack.end('serve'), 0);
  assert.equal(await stream.ended, 'complete');
  assert.ok(!stream.events.some((each) => each.kind === 'end'), 'the job goes on');
  assert.equal(stream.parser.retry, 500);
  assert.match(stream.parser.comments.at(-1), /reconnect/);

  await stack.run('serve');
  const told = numbered(stream.events);
  const resumed = await listen(stack, member.token, job, told.at(-1).id);
  assert.equal(await resumed.ended, 'complete');
  told.push(...numbered(resumed.events));
  assert.deepEqual(
    told.map((each) => each.id),
    told.map((_, i) => told[0].id + i),
  );
  assert.ok(isFinal(told.at(-1).data.status));
  assert.deepEqual(
    plain(told),
    (await recorded(job)).filter((each) => each.id >= told[0].id),
  );
});

test('a stream whose server is killed goes on at the next one without a gap or a repetition', async () => {
  const job = await givenJob(6);
  const stream = await listen(stack, member.token, job);
  await eventOf(stream, (each) => each.id !== undefined && each.kind === 'item');
  await stack.kill9('serve');
  await stream.ended;
  assert.ok(!stream.events.some((each) => each.kind === 'end'));
  await stack.run('serve');
  const told = numbered(stream.events);
  const resumed = await listen(stack, member.token, job, told.at(-1).id);
  assert.equal(await resumed.ended, 'complete');
  told.push(...numbered(resumed.events));
  assert.deepEqual(
    plain(told),
    (await recorded(job)).filter((each) => each.id >= told[0].id),
  );
  assert.equal(told.at(-1).data.status, 'succeeded');
});
