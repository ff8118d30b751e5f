// The answer to a COMMIT is lost: it happened, but nobody who asked for it knows. Between the server and PostgreSQL stands
// a relay that lets the COMMIT through and cuts the line before its answer.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { balanceOf, dataOf, givenMember, statusOf, upload, waitForJob } from './support/client.mjs';
import { required } from './support/database.mjs';
import { ball } from './support/pictures.mjs';
import { startStack } from './support/stack.mjs';

const socketName = () => {
  const conninfo = required('I2M_TEST_PG').replaceAll('\\ ', '\0');
  const value = (name) => new RegExp(`\\b${name}='?([^ ']*)`).exec(conninfo)?.[1].replaceAll('\0', ' ');
  return { host: value('host'), file: `.s.PGSQL.${value('port') ?? 5432}`, port: value('port') ?? '5432' };
};

let relay, stack, member;
before(async () => {
  relay = await startRelay();
  stack = await startStack({ roles: [] });
  stack.env.DATABASE_URL = stack.env.DATABASE_URL.replace(/host='?[^ ]*/, `host=${relay.folder}`);
  await stack.run('serve');
  member = await givenMember(stack, { credits: 1000 });
});
after(async () => {
  await stack?.stop();
  relay?.stop();
});

async function startRelay() {
  const { host, file } = socketName();
  const folder = mkdtempSync(join(tmpdir(), 'i2m-relay-'));
  const state = { folder, cutNextCommit: false, cut: 0 };
  const sockets = new Set();
  const server = createServer((client) => {
    const database = connect(join(host, file));
    let mute = false;
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        database.destroy();
      });
    }
    client.on('data', (bytes) => {
      if (state.cutNextCommit && /\bcommit\b/i.test(bytes.toString('latin1'))) {
        state.cutNextCommit = false;
        mute = true;
        state.cut += 1;
      }
      database.write(bytes);
    });
    database.on('data', (bytes) => (mute ? client.destroy() : client.write(bytes)));
  });
  await new Promise((listening) => server.listen(join(folder, file), listening));
  state.stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return state;
}

test('when the answer to the commit is lost, the client is told to try again, and its retry finds the job with its pictures', async () => {
  const order = { key: 'lost', fields: { quality: 'low' }, files: [{ name: 'a.png', bytes: ball() }] };
  relay.cutNextCommit = true;
  const lost = await upload(stack, member.token, order);
  assert.equal(relay.cut, 1, 'the commit went through the relay');
  assert.equal(lost.status, 503);
  assert.equal((await stack.row('select count(*) as count from job_history')).count, 1);

  const again = await upload(stack, member.token, order);
  const batch = dataOf(again, 202);
  assert.equal(again.headers['idempotent-replayed'], 'true');
  assert.equal((await stack.row('select count(*) as count from job_history')).count, 1);
  assert.equal((await balanceOf(stack, member.token)).held, 35);

  await Promise.all([stack.run('work'), stack.run('schedule')]);
  await waitForJob(stack, member.token, batch.job_id);
  assert.equal((await statusOf(stack, member.token, batch.job_id)).status, 'succeeded');
  assert.deepEqual(await balanceOf(stack, member.token), { balance: 965, held: 0, available: 965 });
  await stack.proof();
});
