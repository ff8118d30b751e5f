// Follows one job until it is over: the event stream first, the status endpoint while the stream will not open.
import { ApiError } from './api';
import { head_of, item_of, job_is_over, job_of, type Job } from './model';
import { SseParser, type SseEvent } from './sse';
import type { JobEvent } from './job_state';

/// `live`: the stream is open. `polling`: it is not, but the server answers. `lost`: nothing answers.
export type Link = 'opening' | 'live' | 'polling' | 'lost';
export type Outcome = 'over' | 'gone' | 'signed_out' | 'stopped';

export interface WatchPorts {
  open(last_id: string | null, signal: AbortSignal): Promise<Response>;
  poll(signal: AbortSignal): Promise<Job>;
  /// Resolves after `ms`, or sooner when there is a reason to try again (the network is back, the tab is shown).
  wait(ms: number, signal: AbortSignal): Promise<void>;
  random(): number;
  emit(event: JobEvent): void;
  link(link: Link): void;
}

/// The server's heartbeat comes each 15 s; three missed ones mean that the connection is dead though nobody said so.
const silence_ms = 45_000;
const backoff_ms_max = 15_000;
/// There is no such job for this company; 422 is the answer to an id that cannot be one.
const gone_statuses = [404, 410, 422];

/// Full jitter over the upper half, so that a thousand pages do not come back in step.
export function backoff_ms(failures: number, base_ms: number, random: number): number {
  const ceiling = Math.min(backoff_ms_max, base_ms * 2 ** Math.min(Math.max(failures - 1, 0), 10));
  return Math.round(ceiling * (0.5 + random / 2));
}

export async function watch(ports: WatchPorts, signal: AbortSignal): Promise<Outcome> {
  let last_id: string | null = null;
  let retry_ms = 1_000;
  let failures = 0;
  ports.link('opening');
  while (!signal.aborted) {
    const stream = await follow(ports, signal, last_id);
    last_id = stream.last_id;
    retry_ms = stream.retry_ms ?? retry_ms;
    if (stream.outcome !== null) return stream.outcome;
    if (signal.aborted) break;
    failures = stream.progressed ? 1 : failures + 1;
    // One cut is nothing to speak of: servers close long streams. From the second on the status endpoint helps out.
    if (failures >= 2) {
      const outcome = await poll_once(ports, signal);
      if (outcome !== null) return outcome;
    }
    await ports.wait(backoff_ms(failures, retry_ms, ports.random()), signal);
  }
  return 'stopped';
}

interface Followed {
  outcome: Outcome | null;
  last_id: string | null;
  retry_ms: number | null;
  /// At least one event came, so the way there is sound.
  progressed: boolean;
}

async function follow(ports: WatchPorts, signal: AbortSignal, last_id: string | null): Promise<Followed> {
  const result: Followed = { outcome: null, last_id, retry_ms: null, progressed: false };
  const abort = new AbortController();
  const forward = (): void => abort.abort();
  signal.addEventListener('abort', forward);
  let timer = setTimeout(forward, silence_ms);
  try {
    const response = await ports.open(last_id, abort.signal);
    if (response.status === 204) result.outcome = await confirm_over(ports, signal);
    else if ([401, 403].includes(response.status)) result.outcome = 'signed_out';
    else if (gone_statuses.includes(response.status)) result.outcome = 'gone';
    if (result.outcome !== null || response.status !== 200 || !response.body) return result;

    ports.link('live');
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser(last_id ?? '');
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return result;
      clearTimeout(timer);
      timer = setTimeout(forward, silence_ms);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) {
        result.progressed = true;
        if (event.event === 'end') {
          result.outcome = await confirm_over(ports, signal);
          if (result.outcome !== null) return result;
          continue;
        }
        const understood = job_event_of(event);
        if (understood) ports.emit(understood);
        if (event.id) result.last_id = event.id;
      }
      result.retry_ms = parser.retry_ms;
    }
  } catch {
    return result; // cut, silent or refused: the caller decides what follows
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', forward);
    abort.abort();
  }
}

/// The stream says that nothing more will come. The last word is the status endpoint's, in case an event was missed.
async function confirm_over(ports: WatchPorts, signal: AbortSignal): Promise<Outcome | null> {
  return poll_once(ports, signal);
}

async function poll_once(ports: WatchPorts, signal: AbortSignal): Promise<Outcome | null> {
  try {
    const job = await ports.poll(signal);
    ports.emit({ kind: 'snapshot', job, id: null });
    if (job_is_over(job.status)) return 'over';
    ports.link('polling');
    return null;
  } catch (error) {
    if (signal.aborted) return 'stopped';
    if (error instanceof ApiError && [401, 403].includes(error.http)) return 'signed_out';
    if (error instanceof ApiError && gone_statuses.includes(error.http)) return 'gone';
    ports.link('lost');
    return null;
  }
}

export function job_event_of(event: SseEvent): JobEvent | null {
  let data: unknown;
  try {
    data = JSON.parse(event.data);
  } catch {
    return null;
  }
  if (typeof data !== 'object' || data === null) return null;
  const id = event.id || null;
  if (event.event === 'status') return { kind: 'snapshot', job: job_of(data), id };
  if (event.event === 'item') {
    const item = item_of(data);
    return item.item_id ? { kind: 'item', item, id } : null;
  }
  if (event.event === 'job') return { kind: 'head', head: head_of(data), id };
  return null;
}
