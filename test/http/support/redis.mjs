// A Redis of one's own, for tests that kill or empty it. It comes back on the same port with what it had.
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const startMsMax = 10_000;
const portTries = 5; // a port may be taken between our choice and its use

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function startRedis(folder) {
  mkdirSync(folder, { recursive: true });
  for (let tries = 1; ; ++tries) {
    const redis = new Redis(folder, await freePort());
    try {
      await redis.start();
      return redis;
    } catch (error) {
      redis.kill();
      if (tries === portTries) throw error;
    }
  }
}

class Redis {
  constructor(folder, port) {
    this.port = port;
    this.password = randomBytes(12).toString('hex');
    this.url = `redis://:${this.password}@127.0.0.1:${port}/0`;
    this.file = join(folder, 'redis.conf');
    const lines = [`port ${port}`, 'bind 127.0.0.1', `dir "${folder}"`, `requirepass ${this.password}`];
    lines.push('appendonly yes', 'appendfsync everysec', 'save ""', `logfile "${join(folder, 'redis.log')}"`);
    writeFileSync(this.file, `${lines.join('\n')}\n`, { mode: 0o600 });
  }

  async start() {
    const child = spawn('redis-server', [this.file], { stdio: 'ignore' });
    this.child = child;
    this.ended = new Promise((resolve) => child.on('exit', resolve));
    const until = Date.now() + startMsMax;
    while ((await this.ask('ping').catch(() => '')) !== 'PONG') {
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`Redis did not start on port ${this.port}`);
      await pause(20);
    }
  }

  ask(...command) {
    const args = ['-h', '127.0.0.1', '-p', `${this.port}`, ...command];
    return new Promise((resolve, reject) => {
      execFile(
        'redis-cli',
        args,
        { env: { ...process.env, REDISCLI_AUTH: this.password } },
        (failure, out) => {
          if (failure) reject(failure);
          else resolve(out.trim());
        },
      );
    });
  }

  async kill9() {
    this.kill();
    await this.ended;
  }

  kill() {
    this.child?.kill('SIGKILL');
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
  }
}
