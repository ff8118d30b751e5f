// The batches started in this browser, newest first, per user. Only what is needed to find them again is kept.
import type { Quality, Rejected } from './model';

export interface PastBatch {
  job_id: string;
  at: number;
  count: number;
  quality: Quality | null;
  title: string;
  credits_each: number | null;
  rejected: Rejected[];
  /// Outcome as last seen by this page; null while it was still running.
  outcome: string | null;
}

export const history_max = 20;
const key_of = (user_id: string): string => `i2m.batches.${user_id}`;

type Store = Pick<Storage, 'getItem' | 'setItem'>;

export function load_history(store: Store, user_id: string): PastBatch[] {
  try {
    const parsed: unknown = JSON.parse(store.getItem(key_of(user_id)) ?? '[]');
    if (!Array.isArray(parsed)) return [];
    return parsed
      .filter((entry): entry is Partial<PastBatch> => typeof entry === 'object' && entry !== null)
      .filter((entry) => typeof entry.job_id === 'string' && typeof entry.at === 'number')
      .map((entry) => ({
        job_id: entry.job_id ?? '',
        at: entry.at ?? 0,
        count: entry.count ?? 0,
        quality: entry.quality ?? null,
        title: entry.title ?? '',
        credits_each: entry.credits_each ?? null,
        rejected: Array.isArray(entry.rejected) ? entry.rejected : [],
        outcome: entry.outcome ?? null,
      }))
      .slice(0, history_max);
  } catch {
    return []; // storage switched off, or not ours
  }
}

export function save_history(store: Store, user_id: string, batches: PastBatch[]): void {
  try {
    store.setItem(key_of(user_id), JSON.stringify(batches.slice(0, history_max)));
  } catch {
    // Full or switched off: the page works without a memory.
  }
}

export function remember(batches: PastBatch[], batch: PastBatch): PastBatch[] {
  return [batch, ...batches.filter((old) => old.job_id !== batch.job_id)].sort((a, b) => b.at - a.at).slice(0, history_max);
}
