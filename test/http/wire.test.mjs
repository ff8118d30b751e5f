// HTTP/1.1 as bytes: framing that is right is understood, framing that is doubtful ends the connection, and a client that is
// slow or goes away leaves nothing behind. No worker runs here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { assertRefused, balanceOf, filePart, get, givenMember, multipart, part } from './support/client.mjs';
import { ball, ballOfBytes, fileBytesMax } from './support/pictures.mjs';
import { eventually, startStack } from './support/stack.mjs';
import { chunked, head, wire } from './support/wire.mjs';

let stack, member, dripping;
before(async () => {
  stack = await startStack({ roles: ['serve'] });
  dripping = drip();
  member = await givenMember(stack, { credits: 100_000 });
});
after(() => stack?.stop());

const live = head('GET', '/api/v1/health/live');
const uploadPath = '/api/v1/upload/batch';
const bearer = () => ({ Authorization: `Bearer ${member.token}` });
const formOf = (bytes = ball()) => multipart([part('quality', 'low'), filePart({ name: 'ball.png', bytes })]);
const uploadHead = (form, headers) => head('POST', uploadPath, { ...bearer(), ...form.headers, ...headers });
const chunkedHead = (form) => uploadHead(form, { 'Transfer-Encoding': 'chunked' });

async function onWire(use) {
  const connection = await wire(stack);
  try {
    return await use(connection);
  } finally {
    connection.drop();
  }
}

/** Sends a head for ever, and tells after how many seconds the server has had enough. It runs beside the other tests. */
function drip() {
  return onWire(async (connection) => {
    const started = Date.now();
    await connection.send('GET /api/v1/health/live HTTP/1.1\r\n');
    while (!connection.isClosed() && Date.now() - started < 20_000) {
      await connection.send('X: y\r\n');
      await pause(250);
    }
    return (Date.now() - started) / 1000;
  });
}

// --- Bodies that are right

test('a chunked upload is taken, in chunks of any size, with extensions and trailers, and the connection goes on', () =>
  onWire(async (connection) => {
    const form = formOf();
    for (const size of [1, 7, 1000, 1 << 20]) {
      await connection.send(Buffer.concat([Buffer.from(chunkedHead(form)), chunked(form.body, size)]));
      assert.equal((await connection.answer()).status, 202, `chunks of ${size}`);
    }
    const odd = Buffer.concat([
      Buffer.from(`${form.body.length.toString(16).toUpperCase()};name="value"\r\n`),
      form.body,
      Buffer.from('\r\n000;last\r\nX-Sum: 1\r\n\r\n'),
    ]);
    await connection.send(Buffer.concat([Buffer.from(chunkedHead(form)), odd]));
    assert.equal((await connection.answer()).status, 202);
    await connection.send(live);
    assert.equal((await connection.answer()).status, 200);
  }));

test('an upload that comes byte by byte is taken', () =>
  onWire(async (connection) => {
    const form = formOf(ball({ side: 32 }));
    const bytes = Buffer.concat([
      Buffer.from(uploadHead(form, { 'Content-Length': form.body.length })),
      form.body,
    ]);
    for (const byte of bytes) await connection.send(Buffer.of(byte));
    assert.equal((await connection.answer()).status, 202);
  }));

test('who expects 100-continue is told to go on, or is refused before sending', async () => {
  const form = formOf();
  const length = { 'Content-Length': form.body.length };
  for (const word of ['100-continue', '100-Continue']) {
    await onWire(async (connection) => {
      await connection.send(uploadHead(form, { ...length, Expect: word }));
      assert.equal((await connection.answer(3000)).status, 100, word);
      await connection.send(form.body);
      assert.equal((await connection.answer()).status, 202);
    });
  }
  const nothingMoved = await stack.watch();
  await onWire(async (connection) => {
    await connection.send(head('POST', uploadPath, { ...form.headers, ...length, Expect: '100-continue' }));
    assertRefused(await connection.answer(), 401, 'token_missing');
    await connection.closed();
  });
  await nothingMoved();
});

test('pipelined requests are answered in their order', () =>
  onWire(async (connection) => {
    const form = formOf();
    const uploading = Buffer.concat([
      Buffer.from(uploadHead(form, { 'Content-Length': form.body.length })),
      form.body,
    ]);
    const balance = head('GET', '/api/v1/credits/balance', bearer());
    const unknown = head('GET', '/api/v1/nothing');
    await connection.send(
      Buffer.concat(
        [live, unknown, uploading, balance, unknown, uploading, live].map((each) => Buffer.from(each)),
      ),
    );
    const statuses = [];
    for (let i = 0; i < 7; ++i) statuses.push((await connection.answer()).status);
    assert.deepEqual(statuses, [200, 404, 202, 200, 404, 202, 200]);
    const many = 200;
    await connection.send(live.repeat(many));
    for (let i = 0; i < many; ++i) assert.equal((await connection.answer()).status, 200);
  }));

