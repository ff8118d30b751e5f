// One toast at a time, and what a screen reader is told.

export interface Toast {
  text: string;
  action: string | null;
  act: (() => void) | null;
  closed: (() => void) | null;
}

const toast_ms = 10_000;

class Notices {
  toast = $state<Toast | null>(null);
  spoken = $state('');
  private timer: ReturnType<typeof setTimeout> | undefined;

  show(text: string, undo?: { action: string; act: () => void; closed?: () => void }): void {
    this.close();
    this.toast = { text, action: undo?.action ?? null, act: undo?.act ?? null, closed: undo?.closed ?? null };
    this.resume();
  }

  act(): void {
    const toast = this.toast;
    this.toast = null;
    clearTimeout(this.timer);
    toast?.act?.();
  }

  close(): void {
    const toast = this.toast;
    this.toast = null;
    clearTimeout(this.timer);
    toast?.closed?.();
  }

  /// Nobody loses an undo while reaching for it.
  pause(): void {
    clearTimeout(this.timer);
  }
  resume(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.close(), toast_ms);
  }

  say(text: string): void {
    // The same words twice would not be read twice; a no-break space makes them new.
    this.spoken = this.spoken === text ? `${text}\u00A0` : text;
  }
}

export const notices = new Notices();
