// Pictures: real ones from test/data/pictures, and PNGs made here where a test needs an exact size or an exact fault.
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

const folder = new URL('../../data/pictures/', import.meta.url);
export const realPicture = (name) => readFileSync(new URL(name, folder));

export const fileBytesMax = 10 * 1024 * 1024;

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; ++bit) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

function header(width, height, colourType) {
  const out = Buffer.alloc(13);
  out.writeUInt32BE(width, 0);
  out.writeUInt32BE(height, 4);
  out[8] = 8;
  out[9] = colourType;
  return out;
}

/** A red ball on white: small, and quickly made into a model. `shade` makes pictures that differ. */
export function ball({ side = 96, shade = 0 } = {}) {
  const raw = Buffer.alloc(side * (1 + side * 3), 255);
  const middle = (side - 1) / 2;
  for (let y = 0; y < side; ++y) {
    raw[y * (1 + side * 3)] = 0;
    for (let x = 0; x < side; ++x) {
      const off = Math.hypot(x - middle, y - middle) / (side * 0.35);
      if (off > 1) continue;
      const light = Math.round(220 * Math.sqrt(1 - off * off * 0.8));
      raw.set([light, shade % 100, Math.floor(shade / 100) % 100], y * (1 + side * 3) + 1 + x * 3);
    }
  }
  return Buffer.concat([
    signature,
    chunk('IHDR', header(side, side, 2)),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The ball, made exactly `bytes` long by a chunk that every reader skips. */
export function ballOfBytes(bytes) {
  const small = ball();
  const end = small.length - 12;
  const filling = Buffer.alloc(bytes - small.length - 12, 0x5a);
  return Buffer.concat([small.subarray(0, end), chunk('juNk', filling), small.subarray(end)]);
}

/** Says that it is 50,000 x 50,000 pixels, in a few kB. */
export function bomb() {
  const data = deflateSync(Buffer.alloc(4 * 1024 * 1024));
  return Buffer.concat([
    signature,
    chunk('IHDR', header(50_000, 50_000, 6)),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

export const gif = () => Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
