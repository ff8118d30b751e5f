// Server-sent events out of a fetch stream, because EventSource cannot send the Authorization header.

export interface SseEvent {
  event: string;
  data: string;
  /// The last id the stream has named, as the standard has it: it sticks until the next one.
  id: string;
}

const buffer_chars_max = 4 * 1024 * 1024;

export class SseParser {
  private buffer = '';
  private data: string[] = [];
  private event = '';
  private id = '';
  private started = false;
  /// The reconnection time the server asked for, if it did.
  retry_ms: number | null = null;

  constructor(last_id = '') {
    this.id = last_id;
  }

  /// Takes text as it came, cut anywhere, and answers the events that are complete.
  push(text: string): SseEvent[] {
    if (!this.started && text.length > 0) {
      this.started = true;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    this.buffer += text;
    if (this.buffer.length > buffer_chars_max) throw new Error('an event longer than the page accepts');
    const events: SseEvent[] = [];
    let from = 0;
    for (;;) {
      const end = line_end(this.buffer, from);
      if (end === null) break;
      this.line(this.buffer.slice(from, end.at), events);
      from = end.next;
    }
    this.buffer = this.buffer.slice(from);
    return events;
  }

  private line(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) {
        events.push({ event: this.event || 'message', data: this.data.join('\n'), id: this.id });
      }
      this.data = [];
      this.event = '';
      return;
    }
    if (line.startsWith(':')) return; // a heartbeat
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry_ms = Number(value);
  }
}

/// Lines end in LF, CRLF or CR. A CR at the very end may be half of a CRLF: wait for the next character.
function line_end(text: string, from: number): { at: number; next: number } | null {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10) return { at: i, next: i + 1 };
    if (c === 13) {
      if (i + 1 === text.length) return null;
      return { at: i, next: text.charCodeAt(i + 1) === 10 ? i + 2 : i + 1 };
    }
  }
  return null;
}
