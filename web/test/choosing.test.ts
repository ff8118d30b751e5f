import { describe, expect, it } from 'vitest';
import { affordable, quote } from '../src/lib/price';
import { judge, put_back, type Facts } from '../src/lib/selection';
import { sniff } from '../src/lib/sniff';
import type { Limits } from '../src/lib/model';

const limits: Limits = { files_max: 3, file_bytes_max: 1000, media_types: ['image/png', 'image/jpeg', 'image/webp'], picture_px_max: 1_000_000, picture_side_px_max: 4096 };
const png = { type: 'image/png', word: 'a PNG picture', width: 100, height: 100 };
const file = (id: string, fields: Partial<Facts> = {}): Facts => ({ id, name: `${id}.png`, size: 10, sniffed: png, unreadable: false, same_as: null, ...fields });
const codes = (files: Facts[], with_limits = limits): string[] =>
  judge(files, with_limits).map((verdict) => (verdict.state === 'out' ? verdict.code : verdict.state));

describe('the price', () => {
  it('is the count times the credits of the preset', () => {
    expect(quote(3, 52, 1240)).toEqual({ count: 3, credits_each: 52, credits: 156, left: 1084, missing: 0 });
    expect(quote(25, 70, 1750)).toMatchObject({ credits: 1750, left: 0, missing: 0 });
    expect(quote(2, 52, 60)).toMatchObject({ left: -44, missing: 44 });
    expect(quote(2, 52, null)).toMatchObject({ credits: 104, left: null, missing: 0 });
  });
  it('says how many the credits pay for', () => {
    expect(affordable(60, 52)).toBe(1);
    expect(affordable(51, 52)).toBe(0);
    expect(affordable(-5, 52)).toBe(0);
  });
});

describe('the check before the upload', () => {
  it('names what is wrong with a file', () => {
    expect(
      codes([
        file('ok'),
        file('empty', { size: 0 }),
        file('big', { size: 1001 }),
        file('edge', { size: 1000 }),
        file('wide', { sniffed: { ...png, width: 4097 } }),
        file('pdf', { sniffed: { type: 'application/pdf', word: 'a PDF', width: null, height: null } }),
        file('folder', { unreadable: true }),
        file('later', { sniffed: null }),
      ]),
    ).toEqual(['in', 'empty', 'too_big', 'in', 'too_large', 'type', 'unreadable', 'looking']);
  });
  it('bounds the side and the area', () => {
    expect(codes([file('a', { sniffed: { ...png, width: 4096, height: 200 } }), file('b', { sniffed: { ...png, width: 1001, height: 1000 } })])).toEqual(['in', 'too_large']);
    expect(codes([file('c', { sniffed: { ...png, width: 9000, height: 9000 } })], { ...limits, picture_px_max: 0, picture_side_px_max: 0 })).toEqual(['in']);
  });
  it('takes the first of equal pictures, and as many as a batch holds', () => {
    const files = [file('a'), file('a2', { same_as: 'a' }), file('b'), file('c'), file('d')];
    expect(codes(files)).toEqual(['in', 'duplicate', 'in', 'in', 'too_many']);
    expect(codes(files.filter(({ id }) => id !== 'b'))).toEqual(['in', 'duplicate', 'in', 'in']);
  });
});

describe('undo', () => {
  it('puts everything back where it was, after any row of removals', () => {
    const whole = ['a', 'b', 'c', 'd', 'e'];
    const rows: string[][][] = [[['b']], [['a', 'b', 'c', 'd', 'e']], [['c'], ['a'], ['e'], ['b', 'd']], [['b', 'd'], ['a', 'c', 'e']]];
    for (const row of rows) {
      let list = whole;
      const removals = row.map((gone) => {
        const removal = list.map((thing, at) => ({ thing, at })).filter(({ thing }) => gone.includes(thing));
        list = list.filter((thing) => !gone.includes(thing));
        return removal;
      });
      expect(put_back(list, removals)).toEqual(whole);
    }
    expect(put_back(['new'], [[{ thing: 'a', at: 0 }, { thing: 'b', at: 1 }]])).toEqual(['a', 'b', 'new']);
  });
});

describe('looking at the bytes', () => {
  const of = (...parts: (string | number[])[]): Uint8Array =>
    Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...part].map((c) => c.charCodeAt(0)) : part)));
  it('reads type and size of a PNG', () => {
    expect(sniff(of('\x89PNG\r\n\x1a\n', [0, 0, 0, 13], 'IHDR', [0, 0, 4, 0, 0, 0, 3, 0]))).toMatchObject({ type: 'image/png', width: 1024, height: 768 });
  });
  it('finds the size of a JPEG behind other segments', () => {
    const jpeg = of([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc4, 0, 3, 9, 0xff, 0xc2, 0, 11, 8, 0x01, 0x2c, 0x02, 0x58, 3, 0, 0, 0]);
    expect(sniff(jpeg)).toMatchObject({ type: 'image/jpeg', width: 600, height: 300 });
    expect(sniff(jpeg.subarray(0, 9))).toMatchObject({ type: 'image/jpeg', width: null });
  });
  it('knows the three kinds of WebP', () => {
    const riff = (kind: string, rest: number[]): Uint8Array => of('RIFF', [0, 0, 0, 0], 'WEBP', kind, rest, new Array<number>(20).fill(0));
    expect(sniff(riff('VP8 ', [0, 0, 0, 0, 0, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0xe0, 0x01]))).toMatchObject({ width: 640, height: 480 });
    expect(sniff(riff('VP8L', [0, 0, 0, 0, 0x2f, 0x7f, 0xc2, 0x77, 0x00]))).toMatchObject({ width: 640, height: 480 });
    expect(sniff(riff('VP8X', [0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0x02, 0, 0xdf, 0x01, 0]))).toMatchObject({ width: 640, height: 480 });
  });
  it('calls other things by their names', () => {
    expect(sniff(of([0, 0, 0, 24], 'ftypheic')).word).toBe('a HEIC picture');
    expect(sniff(of([0, 0, 0, 24], 'ftypavif')).type).toBe('image/avif');
    expect(sniff(of('GIF89a')).type).toBe('image/gif');
    expect(sniff(of('%PDF-1.7')).word).toBe('a PDF');
    expect(sniff(of('<?xml version="1.0"?><svg')).word).toBe('an SVG drawing');
    expect(sniff(of('\x89PNH')).type).toBe('');
    expect(sniff(new Uint8Array()).type).toBe('');
  });
});
