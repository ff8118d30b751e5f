// How much memory the server takes: bounds, not timings. Uploads stream to disk, whatever their number.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { balanceOf, filePart, givenMember, multipart, tokenOf } from './support/client.mjs';
import { ballOfBytes, fileBytesMax, realPicture } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';
import { head, wire } from './support/wire.mjs';

const uploads = 16;
const riseMax = 64 * 1024 * 1024;
const idleMax = 60 * 1024 * 1024;

let stack, member;
before(async () => {
  stack = await startStack({ roles: ['serve'], env: { LOOPS: '0' } });
});
after(() => stack?.stop());

const pss = () =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${stack.pid('serve')}/smaps_rollup`, 'utf8'))[1]) * 1024;
const mib = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

test('an idle server takes less than 60 MiB', async (t) => {
  await pause(500);
  t.diagnostic(`Pss ${mib(pss())}, RSS ${mib(stack.memory('serve', 'VmRSS'))}`);
  assert.ok(pss() < idleMax, mib(pss()));
});

/** 10 MiB that a reader must look through to the end: one long scan. */
function longJpeg() {
  const bytes = realPicture('ccby-mug-A-shadow.jpg');
  return Buffer.concat([
    bytes.subarray(0, -2),
    Buffer.alloc(fileBytesMax - bytes.length, 0x55),
    bytes.subarray(-2),
  ]);
}

async function peakRiseOf(bytes) {
  const form = multipart([filePart({ name: 'large', bytes })]);
  const request = head('POST', '/api/v1/upload/batch', {
    Authorization: `Bearer ${member.token}`,
    ...form.headers,
    'Content-Length': form.body.length,
  });
  const before = stack.memory('serve', 'VmRSS');
  writeFileSync(`/proc/${stack.pid('serve')}/clear_refs`, '5'); // the peak begins anew
  const connections = await Promise.all(Array.from({ length: uploads }, () => wire(stack)));
  // All stand one byte before their end at the same time, and end together.
  await Promise.all(
    connections.map(async (each) => {
      await each.send(request);
      await each.send(form.body.subarray(0, -1));
    }),
  );
  await Promise.all(connections.map((each) => each.send(form.body.subarray(-1))));
  for (const each of connections) {
    assert.equal((await each.answer(30_000)).status, 202);
    each.drop();
  }
  return stack.memory('serve', 'VmHWM') - before;
}

for (const [kind, bytes] of [
  ['PNG', ballOfBytes(fileBytesMax)],
  ['JPEG', longJpeg()],
]) {
  test(`sixteen uploads of a 10 MiB ${kind} at once raise the server's memory by less than 64 MiB`, async (t) => {
    member ??= await givenMember(stack, { credits: 100_000 });
    await tokenOf(stack, member.user); // Argon2's memory is not the uploads'
    await balanceOf(stack, member.token);
    const rise = await peakRiseOf(bytes);
    t.diagnostic(`rises by ${mib(rise)}`);
    assert.ok(rise < riseMax, mib(rise));
  });
}

test('what the uploads took is given back', async (t) => {
  await pause(1000);
  t.diagnostic(`Pss ${mib(pss())}`);
  assert.ok(pss() < idleMax + riseMax / 4, mib(pss()));
});
