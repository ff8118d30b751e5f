// The batch being put together, and its way to the server. It outlives views and sessions: nothing is lost when the
// person looks at an earlier batch or has to sign in again.
import { ApiError, call } from './api';
import { changed_of, fault_of, models_of, standards_of, type Model, type Models, type Value, type Values } from './models';
import { batch_of, catalogue_of, type Batch, type Catalogue, type Preset, type Quality } from './model';
import { distinct, match_sent } from './names';
import { notices } from './notices.svelte';
import { quote, type Quote } from './price';
import { judge, put_back, type Facts, type Verdict } from './selection';
import { session } from './session.svelte';
import { sniff, sniff_bytes } from './sniff';
import { keep_thumbs, thumbnail_of } from './thumbs';
import { new_key, send_batch, type Sending } from './upload';
import { bytes_words, plural } from './words';

/// Nothing larger is decoded for a thumbnail, whatever it claims to be.
const thumb_source_bytes_max = 32 * 1024 * 1024;

export class Picture implements Facts {
  readonly id = new_key();
  readonly name: string;
  readonly size: number;
  sniffed = $state<Facts['sniffed']>(null);
  unreadable = $state(false);
  same_as = $state<string | null>(null);
  thumb_url = $state<string | null>(null);
  thumb: Blob | null = null;
  constructor(
    readonly file: File,
    name: string,
  ) {
    this.name = name;
    this.size = file.size;
  }
}

export type Phase =
  | { at: 'choosing' }
  | { at: 'sending'; sent: number; total: number }
  | { at: 'stopped'; message: string };

class Composer {
  pictures = $state<Picture[]>([]);
  quality = $state<Quality>('medium');
  catalogue = $state<Catalogue | null>(null);
  catalogue_error = $state<string | null>(null);
  /// None where the server makes the models by itself.
  models = $state<Models | null>(null);
  private model_id = $state('');
  values = $state<Values>({});
  model = $derived<Model | null>(this.models?.models.find((model) => model.id === this.model_id) ?? null);
  changed = $derived<Values>(this.model ? changed_of(this.model, this.values) : {});
  options_wrong = $derived(this.model?.fields.some((field) => fault_of(field, this.values[field.name]) !== null) ?? false);
  phase = $state<Phase>({ at: 'choosing' });
  verdicts = $derived<Verdict[]>(this.catalogue ? judge(this.pictures, this.catalogue.limits) : this.pictures.map(() => ({ state: 'looking' })));
  included = $derived(this.pictures.filter((_, i) => this.verdicts[i]?.state === 'in'));
  looking = $derived(this.verdicts.some((verdict) => verdict.state === 'looking'));
  preset = $derived<Preset | null>(this.catalogue?.presets.find((preset) => preset.quality === this.quality) ?? null);
  quote = $derived<Quote>(quote(this.included.length, this.preset?.credits ?? 0, session.balance?.available ?? null));

  /// What an undo would bring back, one entry for each removal since the message came up.
  private removed: { thing: Picture; at: number }[][] = [];
  private sending: Sending | null = null;
  /// Key of the last try, and what was in it.
  private try_key: { key: string; content: string } | null = null;
  private queue: Promise<void> = Promise.resolve();

  choose_model(id: string): void {
    const model = this.models?.models.find((each) => each.id === id);
    if (!model || this.phase.at === 'sending') return;
    this.model_id = id;
    this.values = standards_of(model);
  }

  set_value(name: string, value: Value): void {
    if (this.phase.at !== 'sending') this.values = { ...this.values, [name]: value };
  }

  async load_catalogue(): Promise<void> {
    try {
      const [presets, models] = await Promise.all([
        call('list_presets', { token: session.token }),
        call('list_models', { token: session.token }),
      ]);
      const catalogue = catalogue_of(presets);
      this.models = models_of(models);
      if (!this.model) this.choose_model(this.models.standard);
      this.catalogue = catalogue;
      this.catalogue_error = null;
      if (!catalogue.presets.some((preset) => preset.quality === this.quality)) {
        this.quality = catalogue.presets[0]?.quality ?? 'medium';
      }
    } catch (error) {
      if (session.check(error)) return;
      this.catalogue_error = error instanceof Error ? error.message : String(error);
    }
  }

