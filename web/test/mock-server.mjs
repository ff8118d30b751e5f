// Stands in for the server while the page is developed and tested: the same paths, envelope, events and headers.
//
//   npm run mock                 serves dist/ and the API on http://127.0.0.1:8099 (PORT changes it)
//
// Sign in as demo@studio.example with "correct horse". Other people: poor@ (60 credits), race@ (spends while you look),
// short@ (session of 8 s), off@ (403), many@ (429). File names decide: "fail" fails, "reject" is refused at the door,
// "slow" takes its time, "cut" loses the event stream on the way.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { model } from './shapes.mjs';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const password = 'correct horse';
const presets = [
  { quality: 'low', triangles_max: 1000, credits: 35 },
  { quality: 'medium', triangles_max: 5000, credits: 52 },
  { quality: 'high', triangles_max: 10000, credits: 70 },
];
const limits = { files_max: 25, file_bytes_max: 10_485_760, media_types: ['image/png', 'image/jpeg', 'image/webp'], picture_px_max: 50_000_000, picture_side_px_max: 16_384 };
const models = {
  default: 'plain-1',
  models: [
    {
      id: 'plain-1', version: 1, name: 'Plain One', pictures_min: 1, pictures_max: 1, face_limit: null,
      picture: { formats: ['png', 'jpeg'], bytes_max: 0, px_min: 0, px_max: 0 },
      parameters: {
        type: 'object', additionalProperties: false,
        properties: {
          texture: { title: 'Texture', type: 'string', enum: ['no', 'standard', 'HD'], default: 'standard' },
          pbr: { title: 'PBR materials', type: 'boolean', default: false },
          steps: { title: 'Steps', type: 'integer', minimum: 1, maximum: 50, default: 12 },
        },
      },
    },
    {
      id: 'bare-2', version: 1, name: 'Bare Two', pictures_min: 1, pictures_max: 1, face_limit: null,
      picture: { formats: ['png'], bytes_max: 0, px_min: 128, px_max: 0 }, parameters: { type: 'object', properties: {} },
    },
  ],
};
const stages = ['preflight', 'mask', 'shape', 'mesh', 'simplify', 'texture', 'check'];
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain' };

