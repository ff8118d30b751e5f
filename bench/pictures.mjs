// Real pictures, padded to a size in ways that the formats allow.
import { randomBytes } from "node:crypto";
import { crc32 } from "./crc32.mjs";

// A private, ancillary chunk behind IHDR: every reader skips it.
export function paddedPng(picture, size) {
  const ihdrEnd = 33;
  const body = randomBytes(size - picture.length - 12);
  const chunk = Buffer.alloc(body.length + 12);
  chunk.writeUInt32BE(body.length, 0);
  chunk.write("paDd", 4, "latin1");
  body.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), chunk.length - 4);
  return Buffer.concat([picture.subarray(0, ihdrEnd), chunk, picture.subarray(ihdrEnd)]);
}

// Bytes behind the last scan, before EOI: readers skip what is no marker. Whoever looks for the end has to read them all.
export function paddedJpeg(picture, size) {
  if (picture.readUInt16BE(picture.length - 2) !== 0xffd9) throw new Error("the JPEG does not end with EOI");
  const padding = randomBytes(size - picture.length);
  for (let i = 0; i < padding.length; ++i) if (padding[i] === 0xff) padding[i] = 0;
  return Buffer.concat([picture.subarray(0, -2), padding, picture.subarray(-2)]);
}