  add(files: File[]): void {
    if (this.phase.at === 'sending' || files.length === 0) return;
    this.phase = { at: 'choosing' };
    const fresh = files.map((file) => new Picture(file, file.name || 'picture'));
    this.pictures = [...this.pictures, ...fresh];
    // One after the other: a batch of big photos must not be decoded all at once on a phone.
    for (const picture of fresh) this.queue = this.queue.then(() => this.look_at(picture));
    void this.queue.then(() => {
      const out = fresh.filter((picture) => this.verdict_of(picture)?.state === 'out').length;
      const words = `${plural(fresh.length - out, 'picture')} added`;
      notices.say(out > 0 ? `${words}, ${plural(out, 'file')} cannot be used.` : `${words}.`);
    });
  }

  verdict_of(picture: Picture): Verdict | undefined {
    return this.verdicts[this.pictures.indexOf(picture)];
  }

  remove(picture: Picture): void {
    if (this.phase.at === 'sending') return;
    // Its twins go with it: left-out copies must not slip in because the first one was removed.
    const taken = this.pictures
      .map((thing, at) => ({ thing, at }))
      .filter(({ thing }) => thing === picture || thing.same_as === picture.id);
    if (taken.length > 0) this.take_out(taken, `Removed ${picture.name}`);
  }

  clear(): void {
    if (this.phase.at === 'sending') return;
    const all = this.pictures.map((thing, at) => ({ thing, at }));
    if (all.length > 0) this.take_out(all, `Removed ${plural(all.length, 'picture')}`);
  }

  private take_out(taken: { thing: Picture; at: number }[], text: string): void {
    this.phase = { at: 'choosing' };
    const gone = new Set(taken.map(({ thing }) => thing));
    const before = this.removed;
    this.removed = []; // the toast being replaced must not throw these away
    this.pictures = this.pictures.filter((picture) => !gone.has(picture));
    const all = [...before, taken];
    notices.show(before.length > 0 ? `Removed ${plural(all.flat().length, 'picture')}` : text, {
      action: 'Undo',
      act: () => this.undo(),
      closed: () => this.forget_removed(),
    });
    this.removed = all;
  }

  /// Puts back what was removed, each where it was.
  undo(): void {
    const count = this.removed.flat().length;
    this.pictures = put_back(this.pictures, this.removed);
    this.removed = [];
    if (count > 0) notices.say(`${plural(count, 'picture')} back in place.`);
  }

  private forget_removed(): void {
    for (const { thing } of this.removed.flat()) release(thing);
    this.removed = [];
  }

  /// Empties the table without a word: after a batch was taken, or when somebody else signs in.
  reset(): void {
    this.sending?.cancel();
    notices.close();
    for (const picture of this.pictures) release(picture);
    this.forget_removed();
    this.pictures = [];
    this.try_key = null;
    this.phase = { at: 'choosing' };
  }

  private async look_at(picture: Picture): Promise<void> {
    try {
      const head = new Uint8Array(await picture.file.slice(0, sniff_bytes).arrayBuffer());
      picture.same_as = await this.twin_of(picture);
      picture.sniffed = sniff(head);
    } catch {
      picture.unreadable = true;
      return;
    }
    const viewable = ['image/png', 'image/jpeg', 'image/webp'].includes(picture.sniffed?.type ?? '');
    if (!viewable || picture.size > thumb_source_bytes_max) return;
    picture.thumb = await thumbnail_of(picture.file);
    picture.thumb_url = URL.createObjectURL(picture.thumb);
  }

