// Calls to the outside provider, against its simulator: what 500 calls in flight cost one worker in memory, and how many
// jobs a second, and at what CPU, one worker brings through. Run by hand, with the variables of `./dev test`:
//
//   node bench/fal.mjs [in flight] [jobs]
import { readFileSync } from 'node:fs';

import { dataOf, upload } from '../test/http/support/client.mjs';
import { ball } from '../test/http/support/pictures.mjs';
import { eventually } from '../test/http/support/stack.mjs';
import { startAccount } from '../test/fal/support/account.mjs';

const [inFlight = 500, jobs = 10_000] = process.argv.slice(2).map(Number);
const batch = 25;
const ticksPerSecond = 100;
const mebibyte = 1024 * 1024;

const cpuSeconds = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};

async function ordered({ stack, member }, count) {
  const files = Array.from({ length: batch }, (_, i) => ({ name: `${i}.png`, bytes: ball({ shade: i, side: 64 }) }));
  for (let sent = 0; sent < count; sent += batch)
    dataOf(await upload(stack, member.token, { files: files.slice(0, Math.min(batch, count - sent)), fields: { quality: 'low' } }), 202);
}
const counted = async ({ stack }, where) => (await stack.row(`select count(*)::int as n from job_items where ${where}`)).n;

async function memoryOfCallsInFlight() {
  const account = await startAccount({
    sandbox: { 'run-ms': 40_000, concurrency: inFlight },
    env: { FAL_CONCURRENCY: `${inFlight}`, FAL_IN_FLIGHT_MAX: `${inFlight}`, FAL_POLL_MS: '1000', FAL_POLL_MAX_MS: '5000' },
    credits: 10_000_000,
  });
  const idle = account.stack.memory('work', 'VmRSS');
  await ordered(account, inFlight);
  const accepted = async () => (await account.stack.row("select count(*)::int as n from provider_calls where state = 'accepted'")).n;
  await eventually(async () => (await accepted()) >= inFlight, { within: 120_000, every: 200, what: 'all calls being accepted' });
  const during = account.stack.memory('work', 'VmRSS');
  await eventually(async () => (await counted(account, 'finished_at is null')) === 0, { within: 300_000, every: 500, what: 'the end' });
  const most = account.stack.memory('work', 'VmHWM');
  const failed = await counted(account, "status <> 'succeeded'");
  await account.stop();
  const round = (bytes) => Math.round((bytes / mebibyte) * 10) / 10;
  return { in_flight: inFlight, idle_mib: round(idle), in_flight_mib: round(during), most_mib: round(most), failed };
}

async function throughput() {
  const account = await startAccount({
    sandbox: { 'run-ms': 0, concurrency: 200 },
    env: { FAL_CONCURRENCY: '200', FAL_POLL_MS: '500', FAL_POLL_MAX_MS: '2000', ITEM_DEADLINE_S: '7200', FAL_UNSURE_S: '7200' },
    credits: 10_000_000,
    roles: ['serve', 'schedule'],
  });
  await ordered(account, jobs);
  const began = Date.now();
  await account.stack.run('work');
  const pid = account.stack.pid('work');
  await eventually(async () => (await counted(account, 'finished_at is null')) === 0, { within: 3_600_000, every: 500, what: 'the end' });
  const seconds = (Date.now() - began) / 1000;
  const cpu = cpuSeconds(pid);
  const failed = await counted(account, "status <> 'succeeded'");
  const most = account.stack.memory('work', 'VmHWM');
  await account.stop();
  return {
    jobs,
    failed,
    seconds: Math.round(seconds),
    jobs_per_second: Math.round((jobs / seconds) * 10) / 10,
    cpu_ms_per_job: Math.round((cpu / jobs) * 1e5) / 100,
    most_mib: Math.round(most / mebibyte),
    celery_no_op_drain_jobs_per_second: 148,
  };
}

console.log(JSON.stringify(await memoryOfCallsInFlight()));
console.log(JSON.stringify(await throughput()));
