// What a client of the API does: requests, forms, signing in, uploading, waiting, listening to events.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';

import { eventually } from './stack.mjs';

const answerMsMax = 40_000;

/** Every answer that was had, for the test that each is one the contract promises. */
export const answersSeen = [];

/** One request on a connection of its own, unless `agent` is given: {status, headers, body, json}. */
export function request(
  stack,
  { method = 'GET', path, token, headers = {}, body, agent = false, base = stack.base },
) {
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (
    body !== undefined &&
    !Object.keys(all).some((name) => /^(content-length|transfer-encoding)$/i.test(name))
  ) {
    all['Content-Length'] = Buffer.byteLength(body);
  }
  return new Promise((resolve, reject) => {
    const asked = http.request(`${base}${path}`, { method, headers: all, agent, timeout: answerMsMax });
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path}: no answer in ${answerMsMax} ms`)));
    asked.on('error', reject);
    asked.on('response', (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => {
        const answer = answerOf(response, Buffer.concat(pieces));
        if (!response.complete) return reject(new Error(`${method} ${path}: the answer was cut off`));
        answersSeen.push({ method, path: path.split('?')[0], status: answer.status });
        resolve(answer);
      });
    });
    asked.end(body);
  });
}

function answerOf(response, body) {
  const answer = { status: response.statusCode, headers: response.headers, body, json: undefined };
  if (/json/.test(response.headers['content-type'] ?? '') && body.length > 0)
    answer.json = JSON.parse(body.toString('utf8'));
  return answer;
}

export const get = (stack, path, token, headers) => request(stack, { path, token, headers });
export const postJson = (stack, path, value, headers = {}) =>
  request(stack, {
    method: 'POST',
    path,
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value),
  });

// --- What every answer looks like

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The seed's envelope of a success; answers `data`. */
export function dataOf(answer, status = 200) {
  assert.equal(answer.status, status, answer.body.toString('utf8').slice(0, 2000));
  assert.match(answer.headers['x-request-id'], uuid);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.deepEqual(Object.keys(answer.json), ['status', 'data', 'message', 'errors']);
  assert.equal(answer.json.status, 'success');
  assert.equal(typeof answer.json.message, 'string');
  assert.deepEqual(answer.json.errors, []);
  return answer.json.data;
}

/** The envelope of a refusal, with this status and code first in `errors`, and words for a person; answers `errors`. */
export function assertRefused(answer, status, code, words) {
  assert.equal(answer.status, status, answer.body.toString('utf8').slice(0, 2000));
  assert.match(answer.headers['x-request-id'], uuid);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.deepEqual(Object.keys(answer.json), ['status', 'data', 'message', 'errors', 'request_id']);
  assert.equal(answer.json.status, 'error');
  assert.equal(answer.json.data, null);
  assert.equal(answer.json.request_id, answer.headers['x-request-id']);
  assert.ok(answer.json.errors.length > 0);
  for (const each of answer.json.errors) {
    assert.deepEqual(Object.keys(each), ['code', 'field', 'message']);
    assert.match(each.message, /\S.*[.]$/s);
  }
  assert.equal(answer.json.errors[0].code, code, answer.json.errors[0].message);
  if (words) assert.match(answer.json.message, words);
  return answer.json.errors;
}

// --- Forms

const boundaryOf = () => `----test${randomBytes(8).toString('hex')}`;

/** A part's head and content. `name` and `fileName` go out as they are. */
export function part(name, content, { fileName, type } = {}) {
  const file = fileName === undefined ? '' : `; filename="${fileName}"`;
  const head = `Content-Disposition: form-data; name="${name}"${file}\r\n${type ? `Content-Type: ${type}\r\n` : ''}\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(content)]);
}

export function multipart(parts, boundary = boundaryOf()) {
  const pieces = parts.flatMap((each) => [Buffer.from(`--${boundary}\r\n`), each, Buffer.from('\r\n')]);
  return {
    body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
  };
}

export const filePart = ({ name, bytes, type = 'application/octet-stream' }) =>
  part('files', bytes, { fileName: name, type });

/** POST /api/v1/upload/batch of `files` [{name, bytes}] with other `fields`. */
export function upload(stack, token, { files = [], fields = {}, key, agent, base } = {}) {
  const parts = [
    ...Object.entries(fields).map(([name, value]) => part(name, `${value}`)),
    ...files.map(filePart),
  ];
  return uploadForm(stack, token, { ...multipart(parts), key, agent, base });
}