  /// An earlier file with the same bytes. Bytes are compared only where the sizes are equal.
  private async twin_of(picture: Picture): Promise<string | null> {
    const earlier = this.pictures.slice(0, Math.max(0, this.pictures.indexOf(picture)));
    const alike = earlier.filter((other) => other.size === picture.size && other.size > 0 && !other.unreadable);
    if (alike.length === 0) return null;
    const mine = new Uint8Array(await picture.file.arrayBuffer());
    for (const other of alike) {
      const theirs = new Uint8Array(await other.file.arrayBuffer());
      if (mine.every((byte, i) => byte === theirs[i])) return other.same_as ?? other.id;
    }
    return null;
  }

  /// Sends the batch. Answers it once the server has taken it, or null when it has not (the phase says why).
  async start(): Promise<{ batch: Batch; quality: Quality; credits_each: number; thumbs: Map<string, Blob> } | null> {
    const pictures = this.included;
    const preset = this.preset;
    if (this.phase.at === 'sending' || pictures.length === 0 || !preset || this.options_wrong) return null;
    const model = this.model ? { id: this.model.id, parameters: { ...this.changed } } : null;
    const content = `${session.user?.id}|${preset.quality}|${JSON.stringify(model)}|${pictures.map((picture) => picture.id).join()}`;
    if (this.try_key?.content !== content) this.try_key = { key: new_key(), content };
    const names = distinct(pictures.map((picture) => picture.name));
    this.phase = { at: 'sending', sent: 0, total: pictures.reduce((sum, picture) => sum + picture.size, 0) };
    this.sending = send_batch(
      {
        quality: preset.quality,
        model,
        files: pictures.map((picture, i) => ({ name: names[i] ?? picture.name, file: picture.file })),
        token: session.token,
        idempotency_key: this.try_key.key,
      },
      (sent, total) => (this.phase = { at: 'sending', sent, total }),
    );
    try {
      const batch = batch_of(await this.sending.answer);
      const places = match_sent(batch.items, names, batch.rejected.map((file) => file.file_name));
      const thumbs = new Map<string, Blob>();
      batch.items.forEach((item, i) => {
        const thumb = pictures[places[i] ?? -1]?.thumb;
        if (thumb) thumbs.set(item.item_id, thumb);
      });
      await keep_thumbs(batch.job_id, thumbs);
      return { batch, quality: preset.quality, credits_each: preset.credits, thumbs };
    } catch (error) {
      this.phase = { at: 'stopped', message: this.failure_words(error) };
      return null;
    } finally {
      this.sending = null;
      void session.refresh_balance();
    }
  }

  cancel_sending(): void {
    this.sending?.cancel();
  }

  private failure_words(error: unknown): string {
    if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
    // A definite no is the end of this try; after a lost connection the same key makes sure that nothing is paid twice.
    const definite = error.http >= 400 && error.http < 500 && ![408, 425, 429].includes(error.http) && error.http !== 401;
    if (definite) this.try_key = null;
    if (error.code === 'stopped') return 'Upload stopped. Nothing was charged; your pictures are still here.';
    if (error.offline) return 'The connection was lost while sending. Start again: the same batch is never charged twice.';
    if (session.check(error)) return 'Your session ended before the batch was taken. Start it again.';
    if (error.http === 402) return 'There are not enough credits left for this batch. Somebody in your company may have used them just now.';
    if (error.http === 413) return `The batch is too large to send at once (${bytes_words(this.included.reduce((sum, p) => sum + p.size, 0))}). Remove some pictures.`;
    if (error.http === 429) return `Too many batches at once. Try again ${error.retry_after_s ? `in ${plural(error.retry_after_s, 'second')}` : 'in a moment'}.`;
    if (error.http >= 500) return 'The server could not take the batch. Nothing was charged; try again in a moment.';
    const details = error.errors.filter((e) => e.message).map((e) => (e.field && /\./.test(e.field) ? `${e.field}: ${e.message}` : e.message));
    return details.length > 0 ? details.join(' ') : error.message;
  }
}

function release(picture: Picture): void {
  if (picture.thumb_url) URL.revokeObjectURL(picture.thumb_url);
  picture.thumb_url = null;
}

export const composer = new Composer();
