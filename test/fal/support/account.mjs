// Our product with an account at the simulator: real serve, work and schedule, whose provider is image2model-sandbox.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';

import { balanceOf, dataOf, givenMember, isFinal, statusOf, upload } from '../../http/support/client.mjs';
import { assertWhole } from '../../http/support/invariants.mjs';
import { ball } from '../../http/support/pictures.mjs';
import { eventually, startStack } from '../../http/support/stack.mjs';
import { startSandbox } from './sandbox.mjs';

export const priceOf = { low: 35, medium: 52, high: 70 };
const granted = 100_000;

/** A port that stays the same while what is behind it is restarted: where the provider finds our webhooks. */
async function startDoor() {
  const door = { open: true, target: null, taken: 0 };
  const server = http.createServer((asked, answer) => {
    const refuse = () => answer.writeHead(503).end();
    asked.on('error', refuse);
    if (!door.open || !door.target) return asked.resume().on('end', refuse);
    const onward = http.request(`${door.target()}${asked.url}`, { method: asked.method, headers: asked.headers, agent: false }, (got) => {
      if (got.statusCode < 300) door.taken += 1;
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    onward.on('error', refuse);
    asked.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  door.url = `http://127.0.0.1:${server.address().port}`;
  door.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return door;
}

/** Quick everything: an account with `sandbox` settings and a product with `env`. */
export async function startAccount({ env = {}, sandbox: settings = {}, webhooks = true, roles, credits = granted } = {}) {
  const sandbox = await startSandbox({ 'run-ms': 100, 'log-ms': 30, concurrency: 4, ...settings });
  const door = await startDoor();
  const stack = await startStack({
    roles,
    ownRedis: true,
    env: {
      FAL_KEY: 'kid:ksec',
      FAL_QUEUE_URL: sandbox.url,
      FAL_REST_URL: sandbox.url,
      FAL_API_URL: sandbox.url,
      FAL_DOWNLOAD_HOSTS: '127.0.0.1',
      FAL_CONCURRENCY: '8',
      FAL_POLL_MS: '100',
      FAL_POLL_MAX_MS: '400',
      FAL_PROBE_S: '1',
      FAL_REST_S: '1',
      FAL_REST_MAX_S: '2',
      METRICS_LISTEN: '127.0.0.1:0',
      ...(webhooks && { FAL_WEBHOOK_URL: `${door.url}/api/v1/hooks/fal` }),
      ...env,
    },
  });
  door.target = () => stack.base;
  const account = { sandbox, door, stack };
  account.member = await givenMember(stack, { credits });
  account.stop = async () => {
    await stack.stop();
    await sandbox.stop();
    await door.stop();
  };
  return account;
}

export async function givenBatch({ stack, member }, count = 1, fields = { quality: 'low' }, side = 96) {
  const files = Array.from({ length: count }, (_, i) => ({ name: `${i}.png`, bytes: ball({ shade: i % 200, side }) }));
  return dataOf(await upload(stack, member.token, { files, fields }), 202).job_id;
}

/** The status once every item has ended. */
export async function ended({ stack, member }, job, within = 60_000) {
  const look = async () => {
    const now = await statusOf(stack, member.token, job).catch((error) => {
      if (error.code === 'ERR_ASSERTION') throw error;
    });
    return now && isFinal(now.status) && now;
  };
  return eventually(look, { within, every: 100, what: `the end of job ${job}` });
}

export const itemsOf = (account, job) =>
  account.stack.rows(
    `select id, status, stage, attempt, attempts_max, error_code, error_message from job_items where job_id = '${job}' order by position`,
  );
export const callsOf = (account, job) =>
  account.stack.rows(`select * from provider_calls where job_id = '${job}' order by submitted_at`);

/** Once an item has come to this status. */
export const itemIs = (account, job, status, within = 20_000) =>
  eventually(async () => (await itemsOf(account, job)).find((item) => item.status === status), { within, what: `an item that is ${status}` });

/** Calls of items that have ended are closed within a turn of the scheduler. */
export const closed = (account, job) =>
  eventually(
    async () => {
      const calls = await callsOf(account, job);
      return calls.every((call) => call.ended_at !== null) && calls;
    },
    { within: 10_000, what: 'the calls being closed' },
  );

/**
 * What must be true whatever went wrong: money in order, every item ended, and of each item's accepted submits all but the
 * last are known to have failed; or, where the operator allowed that, given up as lost. The simulator's ledger is what was
 * really accepted.
 */
export async function assertPaidOnce({ stack, sandbox }, { resubmitted = false } = {}) {
  await assertWhole(stack);
  const ledger = (await sandbox.ledger()).rows;
  const calls = await stack.rows(
    "select *, encode(token_sha256, 'hex') as token from provider_calls order by item_id, submission",
  );
  const accepted = new Map();
  for (const row of tokensOf(ledger)) {
    const call = calls.find((each) => each.token === row.token);
    assert.ok(call, `a submit that is no row of ours: ${row.request_id}`);
    assert.notEqual(call.state, 'refused', `booked as not accepted, but it was: ${row.request_id}`);
    if (call.request_id !== null) assert.equal(call.request_id, row.request_id);
    accepted.set(call.item_id, [...(accepted.get(call.item_id) ?? []), call]);
  }
  const over = resubmitted ? ['failed', 'abandoned'] : ['failed'];
  for (const [item, all] of accepted) {
    const earlier = all.sort((a, b) => a.submission - b.submission).slice(0, -1);
    for (const call of earlier) assert.ok(over.includes(call.state), `item ${item} was paid twice: ${JSON.stringify(all)}`);
  }
  const charged = ledger.reduce((sum, row) => sum + Math.round(row.charged_usd * 1e6), 0);
  const booked = calls.reduce((sum, call) => sum + call.cost_microusd, 0);
  if (booked < charged) {
    const less = ledger.filter((row) => {
      const call = calls.find((each) => each.request_id === row.request_id);
      return row.charged_usd * 1e6 > (call?.cost_microusd ?? 0) + 1;
    });
    assert.fail(`booked ${booked}, charged ${charged}: ${JSON.stringify(less)}`);
  }
  return { ledger, calls, charged, booked };
}

function tokensOf(ledger) {
  return ledger
    .filter((row) => row.webhook)
    .map((row) => ({ ...row, token: createHash('sha256').update(row.webhook.split('/').pop()).digest('hex') }));
}

export async function assertCredits(account, { spent }) {
  const balance = await balanceOf(account.stack, account.member.token);
  assert.deepEqual(balance, { balance: granted - spent, held: 0, available: granted - spent });
}

export const metricsOf = async (account, role) => {
  const at = [...account.stack.logOf(role).matchAll(/"listening":"([^"]+)"/g)].at(-1)[1]; // it may have been restarted
  const text = await (await fetch(`http://${at}/metrics`)).text();
  return (name) => {
    const line = text.split('\n').find((each) => each.startsWith(name) && !each.startsWith('#'));
    return line === undefined ? undefined : Number(line.split(' ').pop());
  };
};