export function uploadForm(stack, token, { headers, body, key, agent, base }) {
  const all = { ...headers, ...(key !== undefined && { 'Idempotency-Key': key }) };
  return request(stack, {
    method: 'POST',
    path: '/api/v1/upload/batch',
    token,
    headers: all,
    body,
    agent,
    base,
  });
}

// --- The usual ways

export const login = (stack, { email, password }) =>
  postJson(stack, '/api/v1/auth/login', { email, password });

export async function tokenOf(stack, user) {
  return dataOf(await login(stack, user)).access_token;
}

/** A company, and the token of its first user. */
export async function givenMember(stack, options) {
  const company = await stack.givenCompany(options);
  return { company, user: company.users[0], token: await tokenOf(stack, company.users[0]) };
}

export async function balanceOf(stack, token) {
  return dataOf(await get(stack, '/api/v1/credits/balance', token));
}

export async function statusOf(stack, token, job) {
  return dataOf(await get(stack, `/api/v1/jobs/${job}/status`, token));
}

export async function filesOf(stack, token, job) {
  return dataOf(await get(stack, `/api/v1/download/${job}/files`, token)).files;
}

export const isFinal = (status) => ['succeeded', 'partial', 'failed', 'cancelled'].includes(status);

/** The job's last status. */
export async function waitForJob(stack, token, job, within = 60_000) {
  const ended = async () => {
    const now = await statusOf(stack, token, job).catch((error) => {
      // A server that is being killed and restarted meanwhile answers again soon.
      if (error.code === 'ERR_ASSERTION') throw error;
    });
    return now && isFinal(now.status) && now;
  };
  return eventually(ended, { within, every: 100, what: `the end of job ${job}` });
}

// --- Events

/** Splits text/event-stream into events, wherever the pieces are cut. */
export class EventParser {
  #rest = '';
  #event = {};
  comments = [];
  retry;

  *feed(text) {
    this.#rest += text;
    for (let end; (end = this.#rest.indexOf('\n')) >= 0;) {
      const line = this.#rest.slice(0, end).replace(/\r$/, '');
      this.#rest = this.#rest.slice(end + 1);
      if (line === '') {
        const { kind, data, id } = this.#event;
        this.#event = {};
        if (data !== undefined) yield { kind: kind ?? 'message', data: JSON.parse(data), id };
      } else this.#line(line);
    }
  }

  #line(line) {
    const colon = line.indexOf(':');
    const [name, value] =
      colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (name === '') this.comments.push(value);
    else if (name === 'event') this.#event.kind = value;
    else if (name === 'id') this.#event.id = Number(value);
    else if (name === 'retry') this.retry = Number(value);
    else if (name === 'data')
      this.#event.data = this.#event.data === undefined ? value : `${this.#event.data}\n${value}`;
  }
}

/** Listens to a job: {status, headers, events, comments, ended} as they come; `ended` tells "complete" or "cut off". */
export function listen(stack, token, job, lastEventId) {
  const headers = { Authorization: `Bearer ${token}`, Accept: 'text/event-stream' };
  if (lastEventId !== undefined) headers['Last-Event-ID'] = `${lastEventId}`;
  const path = `/api/v1/jobs/${job}/events`;
  const parser = new EventParser();
  const stream = { events: [], parser, over: false };
  return new Promise((resolve, reject) => {
    const asked = http.request(`${stack.base}${path}`, { headers, agent: false });
    asked.on('error', reject);
    asked.on('response', (response) => {
      answersSeen.push({ method: 'GET', path, status: response.statusCode });
      Object.assign(stream, {
        status: response.statusCode,
        headers: response.headers,
        close: () => asked.destroy(),
      });
      response.setEncoding('utf8');
      response.on('data', (text) => stream.events.push(...parser.feed(text)));
      stream.ended = new Promise((done) => {
        response.on('end', () => done('complete'));
        response.on('error', () => done('cut off'));
        response.on('close', () => done('cut off'));
      }).then((how) => ((stream.over = true), how));
      resolve(stream);
    });
    asked.end();
  });
}

/** Until the stream holds an event that `wanted` likes. */
export const eventOf = (stream, wanted, within = 30_000) =>
  eventually(() => stream.events.find(wanted), { within, every: 20, what: 'the event' });
