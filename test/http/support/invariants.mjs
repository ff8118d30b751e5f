// What must be true after any crash, when everything has ended; and the random choices of the tests that crash things.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Every job has ended, every hold is closed once, the ledger tells what succeeded, and the files are those of the rows. */
export async function assertWhole(stack) {
  await stack.proof();
  assert.deepEqual(
    await stack.rows("select id, status from job_history where status in ('queued', 'running')"),
    [],
  );
  assert.deepEqual(await stack.rows("select * from credit_holds where state = 'held'"), []);
  const wrong = await stack.rows(`
    select i.id, i.status, i.attempt, h.state, h.settled, l.entries, u.used, f.models
      from job_items i
      left join credit_holds h on h.item_id = i.id
      left join lateral (select count(*) as entries from credit_ledger e where e.kind = 'settle' and e.source = 'item:' || i.id) l on true
      left join lateral (select count(*) as used from api_usage a where a.item_id = i.id) u on true
      left join lateral (select count(*) as models from files x where x.item_id = i.id and x.kind = 'model') f on true
     where concat_ws(' ', h.state, l.entries, u.used, f.models) <>
           case i.status when 'succeeded' then 'settled 1 1 1' else 'released 0 0 0' end`);
  assert.deepEqual(wrong, [], 'each item is settled or released, once');
  const events = await stack.rows(`
    select job_id, count(*) as count, max(seq) as last, event_seq from job_events e join job_history j on j.id = e.job_id
     group by job_id, event_seq having count(*) <> max(seq) or max(seq) <> event_seq`);
  assert.deepEqual(events, [], 'events are numbered without a gap');
  for (const row of await stack.rows(
    "select object_key, bytes, encode(sha256, 'hex') as sha256 from files",
  )) {
    const bytes = stack.contentOf(row.object_key);
    assert.deepEqual([bytes.length, sha256(bytes)], [row.bytes, row.sha256], row.object_key);
  }
}

/** Once the sweeper has been through, what lies on disk is what the rows name: nothing more, nothing less. */
export async function assertDiskIsSwept(stack) {
  const stored = (await stack.rows('select object_key from files')).map((row) => row.object_key).sort();
  const files = () => stack.disk().filter((path) => !path.endsWith('/'));
  const swept = () => JSON.stringify(files()) === JSON.stringify(stored);
  await pause(1100); // older than a second
  if (stack.processes.has('schedule')) assert.equal(await stack.end('schedule'), 0);
  await stack.run('schedule', { ORPHAN_AGE_S: '1' });
  for (let tries = 0; tries < 100 && !swept(); ++tries) await pause(50);
  assert.deepEqual(files(), stored, 'what lies on disk is what the rows name');
}

/** Random choices that can be repeated: I2M_TEST_SEED=<what was printed>. (Mulberry32.) */
export function givenRandom(t) {
  let state = Number(process.env.I2M_TEST_SEED ?? Date.now() % 2 ** 31);
  t.diagnostic(`I2M_TEST_SEED=${state}`);
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
