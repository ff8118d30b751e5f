// Looking into PostgreSQL with psql, as the superuser that ./dev test names.
import { execFile, spawn, spawnSync } from 'node:child_process';

export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run ./dev test http`);
  return value;
}

// In a conninfo the last mention of a keyword counts.
export const conninfoOf = (role, database) =>
  `${required('I2M_TEST_PG')}${role ? ` user=${role}` : ''} dbname=${database}`;

/** Runs a program to its end: {code, out, error}. */
export function runProgram(program, args, { env, input }) {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { env, maxBuffer: 64 << 20 }, (failure, out, error) => {
      if (failure && typeof failure.code !== 'number') reject(failure);
      else resolve({ code: failure?.code ?? 0, out, error });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

const psqlArgs = (database) => [
  '-X',
  '-q',
  '-A',
  '-t',
  '-v',
  'ON_ERROR_STOP=1',
  '-d',
  conninfoOf('', database),
];

/** One question on a connection of its own. */
export async function psql(database, sql) {
  const { code, out, error } = await runProgram('psql', [...psqlArgs(database), '-f', '-'], {
    env: process.env,
    input: sql,
  });
  if (code !== 0) throw new Error(`psql: ${error}in: ${sql}`);
  return out.trim();
}

/** One psql that stays: a question takes a millisecond rather than a process. */
export class Session {
  constructor(database) {
    this.child = spawn('psql', psqlArgs(database), { stdio: ['pipe', 'pipe', 'pipe'] });
    this.last = Promise.resolve();
    this.said = this.complaint = '';
    this.child.stdin.on('error', () => {});
    this.child.stderr.on('data', (text) => (this.complaint += text));
    this.child.on('exit', () => this.answered?.());
    this.child.stdout.setEncoding('utf8');
    this.child.stdout.on('data', (text) => {
      this.said += text;
      if (this.said.endsWith('\u0001\n')) this.answered?.();
    });
  }

  run(sql) {
    const mine = this.last.then(async () => {
      this.said = '';
      const answered = new Promise((resolve) => (this.answered = resolve));
      this.child.stdin.write(`${sql};\n\\echo \u0001\n`);
      if (this.open()) await answered;
      if (!this.said.endsWith('\u0001\n')) throw new Error(`psql: ${this.complaint}in: ${sql}`);
      return this.said.slice(0, -2).trim();
    });
    this.last = mine.catch(() => {});
    return mine;
  }

  open() {
    return this.child.exitCode === null && !this.child.signalCode;
  }

  close() {
    const gone = new Promise((resolve) => this.child.on('exit', resolve));
    this.child.stdin.end();
    return gone;
  }
}

/** The same, for an exit handler. */
export function psqlNow(database, sql) {
  const done = spawnSync('psql', [...psqlArgs(database), '-c', sql], { encoding: 'utf8', timeout: 20_000 });
  if (done.status !== 0) console.error(`left behind: ${done.stderr}in: ${sql}`);
}
