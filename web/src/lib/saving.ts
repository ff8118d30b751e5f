// Saving models to disk.
import type { ModelFile } from './model';

/// Fetches a model and checks that it arrived whole: by length, and by digest where the browser offers one.
export async function fetch_model(file: ModelFile, signal?: AbortSignal): Promise<Blob> {
  const response = await fetch(file.url, signal ? { signal } : {});
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const blob = await response.blob();
  if (file.size > 0 && blob.size !== file.size) throw new Error('it arrived incomplete');
  if (file.sha256 && globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    if (hex !== file.sha256.toLowerCase()) throw new Error('it arrived damaged');
  }
  return blob;
}

export function save_blob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  // The browser reads the blob after the click; taking it away at once cancels the download in some of them.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
