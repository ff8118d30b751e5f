// Bad pictures: each is rejected by itself, in plain words; the good ones beside it go on; nothing is charged or left behind.
// No worker runs here, so what is accepted stays queued and the pictures' folders can be compared.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { assertRefused, balanceOf, dataOf, givenMember, request, upload } from './support/client.mjs';
import { ball, ballOfBytes, bomb, fileBytesMax, gif, realPicture } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

let stack, member;
before(async () => {
  stack = await startStack({ roles: ['serve'] });
  member = await givenMember(stack, { credits: 1_000_000 });
});
after(() => stack?.stop());

const send = (files, more = {}) => upload(stack, member.token, { files, ...more });
const cut = (bytes, share) => bytes.subarray(0, Math.floor(bytes.length * share));

async function assertRejected(file, code, words) {
  const nothingMoved = await stack.watch();
  const answer = await send([file]);
  const [error, ...others] = assertRefused(answer, 422, code);
  assert.equal(error.field, file.name);
  assert.match(error.message, words);
  assert.deepEqual(others, []);
  assert.match(answer.json.message, /^None of the pictures can be used; nothing was charged\.$/);
  await nothingMoved();
}

test('a GIF named .png is told by its content', () =>
  assertRejected({ name: 'x.png', bytes: gif() }, 'file_type_unsupported', /GIF/));

test('a text named .jpg is told by its content', () =>
  assertRejected(
    { name: 'x.jpg', bytes: Buffer.from('hello\n'.repeat(100)) },
    'file_type_unsupported',
    /PNG, JPEG or WebP/,
  ));

