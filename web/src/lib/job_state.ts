// How a job on the screen follows the events. Events may come twice, late or in the wrong order; the rules are few:
// older than what was seen is dropped, and what is over stays over.
import { item_is_over, job_is_over, type Item, type Job, type JobHead } from './model';

export type JobEvent =
  | { kind: 'snapshot'; job: Job; id: string | null }
  | { kind: 'item'; item: Item; id: string | null }
  | { kind: 'head'; head: JobHead; id: string | null };

export interface JobState {
  job: Job;
  /// Id of the newest event applied.
  seen: string | null;
}

/// Answers the same object when the event changes nothing.
export function reduce(state: JobState | null, event: JobEvent): JobState | null {
  if (state === null) {
    // Before the first snapshot there is no list to put an item into; the snapshot will hold it.
    return event.kind === 'snapshot' ? { job: event.job, seen: event.id } : null;
  }
  if (is_stale(event, state.seen)) return state;
  const seen = event.id ?? state.seen;
  switch (event.kind) {
    case 'snapshot':
      return { job: merge_job(state.job, event.job), seen };
    case 'item':
      return { job: { ...state.job, items: with_item(state.job.items, event.item) }, seen };
    case 'head':
      return { job: { ...merge_head(state.job, event.head), items: state.job.items }, seen };
  }
}

/// A snapshot may repeat the newest id (nothing happened since); any other event must be newer.
function is_stale(event: JobEvent, seen: string | null): boolean {
  if (event.id === null || seen === null) return false;
  const order = compare_ids(event.id, seen);
  if (order === null) return event.kind !== 'snapshot' && event.id === seen;
  return event.kind === 'snapshot' ? order < 0 : order <= 0;
}

/// Orders event ids: decimal counters, or "milliseconds-counter" pairs. Null where they cannot be compared.
export function compare_ids(a: string, b: string): number | null {
  const parts = (id: string): [bigint, bigint] | null => {
    const match = /^(\d{1,30})(?:-(\d{1,30}))?$/.exec(id);
    return match ? [BigInt(match[1] ?? '0'), BigInt(match[2] ?? '0')] : null;
  };
  const left = parts(a);
  const right = parts(b);
  if (!left || !right) return null;
  if (left[0] !== right[0]) return left[0] < right[0] ? -1 : 1;
  if (left[1] !== right[1]) return left[1] < right[1] ? -1 : 1;
  return 0;
}

function merge_job(old: Job, fresh: Job): Job {
  const before = new Map(old.items.map((item) => [item.item_id, item]));
  const items = fresh.items.map((item) => merge_item(before.get(item.item_id), item));
  return { ...merge_head(old, fresh), items };
}

function merge_head(old: JobHead, fresh: JobHead): JobHead {
  if (job_is_over(old.status) && !job_is_over(fresh.status)) return old;
  return {
    job_id: fresh.job_id || old.job_id,
    status: fresh.status,
    quality: fresh.quality ?? old.quality,
    progress: fresh.progress,
    credits: fresh.credits,
    created_at: fresh.created_at ?? old.created_at,
    finished_at: fresh.finished_at ?? old.finished_at,
  };
}

function merge_item(old: Item | undefined, fresh: Item): Item {
  if (old && item_is_over(old.status) && !item_is_over(fresh.status)) return old;
  return { ...fresh, file_name: fresh.file_name || old?.file_name || '' };
}

function with_item(items: Item[], fresh: Item): Item[] {
  const at = items.findIndex((item) => item.item_id === fresh.item_id);
  if (at < 0) return [...items, fresh];
  return items.map((item, i) => (i === at ? merge_item(item, fresh) : item));
}

export interface Tally {
  total: number;
  ready: number;
  failed: number;
  open: number;
}

export function tally(items: Item[]): Tally {
  const ready = items.filter((item) => item.status === 'succeeded').length;
  const failed = items.filter((item) => item.status === 'failed' || item.status === 'cancelled').length;
  return { total: items.length, ready, failed, open: items.length - ready - failed };
}
