// A whole installation for one test file: its own database, folders, Redis prefix and processes.
//
// `./dev test` exports I2M_BIN, I2M_TEST_PG (a superuser's conninfo), I2M_TEST_TEMPLATE (a migrated database) and
// I2M_TEST_REDIS (host:port) with I2M_TEST_REDIS_PASSWORD. Whatever a stack starts or makes is gone when the file's process
// ends, however it ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Session, conninfoOf, psql, psqlNow, required, runProgram } from './database.mjs';
import { processesMarked, takesSigterm } from './processes.mjs';
import { startRedis } from './redis.mjs';

const startMsMax = 20_000;
const stopMsMax = 45_000;
const logBytesShown = 8_000;

/** Short leases, so that what a crash left is taken up again within a second or two. */
const quickSettings = {
  RATE_LIMIT_SCALE: '1000',
  LOOPS: '2',
  DATABASE_CONNECTIONS: '3',
  ENGINE_THREADS: '2',
  LEASE_MS: '1500',
  DISPATCH_LEASE_MS: '1000',
  ATTEMPTS_MAX: '10',
  WORK_PATIENCE_MS: '1000',
  DRAIN_LINGER_MS: '200',
  ARGON2_MEMORY_MIB: '8',
  LOG_LEVEL: 'info',
};

export async function eventually(check, { within = 10_000, every = 50, what = 'it' } = {}) {
  const until = Date.now() + within;
  for (;;) {
    const found = await check();
    if (found) return found;
    assert.ok(Date.now() < until, `${what} did not happen within ${within} ms`);
    await pause(every);
  }
}

export async function startStack({ env = {}, roles = ['serve', 'work', 'schedule'], ownRedis = false } = {}) {
  const stack = new Stack(env, ownRedis);
  live.add(stack);
  try {
    await stack.start(roles);
  } catch (error) {
    error.message += `\n${stack.logs()}`;
    stack.wipe();
    throw error;
  }
  return stack;
}

class Stack {
  constructor(env, ownRedis) {
    this.name = `i2m_http_${process.pid}_${randomBytes(3).toString('hex')}`;
    this.folder = mkdtempSync(join(tmpdir(), `${this.name}-`));
    this.storage = join(this.folder, 'storage');
    this.ownRedis = ownRedis;
    this.jwtSecret = randomBytes(24).toString('hex');
    this.extra = env;
    this.processes = new Map();
    this.companies = 0;
    this.redis = null;
  }