test('other kinds of files are called by their name', async () => {
  await assertRejected({ name: 'x.png', bytes: Buffer.from('%PDF-1.7\n') }, 'file_type_unsupported', /PDF/);
  await assertRejected(
    { name: 'x.png', bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
    'file_type_unsupported',
    /SVG/,
  );
  await assertRejected(
    { name: 'x.png', bytes: Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1') },
    'file_type_unsupported',
    /HEIC/,
  );
});

test('an empty file is called empty', () =>
  assertRejected({ name: 'x.png', bytes: Buffer.alloc(0) }, 'file_empty', /empty/));

test('a truncated PNG, JPEG and WebP are called cut off, wherever they are cut', async () => {
  const names = ['cc0-chairoak-B-alpha.png', 'ccby-mug-A-shadow.jpg', 'mit-fluent-amphora.webp'];
  for (const name of names) {
    for (const share of [0.01, 0.5, 0.999])
      await assertRejected({ name, bytes: cut(realPicture(name), share) }, 'file_truncated', /ends/);
  }
  await assertRejected({ name: 'x.png', bytes: Buffer.from('\x89PN', 'latin1') }, 'file_truncated', /ends/);
});

test('a decompression bomb is refused for its pixels, without being unpacked', async () => {
  const bytes = bomb();
  assert.ok(bytes.length < 8_000, `${bytes.length} bytes`);
  await assertRejected({ name: 'bomb.png', bytes }, 'picture_too_large', /50000 x 50000/);
});

test('a picture of exactly 10 MiB is taken, one byte more is refused', async () => {
  const batch = dataOf(await send([{ name: 'full.png', bytes: ballOfBytes(fileBytesMax) }]), 202);
  assert.equal(batch.items.length, 1);
  assert.equal(
    (await stack.row(`select bytes from files where job_id = '${batch.job_id}'`)).bytes,
    fileBytesMax,
  );
  await assertRejected(
    { name: 'over.png', bytes: ballOfBytes(fileBytesMax + 1) },
    'file_too_large',
    /10 MiB/,
  );
});

test('25 pictures are taken, 26 are refused together', async () => {
  const many = (count) =>
    Array.from({ length: count }, (_, i) => ({ name: `${i}.png`, bytes: ball({ shade: i }) }));
  const batch = dataOf(await send(many(25), { fields: { quality: 'low' } }), 202);
  assert.equal(batch.items.length, 25);
  assert.equal(batch.credits_held, 25 * 35);
  const nothingMoved = await stack.watch();
  assertRefused(await send(many(26)), 422, 'too_many_files', /25/);
  await nothingMoved();
  // Rejected ones count too: the limit is on what is sent.
  assertRefused(await send(many(26).map((file) => ({ ...file, bytes: gif() }))), 422, 'too_many_files');
  await nothingMoved();
});

test('in a mixed batch good files go on, and each bad one says why', async () => {
  const { available } = await balanceOf(stack, member.token);
  const before = stack.disk().filter((path) => !path.endsWith('/'));
  const files = [
    { name: 'good 1.png', bytes: ball() },
    { name: 'empty.png', bytes: Buffer.alloc(0) },
    { name: 'large.png', bytes: ballOfBytes(fileBytesMax + 1) },
    { name: 'animal.gif', bytes: gif() },
    { name: 'good 2.webp', bytes: realPicture('mit-fluent-amphora.webp') },
    { name: 'bomb.png', bytes: bomb() },
    { name: 'cut.jpg', bytes: cut(realPicture('ccby-mug-A-shadow.jpg'), 0.9) },
    { name: 'good 1.png', bytes: ball() },
  ];
  const batch = dataOf(await send(files, { fields: { quality: 'high' } }), 202);
  assert.deepEqual(
    batch.items.map((item) => item.file_name),
    ['good 1.png', 'good 2.webp', 'good 1.png'],
  );
  assert.deepEqual(
    batch.rejected.map((each) => [each.file_name, each.code]),
    [
      ['empty.png', 'file_empty'],
      ['large.png', 'file_too_large'],
      ['animal.gif', 'file_type_unsupported'],
      ['bomb.png', 'picture_too_large'],
      ['cut.jpg', 'file_truncated'],
    ],
  );
  for (const each of batch.rejected) assert.match(each.message, /\S.*[.]$/s);
  assert.equal(batch.credits_held, 3 * 70);
  assert.equal((await balanceOf(stack, member.token)).available, available - 3 * 70);
  const added = stack.disk().filter((path) => !path.endsWith('/') && !before.includes(path));
  const stored = await stack.rows(
    `select object_key, media_type from files where job_id = '${batch.job_id}' order by object_key`,
  );
  assert.deepEqual(
    added,
    stored.map((row) => row.object_key),
  );
  assert.deepEqual(stored.map((row) => row.media_type).sort(), ['image/png', 'image/png', 'image/webp']);
  await stack.proof();
});

test('when no file is good, each says why and nothing is charged', async () => {
  const nothingMoved = await stack.watch();
  const answer = await send([
    { name: 'a.png', bytes: Buffer.alloc(0) },
    { name: 'b.png', bytes: gif() },
  ]);
  const errors = assertRefused(answer, 422, 'file_empty');
  assert.deepEqual(
    errors.map((each) => [each.field, each.code]),
    [
      ['a.png', 'file_empty'],
      ['b.png', 'file_type_unsupported'],
    ],
  );
  await nothingMoved();
});

test('a file name is for people: no path, no control characters, at most 255 bytes, and always UTF-8', async () => {
  const nameOf = async (name) => {
    const answer = await send([{ name, bytes: ball() }]);
    return dataOf(answer, 202).items[0].file_name;
  };
  assert.equal(await nameOf('../../etc/passwd.png'), 'passwd.png');
  assert.equal(await nameOf('C:\\pictures\\cat.png'), 'cat.png');
  assert.equal(await nameOf('a\tb\x7f.png'), 'ab.png');
  assert.equal(await nameOf(''), 'unnamed');
  const long = await nameOf(`${'é'.repeat(200)}.png`);
  assert.equal(long, 'é'.repeat(127));
});

test('a file name that is not UTF-8 is made readable or refused in plain words, never a server error', async () => {
  const uploadLatin1 = async (bytes) => {
    const head = Buffer.from(
      '--b\r\nContent-Disposition: form-data; name="files"; filename="caf\xe9.png"\r\n\r\n',
      'latin1',
    );
    const body = Buffer.concat([head, bytes, Buffer.from('\r\n--b--\r\n')]);
    const headers = { 'Content-Type': 'multipart/form-data; boundary=b' };
    const answer = await request(stack, {
      method: 'POST',
      path: '/api/v1/upload/batch',
      token: member.token,
      headers,
      body,
    });
    assert.doesNotThrow(
      () => new TextDecoder('utf-8', { fatal: true }).decode(answer.body),
      'the answer is UTF-8',
    );
    return answer;
  };
  const nothingMoved = await stack.watch();
  assert.equal((await uploadLatin1(gif())).status, 422);
  await nothingMoved();
  const answer = await uploadLatin1(ball());
  if (answer.status === 202) return;
  const [error] = assertRefused(answer, 422, 'invalid');
  // The words must tell what is wrong, not just that something is.
  assert.match(error.message, /name|UTF-8/i);
  await nothingMoved();
});
