// What style says and no compiler checks. Usage: node tools/tidy.mjs. Prints each offence with its place; exits 1 when there is one.
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync } from "node:fs";

const LINES_MAX = 400;
const KERNEL_LINES_MAX = 1000; // src/engine, src/image, src/mesh
const COLUMNS_MAX = 120;
// Who may include whom. A slice may use another slice's face only: <slice>/<slice>.h and the headers listed here.
const FOUNDATIONS = { base: [], db: ["base"], redis: ["base"], net: ["base", "db", "redis"] };
const PURE = { image: ["base"], mesh: ["base"], engine: ["base", "image", "mesh"], cli: ["base", "image", "mesh", "engine"] };
// Simulators of other people's services: a program of its own, of which the product knows nothing.
const SANDBOX = ["sandbox", "base", "engine", "image", "mesh"];
const SLICES = {
  identity: [],
  storage: [],
  credits: [],
  providers: ["engine", "image"],
  jobs: ["credits", "storage", "image"],
  dispatch: ["jobs", "credits", "storage", "providers", "mesh"],
  admin: ["identity", "credits"],
};

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((file) => file && existsSync(file) && !lstatSync(file).isSymbolicLink());
const offences = [];
const offend = (file, line, what) => offends(`${file}:${line}: ${what}`);
const offends = (text) => offences.push(text);

for (const file of files) {
  if (!/\.(cc|h|inl|mjs|ts|svelte|sh|sql|md|cmake)$|^dev$/.test(file) || /(^|\/)(package-lock\.json)$|\.gen\.|^docs\/api\/|^db\/schema\.sql$/.test(file)) continue;
  const lines = readFileSync(file, "utf8").split("\n");
  if (/\.(cc|h|inl)$/.test(file)) checkCode(file, lines);
  lines.forEach((text, i) => {
    if (/\b(TODO|FIXME|XXX)\b(?!.*#\d+)/.test(text) && file !== "tools/tidy.mjs" && !/style\.md$/.test(file)) offend(file, i + 1, "an open end without an issue's number");
    if (/\.(cc|h|inl|sql)$/.test(file) && [...text].length > COLUMNS_MAX + 40) offend(file, i + 1, `line of ${[...text].length} columns`);
    if (/[ \t]+$/.test(text) && !file.endsWith(".md")) offend(file, i + 1, "space at the end");
  });
}
checkWalk();
checkSettings();

function checkCode(file, lines) {
  const kernel = /^src\/(engine|image|mesh)\//.test(file);
  const max = kernel ? KERNEL_LINES_MAX : LINES_MAX;
  if (lines.length > max && !/_test\.cc$/.test(file)) offend(file, max, `${lines.length} lines, at most ${max}`);
  if (file.endsWith(".h") && !/(^|\n)#pragma once/.test(lines.join("\n"))) offend(file, 1, "no #pragma once");
  const room = /^src\/([a-z]+)\//.exec(file)?.[1];
  lines.forEach((text, i) => {
    const other = /^#include "([a-z]+)\//.exec(text)?.[1];
    if (other === undefined) return;
    if (file.startsWith("sandbox/") && !SANDBOX.includes(other)) offend(file, i + 1, `sandbox must not know ${other}`);
    if (file.startsWith("src/") && other === "sandbox") offend(file, i + 1, "the product must not know sandbox");
  });
  if (!room) return;
  lines.forEach((text, i) => {
    const include = /^#include "([a-z]+)\/([^"]+)"/.exec(text);
    if (!include) return checkSql(file, text, i);
    const [, other, header] = include;
    if (other === room || /_test\.cc$/.test(file) || other === "support") return;
    if (room in FOUNDATIONS && !FOUNDATIONS[room].includes(other)) offend(file, i + 1, `${room} must not know ${other}`);
    if (room in PURE && !PURE[room].includes(other)) offend(file, i + 1, `${room} must not know ${other}`);
    if (room in SLICES && !(other in FOUNDATIONS) && !SLICES[room].includes(other)) offend(file, i + 1, `${room} must not know ${other}`);
    if (other in SLICES && header === "queries.gen.h" && room !== "admin") offend(file, i + 1, `the SQL of ${other} is its own`);
  });
}

function checkSql(file, text, i) {
  if (/_test\.cc$/.test(file) || /^src\/db\//.test(file)) return;
  if (/"\s*(select|insert into|update|delete from)\s+\w/i.test(text)) offend(file, i + 1, "SQL belongs into queries.sql");
}

// A page that names files must name files that are there.
function checkWalk() {
  for (const page of files.filter((file) => /^(docs\/.*|README|CHANGELOG)\.md$/.test(file) || file === "README.md")) {
    const text = readFileSync(page, "utf8");
    for (const [, name] of text.matchAll(/`((?:src|db|docs|tools|test|config|web|bench|deploy|fuzz|sandbox)\/[\w./-]+\.\w+)`/g)) {
      if (!existsSync(name)) offends(`${page}: names ${name}, which is gone`);
    }
  }
}

// Every setting that the code asks for is in defaults.env, and every line of defaults.env is asked for.
function checkSettings() {
  const listed = [...readFileSync("config/defaults.env", "utf8").matchAll(/^([A-Z0-9_]+)=/gm)].map((match) => match[1]);
  const code = files.filter((file) => /^src\/.*\.cc$/.test(file) && !/_test\.cc$/.test(file)).map((file) => readFileSync(file, "utf8")).join("\n");
  for (const name of listed) {
    if (!code.includes(`"${name}"`)) offends(`config/defaults.env: nobody reads ${name}`);
  }
}

offences.forEach((text) => console.error(text));
console.log(`tidy: ${files.length} files, ${offences.length} offences`);
process.exitCode = offences.length > 0 ? 1 : 0;
