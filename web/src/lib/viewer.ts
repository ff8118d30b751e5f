// <model-viewer> is by far the heaviest part of the page, so it comes when the first model does.

export interface ViewerElement extends HTMLElement {
  autoRotate: boolean;
}

let loading: Promise<void> | null = null;

export function load_viewer(): Promise<void> {
  loading ??= import('@google/model-viewer').then(
    () => undefined,
    (error: unknown) => {
      loading = null; // the next card may try again
      throw error;
    },
  );
  return loading;
}
