// One batch on the screen: its state, its finished files, its pictures.
import { ApiError, call, url_of } from './api';
import { reduce, tally, type JobEvent, type JobState, type Tally } from './job_state';
import { files_of, item_is_over, job_is_over, job_of, type Job, type ModelFile } from './model';
import { notices } from './notices.svelte';
import { session } from './session.svelte';
import { load_thumb } from './thumbs';
import { watch, type Link } from './watch';
import { reason_words } from './words';

/// Links are asked for again when they have less than this left.
const link_margin_ms = 30_000;

export class LiveJob {
  private state = $state.raw<JobState | null>(null);
  /// The watch has ended before the batch did; somebody has to start a new one.
  halted = $state(false);
  link = $state<Link>('opening');
  gone = $state(false);
  files = $state.raw<ReadonlyMap<string, ModelFile>>(new Map());
  files_error = $state<string | null>(null);
  thumbs = $state<Record<string, string>>({});

  /// Its owner has cancelled, and the server has heard it; what was at the generator may take a while to end.
  cancelling = $state(false);
  cancel_error = $state<string | null>(null);

  private readonly abort = new AbortController();
  private loading_files: Promise<void> | null = null;
  private files_again = false;

  constructor(
    readonly job_id: string,
    fresh_thumbs?: Map<string, Blob>,
  ) {
    for (const [item_id, blob] of fresh_thumbs ?? []) this.thumbs[item_id] = URL.createObjectURL(blob);
  }

  get job(): Job | null {
    return this.state?.job ?? null;
  }
  get tally(): Tally {
    return tally(this.job?.items ?? []);
  }
  get over(): boolean {
    return this.job !== null && job_is_over(this.job.status);
  }

  async run(): Promise<void> {
    const outcome = await watch(
      {
        open: (last_id, signal) => this.open_stream(last_id, signal),
        poll: async (signal) => job_of(await call('get_job_status', { path: { job_id: this.job_id }, token: session.token, signal })),
        wait: nudged_wait,
        random: Math.random,
        emit: (event) => this.apply(event),
        link: (link) => (this.link = link),
      },
      this.abort.signal,
    );
    if (outcome === 'signed_out' || outcome === 'stopped') this.halted = true;
    if (outcome === 'signed_out') session.expire();
    if (outcome === 'gone') this.gone = true;
    if (outcome === 'over') {
      this.link = 'live';
      await this.load_files();
      void session.refresh_balance();
    }
  }

  stop(): void {
    this.abort.abort();
    for (const url of Object.values(this.thumbs)) URL.revokeObjectURL(url);
  }

  async cancel(): Promise<void> {
    if (this.cancelling || this.over) return;
    this.cancelling = true;
    this.cancel_error = null;
    try {
      const now = job_of(await call('cancel_job', { path: { job_id: this.job_id }, token: session.token }));
      this.apply({ kind: 'snapshot', job: now, id: null });
      notices.say('The batch is being cancelled.');
    } catch (error) {
      this.cancelling = false;
      if (this.abort.signal.aborted || session.check(error)) return;
      this.cancel_error = error instanceof Error ? error.message : String(error);
    } finally {
      session.refresh_balance_soon();
    }
  }

  /// The file of an item, with a link that still works. Null where there is none.
  async fresh_file(item_id: string): Promise<ModelFile | null> {
    const known = this.files.get(item_id);
    if (known && !is_stale(known)) return known;
    await this.load_files();
    return this.files.get(item_id) ?? null;
  }

  /// Asks for the links. A wish that comes while one is under way is granted once more after it.
  load_files(): Promise<void> {
    if (this.loading_files) {
      this.files_again = true;
      return this.loading_files;
    }
    this.loading_files = (async () => {
      do {
        this.files_again = false;
        await this.load_files_once();
      } while (this.files_again && !this.abort.signal.aborted);
    })().finally(() => (this.loading_files = null));
    return this.loading_files;
  }

  private async load_files_once(): Promise<void> {
    if (this.tally.ready === 0) return;
    try {
      const data = await call('list_job_files', { path: { job_id: this.job_id }, token: session.token, signal: this.abort.signal });
      // A link that still works is kept: a new one would make the viewer load its model again.
      const files = new Map<string, ModelFile>();
      for (const file of files_of(data)) {
        const known = this.files.get(file.item_id);
        files.set(file.item_id, known && !is_stale(known) ? known : file);
      }
      this.files = files;
      this.files_error = null;
    } catch (error) {
      if (this.abort.signal.aborted || session.check(error)) return;
      // While the batch runs, a missing list is no news; the next finished item asks again.
      if (this.over) this.files_error = error instanceof ApiError ? error.message : String(error);
    }
  }

  private open_stream(last_id: string | null, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'text/event-stream', Authorization: `Bearer ${session.token}` };
    if (last_id !== null) headers['Last-Event-ID'] = last_id;
    return fetch(url_of('stream_job_events', { job_id: this.job_id }), { headers, signal, cache: 'no-store' });
  }

  private apply(event: JobEvent): void {
    const before = this.state?.job ?? null;
    const next = reduce(this.state, event);
    if (next === this.state || next === null) return;
    this.state = next;
    for (const item of next.job.items) {
      if (this.thumbs[item.item_id] === undefined) void this.find_thumb(item.item_id);
      const old = before?.items.find((other) => other.item_id === item.item_id);
      if (!before || !item_is_over(item.status) || (old && item_is_over(old.status))) continue;
      notices.say(
        item.status === 'succeeded' ? `${item.file_name} is ready.` : `${item.file_name} was not made. ${reason_words(item.error)}`,
      );
      session.refresh_balance_soon();
      if (item.status === 'succeeded') void this.load_files();
    }
    if (before === null && this.tally.ready > 0) void this.load_files();
    if (before && !job_is_over(before.status) && this.over) {
      notices.say(`The batch is done. ${this.tally.ready} of ${this.tally.total} ready.`);
    }
  }

  private async find_thumb(item_id: string): Promise<void> {
    this.thumbs[item_id] = '';
    const blob = await load_thumb(this.job_id, item_id);
    if (blob && !this.abort.signal.aborted) this.thumbs[item_id] = URL.createObjectURL(blob);
  }
}

function is_stale(file: ModelFile): boolean {
  return file.expires_at !== null && Date.parse(file.expires_at) - Date.now() < link_margin_ms;
}

/// Waits, but not past the moment when the network or the person comes back.
function nudged_wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const shown = (): void => {
      if (document.visibilityState === 'visible') done();
    };
    const done = (): void => {
      clearTimeout(timer);
      window.removeEventListener('online', done);
      document.removeEventListener('visibilitychange', shown);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener('online', done);
    document.addEventListener('visibilitychange', shown);
    signal.addEventListener('abort', done);
  });
}