export async function start_mock({ port = 0, step_ms = 350, dist = join(web, 'dist') } = {}) {
  const world = {
    people: new Map(
      [
        ['demo', 1240, 900],
        ['poor', 60, 900],
        ['race', 1000, 900],
        ['short', 1240, 8],
      ].map(([name, credits, expires_in]) => [
        `${name}@studio.example`,
        { id: randomUUID(), name: name === 'demo' ? 'Ines Moreau' : name, credits, held: 0, expires_in },
      ]),
    ),
    tokens: new Map(),
    jobs: new Map(),
    batches: new Map(),
    files: new Map(),
    offline_until: 0,
    step_ms,
    log: [],
  };
  const server = createServer((request, response) => {
    handle(world, dist, request, response).catch((error) => {
      console.error('mock:', error);
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    world,
    /// No request is answered for this long, and open streams are cut.
    go_offline(ms) {
      world.offline_until = Date.now() + ms;
      server.closeAllConnections?.();
    },
    revoke_tokens: () => world.tokens.clear(),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections?.();
      }),
  };
}

async function handle(world, dist, request, response) {
  const url = new URL(request.url, 'http://mock');
  if (Date.now() < world.offline_until) return request.socket.destroy();
  if (!url.pathname.startsWith('/api/')) return page(dist, url, response);
  world.log.push({ method: request.method, path: url.pathname, headers: request.headers });
  const path = url.pathname.replace('/api/v1/', '');
  if (path === 'auth/login') return login(world, request, response);
  if (path.startsWith('download/files/')) return serve_model(world, url, path.split('/')[2], response);

  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const session = world.tokens.get(token);
  if (!session || session.expires_at < Date.now()) return refuse(response, 401, 'token_invalid', 'Sign in again.');
  const person = session.person;
  if (path === 'credits/balance') {
    return answer(response, 200, { balance: person.credits, held: person.held, available: person.credits - person.held });
  }
  if (path === 'presets') return answer(response, 200, { presets, limits });
  if (path === 'models') return answer(response, 200, models);
  if (path === 'upload/batch') return upload(world, person, request, response);
  const [kind, job_id, what] = path.split('/');
  const job = world.jobs.get(job_id);
  if (!job || job.person !== person) return refuse(response, 404, 'job_not_found', 'There is no such job.');
  if (kind === 'jobs' && what === 'status') return answer(response, 200, status_of(job));
  if (kind === 'jobs' && what === 'events') return events(job, request, response);
  if (kind === 'jobs' && what === 'cancellation' && request.method === 'POST') return cancel(job, response);
  if (kind === 'download' && what === 'files') return files(world, job, response);
  return refuse(response, 404, 'not_found', 'There is nothing here.');
}

function page(dist, url, response) {
  const name = normalize(url.pathname === '/' ? 'index.html' : url.pathname.slice(1));
  const file = join(dist, name);
  if (name.startsWith('..') || name === 'csp.txt' || !existsSync(file)) {
    response.writeHead(404).end('not here');
    return;
  }
  response.writeHead(200, {
    'Content-Type': types[extname(file)] ?? 'application/octet-stream',
    'Content-Security-Policy': readFileSync(join(dist, 'csp.txt'), 'utf8').trim(),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  response.end(readFileSync(file));
}

async function login(world, request, response) {
  const { email, password: given } = JSON.parse(await body_of(request));
  if (email === 'off@studio.example') return refuse(response, 403, 'account_inactive', 'This account is inactive.');
  if (email === 'many@studio.example') return refuse(response, 429, 'rate_limited', 'Too many tries.', { 'Retry-After': '30' });
  const person = world.people.get(email);
  if (!person || given !== password) return refuse(response, 401, 'credentials_wrong', 'Wrong credentials.');
  const token = randomUUID();
  world.tokens.set(token, { person, expires_at: Date.now() + person.expires_in * 1000 });
  answer(response, 200, {
    access_token: token,
    token_type: 'Bearer',
    expires_in: person.expires_in,
    user: { id: person.id, email, name: person.name, role: 'member', company: { id: randomUUID(), name: 'Northlight Studio' } },
  });
}

async function upload(world, person, request, response) {
  const key = request.headers['idempotency-key'];
  if (!/^[0-9a-f-]{36}$/.test(key ?? '')) return refuse(response, 400, 'idempotency_key_missing', 'Idempotency-Key must be a UUID.');
  const parts = multipart(await bytes_of(request), request.headers['content-type']);
  const earlier = world.batches.get(`${person.id} ${key}`);
  if (earlier) return answer(response, 202, earlier);
  if (parts[0]?.name !== 'quality') return refuse(response, 422, 'field_order', 'The quality must come before the files.', {}, 'quality');
  const preset = presets.find(({ quality }) => quality === parts[0].bytes.toString());
  const sent = parts.filter((part) => part.name === 'files');
  const rejected = sent
    .filter((part) => part.file_name.includes('reject'))
    .map((part) => ({ file_name: part.file_name, code: 'object_cropped', message: 'The object is cut off at the edge of the picture.' }));
  const taken = sent.filter((part) => !part.file_name.includes('reject'));
  if (taken.length === 0) return refuse(response, 422, 'nothing_accepted', 'None of the pictures can be used.');
  const price = taken.length * preset.credits;
  if (person.name === 'race' || price > person.credits - person.held) {
    return refuse(response, 402, 'insufficient_credits', 'Not enough credits.');
  }
  person.held += price;
  const text = (name) => parts.find((part) => part.name === name)?.bytes.toString();
  world.ordered = { model: text('model'), parameters: text('parameters') };
  const job = {
    job_id: randomUUID(), person, preset, created_at: new Date().toISOString(), finished_at: null, seq: 0, listeners: new Set(), told: [], cuts: 0,
    credits: { held: price, settled: 0, released: 0 },
    items: taken.map((part) => ({ item_id: randomUUID(), file_name: part.file_name, status: 'queued', stage: null, progress: null, error: null })),
  };
  world.jobs.set(job.job_id, job);
  void work(world, job);
  const batch = {
    job_id: job.job_id, status: 'queued', rejected, credits_held: price,
    items: job.items.map(({ item_id, file_name, status }) => ({ item_id, file_name, status, credits: preset.credits })),
  };
  world.batches.set(`${person.id} ${key}`, batch);
  answer(response, 202, batch);
}

/// Two pictures at a time, stage by stage.
async function work(world, job) {
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const queue = [...job.items];
  const lane = async () => {
    for (let item = queue.shift(); item; item = queue.shift()) {
      const pace = item.file_name.includes('slow') ? 5 : 1;
      if (job.cancelled) continue;
      change(job, item, { status: 'dispatched' });
      await wait(world.step_ms);
      const doomed = item.file_name.includes('fail');
      for (const [at, stage] of stages.entries()) {
        change(job, item, { status: 'running', stage, progress: at / stages.length });
        await wait(world.step_ms * pace);
        if (job.cancelled) break;
        if (doomed && stage === 'simplify') break;
      }
      const each = job.preset.credits;
      if (job.cancelled) {
        give_back(job, item);
        continue;
      }
      job.credits.held -= each;
      job.person.held -= each;
      if (doomed) {
        job.credits.released += each;
        change(job, item, { status: 'failed', stage: null, error: { code: 'contract_missed', message: 'The model could not be brought under 5,000 triangles without losing its shape' } });
      } else {
        job.credits.settled += each;
        job.person.credits -= each;
        change(job, item, { status: 'succeeded', stage: null, progress: 1 });
      }
    }
  };
  await wait(world.step_ms);
  await Promise.all([lane(), lane()]);
  job.finished_at = new Date().toISOString();
  const { items: _, ...head } = status_of(job);
  tell(job, 'job', head);
  for (const listener of job.listeners) {
    listener.write('event: end\ndata: {}\n\n');
    listener.end();
  }
}

/// What waits ends at once, what is being made after its stage.
function cancel(job, response) {
  if (!job.finished_at) job.cancelled = true;
  for (const item of job.items) if (item.status === 'queued') give_back(job, item);
  answer(response, 202, status_of(job));
}

function give_back(job, item) {
  const each = job.preset.credits;
  job.credits.held -= each;
  job.person.held -= each;
  job.credits.released += each;
  change(job, item, { status: 'cancelled', stage: null });
}

function change(job, item, fields) {
  Object.assign(item, fields);
  tell(job, 'item', item);
  const { items: _, ...head } = status_of(job);
  tell(job, 'job', head);
}

function tell(job, event, data) {
  job.seq += 1;
  const text = `id: ${job.seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  job.told.push({ id: job.seq, text });
  for (const listener of job.listeners) {
    // Every third message in two pieces, and some of them twice: the page has to cope with both.
    if (job.seq % 3 === 0) {
      listener.write(text.slice(0, 17));
      setImmediate(() => listener.writable && listener.write(text.slice(17)));
    } else listener.write(job.seq % 5 === 0 ? text + text : text);
  }
  if (job.items.some((one) => one.file_name.includes('cut')) && job.cuts < 2 && job.seq % 9 === 0) {
    job.cuts += 1;
    for (const listener of job.listeners) listener.destroy();
  }
}

function status_of(job) {
  const ended = ['succeeded', 'failed', 'cancelled'];
  const over = job.items.every((item) => ended.includes(item.status));
  const ready = job.items.filter((item) => item.status === 'succeeded').length;
  const begun = job.items.some((item) => item.status !== 'queued');
  const outcome = ready === job.items.length ? 'succeeded' : ready > 0 ? 'partial' : job.cancelled ? 'cancelled' : 'failed';
  const share = (item) => (ended.includes(item.status) ? 1 : (item.progress ?? 0));
  return {
    job_id: job.job_id,
    status: over ? outcome : begun ? 'running' : 'queued',
    quality: job.preset.quality,
    triangles_max: job.preset.triangles_max,
    progress: job.items.reduce((sum, item) => sum + share(item), 0) / job.items.length,
    items: job.items,
    credits: { ...job.credits },
    created_at: job.created_at,
    finished_at: job.finished_at,
  };
}

function events(job, request, response) {
  const last = Number(request.headers['last-event-id'] ?? 0);
  if (job.finished_at && last >= job.seq) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  // A fresh stream begins with the whole status, a resumed one behind the last event that was seen.
  response.write(': hello\n\n');
  if (last > 0) job.told.filter(({ id }) => id > last).forEach(({ text }) => response.write(text));
  else response.write(`retry: 300\nid: ${job.seq}\nevent: status\ndata: ${JSON.stringify(status_of(job))}\n\n`);
  if (job.finished_at) return response.end('event: end\ndata: {}\n\n');
  job.listeners.add(response);
  const beat = setInterval(() => response.write(': still here\n\n'), 2000);
  response.on('close', () => {
    clearInterval(beat);
    job.listeners.delete(response);
  });
}

function files(world, job, response) {
  const listed = job.items
    .filter((item) => item.status === 'succeeded')
    .map((item) => {
      if (!world.files.has(item.item_id)) {
        const { bytes, triangles } = model(item.file_name, job.preset.triangles_max);
        world.files.set(item.item_id, { bytes, triangles, sha256: createHash('sha256').update(bytes).digest('hex'), file_name: item.file_name });
      }
      const file = world.files.get(item.item_id);
      const expires_at = new Date(Date.now() + 15 * 60_000).toISOString();
      return {
        item_id: item.item_id,
        file_name: item.file_name.replace(/\.[^.]*$/, '.glb'),
        url: `/api/v1/download/files/${item.item_id}?expires=${Date.parse(expires_at)}&signature=${randomUUID()}`,
        size: file.bytes.length,
        sha256: file.sha256,
        triangles: file.triangles,
        expires_at,
      };
    });
  answer(response, 200, { files: listed });
}

function serve_model(world, url, item_id, response) {
  const file = world.files.get(item_id);
  if (!file || !url.searchParams.get('signature') || Number(url.searchParams.get('expires')) < Date.now()) {
    return refuse(response, 403, 'link_invalid', 'This link is not valid.');
  }
  const stem = file.file_name.replace(/\.[^.]*$/, '');
  response.writeHead(200, {
    'Content-Type': 'model/gltf-binary',
    'Content-Length': file.bytes.length,
    'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(stem)}.glb`,
    'Cache-Control': 'private',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(file.bytes);
}

function answer(response, http, data) {
  response.writeHead(http, { 'Content-Type': 'application/json', 'X-Request-Id': randomUUID() });
  response.end(JSON.stringify({ status: 'success', data, message: '', errors: [] }));
}

function refuse(response, http, code, message, headers = {}, field = null) {
  response.writeHead(http, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ status: 'error', data: null, message, errors: [{ code, field, message }], request_id: randomUUID() }));
}

async function bytes_of(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
const body_of = async (request) => (await bytes_of(request)).toString();

function multipart(bytes, content_type) {
  const boundary = Buffer.from(`--${/boundary=(.+)$/.exec(content_type)?.[1]}`);
  const parts = [];
  let at = bytes.indexOf(boundary);
  for (;;) {
    const from = at + boundary.length + 2;
    const next = bytes.indexOf(boundary, from);
    if (at < 0 || next < 0) return parts;
    const head_end = bytes.indexOf('\r\n\r\n', from);
    const head = bytes.subarray(from, head_end).toString();
    parts.push({
      name: / name="([^"]*)"/.exec(head)?.[1],
      file_name: / filename="([^"]*)"/.exec(head)?.[1] ?? '',
      bytes: bytes.subarray(head_end + 4, next - 2),
    });
    at = next;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mock = await start_mock({ port: Number(process.env.PORT ?? 8099), step_ms: Number(process.env.MOCK_STEP_MS ?? 350) });
  console.log(`mock: ${mock.url}  (demo@studio.example / ${password})`);
}
