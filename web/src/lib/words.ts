// Numbers, times and states in words.
import type { Item } from './model';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const money = new Intl.NumberFormat('en-US', { style: 'currency', currency: 'USD' });

export const count_words = (n: number): string => whole.format(n);

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count_words(n)} ${n === 1 ? one : many}`;
}

/// A credit is a cent.
export const dollars = (credits: number): string => money.format(credits / 100);

export function bytes_words(bytes: number): string {
  if (bytes < 1024) return plural(bytes, 'byte');
  const kib = bytes / 1024;
  if (kib < 1000) return `${kib < 10 ? kib.toFixed(1) : Math.round(kib)} KB`;
  const mib = kib / 1024;
  return `${Number.isInteger(mib) || mib >= 100 ? Math.round(mib) : mib.toFixed(1)} MB`;
}

export function duration_words(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });

export function moment_words(at: string | number, now = Date.now()): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? `today ${clock.format(date)}` : `${day.format(date)} ${clock.format(date)}`;
}

/// The stages the engine and the providers report. An unknown one is shown as it is named.
const stages: Record<string, string> = {
  preflight: 'Checking the picture',
  decode: 'Reading the picture',
  mask: 'Cutting out the object',
  segment: 'Cutting out the object',
  segmentation: 'Cutting out the object',
  shape: 'Finding the shape',
  volume: 'Building the volume',
  mesh: 'Building the mesh',
  mc: 'Building the mesh',
  simplify: 'Reducing the triangles',
  uv: 'Unwrapping the surface',
  texture: 'Painting the texture',
  glb: 'Writing the model file',
  export: 'Writing the model file',
  check: 'Checking the model',
  contract: 'Checking the model',
  uploading: 'Handing over to the generator',
  submit: 'Handing over to the generator',
  submitting: 'Handing over to the generator',
  submitted: 'Waiting at the generator',
  waiting: 'Waiting at the generator',
  generate: 'Generating',
  generating: 'Generating',
  cancelling: 'Stopping it at the generator',
  download: 'Fetching the model',
  downloading: 'Fetching the model',
  store: 'Storing the model',
  preview: 'Making the preview',
};

export function stage_words(stage: string): string {
  const known = stages[stage.toLowerCase()];
  if (known) return known;
  const plain = stage.replace(/[_\-.]+/g, ' ').trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

export function item_words(item: Item): string {
  switch (item.status) {
    case 'queued':
      return 'Waiting for its turn';
    case 'dispatched':
      return 'About to start';
    case 'running':
      return item.stage ? stage_words(item.stage) : 'Working';
    case 'unsure':
      return 'The generator’s answer was lost. Waiting to hear from it; if nothing comes, your credits come back';
    case 'succeeded':
      return 'Ready';
    case 'failed':
      return 'Not made';
    case 'cancelled':
      return 'Cancelled';
  }
}

const reasons: Record<string, string> = {
  contract_missed: 'The result did not keep to the chosen quality, so it was thrown away.',
  deadline_exceeded: 'It took too long and was stopped.',
  content_policy: 'The generator refused this picture for its content.',
  picture_unreadable: 'The picture could not be read.',
};

/// Why an item failed. The server's own words come first; the code only helps where there are none.
export function reason_words(error: { code: string; message: string } | null): string {
  if (!error) return 'No reason was given.';
  const text = error.message.trim() || reasons[error.code] || (error.code ? stage_words(error.code) : 'No reason was given.');
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
