// Which of the chosen files go into the batch, and in plain words why the others do not.
import type { Limits } from './model';
import type { Sniffed } from './sniff';
import { bytes_words, count_words } from './words';

export interface Facts {
  id: string;
  name: string;
  size: number;
  /// Null while the file is being looked at.
  sniffed: Sniffed | null;
  /// The file could not be read (a folder, a file that went away).
  unreadable: boolean;
  /// Id of an earlier file with the very same bytes, found when this one was added.
  same_as: string | null;
}

export type Verdict =
  | { state: 'looking' }
  | { state: 'in' }
  | { state: 'out'; code: string; reason: string };

const out = (code: string, reason: string): Verdict => ({ state: 'out', code, reason });

/// What is wrong with the file itself, whatever else was chosen.
export function problem_of(file: Facts, limits: Limits): Verdict | null {
  if (file.unreadable) return out('unreadable', 'It cannot be read. If it is a folder, open it and choose the pictures inside.');
  if (file.size === 0) return out('empty', 'The file is empty.');
  if (file.sniffed === null) return { state: 'looking' };
  const { type, word, width, height } = file.sniffed;
  if (type === null || !limits.media_types.includes(type)) {
    return out('type', `It is ${word}. Save it as ${type_words(limits.media_types)} and add it again.`);
  }
  if (file.size > limits.file_bytes_max) {
    return out('too_big', `It has ${bytes_words(file.size)}; a picture may have ${bytes_words(limits.file_bytes_max)} at most.`);
  }
  if (width !== null && height !== null) {
    const { picture_px_max: area_max, picture_side_px_max: side_max } = limits;
    const is = `It is ${count_words(width)} × ${count_words(height)} pixels`;
    if (side_max > 0 && Math.max(width, height) > side_max) {
      return out('too_large', `${is}; the limit is ${count_words(side_max)} a side. Scale it down.`);
    }
    if (area_max > 0 && width * height > area_max) {
      return out('too_large', `${is}; the limit is ${count_words(Math.floor(area_max / 1e6))} megapixels. Scale it down.`);
    }
  }
  return null;
}

/// One verdict per file, in order. Removing a file lets the next in line take its place.
export function judge(files: Facts[], limits: Limits): Verdict[] {
  const included = new Set<string>();
  let places = limits.files_max;
  return files.map((file) => {
    const problem = problem_of(file, limits);
    if (problem !== null) return problem;
    if (file.same_as !== null && included.has(file.same_as)) {
      return out('duplicate', 'The same picture is in this batch already.');
    }
    if (places === 0) {
      return out('too_many', `A batch holds ${limits.files_max} pictures. Remove another one, or put this one into the next batch.`);
    }
    places -= 1;
    included.add(file.id);
    return { state: 'in' };
  });
}

export function type_words(types: string[]): string {
  const names = types.map((type) => ({ 'image/png': 'PNG', 'image/jpeg': 'JPEG', 'image/webp': 'WebP' })[type] ?? type);
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

/// Puts back what was taken out, each thing where it was: the last removal first, and within one from the front.
export function put_back<T>(list: T[], removals: { thing: T; at: number }[][]): T[] {
  const whole = [...list];
  for (const removal of [...removals].reverse()) {
    for (const { thing, at } of removal) whole.splice(Math.min(at, whole.length), 0, thing);
  }
  return whole;
}
