// A thread: looks at a process's memory again and again; told to stop, it answers the most it saw.
import { parentPort, workerData } from "node:worker_threads";
import { memoryOf } from "./system.mjs";

const peak = { pss: 0, anonymous: 0, samples: 0 };
const look = () => {
  const now = memoryOf(workerData.pid);
  peak.pss = Math.max(peak.pss, now.pss);
  peak.anonymous = Math.max(peak.anonymous, now.anonymous);
  ++peak.samples;
};
look();
const timer = setInterval(look, workerData.everyMs);
parentPort.once("message", () => {
  clearInterval(timer);
  look();
  parentPort.postMessage(peak);
});
parentPort.postMessage("ready");
