import { describe, expect, it } from 'vitest';
import { SseParser, type SseEvent } from '../src/lib/sse';

const feed = (parser: SseParser, ...pieces: string[]): SseEvent[] => pieces.flatMap((piece) => parser.push(piece));

describe('the event stream parser', () => {
  const stream =
    'retry: 2500\n: hello\nid: 7\nevent: status\ndata: {"a":1}\n\n: beat\n\nid: 8\r\nevent: item\r\ndata: {"b":\r\ndata: 2}\r\n\r\nevent: end\rdata:\r\rdata: left over';
  const expected = [
    { event: 'status', data: '{"a":1}', id: '7' },
    { event: 'item', data: '{"b":\n2}', id: '8' },
    { event: 'end', data: '', id: '8' },
  ];

  it('reads the same events wherever the stream is cut', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (const second of [first, Math.min(stream.length, first + 1), Math.min(stream.length, first + 9)]) {
        const parser = new SseParser();
        const events = feed(parser, stream.slice(0, first), stream.slice(first, second), stream.slice(second));
        expect(events).toEqual(expected);
        expect(parser.retry_ms).toBe(2500);
      }
    }
  });
  it('reads them one character at a time', () => {
    expect(feed(new SseParser(), ...stream)).toEqual(expected);
  });
  it('keeps the id it was given until the stream names another', () => {
    expect(feed(new SseParser('41'), 'data: x\n\nid: 42\ndata: y\n\ndata: z\n\n').map((event) => event.id)).toEqual(['41', '42', '42']);
  });
  it('ignores heartbeats, unknown fields, bad retry values, ids with NUL and a byte order mark', () => {
    const parser = new SseParser();
    expect(feed(parser, '\uFEFF: a\n\nnonsense\nretry: soon\nid: 1\0\ndata: x\n\n')).toEqual([{ event: 'message', data: 'x', id: '' }]);
    expect(parser.retry_ms).toBeNull();
  });
  it('dispatches nothing for an event without data', () => {
    expect(feed(new SseParser(), 'event: item\nid: 3\n\n')).toEqual([]);
  });
  it('refuses an endless line', () => {
    expect(() => new SseParser().push(`data: ${'x'.repeat(5 * 1024 * 1024)}`)).toThrow();
  });
});
