// Usage: bench/run [http|uploads|memory|start|all]...
// Exit code: 0; 1 when a figure that must be reached was not; 2 when it could not be measured.
import { measureHttp } from "./http.mjs";
import { measureMemory, measureStart } from "./memory.mjs";
import { Stack } from "./stack.mjs";
import { measureUploads } from "./uploads.mjs";

const PARTS = { start: measureStart, memory: measureMemory, http: measureHttp, uploads: measureUploads };

const asked = process.argv.slice(2);
const names = asked.length === 0 || asked.includes("all") ? Object.keys(PARTS) : asked;
const unknown = names.find((name) => !(name in PARTS));
if (unknown) {
  console.error(`bench: there is no part ${unknown}; parts: ${Object.keys(PARTS).join(" ")} all`);
  process.exit(2);
}

const stack = new Stack();
for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) {
  process.once(signal, async () => {
    await stack.stop();
    process.exit(128 + number);
  });
}

const verdicts = [];
try {
  await stack.start();
  for (const name of Object.keys(PARTS).filter((each) => names.includes(each))) {
    verdicts.push(...(await PARTS[name](stack)));
  }
  if (verdicts.length > 0) console.log("\n## Musts\n");
  for (const { must, measured, reached } of verdicts) console.log(`- ${reached ? "reached" : "MISSED"}: ${must}; measured ${measured}`);
  process.exitCode = verdicts.every((each) => each.reached) ? 0 : 1;
} catch (error) {
  console.error("bench:", error); // with its cause
  process.exitCode = 2;
} finally {
  await stack.stop();
}
