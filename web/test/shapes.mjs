// Pictures and matching models made in code, so that the tests own everything they show.
import * as zlib from 'node:zlib';

// Outlines as radius over height, both 0 to 1 from the top down, and the colours of their bands.
const shapes = {
  vase: {
    outline: [[0.3, 0], [0.33, 0.03], [0.26, 0.1], [0.21, 0.19], [0.24, 0.27], [0.36, 0.38], [0.48, 0.5], [0.52, 0.63], [0.47, 0.78], [0.35, 0.92], [0.3, 0.96], [0.33, 1]],
    bands: [[0.3, [196, 92, 52]], [0.36, [38, 34, 30]], [0.44, [226, 190, 140]], [0.5, [38, 34, 30]], [0.8, [196, 92, 52]], [0.84, [38, 34, 30]], [1, [170, 76, 42]]],
  },
  bottle: {
    outline: [[0.1, 0], [0.11, 0.05], [0.09, 0.06], [0.09, 0.25], [0.13, 0.34], [0.22, 0.42], [0.24, 0.5], [0.24, 0.96], [0.2, 1]],
    bands: [[0.12, [176, 38, 44]], [0.55, [22, 62, 40]], [0.58, [214, 186, 110]], [0.8, [240, 234, 218]], [0.83, [214, 186, 110]], [1, [18, 52, 34]]],
  },
  pawn: {
    outline: [[0.02, 0], [0.14, 0.03], [0.19, 0.1], [0.19, 0.17], [0.12, 0.27], [0.24, 0.32], [0.24, 0.35], [0.12, 0.38], [0.14, 0.55], [0.22, 0.74], [0.33, 0.82], [0.36, 0.88], [0.36, 1]],
    bands: [[0.31, [44, 60, 148]], [0.36, [222, 178, 74]], [0.81, [44, 60, 148]], [0.85, [222, 178, 74]], [1, [34, 46, 118]]],
  },
  lamp: {
    outline: [[0.2, 0], [0.34, 0.24], [0.46, 0.46], [0.47, 0.47], [0.06, 0.48], [0.05, 0.9], [0.28, 0.94], [0.3, 1]],
    bands: [[0.465, [236, 214, 168]], [0.88, [58, 60, 66]], [1, [40, 42, 46]]],
  },
};
const names = Object.keys(shapes);

/// The shape a file name asks for; any other name gets one of the shapes, always the same.
export function shape_of(file_name) {
  const found = names.find((name) => file_name.toLowerCase().includes(name));
  if (found) return shapes[found];
  const sum = [...file_name].reduce((total, letter) => total + letter.charCodeAt(0), 0);
  return shapes[names[sum % names.length]];
}

/// A smooth curve through the outline that never bulges past its points (monotone cubic pieces).
function radius_at({ outline }, y) {
  const slope = (i) => {
    if (i <= 0 || i >= outline.length - 1) return 0;
    const before = (outline[i][0] - outline[i - 1][0]) / (outline[i][1] - outline[i - 1][1]);
    const after = (outline[i + 1][0] - outline[i][0]) / (outline[i + 1][1] - outline[i][1]);
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  };
  for (let i = 1; i < outline.length; i++) {
    const [r1, y1] = outline[i];
    const [r0, y0] = outline[i - 1];
    if (y > y1) continue;
    const h = y1 - y0;
    const t = (y - y0) / h;
    return (
      r0 * (2 * t ** 3 - 3 * t ** 2 + 1) + slope(i - 1) * h * (t ** 3 - 2 * t ** 2 + t) +
      r1 * (3 * t ** 2 - 2 * t ** 3) + slope(i) * h * (t ** 3 - t ** 2)
    );
  }
  return outline.at(-1)[0];
}

function colour_at({ bands }, y) {
  return (bands.find(([end]) => y <= end) ?? bands.at(-1))[1];
}

/// A photograph of the shape before a grey studio wall, as PNG bytes.
export function picture(file_name, side = 512) {
  const shape = shape_of(file_name);
  const pixels = Buffer.alloc(side * side * 3);
  const top = side * 0.1;
  const tall = side * 0.8;
  for (let y = 0; y < side; y++) {
    const v = (y - top) / tall;
    const inside = v >= 0 && v <= 1 ? radius_at(shape, v) * tall : -1;
    for (let x = 0; x < side; x++) {
      const dx = x - side / 2;
      let rgb;
      if (Math.abs(dx) < inside) {
        const u = dx / inside;
        const light = 0.32 + 0.72 * Math.max(0, -0.55 * u + 0.8 * Math.sqrt(1 - u * u));
        const shine = 70 * Math.max(0, 1 - ((u + 0.42) / 0.16) ** 2);
        rgb = colour_at(shape, v).map((c) => Math.min(255, c * light + shine));
      } else {
        const wall = 238 - 26 * (y / side) - 12 * (dx / side) ** 2;
        const floor = ((dx - side * 0.06) / (side * 0.34)) ** 2 + ((y - top - tall) / (side * 0.05)) ** 2;
        const shade = floor < 1 ? 1 - 0.32 * (1 - floor) : 1;
        rgb = [wall * shade, wall * shade, (wall - 4) * shade];
      }
      pixels.set(rgb, (y * side + x) * 3);
    }
  }
  return png(side, side, pixels);
}