test('a refused body that is small is read away, so that the connection serves on', () =>
  onWire(async (connection) => {
    const form = formOf();
    await connection.send(head('POST', uploadPath, { ...form.headers, 'Content-Length': form.body.length }));
    await connection.send(Buffer.concat([form.body, Buffer.from(live)]));
    assertRefused(await connection.answer(), 401, 'token_missing');
    assert.equal((await connection.answer()).status, 200);
  }));

test('Connection: close and HTTP/1.0 end the connection behind the answer', async () => {
  for (const request of [
    head('GET', '/api/v1/health/live', { Connection: 'close' }),
    'GET /api/v1/health/live HTTP/1.0\r\n\r\n',
  ]) {
    await onWire(async (connection) => {
      await connection.send(request);
      const answer = await connection.answer();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.connection, 'close');
      await connection.closed();
    });
  }
});

// --- Framing that is not right: refused, and nothing behind it is taken for a request

async function assertEndsConnection(bytes, statuses = [400]) {
  const nothingMoved = await stack.watch();
  await onWire(async (connection) => {
    await connection.send(bytes);
    const answer = await connection.answer();
    assert.ok(statuses.includes(answer.status), `${answer.status}: ${answer.body}`);
    assert.match(answer.headers['x-request-id'], /^[0-9a-f-]{36}$/);
    await connection.closed(3000);
    assert.equal(
      connection.left(),
      '',
      'a second answer: the bytes behind the fault were taken for a request',
    );
  });
  await nothingMoved();
}

test('a body with both a length and chunks is refused', () => {
  const form = formOf();
  const headers = { 'Content-Length': form.body.length, 'Transfer-Encoding': 'chunked' };
  return assertEndsConnection(
    Buffer.concat([Buffer.from(uploadHead(form, headers)), chunked(form.body), Buffer.from(live)]),
  );
});

test('two different lengths, or a length that is no number, are refused', async () => {
  const lines = (...lengths) => ['Host: test', ...lengths.map((length) => `Content-Length: ${length}`)];
  for (const lengths of [['5', '6'], ['-1'], ['+5'], ['5x'], ['0x5'], ['99999999999999999999'], ['5, 6']]) {
    await assertEndsConnection(`${head('POST', '/api/v1/auth/login', lines(...lengths))}hello${live}`);
  }
});

test('a transfer coding other than chunked is refused', async () => {
  const lines = (...codings) => [
    'Host: test',
    'Content-Type: application/json',
    ...codings.map((coding) => `Transfer-Encoding: ${coding}`),
  ];
  for (const codings of [
    ['gzip'],
    ['identity'],
    ['xchunked'],
    ['chunked, gzip'],
    ['gzip, chunked'],
    ['chunked', 'chunked'],
  ]) {
    await assertEndsConnection(
      `${head('POST', '/api/v1/auth/login', lines(...codings))}2\r\n{}\r\n0\r\n\r\n${live}`,
      [400, 501],
    );
  }
});

test('bad chunks are refused, and end the connection', async () => {
  const form = formOf();
  const bad = [
    'zz\r\n',
    '-1\r\n',
    '0x10\r\n',
    ' 5\r\n',
    '5 \r\n',
    '\r\n',
    'fffffffffffffffff\r\n',
    '5\nhello',
    '5\r\nhelloX\r\n',
    `5;${'x'.repeat(300)}\r\n`,
    `0\r\n${'A: b\r\n'.repeat(100)}\r\n`,
  ];
  for (const each of bad) {
    await assertEndsConnection(
      Buffer.concat([Buffer.from(chunkedHead(form)), Buffer.from(each), Buffer.from(`\r\n0\r\n\r\n${live}`)]),
    );
  }
});

test('more chunks than the address takes are refused', async () => {
  const json = head('POST', '/api/v1/auth/login', {
    'Content-Type': 'application/json',
    'Transfer-Encoding': 'chunked',
  });
  await assertEndsConnection(
    Buffer.concat([Buffer.from(json), chunked(Buffer.alloc(100_000, 32), 5000)]),
    [413],
  );
});

