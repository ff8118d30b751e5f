import { describe, expect, it } from 'vitest';
import { ApiError } from '../src/lib/api';
import type { JobEvent } from '../src/lib/job_state';
import { job_of, type Job } from '../src/lib/model';
import { backoff_ms, watch, type Link, type WatchPorts } from '../src/lib/watch';

const stream = (text: string, status = 200): Response =>
  new Response(status === 200 ? new Blob([text]).stream() : null, { status });
const job = (status: string): Job => job_of({ job_id: 'j', status: status as 'running' });
const status_event = (id: number, status: string): string => `id: ${id}\nevent: status\ndata: {"job_id":"j","status":"${status}"}\n\n`;

type Opening = Response | 'refused';
function stage(openings: Opening[], polls: (Job | ApiError)[]): { ports: WatchPorts; events: JobEvent[]; links: Link[]; ids: (string | null)[]; waits: number[] } {
  const events: JobEvent[] = [];
  const links: Link[] = [];
  const ids: (string | null)[] = [];
  const waits: number[] = [];
  const ports: WatchPorts = {
    open: async (last_id) => {
      ids.push(last_id);
      const next = openings.shift();
      if (!next) throw new Error('the script has ended');
      if (next === 'refused') throw new TypeError('Failed to fetch');
      return next;
    },
    poll: async () => {
      const next = polls.shift();
      if (!next) throw new ApiError(0, 'unreachable', '');
      if (next instanceof ApiError) throw next;
      return next;
    },
    wait: async (ms) => void waits.push(ms),
    random: () => 1,
    emit: (event) => void events.push(event),
    link: (link) => void links.push(link),
  };
  return { ports, events, links, ids, waits };
}
const run = (ports: WatchPorts): Promise<string> => watch(ports, new AbortController().signal);

describe('following a job', () => {
  it('ends with the stream and asks for the last word', async () => {
    const { ports, events, waits } = stage([stream(`${status_event(1, 'running')}event: end\ndata: {}\n\n`)], [job('succeeded')]);
    expect(await run(ports)).toBe('over');
    expect(events.map((event) => event.kind)).toEqual(['snapshot', 'snapshot']);
    expect(waits).toEqual([]);
  });
  it('comes back with the last id it has seen, after the time the server asked for', async () => {
    const { ports, ids, links, waits } = stage(
      [stream(`retry: 400\n${status_event(4, 'running')}id: 5\nevent: item\ndata: {"item_id":"a","status":"running"}\n\n`), stream(`${status_event(6, 'running')}event: end\ndata: {}\n\n`)],
      [job('partial')],
    );
    expect(await run(ports)).toBe('over');
    expect(ids).toEqual([null, '5']);
    expect(waits).toEqual([400]);
    expect(links).toEqual(['opening', 'live', 'live']); // one cut is not worth a banner
  });
  it('asks the status endpoint while the stream will not open, and says which', async () => {
    const { ports, links, events } = stage(['refused', 'refused', 'refused', 'refused'], [job('running'), new ApiError(0, 'unreachable', ''), job('succeeded')]);
    expect(await run(ports)).toBe('over');
    expect(links).toEqual(['opening', 'polling', 'lost']);
    expect(events).toHaveLength(2);
  });
  it('takes 204 for the end', async () => {
    expect(await run(stage([stream('', 204)], [job('failed')]).ports)).toBe('over');
  });
  it('stops at a missing job and at an ended session', async () => {
    expect(await run(stage([stream('', 404)], []).ports)).toBe('gone');
    expect(await run(stage([stream('', 401)], []).ports)).toBe('signed_out');
    expect(await run(stage(['refused', 'refused'], [new ApiError(401, 'token_invalid', '')]).ports)).toBe('signed_out');
  });
  it('survives events it cannot read', async () => {
    const { ports, events } = stage([stream('id: 1\nevent: status\ndata: {broken\n\nevent: news\ndata: {}\n\nevent: end\ndata: {}\n\n')], [job('succeeded')]);
    expect(await run(ports)).toBe('over');
    expect(events).toHaveLength(1);
  });
  it('waits longer each time, but not for ever', () => {
    const waits = Array.from({ length: 8 }, (_, i) => backoff_ms(i + 1, 1000, 1));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 15000, 15000, 15000, 15000]);
    expect(backoff_ms(1, 1000, 0)).toBe(500);
  });
});
