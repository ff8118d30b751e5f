// One typed call per operation of the OpenAPI file. Paths, methods and shapes come from api.gen.ts; after the file
// changes, `npm run gen` is all that is needed.
import { routes, type operations } from './api.gen';

export type Operation = keyof typeof routes & keyof operations;

type Answers<O extends Operation> = operations[O]['responses'];
type Good<O extends Operation> = Answers<O>[keyof Answers<O> & (200 | 201 | 202)];

/// The `data` of a successful answer.
export type Data<O extends Operation> =
  Good<O> extends { content: { 'application/json': { data?: infer D } } } ? NonNullable<D> : never;

type JsonBody<O extends Operation> = operations[O] extends {
  requestBody?: { content: { 'application/json': infer B } };
}
  ? B
  : undefined;

type PathOf<O extends Operation> = operations[O] extends { parameters: { path: infer P } } ? P : undefined;

/// A shape with everything optional: what may be assumed of an answer before it was looked at.
export type Loose<T> = T extends (infer U)[]
  ? (Loose<U> | null)[]
  : T extends object
    ? { [K in keyof T]?: Loose<T[K]> | null | undefined }
    : T extends string
      ? string // a word this page does not know yet is still a word
      : T;

export interface FieldError {
  code: string;
  field: string | null;
  message: string;
}

export class ApiError extends Error {
  constructor(
    /// HTTP status; 0 when no answer came at all.
    readonly http: number,
    readonly code: string,
    message: string,
    readonly errors: FieldError[] = [],
    readonly retry_after_s: number | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
  get offline(): boolean {
    return this.http === 0;
  }
}

export interface Call<O extends Operation> {
  path?: PathOf<O>;
  body?: JsonBody<O>;
  token?: string | null;
  signal?: AbortSignal;
}

const call_timeout_ms = 20_000;

export function url_of<O extends Operation>(operation: O, path?: PathOf<O>): string {
  let url: string = routes[operation].path;
  for (const [name, value] of Object.entries(path ?? {})) {
    url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
  }
  return url;
}

export async function call<O extends Operation>(operation: O, options: Call<O> = {}): Promise<Data<O>> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), call_timeout_ms);
  const forward = (): void => abort.abort();
  options.signal?.addEventListener('abort', forward);
  try {
    const headers: Record<string, string> = { Accept: 'application/json' };
    if (options.token) headers['Authorization'] = `Bearer ${options.token}`;
    if (options.body !== undefined) headers['Content-Type'] = 'application/json';
    const response = await fetch(url_of(operation, options.path), {
      method: routes[operation].method,
      headers,
      signal: abort.signal,
      cache: 'no-store',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    return unwrap(response.status, text, response.headers.get('Retry-After')) as Data<O>;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(0, 'unreachable', 'The server cannot be reached.');
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', forward);
  }
}

/// Opens the envelope: `data` of a success, otherwise an ApiError with the server's code and words.
export function unwrap(http: number, text: string, retry_after: string | null): unknown {
  let envelope: Loose<{ status: string; data: unknown; message: string; errors: FieldError[] }> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) envelope = parsed;
  } catch {
    // A proxy's own page, most likely. The status alone has to do.
  }
  if (http >= 200 && http < 300 && envelope.status === 'success') return envelope.data ?? {};
  const errors = (Array.isArray(envelope.errors) ? envelope.errors : []).map((error) => ({
    code: error?.code ?? '',
    field: error?.field ?? null,
    message: error?.message ?? '',
  }));
  const message = errors[0]?.message || envelope.message || `The server answered with an error (${http}).`;
  throw new ApiError(http, errors[0]?.code || `http_${http}`, message, errors, seconds_of(retry_after));
}

/// Retry-After as seconds; it may also be a date.
function seconds_of(value: string | null): number | null {
  if (!value) return null;
  if (/^\d+$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}
