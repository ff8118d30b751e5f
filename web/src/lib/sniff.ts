// What a file is, by its first bytes. Names and the browser's guess are not trusted; the server will not either.

export interface Sniffed {
  /// Media type of what was recognised, or null.
  type: string | null;
  /// The word a person would use for it.
  word: string;
  width: number | null;
  height: number | null;
}

/// How much of a file is read: a JPEG may carry a thumbnail and a colour profile before it names its size.
export const sniff_bytes = 512 * 1024;

export function sniff(bytes: Uint8Array): Sniffed {
  const is = (text: string, at = 0): boolean => {
    for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text.charCodeAt(i)) return false;
    return true;
  };
  if (is('\x89PNG\r\n\x1a\n')) return { type: 'image/png', word: 'a PNG picture', ...png_size(bytes) };
  if (is('\xff\xd8\xff')) return { type: 'image/jpeg', word: 'a JPEG picture', ...jpeg_size(bytes) };
  if (is('RIFF') && is('WEBP', 8)) return { type: 'image/webp', word: 'a WebP picture', ...webp_size(bytes) };
  const other = (type: string, word: string): Sniffed => ({ type, word, width: null, height: null });
  if (is('GIF8')) return other('image/gif', 'a GIF picture');
  if (is('ftyp', 4)) {
    if (is('avif', 8) || is('avis', 8)) return other('image/avif', 'an AVIF picture');
    if (['heic', 'heix', 'hevc', 'heim', 'heis', 'mif1', 'msf1'].some((brand) => is(brand, 8))) {
      return other('image/heic', 'a HEIC picture');
    }
    return other('video/mp4', 'a video');
  }
  if (is('II*\0') || is('MM\0*')) return other('image/tiff', 'a TIFF picture or a raw photo');
  if (is('BM')) return other('image/bmp', 'a BMP picture');
  if (is('%PDF')) return other('application/pdf', 'a PDF');
  if (is('8BPS')) return other('image/vnd.adobe.photoshop', 'a Photoshop file');
  if (is('PK\x03\x04')) return other('application/zip', 'a ZIP archive');
  if (is('glTF')) return other('model/gltf-binary', 'a 3D model already');
  const head = new TextDecoder('utf-8').decode(bytes.subarray(0, 400)).trimStart().toLowerCase();
  if (head.startsWith('<svg') || (head.startsWith('<?xml') && head.includes('<svg'))) return other('image/svg+xml', 'an SVG drawing');
  return other('', 'not a picture this page knows');
}

type Size = { width: number | null; height: number | null };
const unknown: Size = { width: null, height: null };

function png_size(bytes: Uint8Array): Size {
  if (bytes.length < 24) return unknown;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function jpeg_size(bytes: Uint8Array): Size {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return unknown;
    const marker = bytes[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    // SOF0..SOF15 name the size; C4, C8 and CC in that range are other tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    if (marker === 0xda || marker === 0xd9) return unknown;
    at += 2 + view.getUint16(at + 2);
  }
  return unknown;
}

function webp_size(bytes: Uint8Array): Size {
  if (bytes.length < 30) return unknown;
  const byte = (at: number): number => bytes[at] ?? 0;
  const kind = String.fromCharCode(byte(12), byte(13), byte(14), byte(15));
  if (kind === 'VP8 ') {
    return { width: (byte(26) | (byte(27) << 8)) & 0x3fff, height: (byte(28) | (byte(29) << 8)) & 0x3fff };
  }
  if (kind === 'VP8L') {
    const bits = (byte(21) | (byte(22) << 8) | (byte(23) << 16) | (byte(24) << 24)) >>> 0;
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (kind === 'VP8X') {
    const u24 = (at: number): number => byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16);
    return { width: u24(24) + 1, height: u24(27) + 1 };
  }
  return unknown;
}