test('a head that is not HTTP/1.1 is refused', async () => {
  const odd = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET\r\n\r\n',
    'GET /\r\n\r\n',
    'GET / HTTP/1.1\r\nno colon\r\n\r\n',
    'GET / HTTP/1.1\r\n: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
    'GET  / HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
    'GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded: c\r\n\r\n',
    'GET /a b HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'GET * HTTP/1.1\r\nHost: x\r\n\r\n',
  ];
  for (const each of odd) {
    await onWire(async (connection) => {
      await connection.send(Buffer.from(each, 'latin1'));
      const done = await eventually(
        () => connection.isClosed() || /^HTTP.1.1 (400|404|405|505) /.test(connection.left()) || pause(1),
        { within: 3000 },
      );
      assert.ok(done);
      const status = Number(connection.left().slice(9, 12));
      assert.ok([0, 400, 404, 405, 505].includes(status), `${JSON.stringify(each)}: ${connection.left()}`);
    });
  }
  assert.equal((await get(stack, '/api/v1/health/live')).status, 200);
});

test('an HTTP/1.1 request without Host is refused, as RFC 9112 demands', () =>
  assertEndsConnection('GET /api/v1/health/live HTTP/1.1\r\n\r\n'));

test('headers that are too large are refused', async () => {
  await assertEndsConnection(head('GET', '/api/v1/health/live', { 'X-Large': 'x'.repeat(20_000) }), [431]);
  await assertEndsConnection(head('GET', `/api/v1/${'x'.repeat(20_000)}`), [431, 414]);
  await assertEndsConnection(
    head(
      'GET',
      '/api/v1/health/live',
      Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`X-${i}`, 'value'])),
    ),
    [431],
  );
});

// --- Clients that are slow, or leave

test('a client that leaves in the middle of an upload leaves nothing on disk', async () => {
  const nothingMoved = await stack.watch();
  const form = formOf(ballOfBytes(fileBytesMax));
  for (const [share, how] of [
    [0.001, 'drop'],
    [0.3, 'drop'],
    [0.6, 'reset'],
    [0.999, 'reset'],
  ]) {
    const connection = await wire(stack);
    await connection.send(uploadHead(form, { 'Content-Length': form.body.length }));
    await connection.send(form.body.subarray(0, Math.floor(form.body.length * share)));
    if (share > 0.1)
      await eventually(() => stack.disk().some((path) => path.startsWith('tmp/')), {
        what: 'the file in tmp',
      });
    connection[how]();
  }
  await nothingMoved();
});

test('a client that leaves before the answer has its job all the same, whole or not at all', async () => {
  const form = formOf();
  for (let i = 0; i < 10; ++i) {
    const connection = await wire(stack);
    await connection.send(
      Buffer.concat([Buffer.from(uploadHead(form, { 'Content-Length': form.body.length })), form.body]),
    );
    await pause(i);
    connection.reset();
  }
  await eventually(() => !stack.disk().some((path) => path.startsWith('tmp/')), { what: 'an empty tmp' });
  await pause(200);
  const stored = (await stack.rows("select object_key from files where kind = 'upload'"))
    .map((row) => row.object_key)
    .sort();
  assert.deepEqual(
    stack.disk().filter((path) => path.startsWith('uploads/') && !path.endsWith('/')),
    stored,
  );
  const { held } = await balanceOf(stack, member.token);
  assert.equal(
    held,
    Number((await stack.row("select sum(amount) as held from credit_holds where state = 'held'")).held),
  );
  await stack.proof();
});

test('a head that comes slowly is understood', () =>
  onWire(async (connection) => {
    for (const piece of live.match(/.{1,8}/gs)) {
      await connection.send(piece);
      await pause(50);
    }
    assert.equal((await connection.answer()).status, 200);
  }));

test('while many are slow, the others are answered', async () => {
  const slow = await Promise.all(Array.from({ length: 100 }, () => wire(stack)));
  await Promise.all(
    slow.map((connection) => connection.send('POST /api/v1/upload/batch HTTP/1.1\r\nHost: x\r\n')),
  );
  for (let i = 0; i < 50; ++i) assert.equal((await get(stack, '/api/v1/health/live')).status, 200);
  for (const connection of slow) connection.drop();
});

test('a head that never ends is given up after ten seconds, however it drips', async () => {
  const seconds = await dripping;
  assert.ok(seconds > 5 && seconds < 15, `closed after ${seconds} s`);
});
