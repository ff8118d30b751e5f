import { describe, expect, it } from 'vitest';
import { compare_ids, reduce, tally, type JobEvent, type JobState } from '../src/lib/job_state';
import { job_of, type Item, type ItemStatus, type Job, type JobStatus } from '../src/lib/model';

const item = (item_id: string, status: ItemStatus, fields: Partial<Item> = {}): Item => ({
  item_id, file_name: `${item_id}.png`, status, stage: null, progress: null, error: null, ...fields,
});
const job = (status: JobStatus, items: Item[]): Job => ({
  job_id: 'j', status, quality: 'medium', progress: 0, items, credits: { held: 104, settled: 0, released: 0 }, created_at: '2026-01-01T00:00:00Z', finished_at: null,
});
const play = (...events: JobEvent[]): JobState => {
  const state = events.reduce<JobState | null>(reduce, null);
  if (!state) throw new Error('no state');
  return state;
};
const snapshot = (id: string | null, of: Job): JobEvent => ({ kind: 'snapshot', job: of, id });
const item_event = (id: string | null, of: Item): JobEvent => ({ kind: 'item', item: of, id });
const start = snapshot('1', job('running', [item('a', 'queued'), item('b', 'queued')]));

describe('the job on the screen', () => {
  it('follows events in order', () => {
    const { job: now, seen } = play(
      start,
      item_event('2', item('a', 'running', { stage: 'mesh', progress: 0.5 })),
      item_event('3', item('b', 'failed', { error: { code: 'x', message: 'y' } })),
    );
    expect(now.items.map((one) => one.status)).toEqual(['running', 'failed']);
    expect(now.items[0]).toMatchObject({ stage: 'mesh', progress: 0.5 });
    expect(seen).toBe('3');
  });
  it('drops what comes twice and what comes late', () => {
    const before = play(start, item_event('5', item('a', 'running', { progress: 0.8 })));
    expect(reduce(before, item_event('5', item('a', 'running', { progress: 0.1 })))).toBe(before);
    expect(reduce(before, item_event('4', item('a', 'dispatched')))).toBe(before);
    expect(reduce(before, snapshot('3', job('queued', [])))).toBe(before);
  });
  it('takes a snapshot that repeats the newest id', () => {
    const { job: now } = play(start, item_event('5', item('a', 'running')), snapshot('5', job('running', [item('a', 'running', { progress: 0.4 }), item('b', 'queued')])));
    expect(now.items[0]?.progress).toBe(0.4);
  });
  it('never lets what is over begin again, whatever the ids say', () => {
    const done = play(start, item_event('2', item('a', 'succeeded')), item_event(null, item('a', 'running')), item_event('9', item('a', 'queued')));
    expect(done.job.items[0]?.status).toBe('succeeded');
    const stale_poll = play(snapshot(null, job('partial', [item('a', 'failed')])), snapshot(null, job('running', [item('a', 'running')])));
    expect(stale_poll.job.status).toBe('partial');
    expect(stale_poll.job.items[0]?.status).toBe('failed');
  });
  it('allows an item to be tried again while it is not over', () => {
    expect(play(start, item_event('2', item('a', 'running', { progress: 0.9 })), item_event('3', item('a', 'queued'))).job.items[0]?.status).toBe('queued');
  });
  it('keeps the items when only the head changes', () => {
    const { items: _items, ...head } = job('succeeded', []);
    const { job: now } = play(start, { kind: 'head', head: { ...head, progress: 1, finished_at: 'f' }, id: '2' });
    expect(now.status).toBe('succeeded');
    expect(now.items).toHaveLength(2);
  });
  it('waits for the first snapshot and adds items it did not know', () => {
    expect(reduce(null, item_event('1', item('a', 'running')))).toBeNull();
    expect(play(start, item_event('2', item('c', 'queued'))).job.items.map((one) => one.item_id)).toEqual(['a', 'b', 'c']);
  });
  it('arrives at the same state from any order of terminal events', () => {
    const events = [item_event('2', item('a', 'running')), item_event('3', item('a', 'succeeded')), item_event('4', item('b', 'failed'))];
    const orders = [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]];
    for (const order of orders) {
      const unnumbered = order.map((at) => ({ ...(events[at] as JobEvent), id: null }));
      expect(play(start, ...unnumbered).job.items.map((one) => one.status)).toEqual(['succeeded', 'failed']);
    }
  });
  it('counts', () => {
    expect(tally([item('a', 'succeeded'), item('b', 'failed'), item('c', 'cancelled'), item('d', 'running')])).toEqual({ total: 4, ready: 1, failed: 2, open: 1 });
  });
});

describe('event ids', () => {
  it('compare as numbers, not as text', () => {
    expect(compare_ids('9', '10')).toBe(-1);
    expect(compare_ids('1700000000000-2', '1700000000000-10')).toBe(-1);
    expect(compare_ids('123456789012345678901', '123456789012345678900')).toBe(1);
    expect(compare_ids('7', '7')).toBe(0);
    expect(compare_ids('a', '7')).toBeNull();
  });
});

describe('what the server sends', () => {
  it('is made whole, and nothing is made up', () => {
    const made = job_of({ job_id: 'j', status: 'running', items: [{ item_id: 'a', status: 'running' }, null], progress: 1.7 });
    expect(made.progress).toBe(1);
    expect(made.items[0]).toEqual({ item_id: 'a', file_name: '', status: 'running', stage: null, progress: null, error: null });
    expect(job_of({}).progress).toBeNull();
  });
});
