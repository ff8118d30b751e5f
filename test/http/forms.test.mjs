// The upload's form: what is missing or wrong in it, and what a repeated Idempotency-Key does. No worker runs here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import {
  assertRefused,
  balanceOf,
  dataOf,
  filePart,
  givenMember,
  multipart,
  part,
  request,
  tokenOf,
  upload,
  uploadForm,
} from './support/client.mjs';
import { ball, gif } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

let stack, member;
before(async () => {
  stack = await startStack({ roles: ['serve'] });
  member = await givenMember(stack, { credits: 100_000, users: 2 });
});
after(() => stack?.stop());

const picture = (shade = 0, name = 'ball.png') => ({ name, bytes: ball({ shade }) });
const send = (more) => upload(stack, member.token, { files: [picture()], ...more });
const sendForm = (form) => uploadForm(stack, member.token, form);

async function assertMovesNothing(answering, status, code, words, field) {
  const nothingMoved = await stack.watch();
  const [error] = assertRefused(await answering(), status, code, words);
  if (field !== undefined) assert.equal(error.field, field);
  await nothingMoved();
}

// --- Values

test('an unknown quality is refused with the choices', async () => {
  for (const quality of ['ultra', 'LOW', '', ' low', 'low\0']) {
    await assertMovesNothing(
      () => send({ fields: { quality } }),
      422,
      'preset_unknown',
      /low, medium, high/,
      'quality',
    );
  }
});

test('a face_limit that is no number from 100 to 10,000 is refused', async () => {
  for (const limit of [
    '99',
    '10001',
    '-100',
    '0',
    '1e3',
    '1000.5',
    'many',
    '',
    ' 1000',
    '+1000',
    '0x100',
    '99999999999999999999',
  ]) {
    await assertMovesNothing(
      () => send({ fields: { face_limit: limit } }),
      422,
      'face_limit_invalid',
      /100 to 10000/,
      'face_limit',
    );
  }
  for (const [limit, credits] of [
    ['100', 35],
    ['1000', 35],
    ['5000', 52],
    ['5001', 70],
    ['10000', 70],
  ]) {
    assert.equal(dataOf(await send({ fields: { face_limit: limit } }), 202).credits_held, credits, limit);
  }
});

test('a field that the form does not have is refused by name', () =>
  assertMovesNothing(
    () => send({ fields: { qualty: 'low' } }),
    422,
    'invalid',
    /qualty is not a field/,
    'qualty',
  ));

test('a value that is far too long is refused', () =>
  assertMovesNothing(
    () => send({ fields: { quality: 'x'.repeat(100_000) } }),
    422,
    'invalid',
    /too long/,
    'quality',
  ));

test('a form without files is refused', async () => {
  await assertMovesNothing(() => send({ files: [] }), 422, 'files_missing', /picture/);
  await assertMovesNothing(() => send({ files: [], fields: { quality: 'low' } }), 422, 'files_missing');
});

// --- Framing

test('a body that is not multipart is refused', () =>
  assertMovesNothing(
    () => sendForm({ headers: { 'Content-Type': 'image/png' }, body: ball() }),
    415,
    'media_type_unsupported',
    /multipart\/form-data/,
  ));

