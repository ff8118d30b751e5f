// Small pictures of what was sent, kept in this browser so that a reopened batch still shows them. They are a comfort:
// every failure here is silent. Signing out removes them, because a shared computer must not keep a client's designs.

const side_px = 480;

/// A picture scaled down to fit, as a blob. The original where the browser cannot decode or scale it.
export async function thumbnail_of(file: Blob): Promise<Blob> {
  try {
    const full = await createImageBitmap(file);
    const scale = Math.min(1, side_px / Math.max(full.width, full.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(full.width * scale));
    canvas.height = Math.max(1, Math.round(full.height * scale));
    const context = canvas.getContext('2d');
    if (!context) return file;
    context.imageSmoothingQuality = 'high';
    context.drawImage(full, 0, 0, canvas.width, canvas.height);
    full.close();
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/webp', 0.86));
    return blob ?? file;
  } catch {
    return file;
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('image2model', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('thumbs');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('no database'));
  });
}

async function in_store<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T> | null): Promise<T | null> {
  try {
    const database = await open();
    try {
      return await new Promise<T | null>((resolve, reject) => {
        const transaction = database.transaction('thumbs', mode);
        const request = work(transaction.objectStore('thumbs'));
        transaction.oncomplete = () => resolve(request ? request.result : null);
        transaction.onerror = () => reject(transaction.error ?? new Error('failed'));
        transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
      });
    } finally {
      database.close();
    }
  } catch {
    return null;
  }
}

const key_of = (job_id: string, item_id: string): string => `${job_id}/${item_id}`;

export async function keep_thumbs(job_id: string, thumbs: Map<string, Blob>): Promise<void> {
  await in_store('readwrite', (store) => {
    for (const [item_id, blob] of thumbs) store.put(blob, key_of(job_id, item_id));
    return null;
  });
}

export async function load_thumb(job_id: string, item_id: string): Promise<Blob | null> {
  const found = await in_store<unknown>('readonly', (store) => store.get(key_of(job_id, item_id)) as IDBRequest<unknown>);
  return found instanceof Blob ? found : null;
}

/// Removes the pictures of all batches but these.
export async function prune_thumbs(keep_job_ids: string[]): Promise<void> {
  await in_store('readwrite', (store) => {
    const walk = store.openKeyCursor();
    walk.onsuccess = () => {
      const cursor = walk.result;
      if (!cursor) return;
      const job_id = String(cursor.key).split('/')[0] ?? '';
      if (!keep_job_ids.includes(job_id)) store.delete(cursor.key);
      cursor.continue();
    };
    return null;
  });
}
