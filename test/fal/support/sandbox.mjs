// The simulator as a process of its own, the vendor's client in front of it, and a server that takes webhooks.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { createFalClient } from '@fal-ai/client';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** I2M_SANDBOX, or what lies beside the product's program (I2M_BIN names it, or the folder of all). */
function program() {
  if (process.env.I2M_SANDBOX) return process.env.I2M_SANDBOX;
  const bin = process.env.I2M_BIN ?? path.join(root, 'build/release/bin');
  const folder = existsSync(bin) && statSync(bin).isDirectory() ? bin : path.dirname(bin);
  return path.join(folder, 'image2model-sandbox');
}

/** Starts the simulator with a quick clock; answers what tests need of it. */
export async function startSandbox(settings = {}) {
  const all = { 'run-ms': 60, 'log-ms': 15, 'webhook-retry-ms': 30, ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const child = spawn(program(), ['fal', '--listen', '127.0.0.1:0', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('error', reject);
    exited.then((code) => reject(new Error(`the simulator ended with ${code}`)));
  });
  const { url } = JSON.parse(line);
  const control = async (name, { method = 'GET', body } = {}) => {
    const answer = await fetch(`${url}/_sandbox/${name}`, { method, body: body && JSON.stringify(body) });
    const json = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(json));
    return json;
  };
  return {
    url,
    get: (name) => control(name),
    post: (name, body = {}) => control(name, { method: 'POST', body }),
    fault: (fault, rule = {}) => control('faults', { method: 'POST', body: { fault, ...rule } }),
    forgetCalls: () => control('calls', { method: 'DELETE' }),
    /** The calls of one step since they were last forgotten. */
    calls: async (step) => (await control(`calls?step=${step}`)).calls,
    ledger: () => control('ledger'),
    violations: async () => (await control('violations')).violations,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** The vendor's client, unmodified; its own hook sends what is meant for fal's hosts to the simulator. */
export function clientOf(sandbox, { credentials = 'kid:ksec', ...config } = {}) {
  return createFalClient({
    credentials,
    requestMiddleware: async (request) => {
      const { host, pathname, search } = new URL(request.url);
      return {
        ...request,
        url: `${sandbox.url}${pathname}${search}`,
        headers: { ...request.headers, 'x-orig-host': host },
      };
    },
    ...config,
  });
}

/** A plain call, without a client's retries. */
export async function call(sandbox, { method = 'GET', path: where, body, key = 'kid:ksec', headers = {} }) {
  const answer = await fetch(where.startsWith('http') ? where : `${sandbox.url}${where}`, {
    method,
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    headers: { ...(key && { authorization: `Key ${key}` }), ...headers },
  });
  const text = await answer.text();
  const json = /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined;
  return { status: answer.status, headers: answer.headers, text, json };
}

export const submit = (sandbox, endpoint, input, { query = '', headers } = {}) =>
  call(sandbox, { method: 'POST', path: `/${endpoint}${query}`, body: input, headers });

/** Asks until `probe` answers something. */
export async function eventually(probe, what = 'this', ms = 20_000) {
  const end = Date.now() + ms;
  while (true) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come true within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export const completed = (sandbox, urls) =>
  eventually(async () => {
    const { json } = await call(sandbox, { path: urls.status_url });
    return json.status === 'COMPLETED' && json;
  }, 'the request');

/** Takes webhooks; `answer(n)` says the status of the nth. */
export async function startReceiver(answer = () => 200) {
  const received = [];
  const server = http.createServer((request, response) => {
    const pieces = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const raw = Buffer.concat(pieces);
      received.push({ path: request.url, headers: request.headers, raw, json: JSON.parse(raw), at: Date.now() });
      response.writeHead(answer(received.length)).end();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    received,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What the vendor's documentation tells a receiver to do; an independent implementation of it. */
export function webhookVerified(delivery, jwks, now = Date.now() / 1000) {
  const header = (name) => delivery.headers[`x-fal-webhook-${name}`];
  if (Math.abs(now - Number(header('timestamp'))) > 300) return false;
  const digest = createHash('sha256').update(delivery.raw).digest('hex');
  const message = [header('request-id'), header('user-id'), header('timestamp'), digest].join('\n');
  return jwks.keys.some((jwk) =>
    verify(null, Buffer.from(message), createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(header('signature'), 'hex')),
  );
}

export const tripo = 'tripo3d/tripo/v2.5/image-to-3d';
export const trellis = 'fal-ai/trellis';
