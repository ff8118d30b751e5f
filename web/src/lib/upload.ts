// Sends a batch. XMLHttpRequest, because fetch still cannot tell how much of a request has left.
import { ApiError, unwrap, url_of, type Data } from './api';
import type { Quality } from './model';
import type { Values } from './models';

export interface Outgoing {
  quality: Quality;
  /// Null where there is nothing to choose. `parameters`: only those that differ from the model's own.
  model: { id: string; parameters: Values } | null;
  files: { name: string; file: Blob }[];
  token: string;
  /// The same key for every try of the same batch: the server answers a repeat with the first answer.
  idempotency_key: string;
}

export interface Sending {
  answer: Promise<Data<'create_batch'>>;
  cancel(): void;
}

export function send_batch(out: Outgoing, progress: (sent: number, total: number) => void): Sending {
  const form = new FormData();
  form.append('quality', out.quality); // before the files: the server prices each file as it streams in
  if (out.model) {
    form.append('model', out.model.id);
    if (Object.keys(out.model.parameters).length > 0) form.append('parameters', JSON.stringify(out.model.parameters));
  }
  for (const { name, file } of out.files) form.append('files', file, name);

  const request = new XMLHttpRequest();
  const answer = new Promise<Data<'create_batch'>>((resolve, reject) => {
    request.open('POST', url_of('create_batch'));
    request.setRequestHeader('Authorization', `Bearer ${out.token}`);
    request.setRequestHeader('Idempotency-Key', out.idempotency_key);
    request.setRequestHeader('Accept', 'application/json');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.loaded, event.total);
    };
    request.onload = () => {
      try {
        resolve(unwrap(request.status, request.responseText, request.getResponseHeader('Retry-After')) as Data<'create_batch'>);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    request.onerror = () => reject(new ApiError(0, 'unreachable', 'The connection was lost while sending.'));
    request.onabort = () => reject(new ApiError(0, 'stopped', 'The upload was stopped.'));
    request.send(form);
  });
  return { answer, cancel: () => request.abort() };
}

/// crypto.randomUUID exists on https and localhost only; a plain-http office server must work too.
export function new_key(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40;
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...b].map((v) => v.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
