// Rate limits, and what still answers while Redis is away.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
  assertRefused,
  balanceOf,
  dataOf,
  get,
  givenMember,
  login,
  postJson,
  statusOf,
  tokenOf,
  upload,
  waitForJob,
} from './support/client.mjs';
import { ball } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';

const picture = { name: 'ball.png', bytes: ball() };
const order = (fields = { quality: 'low' }) => ({ files: [picture], fields });

function assertLimited(answer, secondsMax) {
  assertRefused(answer, 429, 'rate_limited', /Retry-After/);
  const wait = Number(answer.headers['retry-after']);
  assert.ok(
    Number.isInteger(wait) && wait >= 1 && wait <= secondsMax,
    `Retry-After: ${answer.headers['retry-after']}`,
  );
}

describe('at the production limits', () => {
  let stack;
  before(async () => {
    stack = await startStack({ roles: ['serve'], env: { RATE_LIMIT_SCALE: '1' } });
  });
  after(() => stack?.stop());

  test('the eleventh login to one account within a minute is refused, with the time to wait, before the password is looked at', async () => {
    const { users } = await stack.givenCompany({ users: 2 });
    for (let i = 0; i < 10; ++i)
      assertRefused(await login(stack, { ...users[0], password: 'wrong' }), 401, 'credentials_wrong');
    const nothingMoved = await stack.watch();
    assertLimited(await login(stack, users[0]), 60);
    await nothingMoved();
    assert.equal((await login(stack, users[1])).status, 200, 'another account is not meant');
  });

  test('the thirty-first login from one address within a minute is refused, whoever it is for', async () => {
    const answers = [];
    for (let i = 0; i < 25; ++i)
      answers.push(await login(stack, { email: `nobody${i}@x.example`, password: 'x' }));
    const refused = answers.filter((answer) => answer.status === 429);
    assert.ok(refused.length >= 3, `${refused.length} of 25 refused, 12 were tried before`);
    for (const answer of refused) {
      assertLimited(answer, 60);
      assert.match(answer.headers['ratelimit-policy'], /^"logins";q=30;w=60$/);
      assert.match(answer.headers.ratelimit, /^"logins";r=0;t=\d+$/);
    }
  });
});

describe('at a tenth of the limits', () => {
  let stack, member;
  before(async () => {
    stack = await startStack({ roles: ['serve'], env: { RATE_LIMIT_SCALE: '0.1' } });
    member = await givenMember(stack);
  });
  after(() => stack?.stop());

  test('the second batch is refused, with the time to wait, and moves nothing', async () => {
    dataOf(await upload(stack, member.token, order()), 202);
    const nothingMoved = await stack.watch();
    const answer = await upload(stack, member.token, order());
    assertLimited(answer, 60);
    assert.match(answer.headers['ratelimit-policy'], /^"uploads";q=1;w=60$/);
    await nothingMoved();
  });

  test('more pictures than an hour allows are refused, with the time to wait, and move nothing', async () => {
    const other = await freshUser();
    const nothingMoved = await stack.watch();
    const files = Array.from({ length: 11 }, (_, i) => ({ name: `${i}.png`, bytes: ball({ shade: i }) }));
    assertLimited(await upload(stack, other, { files, fields: { quality: 'low' } }), 3600);
    await nothingMoved();
  });

  test('a limit is per user: a colleague is not held up', async () => {
    const colleague = await freshUser();
    assert.equal((await upload(stack, colleague, order())).status, 202);
    assert.equal((await upload(stack, colleague, order())).status, 429);
    await balanceOf(stack, colleague);
  });

  /** Of the same company, past the limit on logins of this test's address. */
  async function freshUser() {
    await stack.restart('serve', { RATE_LIMIT_SCALE: '1000' });
    const email = `fresh${Math.random()}@x.example`;
    const options = { 'company-domain': member.company.domain, email, name: 'Fresh', 'password-stdin': true };
    await stack.admin('user-create', options, 'a password\n');
    const token = await tokenOf(stack, { email, password: 'a password' });
    await stack.restart('serve');
    return token;
  }
});

describe('while Redis is dead', () => {
  let stack, member, job;
  before(async () => {
    stack = await startStack({ ownRedis: true, env: { RATE_LIMIT_SCALE: '1' } });
    member = await givenMember(stack);
    await stack.redis.kill9();
  });
  after(() => stack?.stop());

  test('balance, upload, status and a repeated key still answer, from PostgreSQL', async () => {
    assert.deepEqual(await balanceOf(stack, member.token), { balance: 10_000, held: 0, available: 10_000 });
    job = dataOf(await upload(stack, member.token, { ...order(), key: 'without-redis' }), 202).job_id;
    assert.equal((await balanceOf(stack, member.token)).held, 35);
    assert.equal(
      dataOf(await upload(stack, member.token, { ...order(), key: 'without-redis' }), 202).job_id,
      job,
    );
    const now = await statusOf(stack, member.token, job);
    assert.ok(['queued', 'running'].includes(now.status), now.status);
    assert.equal((await get(stack, '/api/v1/health/ready')).json.redis, false);
    assert.equal((await get(stack, '/api/v1/health/ready')).status, 200);
    await stack.proof();
  });

  test('other limits are open, but logins are still limited, with the time to wait', async () => {
    for (let i = 0; i < 15; ++i)
      assert.equal(
        (await upload(stack, member.token, { files: [] })).status,
        422,
        'ten a minute, were Redis there',
      );
    const answers = [];
    for (let i = 0; i < 30; ++i) answers.push(await login(stack, { ...member.user, password: 'wrong' }));
    const refused = answers.filter((answer) => answer.status === 429);
    // Each of the two loops counts by itself: ten an account on each at most.
    assert.ok(refused.length >= 10, `${refused.length} of 30 refused`);
    for (const answer of refused) assertLimited(answer, 60);
  });

  test('a request that Redis would have slowed down does not wait for it', async () => {
    const started = Date.now();
    for (let i = 0; i < 50; ++i) await balanceOf(stack, member.token);
    assert.ok(Date.now() - started < 5000, `${Date.now() - started} ms for 50`);
  });

  test('an upload goes on to its end once Redis is back, and the balance is not a stale one', async () => {
    await stack.redis.start();
    const done = await waitForJob(stack, member.token, job);
    assert.equal(done.status, 'succeeded');
    assert.deepEqual(await balanceOf(stack, member.token), { balance: 9_965, held: 0, available: 9_965 });
    await eventually(async () => (await get(stack, '/api/v1/health/ready')).json.redis, {
      what: 'Redis in readiness',
    });
    await stack.proof();
  });

  test('a login from before the outage is limited again by Redis', async () => {
    const answer = await postJson(stack, '/api/v1/auth/login', { email: 'someone@x.example', password: 'x' });
    assert.match(answer.headers['ratelimit-policy'] ?? '', /^"logins"/);
  });
});