/// The shape as a textured GLB of at most `triangles_max` triangles.
export function model(file_name, triangles_max) {
  const shape = shape_of(file_name);
  const sides = Math.max(3, Math.floor(Math.sqrt(triangles_max / 4)) - 1);
  const rings = sides * 2;
  const vertices = (rings + 1) * (sides + 1);
  const position = new Float32Array(vertices * 3);
  const normal = new Float32Array(vertices * 3);
  const uv = new Float32Array(vertices * 2);
  for (let ring = 0, at = 0; ring <= rings; ring++) {
    const v = ring / rings;
    const r = radius_at(shape, v);
    const slope = (radius_at(shape, Math.min(1, v + 0.01)) - radius_at(shape, Math.max(0, v - 0.01))) / 0.02;
    for (let side = 0; side <= sides; side++, at++) {
      const angle = (side / sides) * Math.PI * 2;
      const [s, c] = [Math.sin(angle), Math.cos(angle)];
      const length = Math.hypot(1, slope);
      position.set([s * r, 0.5 - v, c * r], at * 3);
      normal.set([s / length, slope / length, c / length], at * 3);
      uv.set([side / sides, v], at * 2);
    }
  }
  const index = [];
  for (let ring = 0; ring < rings; ring++) {
    for (let side = 0; side < sides; side++) {
      const a = ring * (sides + 1) + side;
      const b = a + sides + 1;
      index.push(a, b, a + 1, a + 1, b, b + 1);
    }
  }
  const image = texture(shape);
  const radius = Math.max(...shape.outline.map(([r]) => r));
  return {
    bytes: glb({ position, normal, uv, index: new Uint32Array(index), image, radius }),
    triangles: index.length / 3,
  };
}

function texture(shape) {
  const [width, height] = [128, 256];
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    const colour = colour_at(shape, y / (height - 1));
    for (let x = 0; x < width; x++) {
      const grain = 0.93 + 0.14 * (((x * 7919 + y * 104729) % 97) / 97);
      pixels.set(colour.map((c) => Math.min(255, c * grain)), (y * width + x) * 3);
    }
  }
  return png(width, height, pixels);
}

function glb({ position, normal, uv, index, image, radius }) {
  const parts = [position, normal, uv, index, image].map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength));
  const views = [];
  const chunks = [];
  let offset = 0;
  for (const part of parts) {
    const padded = Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
    views.push({ buffer: 0, byteOffset: offset, byteLength: part.length });
    chunks.push(padded);
    offset += padded.length;
  }
  const count = position.length / 3;
  const document = {
    asset: { version: '2.0', generator: 'image2model test shapes' },
    scene: 0,
    scenes: [{ nodes: [0] }],
    nodes: [{ mesh: 0 }],
    meshes: [{ primitives: [{ attributes: { POSITION: 0, NORMAL: 1, TEXCOORD_0: 2 }, indices: 3, material: 0 }] }],
    materials: [{ doubleSided: true, pbrMetallicRoughness: { baseColorTexture: { index: 0 }, metallicFactor: 0, roughnessFactor: 0.5 } }],
    textures: [{ source: 0 }],
    images: [{ bufferView: 4, mimeType: 'image/png' }],
    accessors: [
      { bufferView: 0, componentType: 5126, count, type: 'VEC3', min: [-radius, -0.5, -radius], max: [radius, 0.5, radius] },
      { bufferView: 1, componentType: 5126, count, type: 'VEC3' },
      { bufferView: 2, componentType: 5126, count, type: 'VEC2' },
      { bufferView: 3, componentType: 5125, count: index.length, type: 'SCALAR' },
    ],
    bufferViews: views,
    buffers: [{ byteLength: offset }],
  };
  let json = Buffer.from(JSON.stringify(document));
  json = Buffer.concat([json, Buffer.alloc((4 - (json.length % 4)) % 4, 0x20)]);
  const binary = Buffer.concat(chunks);
  const head = Buffer.alloc(12);
  head.write('glTF', 0, 'latin1');
  head.writeUInt32LE(2, 4);
  head.writeUInt32LE(12 + 8 + json.length + 8 + binary.length, 8);
  const chunk_head = (length, type) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(length, 0);
    bytes.write(type, 4, 'latin1');
    return bytes;
  };
  return Buffer.concat([head, chunk_head(json.length, 'JSON'), json, chunk_head(binary.length, 'BIN\0'), binary]);
}

/// RGB pixels as a PNG file.
export function png(width, height, rgb) {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let y = 0; y < height; y++) rgb.copy(rows, y * (width * 3 + 1) + 1, y * width * 3, (y + 1) * width * 3);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', zlib.deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc32(body), body.length + 4);
  return out;
}

// zlib.crc32 came with Node 20.15 and 22.2; Debian 12 has 18.
function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
