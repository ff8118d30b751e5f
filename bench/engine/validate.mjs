// Khronos' glTF validator over every GLB of a folder: node validate.mjs NODE_MODULES FOLDER. One line a message; exits 1 when any
// file has an error or a warning.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [modules, folder] = process.argv.slice(2);
const { validateBytes, version } = createRequire(resolve(modules) + "/")("gltf-validator");
const names = readdirSync(folder).filter((name) => name.endsWith(".glb"));
const sum = { numErrors: 0, numWarnings: 0, numInfos: 0, numHints: 0 };
for (const name of names) {
  const { issues } = await validateBytes(new Uint8Array(readFileSync(join(folder, name))), { maxIssues: 20 });
  for (const key of Object.keys(sum)) sum[key] += issues[key];
  for (const { severity, code, message, pointer } of issues.messages) console.log(`${name}: ${["error", "warning", "info", "hint"][severity]} ${code} ${message} ${pointer ?? ""}`);
}
console.log(`gltf-validator ${version()}: ${names.length} files, ${sum.numErrors} errors, ${sum.numWarnings} warnings, ${sum.numInfos} infos, ${sum.numHints} hints`);
process.exitCode = names.length === 0 || sum.numErrors + sum.numWarnings > 0 ? 1 : 0;
