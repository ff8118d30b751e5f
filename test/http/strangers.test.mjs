// What belongs to another company is not there; a signed link works as it was made, for as long as it says, or not at all.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  assertRefused,
  balanceOf,
  dataOf,
  filesOf,
  get,
  givenMember,
  request,
  upload,
  waitForJob,
} from './support/client.mjs';
import { ball } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';

let stack, owner, stranger, job, model;
before(async () => {
  stack = await startStack({ env: { LINK_LIFETIME_S: '60' } });
  [owner, stranger] = [await givenMember(stack), await givenMember(stack)];
  job = dataOf(
    await upload(stack, owner.token, {
      files: [{ name: 'canary.png', bytes: ball() }],
      fields: { quality: 'low' },
    }),
    202,
  ).job_id;
  await waitForJob(stack, owner.token, job);
  [model] = await filesOf(stack, owner.token, job);
});
after(() => stack?.stop());

test("another company's job is not there: no status, no files, no events, and not a word of it", async () => {
  const nothingMoved = await stack.watch();
  for (const path of [
    `/api/v1/jobs/${job}/status`,
    `/api/v1/download/${job}/files`,
    `/api/v1/jobs/${job}/events`,
  ]) {
    for (const headers of [{}, { 'Last-Event-ID': '0' }]) {
      const answer = await get(stack, path, stranger.token, headers);
      assertRefused(answer, 404, 'not_found');
      assert.ok(!answer.body.includes('canary') && !answer.body.includes(job));
      const unknown = await get(
        stack,
        path.replace(job, '01890000-0000-7000-8000-000000000000'),
        stranger.token,
        headers,
      );
      assert.deepEqual(
        { ...unknown.json, request_id: 0 },
        { ...answer.json, request_id: 0 },
        'as if there had never been one',
      );
    }
  }
  await nothingMoved();
});

test("each company's balance is its own", async () => {
  assert.deepEqual(await balanceOf(stack, stranger.token), { balance: 10_000, held: 0, available: 10_000 });
  assert.equal((await balanceOf(stack, owner.token)).available, 9_965);
});

test('an id that is none is not there either', async () => {
  for (const id of [
    '1',
    'x'.repeat(36),
    `${job}0`,
    job.slice(1),
    '..',
    '%00',
    "'; drop table users",
    '%2e%2e%2f%2e%2e',
    'null',
  ]) {
    const answer = await get(
      stack,
      `/api/v1/jobs/${encodeURI(id).replaceAll("'", '%27')}/status`,
      owner.token,
    );
    assert.ok([400, 404].includes(answer.status), `${id}: ${answer.status}`);
  }
});

// --- Links

const linkWith = (change) => {
  const url = new URL(model.url, stack.base);
  change(url.searchParams, url);
  return get(stack, url.pathname + url.search);
};

test('a signed link needs no token and hides nothing behind one', async () => {
  assert.equal((await linkWith(() => {})).status, 200);
  assert.equal((await get(stack, model.url, stranger.token)).status, 200);
  const answer = await linkWith(() => {});
  assert.equal(answer.headers['referrer-policy'], 'no-referrer');
  assert.match(answer.headers['cache-control'], /private/);
});

test('a link that was altered in any part is refused', async () => {
  const upload = await stack.row(`select id from files where kind = 'upload'`);
  const changes = {
    'a later expiry': (q) => q.set('expires', `${Number(q.get('expires')) + 1}`),
    'an expiry with a zero before': (q) => q.set('expires', `0${q.get('expires')}`),
    'a far expiry': (q) => q.set('expires', '9223372036854775807'),
    'a past expiry': (q) => q.set('expires', '0'),
    'another company': (q) => q.set('company', stranger.company.id),
    'an unknown key': (q) => q.set('key', 'l2'),
    'no key': (q) => q.set('key', ''),
    'another signature': (q) => q.set('signature', 'A'.repeat(43)),
    'a cut signature': (q) => q.set('signature', q.get('signature').slice(0, -1)),
    'a longer signature': (q) => q.set('signature', `${q.get('signature')}A`),
    'no signature': (q) => q.set('signature', ''),
    'another file': (q, url) =>
      (url.pathname = url.pathname.replace(model.url.split('/')[5].split('?')[0], job)),
    'the picture instead of the model': (q, url) => (url.pathname = `/api/v1/download/files/${upload.id}`),
  };
  for (const [how, change] of Object.entries(changes)) {
    const answer = await linkWith(change);
    // Written otherwise, the same moment may be taken for the same.
    if (how === 'an expiry with a zero before' && answer.status === 200) continue;
    assert.equal(answer.status, 403, how);
    assertRefused(answer, 403, 'link_invalid', /altered/);
  }
  for (const how of ['company', 'expires', 'key', 'signature']) {
    assertRefused(await linkWith((q) => q.delete(how)), 422, 'invalid', /missing/);
    const twice = await linkWith((q) => q.append(how, q.get(how)));
    assertRefused(twice, 422, 'invalid', /twice/);
  }
  assertRefused(await linkWith((q) => q.set('download', '1')), 422, 'invalid', /not a parameter/);
  assertRefused(await linkWith((q) => q.set('expires', 'soon')), 422, 'invalid', /whole number/);
  for (const id of ['x', '..'])
    assert.ok([404, 403].includes((await linkWith((q) => q.set('company', id))).status));
});

test('a link cannot be used with another method, or to write', async () => {
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    assertRefused(await request(stack, { method, path: model.url }), 405, 'method_not_allowed');
  }
});

test('an expired link says so, and a new one works', async () => {
  await stack.restart('serve', { LINK_LIFETIME_S: '1' });
  const [short] = await filesOf(stack, owner.token, job);
  assert.equal((await get(stack, short.url)).status, 200);
  const expired = await eventually(
    async () => {
      const answer = await get(stack, short.url);
      return answer.status !== 200 && answer;
    },
    { within: 4000, what: 'the expiry' },
  );
  assertRefused(expired, 410, 'link_expired', /expired/);
  const [fresh] = await filesOf(stack, owner.token, job);
  assert.equal((await get(stack, fresh.url)).status, 200);
  assert.equal((await get(stack, model.url)).status, 200, 'the first one has its own time');
});
