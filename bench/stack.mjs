// A private stack in a temporary folder: PostgreSQL, Redis, nginx and serve, with companies, users, credits, tokens and jobs.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { sleep } from "./system.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const BIN = path.resolve(process.env.I2M_BIN ?? path.join(ROOT, "build/release/bin/image2model"));
const PG_BIN = process.env.I2M_PG_BIN ?? "/usr/lib/postgresql/15/bin";
const COMPANIES = 16;
const USERS = 64; // one for each connection of wrk
const CREDITS = 10_000_000;
// Every limit is counted in Redis and none is reached: 10 000 times 600 a minute are 100 000 a second for each user.
const RATE_LIMIT_SCALE = 10_000;
const READY_MS = 30_000;
const STOP_MS = 20_000;
const ADMINS_AT_ONCE = 4;

export class Stack {
  pids = {}; // by name: postgres, redis, nginx, serve
  #children = new Map(); // by name
  #stopping;

  async start() {
    if (!existsSync(BIN)) throw new Error(`there is no program ${BIN}: build the preset release, or set I2M_BIN`);
    this.dir = await mkdtemp(path.join(process.env.BENCH_DIR ?? tmpdir(), "i2m-bench-"));
    await chmod(this.dir, 0o755); // PostgreSQL's and nginx's users pass through
    say("starting PostgreSQL, Redis and nginx");
    await Promise.all([this.#startPostgres(), this.#startRedis(), this.#startNginx()]);
    this.settings = this.#settings();
    await command(BIN, ["migrate"], { env: this.settings });
    await this.startServe();
    say(`making ${COMPANIES} companies and ${USERS} users`);
    await this.#makeUsers();
    say("signing in, one job for each user");
    await this.#signIn();
    await this.#makeJobs();
  }

  // Ends what start() began, the last first; safe to call at any point and more than once.
  stop() {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async startServe() {
    const child = this.#launch("serve", [BIN, "serve"], { env: this.settings });
    this.port = await listeningPort(child);
    this.url = `http://127.0.0.1:${this.port}`;
    await until("serve to be ready", async () => (await fetch(`${this.url}/api/v1/health/ready`)).status === 200);
  }

  stopServe() {
    return this.#stopOne("serve");
  }

  // From exec to the first 200, in milliseconds; the server is stopped again.
  async timeStart() {
    const begun = performance.now();
    const child = this.#launch("serve-start", [BIN, "serve"], { env: this.settings });
    const url = `http://127.0.0.1:${await listeningPort(child)}/api/v1/health/ready`;
    while ((await fetch(url)).status !== 200) await sleep(2);
    const took = performance.now() - begun;
    await this.#stopOne("serve-start");
    return took;
  }

  async admin(...args) {
    return JSON.parse(await command(BIN, ["admin", ...args], { env: this.settings, input: `${this.password}\n` }));
  }

  // Calls the API as one of the users and answers what is inside `data`.
  async call(method, url, { token, body, type } = {}) {
    const headers = { ...(token && { Authorization: `Bearer ${token}` }), ...(type && { "Content-Type": type }) };
    const answer = await fetch(this.url + url, { method, headers, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return { headers: answer.headers, data: JSON.parse(text).data };
  }

  async redis(...args) {
    return command("redis-cli", ["-h", "127.0.0.1", "-p", `${this.redisPort}`, ...args], { env: { ...plainEnv(), REDISCLI_AUTH: this.redisPassword } });
  }

  async emptyUploads() {
    await rm(path.join(this.settings.STORAGE_ROOT, "uploads"), { recursive: true, force: true });
    await rm(path.join(this.dir, "nginx/put"), { recursive: true, force: true });
    await mkdir(path.join(this.settings.STORAGE_ROOT, "uploads"), { mode: 0o700 });
    await mkdir(path.join(this.dir, "nginx/put"));
  }

  #settings() {
    const role = (name) => `${this.conninfo} dbname=${this.database} user=${name}`;
    return {
      ...plainEnv(),
      DATABASE_URL: role("i2m_app"),
      DATABASE_SYSTEM_URL: role("i2m_system"),
      DATABASE_OWNER_URL: role("i2m_owner"),
      REDIS_URL: `redis://:${this.redisPassword}@127.0.0.1:${this.redisPort}/0`,
      STORAGE_ROOT: path.join(this.dir, "files"),
      LISTEN: "127.0.0.1:0",
      JWT_SECRET: secret(),
      LINK_SECRET: secret(),
      RATE_LIMIT_SCALE: `${RATE_LIMIT_SCALE}`,
      DRAIN_LINGER_MS: "50",
    };
  }

  // BENCH_PG: a superuser's conninfo (key=value, no dbname) on this machine; otherwise a cluster of our own, with fsync on.
  async #startPostgres() {
    this.database = `i2m_bench_${process.pid}`;
    this.conninfo = process.env.BENCH_PG ?? (await this.#ownCluster());
    const psql = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"];
    this.psql = (db, ...args) => command(path.join(PG_BIN, "psql"), [...psql, "-d", `${this.superuser()} dbname=${db}`, ...args]);
    await until("PostgreSQL", () => this.psql("postgres", "-c", "select 1"));
    await this.psql("postgres", "-v", `db=${this.database}`, "-f", path.join(ROOT, "db/bootstrap.sql"));
    this.pids.postgres = Number(await this.psql("postgres", "-c", "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"));
  }

  superuser() {
    return process.env.BENCH_PG ?? `${this.conninfo} user=postgres`;
  }

  async #ownCluster() {
    const home = path.join(this.dir, "pg");
    await mkdir(home);
    await this.#givePostgres(home);
    const user = process.getuid() === 0 ? "postgres" : undefined; // PostgreSQL refuses to run as root
    const data = path.join(home, "data");
    const as = user ? [`--reuid=${user}`, `--regid=${user}`, "--init-groups"] : [];
    const how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync"];
    await command("setpriv", [...as, path.join(PG_BIN, "initdb"), "-D", data, ...how]);
    const set = { listen_addresses: "", unix_socket_directories: home, max_connections: 200, shared_buffers: "128MB", fsync: "on" };
    const options = Object.entries(set).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#launch("postgres", [path.join(PG_BIN, "postgres"), "-D", data, ...options], { user, signal: "INT" }); // INT: without waiting for clients
    return `host=${home}`;
  }

  async #givePostgres(folder) {
    await chmod(folder, 0o700);
    if (process.getuid() !== 0) return;
    const ids = await Promise.all([command("id", ["-u", "postgres"]), command("id", ["-g", "postgres"])]);
    await chown(folder, Number(ids[0]), Number(ids[1]));
  }

  // As in production and `./dev up`: an append-only file, synced every second.
  async #startRedis() {
    const home = path.join(this.dir, "redis");
    await mkdir(home, { mode: 0o700 });
    this.redisPort = await freePort();
    this.redisPassword = secret();
    const aof = process.env.BENCH_REDIS_AOF ?? "yes";
    const address = [`port ${this.redisPort}`, "bind 127.0.0.1", `dir ${home}`, `requirepass ${this.redisPassword}`];
    const lines = [...address, 'save ""', `appendonly ${aof}`, "appendfsync everysec", "daemonize no"];
    await writeFile(path.join(home, "redis.conf"), lines.join("\n") + "\n", { mode: 0o600 });
    this.#launch("redis", ["redis-server", path.join(home, "redis.conf")]);
    await until("Redis", async () => (await this.redis("ping")).trim() === "PONG");
  }

  async #startNginx() {
    const home = path.join(this.dir, "nginx");
    for (const folder of ["", "static", "put", "tmp"]) await mkdir(path.join(home, folder));
    const body = '{"success":true,"data":{"balance":1000,"held":0,"left":10}}\n';
    if (body.length !== 60) throw new Error("the static answer is 60 bytes long");
    await writeFile(path.join(home, "static/balance.json"), body);
    const nginx = process.env.BENCH_NGINX ?? "/usr/sbin/nginx";
    this.dav = (await command(nginx, ["-V"], { both: true })).includes("http_dav_module");
    this.nginxPort = await freePort();
    this.nginxUrl = `http://127.0.0.1:${this.nginxPort}`;
    await writeFile(path.join(home, "nginx.conf"), nginxConf(home, this.nginxPort, this.dav));
    this.#launch("nginx", [nginx, "-p", home, "-c", path.join(home, "nginx.conf"), "-e", "stderr"]);
    await until("nginx", async () => (await (await fetch(`${this.nginxUrl}/balance.json`)).text()) === body);
  }