  async start(roles) {
    await this.createDatabase();
    this.redis = this.ownRedis
      ? await startRedis(join(this.folder, 'redis'))
      : { url: `redis://:${process.env.I2M_TEST_REDIS_PASSWORD ?? ''}@${required('I2M_TEST_REDIS')}/0` };
    this.env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      TMPDIR: this.folder,
      I2M_TEST_STACK: this.name,
      DATABASE_URL: conninfoOf('i2m_app', this.name),
      DATABASE_SYSTEM_URL: conninfoOf('i2m_system', this.name),
      REDIS_URL: this.redis.url,
      REDIS_PREFIX: `${this.name}:`,
      STORAGE_ROOT: this.storage,
      LISTEN: '127.0.0.1:0',
      JWT_SECRET: `k1:${this.jwtSecret}`,
      LINK_SECRET: `l1:${randomBytes(24).toString('hex')}`,
      ...quickSettings,
      ...this.extra,
    };
    for (const name of Object.keys(process.env))
      if (name.endsWith('SAN_OPTIONS')) this.env[name] = process.env[name];
    await Promise.all(roles.map((role) => this.run(role)));
  }

  async createDatabase() {
    const template = required('I2M_TEST_TEMPLATE');
    const create = `create database ${this.name} template ${template} owner i2m_owner`;
    // Somebody may be connected to the template for a moment, which forbids copying it.
    for (let tries = 1; ; ++tries) {
      try {
        await psql('postgres', create);
        break;
      } catch (error) {
        if (tries === 4) throw error;
      }
    }
    this.created = true;
    await psql('postgres', `revoke all on database ${this.name} from public`);
    await psql('postgres', `grant connect on database ${this.name} to i2m_owner, i2m_app, i2m_system`);
  }

  // --- Processes. A second worker is called work2.

  /** Starts a process; `serve` is up when it has announced its port. */
  async run(role, env = {}) {
    assert.ok(!this.processes.has(role), `${role} runs already`);
    const log = openSync(this.logFile(role), 'a');
    const child = spawn(required('I2M_BIN'), [role.replace(/\d+$/, '')], {
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', log],
    });
    closeSync(log);
    const process = { child, role, said: '' };
    process.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    process.ended.then(() => this.processes.get(role) === process && this.processes.delete(role));
    this.processes.set(role, process);
    child.stdout.on('data', (text) => {
      process.said += text;
      appendFileSync(this.logFile(role), text);
    });
    await eventually(() => child.exitCode !== null || child.signalCode || takesSigterm(child.pid), {
      within: startMsMax,
      every: 5,
      what: `${role} taking signals`,
    });
    assert.ok(child.exitCode === null && !child.signalCode, `${role} ended at once:\n${this.logs()}`);
    if (!role.startsWith('serve')) return;
    const announced = () => /"listening":"([^"]+)"/.exec(process.said);
    await eventually(() => announced() || child.exitCode !== null || child.signalCode, {
      within: startMsMax,
      every: 10,
      what: 'serve listening',
    });
    assert.ok(announced(), `serve ended at once:\n${this.logs()}`);
    process.base = `http://${announced()[1]}`;
    if (role !== 'serve') return;
    this.base = process.base;
    this.port = Number(announced()[1].split(':').pop());
  }

  logFile(role) {
    return join(this.folder, `${role}.log`);
  }

  pid(role) {
    return this.processes.get(role).child.pid;
  }

  baseOf(role) {
    return this.processes.get(role).base;
  }

  /** From /proc/PID/status, in bytes. */
  memory(role, name) {
    const status = readFileSync(`/proc/${this.pid(role)}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)[1]) * 1024;
  }

  signal(role, name) {
    this.processes.get(role).child.kill(name);
  }

  /** SIGKILL, and waits until it is gone. */
  async kill9(role) {
    const { child, ended } = this.processes.get(role);
    child.kill('SIGKILL');
    await ended;
    this.processes.delete(role);
  }

  async restart(role, env) {
    if (this.processes.has(role)) await this.kill9(role);
    await this.run(role, env);
  }

  /** SIGTERM, and the exit code that follows. */
  async end(role) {
    const { child, ended } = this.processes.get(role);
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
    const { code, signal } = await ended;
    clearTimeout(late);
    this.processes.delete(role);
    return signal ?? code;
  }

  /** Ends everything; each process must leave by itself, with 0, and leave no other behind. */
  async stop() {
    const names = [...this.processes.keys()];
    try {
      const codes = await Promise.all(names.map((role) => this.end(role)));
      assert.deepEqual(
        Object.fromEntries(names.map((name, i) => [name, codes[i]])),
        Object.fromEntries(names.map((name) => [name, 0])),
      );
      assert.deepEqual(processesMarked(this.name), []);
    } finally {
      keptLogs.push(this.logs());
      if (this.ownRedis) await this.redis?.stop();
      this.wipe();
    }
  }

  /** What must also work from an exit handler: nothing here waits for the event loop. */
  wipe() {
    if (!live.delete(this)) return;
    for (const { child } of this.processes.values()) child.kill('SIGKILL');
    this.redis?.kill?.();
    this.looking?.close();
    if (this.created) psqlNow('postgres', `drop database if exists ${this.name} with (force)`);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  logs() {
    let out = '';
    for (const name of readdirSync(this.folder).filter((each) => each.endsWith('.log'))) {
      out += `--- ${this.name} ${name}\n${readFileSync(join(this.folder, name), 'utf8').slice(-logBytesShown)}\n`;
    }
    return out;
  }

  logOf(role) {
    return readFileSync(this.logFile(role), 'utf8');
  }

  // --- What an operator does

  async admin(verb, options = {}, input = '') {
    const args = [
      'admin',
      verb,
      ...Object.entries(options).flatMap(([name, value]) =>
        value === true ? [`--${name}`] : [`--${name}`, `${value}`],
      ),
    ];
    const { code, out, error } = await runProgram(required('I2M_BIN'), args, { env: this.env, input });
    assert.equal(code, 0, `admin ${verb}: ${error}`);
    return JSON.parse(out);
  }

  /** A company with `credits`, and `users` of it: {id, domain, users: [{id, email, password}]}. */
  async givenCompany({ credits = 10_000, users = 1 } = {}) {
    const number = ++this.companies;
    const domain = `company${number}.example`;
    const { company_id: id } = await this.admin('company-create', { name: `Company ${number}`, domain });
    const made = [];
    for (let i = 1; i <= users; ++i) {
      const user = { email: `user${i}@${domain}`, password: `secret ${number} ${i}` };
      const options = {
        'company-domain': domain,
        email: user.email,
        name: `User ${i}`,
        'password-stdin': true,
      };
      const created = await this.admin('user-create', options, `${user.password}\n`);
      made.push({ ...user, id: created.user_id });
    }
    if (credits > 0) await this.grant(domain, credits);
    return { id, domain, users: made };
  }

  grant(domain, credits) {
    return this.admin('credits-grant', {
      'company-domain': domain,
      credits,
      reason: 'a test',
      source: randomUUID(),
    });
  }

  /** The accounts agree with their holds and their ledger. */
  async proof() {
    assert.deepEqual(await this.admin('credits-proof'), { disagreements: 0 });
  }

  // --- Looking into the database and the folders

  /** Rows as objects. */
  async rows(sql) {
    return JSON.parse(await this.execute(`select coalesce(json_agg(r), '[]') from (${sql}) r`));
  }

  async row(sql) {
    return (await this.rows(sql))[0];
  }

  execute(sql) {
    if (!this.looking?.open()) this.looking = new Session(this.name); // psql ends at its first error
    return this.looking.run(sql);
  }

  /** A session of its own: what it locks stays locked until it is closed. */
  session() {
    return new Session(this.name);
  }

  /** Every file and every job's folder, below the storage root. */
  disk() {
    const out = [];
    const walk = (folder, depth) => {
      for (const entry of entriesOf(folder)) {
        const path = join(folder, entry.name);
        // A job's folder counts; those above it stay for the company's next job.
        if (!entry.isDirectory()) out.push(relative(this.storage, path));
        else if (depth === 2) out.push(`${relative(this.storage, path)}/`);
        if (entry.isDirectory()) walk(path, depth + 1);
      }
    };
    walk(this.storage, 0);
    return out.sort();
  }

  resultsOnDisk() {
    return this.disk().filter((path) => path.startsWith('results/') && !path.endsWith('/'));
  }

  sizeOf(path) {
    return statSync(join(this.storage, path)).size;
  }

  contentOf(path) {
    return readFileSync(join(this.storage, path));
  }

  async everything() {
    const [database] = await this.rows(`
      select (select json_agg(a order by company_id) from credit_accounts a) as accounts,
             (select count(*) from credit_ledger) as ledger,
             (select count(*) from credit_holds) as holds,
             (select count(*) from job_history) as jobs, (select count(*) from job_items) as items,
             (select count(*) from job_events) as events, (select count(*) from files) as files,
             (select count(*) from idempotency_keys) as keys, (select count(*) from api_usage) as usage`);
    return { ...database, disk: this.disk() };
  }

  /** `const nothingMoved = await stack.watch(); ...; await nothingMoved()`: money, jobs and disk are as they were. */
  async watch() {
    const before = await this.everything();
    return async () => {
      let after;
      const same = async () => JSON.stringify((after = await this.everything())) === JSON.stringify(before);
      // A file that was being written is removed a moment after the answer.
      for (let tries = 0; tries < 40 && !(await same()); ++tries) await pause(50);
      assert.deepEqual(after, before);
    };
  }
}

/** A folder that is being swept meanwhile may be gone by now. */
function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

// --- However this process ends

const live = new Set();
const keptLogs = [];

process.on('exit', (code) => {
  const failed = code !== 0 || process.exitCode;
  for (const stack of [...live]) {
    keptLogs.push(stack.logs());
    stack.wipe();
  }
  if (failed) process.stderr.write(keptLogs.join(''));
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));
