// What /proc tells of processes.
import { readFileSync, readdirSync } from 'node:fs';

/** Until a process has its own answer to SIGTERM, the signal just ends it. */
export function takesSigterm(pid) {
  const bit = 1n << 14n;
  const caught = /^SigCgt:\s+([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return caught !== null && (BigInt(`0x${caught[1]}`) & bit) !== 0n;
}

/** Pids of processes that carry this stack's mark in their environment. */
export function processesMarked(name) {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const alive = !/^State:\s+Z/m.test(readFileSync(`/proc/${entry}/status`, 'utf8'));
      return alive && readFileSync(`/proc/${entry}/environ`, 'utf8').includes(`I2M_TEST_STACK=${name}\0`);
    } catch {
      return false; // it ended meanwhile, or is not ours
    }
  });
}
