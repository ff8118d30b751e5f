// Who may come in: tokens that were altered or have expired, people and companies that were shut out, and JSON that is wrong.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import {
  assertRefused,
  balanceOf,
  dataOf,
  get,
  givenMember,
  login,
  postJson,
  request,
  tokenOf,
  upload,
} from './support/client.mjs';
import { ball } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';

let stack, member;
before(async () => {
  // An active principal is believed for a minute: only the notice of a change can be what ends it sooner.
  stack = await startStack({ roles: ['serve'], env: { PRINCIPAL_CACHE_MS: '60000' } });
  member = await givenMember(stack);
});
after(() => stack?.stop());

const balance = (token) => get(stack, '/api/v1/credits/balance', token);
const encoded = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const signed = (head, payload, secret = stack.jwtSecret) => {
  const both = `${head}.${payload}`;
  return `${both}.${createHmac('sha256', secret).update(both).digest('base64url')}`;
};

// --- Tokens

test('without a token, or with another scheme, a caller is asked to sign in', async () => {
  for (const header of [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Basic ${member.token}`,
    member.token,
    `Token ${member.token}`,
  ]) {
    const headers = header === undefined ? {} : { Authorization: header };
    const answer = await get(stack, '/api/v1/credits/balance', undefined, headers);
    assertRefused(answer, 401, 'token_missing', /Sign in/);
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
  }
});

test('the scheme may be written in lower case', async () => {
  assert.equal(
    (await get(stack, '/api/v1/credits/balance', undefined, { Authorization: `bearer ${member.token}` }))
      .status,
    200,
  );
});

test('a forged token is refused, however it is forged, and moves nothing', async () => {
  const [head, payload, signature] = member.token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const header = JSON.parse(Buffer.from(head, 'base64url'));
  const later = { ...claims, exp: claims.exp + 1000 };
  const last = signature.at(-1);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twin = alphabet[alphabet.indexOf(last) ^ 1]; // differs only in bits that base64 throws away
  assert.deepEqual(
    Buffer.from(signature.slice(0, -1) + twin, 'base64url'),
    Buffer.from(signature, 'base64url'),
  );
  const forged = {
    'alg none, no signature': `${encoded({ ...header, alg: 'none' })}.${payload}.`,
    'alg none, old signature': `${encoded({ ...header, alg: 'none' })}.${payload}.${signature}`,
    'no signature': `${head}.${payload}.`,
    'two parts': `${head}.${payload}`,
    'four parts': `${member.token}.${signature}`,
    'one word': 'token',
    'three dots': '...',
    'another key': signed(head, payload, 'x'.repeat(48)),
    'an empty key': signed(head, payload, ''),
    'a changed payload': `${head}.${encoded(later)}.${signature}`,
    'the right key under another id': signed(encoded({ ...header, kid: 'k2' }), payload),
    'kid as a path': signed(encoded({ ...header, kid: '../../../dev/null' }), payload, ''),
    'a re-encoded header': signed(encoded(`{"kid":"k1","alg":"HS256","typ":"at+jwt"}`), payload),
    'another algorithm': signed(encoded({ ...header, alg: 'HS512' }), payload),
    'a key of its own': signed(
      encoded({ ...header, jwk: { kty: 'oct', k: encoded('mine') } }),
      payload,
      'mine',
    ),
    'trailing bits of the signature': `${head}.${payload}.${signature.slice(0, -1)}${twin}`,
    padding: `${member.token}=`,
    'plain base64': `${head}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
    'a space behind': `${member.token} x`,
    'too long': `${head}.${payload}${'A'.repeat(5000)}.${signature}`,
    'not base64': `${head}.${payload}.${'!'.repeat(43)}`,
  };
  const nothingMoved = await stack.watch();
  for (const [how, token] of Object.entries(forged)) {
    const answer = await upload(stack, token, { files: [{ name: 'x.png', bytes: ball() }] });
    const errors = assertRefused(answer, 401, 'token_invalid', /not valid/);
    assert.equal(errors.length, 1, how);
  }
  await nothingMoved();
});

test('a token signed by us but for something else is refused', async () => {
  const [head, payload] = member.token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const stranger = await givenMember(stack);
  const wrong = {
    'another audience': { ...claims, aud: 'elsewhere' },
    'another issuer': { ...claims, iss: 'elsewhere' },
    'no expiry': { ...claims, exp: undefined },
    'an expiry in words': { ...claims, exp: 'never' },
    'an unknown role': { ...claims, role: 'root' },
    'no subject': { ...claims, sub: undefined },
    'a user of another company': { ...claims, sub: stranger.user.id },
    'a company of another user': { ...claims, company_id: stranger.company.id },
    nobody: { ...claims, sub: '01890000-0000-7000-8000-000000000000' },
    'a list of audiences': { ...claims, aud: [claims.aud] },
  };
  for (const [how, each] of Object.entries(wrong)) {
    const answer = await balance(signed(head, encoded(each)));
    assert.equal(answer.status, 401, how);
    assertRefused(answer, 401, 'token_invalid');
  }
  assertRefused(await balance(signed(head, encoded('[]'))), 401, 'token_invalid');
  assertRefused(await balance(signed(head, encoded({ ...claims, exp: 1 }))), 401, 'token_expired', /expired/);
  assert.equal((await balance(signed(head, payload))).status, 200, 'the same, signed right, is a token');
  const admin = await balance(signed(head, encoded({ ...claims, role: 'admin' })));
  assert.equal(admin.status, 200, 'the role of a token is not believed, so a wrong one does no harm');
});

test('a token ends with its lifetime', async () => {
  const short = await startStack({ roles: ['serve'], env: { TOKEN_LIFETIME_S: '1' } });
  try {
    const { token } = await givenMember(short);
    const refused = await eventually(
      async () => {
        const answer = await get(short, '/api/v1/credits/balance', token);
        return answer.status !== 200 && answer;
      },
      { within: 4000, what: 'the expiry' },
    );
    assertRefused(refused, 401, 'token_expired', /expired/);
  } finally {
    await short.stop();
  }
});

// --- Signing in

test('a wrong password and an unknown address are answered alike', async () => {
  const answers = await Promise.all([
    login(stack, { ...member.user, password: 'wrong' }),
    login(stack, { email: 'nobody@nowhere.example', password: member.user.password }),
    login(stack, { ...member.user, password: '' }),
    login(stack, { email: '', password: '' }),
    login(stack, { ...member.user, password: `${member.user.password}\0` }),
    login(stack, { email: `${member.user.email}'--`, password: member.user.password }),
  ]);
  const told = answers.map((answer) => {
    assertRefused(answer, 401, 'credentials_wrong', /E-mail or password is wrong/);
    const { request_id: own, ...rest } = answer.json;
    return { rest, length: answer.body.length - own.length, headers: Object.keys(answer.headers) };
  });
  for (const each of told) assert.deepEqual(each, told[0]);
});

test('an address with a NUL is nobody', async () => {
  const answer = await postJson(stack, '/api/v1/auth/login', { email: 'a\0b@c.example', password: 'x' });
  assert.ok([401, 422].includes(answer.status), `${answer.status}: ${answer.body}`);
});

test('a login that is not the JSON it should be is refused by what is wrong with it', async () => {
  const { email, password } = member.user;
  const long = 'x'.repeat(129);
  const cases = [
    ['not json', 400, 'malformed'],
    ['', 400, 'malformed'],
    ['[]', 400, 'malformed'],
    ['"text"', 400, 'malformed'],
    ['null', 400, 'malformed'],
    ['{"email":"a"', 400, 'malformed'],
    [`${JSON.stringify({ email, password })}x`, 400, 'malformed'],
    ["{'email':1}", 400, 'malformed'],
    [Buffer.from('{"email":"caf\xe9","password":"x"}', 'latin1'), 400, 'malformed'],
    ['{"email":"a\\ud800","password":"x"}', 400, 'malformed'],
    [`{"email":${'['.repeat(2000)}${']'.repeat(2000)},"password":"x"}`, 400, 'malformed'],
    [{ email }, 422, 'invalid', 'password', /missing/],
    [{ password }, 422, 'invalid', 'email', /missing/],
    [{}, 422, 'invalid', 'email', /missing/],
    [{ email: 1, password }, 422, 'invalid', 'email', /must be a text/],
    [{ email, password: null }, 422, 'invalid', 'password', /must be a text/],
    [{ email: [email], password }, 422, 'invalid', 'email', /must be a text/],
    [{ email, password, role: 'admin' }, 422, 'invalid', 'role', /not a field/],
    [{ email, password: long }, 422, 'invalid', 'password', /128/],
    [{ email: `${'x'.repeat(250)}@a.b`.slice(-255), password: 'x' }, 401, 'credentials_wrong'],
    [{ email: 'x'.repeat(255), password: 'x' }, 422, 'invalid', 'email', /254/],
    ['x'.repeat(1024 * 1024), 413, 'body_too_large'],
    [{ email, password: 'x'.repeat(1024 * 1024) }, 413, 'body_too_large'],
  ];
  const nothingMoved = await stack.watch();
  for (const [body, status, code, field, words] of cases) {
    const answer = await postJson(stack, '/api/v1/auth/login', body);
    const [error] = assertRefused(answer, status, code, words);
    if (field) assert.equal(error.field, field);
  }
  await nothingMoved();
});

test('a field that is given twice is refused or the same as given once, never a server error', async () => {
  const { email, password } = member.user;
  const twice = `{"email":"${email}","email":"other@x.example","password":"${password}"}`;
  assert.ok([400, 401, 422].includes((await postJson(stack, '/api/v1/auth/login', twice)).status));
});

test('JSON must be called JSON', async () => {
  const body = JSON.stringify({ email: member.user.email, password: member.user.password });
  const as = (type) =>
    request(stack, {
      method: 'POST',
      path: '/api/v1/auth/login',
      headers: type ? { 'Content-Type': type } : {},
      body,
    });
  for (const type of [
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=b',
    'application/jsonx',
  ]) {
    assertRefused(await as(type), 415, 'media_type_unsupported', /application\/json/);
  }
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON'])
    assert.equal((await as(type)).status, 200, type);
});

// --- Shut out

test('a suspended company is out at once, on every loop, and back when it is let in', async () => {
  const { company, user, token } = await givenMember(stack);
  const many = () => Promise.all(Array.from({ length: 8 }, () => balance(token)));
  assert.ok((await many()).every((answer) => answer.status === 200));
  await stack.admin('company-status', { 'company-domain': company.domain, status: 'suspended' });
  await pause(200); // the notice travels through Redis
  const nothingMoved = await stack.watch();
  for (const answer of await many()) assertRefused(answer, 403, 'account_inactive', /not active/);
  assertRefused(
    await upload(stack, token, { files: [{ name: 'x.png', bytes: ball() }] }),
    403,
    'account_inactive',
  );
  assertRefused(await login(stack, user), 403, 'account_inactive');
  assertRefused(await login(stack, { ...user, password: 'wrong' }), 401, 'credentials_wrong');
  await nothingMoved();
  assert.equal((await balance(member.token)).status, 200, 'nobody else is');
  await stack.admin('company-status', { 'company-domain': company.domain, status: 'active' });
  await pause(200);
  assert.ok((await many()).every((answer) => answer.status === 200));
});

test('a disabled user is out at once; a colleague is not', async () => {
  const { company, user, token } = await givenMember(stack, { users: 2 });
  const colleague = await tokenOf(stack, company.users[1]);
  await Promise.all(Array.from({ length: 8 }, () => balanceOf(stack, token)));
  await stack.admin('user-status', { email: user.email, status: 'disabled' });
  await pause(200);
  for (const answer of await Promise.all(Array.from({ length: 8 }, () => balance(token))))
    assertRefused(answer, 403, 'account_inactive');
  assertRefused(await login(stack, user), 403, 'account_inactive');
  assert.equal(dataOf(await balance(colleague)).available, 10_000);
});
