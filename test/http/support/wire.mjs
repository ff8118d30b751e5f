// HTTP by hand, for what a well-behaved client cannot send.
import { connect } from 'node:net';

import { eventually } from './stack.mjs';

/** A connection: send bytes, read answers one by one, see it closed. */
export async function wire(stack) {
  const socket = connect({ port: stack.port, host: '127.0.0.1', noDelay: true });
  const state = { bytes: Buffer.alloc(0), closed: false, error: undefined };
  socket.on('data', (piece) => (state.bytes = Buffer.concat([state.bytes, piece])));
  socket.on('error', (error) => (state.error = error));
  socket.on('close', () => (state.closed = true));
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  const next = (within) => eventually(() => takeAnswer(state), { within, every: 10, what: 'an answer' });
  return {
    socket,
    send: (bytes) => new Promise((resolve) => socket.write(bytes, resolve)),
    /** The next answer, also 100 Continue. */
    answer: async (within = 10_000) => next(within),
    closed: (within = 10_000) =>
      eventually(() => state.closed, { within, every: 20, what: 'the end of the connection' }),
    isClosed: () => state.closed,
    /** What came and was not taken. */
    left: () => state.bytes.toString('latin1'),
    drop: () => socket.destroy(),
    reset: () => socket.resetAndDestroy(),
  };
}

function takeAnswer(state) {
  const end = state.bytes.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first, ...lines] = state.bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const length = Number(headers['content-length'] ?? 0);
  if (state.bytes.length < end + 4 + length) return null;
  const body = state.bytes.subarray(end + 4, end + 4 + length);
  state.bytes = state.bytes.subarray(end + 4 + length);
  const json =
    /json/.test(headers['content-type'] ?? '') && length > 0 ? JSON.parse(body.toString('utf8')) : undefined;
  return { status: Number(first.split(' ')[1]), headers, body, json };
}

/** The text of a request's head. `headers` is an object, or a list of lines as they are to be sent. */
export function head(method, path, headers = {}) {
  const lines = Array.isArray(headers)
    ? headers
    : Object.entries({ Host: 'test', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** `bytes` as chunks of at most `size`. */
export function chunked(bytes, size = 1000) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}