  async #makeUsers() {
    this.password = secret();
    const companies = Array.from({ length: COMPANIES }, (_, i) => `company-${i}.example`);
    this.users = Array.from({ length: USERS }, (_, i) => ({ domain: companies[i % COMPANIES], email: `user-${i}@company-${i % COMPANIES}.example` }));
    await several(companies, async (domain) => {
      await this.admin("company-create", "--name", domain, "--domain", domain);
      await this.admin("credits-grant", "--company-domain", domain, "--credits", `${CREDITS}`, "--reason", "benchmark", "--source", `bench-${domain}`);
    });
    await several(this.users, ({ domain, email }) => {
      const who = ["--company-domain", domain, "--email", email, "--name", email, "--role", "member"];
      return this.admin("user-create", ...who, "--password-stdin");
    });
  }

  async #signIn() {
    await several(this.users, async (user) => {
      const body = JSON.stringify({ email: user.email, password: this.password });
      user.token = (await this.call("POST", "/api/v1/auth/login", { body, type: "application/json" })).data.access_token;
    });
  }

  // Nothing works on the jobs: they stay queued.
  async #makeJobs() {
    const picture = await readFile(path.join(ROOT, "test/data/pictures/edge-two-objects.png"));
    await several(this.users, async (user) => {
      const body = new FormData();
      body.set("quality", "low");
      body.set("files", new Blob([picture], { type: "image/png" }), "two.png");
      user.job = (await this.call("POST", "/api/v1/upload/batch", { token: user.token, body })).data.job_id;
    });
  }

  // In a session of its own, so that Ctrl-C reaches us alone, and ended by the kernel should we be killed.
  #launch(name, line, { env = plainEnv(), user, signal = "TERM" } = {}) {
    const log = path.join(this.dir, `${name}.log`);
    const file = openSync(log, "a");
    const args = ["--pdeathsig", signal, ...(user ? [`--reuid=${user}`, `--regid=${user}`, "--init-groups"] : []), ...line];
    const child = spawn("setpriv", args, { cwd: "/", env, detached: true, stdio: ["ignore", "pipe", file] });
    closeSync(file);
    child.stopSignal = signal;
    this.#children.set(name, child);
    child.ended = new Promise((done) => child.once("exit", done));
    child.once("exit", async (code, by) => {
      if (!child.asked) console.error(`bench: ${name} ended by itself (${by ?? code})\n${(await readFile(log, "utf8")).slice(-2000)}`);
    });
    child.stdout.on("data", () => {});
    this.pids[name] = child.pid;
    return child;
  }

  async #stopOne(name) {
    const child = this.#children.get(name);
    if (!child) return;
    child.asked = true;
    this.#children.delete(name);
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(`SIG${child.stopSignal}`);
      const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
      await child.ended;
      clearTimeout(late);
    }
    delete this.pids[name];
  }

  async #stopAll() {
    for (const name of ["serve-start", "serve", "nginx", "redis"]) await this.#stopOne(name);
    if (process.env.BENCH_PG && this.database) {
      await this.psql("postgres", "-c", `drop database if exists ${this.database} with (force)`).catch((error) => console.error(`bench: ${error.message}`));
    }
    await this.#stopOne("postgres");
    if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}