test('a multipart body whose type names no boundary is refused', async () => {
  const { body } = multipart([filePart(picture())]);
  for (const type of [
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${'b'.repeat(201)}`,
  ]) {
    await assertMovesNothing(
      () => sendForm({ headers: { 'Content-Type': type }, body }),
      400,
      'boundary_missing',
      /boundary/,
    );
  }
});

test('a boundary that the body does not have is refused', () => {
  const { body } = multipart([filePart(picture())]);
  return assertMovesNothing(
    () => sendForm({ headers: { 'Content-Type': 'multipart/form-data; boundary=other' }, body }),
    400,
    'malformed',
    /closing boundary/,
  );
});

test('a part without a name, without a colon in a header, or without a head is refused', async () => {
  const file = picture().bytes;
  const headless = [
    Buffer.concat([Buffer.from('Content-Disposition: form-data; filename="x.png"\r\n\r\n'), file]),
    Buffer.concat([Buffer.from('Content-Type: image/png\r\n\r\n'), file]),
    Buffer.concat([Buffer.from('Content-Disposition form-data\r\n\r\n'), file]),
  ];
  for (const each of headless)
    await assertMovesNothing(() => sendForm(multipart([each])), 400, 'malformed', /name|colon/);
  const glued = multipart([filePart(picture())]);
  glued.body = Buffer.from(
    glued.body.toString('latin1').replace('\r\nContent-Disposition', 'x\r\nContent-Disposition'),
    'latin1',
  );
  await assertMovesNothing(() => sendForm(glued), 400, 'malformed', /boundary/);
});

test('a body that ends before its closing boundary is refused, wherever it ends', async () => {
  const form = multipart([part('quality', 'low'), filePart(picture())]);
  for (const bytes of [0, 1, 20, 60, 200, form.body.length - 30, form.body.length - 5]) {
    await assertMovesNothing(
      () => sendForm({ ...form, body: form.body.subarray(0, bytes) }),
      400,
      'malformed',
      /closing boundary/,
    );
  }
});

test("a part's head is bounded", async () => {
  const form = multipart([part('files', ball(), { fileName: 'x'.repeat(9_000) })]);
  await assertMovesNothing(() => sendForm(form), 431, 'headers_too_large');
});

test('more bytes than a full batch can have are refused before they are sent', async () => {
  const nothingMoved = await stack.watch();
  const headers = {
    'Content-Type': 'multipart/form-data; boundary=b',
    'Content-Length': `${400 * 1024 * 1024}`,
    Expect: '100-continue',
  };
  const answer = await request(stack, {
    method: 'POST',
    path: '/api/v1/upload/batch',
    token: member.token,
    headers,
  });
  assertRefused(answer, 413, 'body_too_large');
  await nothingMoved();
});

test('what stands before the first and behind the last boundary is ignored, as RFC 2046 says', async () => {
  const { body, headers } = multipart([filePart(picture())]);
  const wrapped = Buffer.concat([
    Buffer.from('For old mail programs.\r\n'),
    body,
    Buffer.from('The end.\r\n'),
  ]);
  assert.equal(dataOf(await sendForm({ headers, body: wrapped }), 202).items.length, 1);
  const quoted = headers['Content-Type'].replace(/boundary=(.*)/, 'boundary="$1"; charset=utf-8');
  assert.equal(dataOf(await sendForm({ headers: { 'Content-Type': quoted }, body }), 202).items.length, 1);
});

// --- Credits

test('one credit short is refused, says both sums, and moves nothing', async () => {
  const poor = await givenMember(stack, { credits: 139 });
  const nothingMoved = await stack.watch();
  const order = { files: [picture(1), picture(2)], fields: { quality: 'high' } };
  const answer = await upload(stack, poor.token, { ...order, key: 'k' });
  assertRefused(answer, 402, 'insufficient_credits', /140 credits; 139 are available/);
  await nothingMoved();
  await stack.grant(poor.company.domain, 1);
  assert.equal(
    dataOf(await upload(stack, poor.token, { ...order, key: 'k' }), 202).credits_held,
    140,
    'with the last one it is enough, under the same key',
  );
  assert.deepEqual(await balanceOf(stack, poor.token), { balance: 140, held: 140, available: 0 });
  await stack.proof();
});

test('a company without any credits can still sign in and look', async () => {
  const broke = await givenMember(stack, { credits: 0 });
  assert.deepEqual(await balanceOf(stack, broke.token), { balance: 0, held: 0, available: 0 });
  assertRefused(await upload(stack, broke.token, { files: [picture()] }), 402, 'insufficient_credits');
});

// --- Idempotency-Key

test('a repeated key is answered the first answer, and books nothing', async () => {
  const order = { files: [picture(5), { name: 'bad.gif', bytes: gif() }], key: 'again' };
  const first = await send(order);
  const batch = dataOf(first, 202);
  assert.equal(first.headers['idempotent-replayed'], undefined);
  const nothingMoved = await stack.watch();
  for (let i = 0; i < 3; ++i) {
    const again = await send(order);
    assert.deepEqual(dataOf(again, 202), batch);
    assert.equal(again.headers['idempotent-replayed'], 'true');
  }
  await nothingMoved();
});

test('a key used for other content is refused', async () => {
  dataOf(await send({ files: [picture(6)], key: 'one' }), 202);
  const words = /new key/;
  await assertMovesNothing(
    () => send({ files: [picture(7)], key: 'one' }),
    422,
    'idempotency_key_reused',
    words,
  );
  await assertMovesNothing(
    () => send({ files: [picture(6, 'other.png')], key: 'one' }),
    422,
    'idempotency_key_reused',
    words,
  );
  await assertMovesNothing(
    () => send({ files: [picture(6)], fields: { quality: 'high' }, key: 'one' }),
    422,
    'idempotency_key_reused',
    words,
  );
  await assertMovesNothing(
    () => send({ files: [picture(6), picture(6)], key: 'one' }),
    422,
    'idempotency_key_reused',
    words,
  );
});

test('twelve requests at once with the same key make one job', async () => {
  const { available } = await balanceOf(stack, member.token);
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => send({ files: [picture(8)], key: 'race', fields: { quality: 'low' } })),
  );
  const jobs = new Set(answers.map((answer) => dataOf(answer, 202).job_id));
  assert.equal(jobs.size, 1);
  assert.equal(answers.filter((answer) => !answer.headers['idempotent-replayed']).length, 1);
  assert.equal((await balanceOf(stack, member.token)).available, available - 35);
  const [job] = jobs;
  const folders = stack
    .disk()
    .filter((path) => path.startsWith('uploads/') && path.endsWith('/'))
    .map((path) => path.split('/')[2]);
  const known = (await stack.rows('select id from job_history')).map((row) => row.id);
  assert.ok(folders.includes(job));
  assert.deepEqual(folders.sort(), known.sort(), 'the eleven others left nothing behind');
  await stack.proof();
});

test("a key is the user's own: a colleague and a stranger who use the same make jobs of their own", async () => {
  const colleague = await tokenOf(stack, member.company.users[1]);
  const stranger = await givenMember(stack, { credits: 1000 });
  const jobs = [];
  for (const token of [member.token, colleague, stranger.token]) {
    jobs.push(dataOf(await upload(stack, token, { files: [picture(9)], key: 'shared' }), 202).job_id);
  }
  assert.equal(new Set(jobs).size, 3);
});

test('a key of 255 characters is taken, a longer one and one that is not text are refused', async () => {
  assert.equal((await send({ key: 'k'.repeat(255) })).status, 202);
  await assertMovesNothing(() => send({ key: 'k'.repeat(256) }), 422, 'invalid', /255/, 'Idempotency-Key');
  const nothingMoved = await stack.watch();
  const odd = await send({ key: 'caf\xe9' });
  assert.ok(odd.status === 202 || odd.status === 422, `${odd.status}: ${odd.body}`);
  if (odd.status === 422) {
    assertRefused(odd, 422, 'invalid', /Idempotency-Key|UTF-8/i);
    await nothingMoved();
  }
});

test('a refused request does not use up its key', async () => {
  assertRefused(
    await send({ files: [{ name: 'x.gif', bytes: gif() }], key: 'later' }),
    422,
    'file_type_unsupported',
  );
  assertRefused(await send({ fields: { quality: 'ultra' }, key: 'later' }), 422, 'preset_unknown');
  assert.equal((await send({ key: 'later' })).headers['idempotent-replayed'], undefined);
});