const say = (text) => console.error(`bench: ${text}`);
const plainEnv = () => ({ PATH: process.env.PATH, LC_ALL: "C.UTF-8" });
const secret = () => randomBytes(32).toString("hex");

function nginxConf(home, port, dav) {
  return `daemon off;
${process.getuid() === 0 ? "user root;" : ""}
worker_processes 2;
pid ${home}/nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=100 inactive=1h;
  open_file_cache_valid 1h;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  default_type application/json;
  client_body_temp_path ${home}/tmp;
  proxy_temp_path ${home}/tmp/proxy;
  fastcgi_temp_path ${home}/tmp/fastcgi;
  uwsgi_temp_path ${home}/tmp/uwsgi;
  scgi_temp_path ${home}/tmp/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${home}/static;
    ${dav ? `location /put/ { root ${home}; dav_methods PUT; client_body_buffer_size 256k; client_max_body_size 0; }` : ""}
  }
}
`;
}

// Runs to its end and answers what it printed.
export function command(program, args, { env = plainEnv(), input, both } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { env, cwd: "/", stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (text) => (out += text));
    child.stderr.on("data", (text) => (err += text));
    child.once("error", failed);
    child.once("close", (code) => {
      if (code === 0) done(both ? out + err : out);
      else failed(new Error(`${path.basename(program)} ${args.join(" ")}: exit ${code}\n${err || out}`));
    });
    child.stdin.on("error", () => {}); // it did not want it
    child.stdin.end(input ?? "");
  });
}

async function several(list, work) {
  const todo = [...list];
  const one = async () => {
    while (todo.length > 0) await work(todo.shift());
  };
  await Promise.all(Array.from({ length: ADMINS_AT_ONCE }, one));
}

async function until(what, works) {
  let last;
  for (const end = Date.now() + READY_MS; Date.now() < end; await sleep(20)) {
    try {
      if (await works()) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`waited ${READY_MS / 1000} s for ${what}${last ? `: ${last.message}` : ""}`);
}

// serve prints one JSON line with the address it listens on.
function listeningPort(child) {
  return new Promise((done, failed) => {
    let text = "";
    child.stdout.on("data", (piece) => {
      text += piece;
      const said = text.match(/"listening":"[^"]*:(\d+)"/);
      if (said) done(Number(said[1]));
    });
    child.once("error", failed);
    child.once("exit", (code, signal) => failed(new Error(`serve ended before it listened (${signal ?? code})`)));
  });
}

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
