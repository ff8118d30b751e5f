// Who is signed in. The token lives in sessionStorage: it survives a reload and dies with the tab.
import { ApiError, call } from './api';
import { balance_of, user_of, type Balance, type User } from './model';

interface Stored {
  token: string;
  expires_at: number;
  user: User;
}

const key = 'i2m.session';
/// A token is given up a little early, so that no request leaves with one that dies on the way.
const margin_ms = 5_000;
const timer_ms_max = 2 ** 31 - 1;

class Session {
  user = $state<User | null>(null);
  balance = $state<Balance | null>(null);
  /// Set when a session ended by itself: whose it was. Their work is still on the page.
  ended_for = $state<User | null>(null);
  private stored: Stored | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private refresh_timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const found = read();
    if (found && found.expires_at - margin_ms > Date.now()) this.adopt(found);
    else if (found) {
      this.ended_for = found.user;
      forget();
    }
  }

  get token(): string {
    return this.stored?.token ?? '';
  }

  async sign_in(email: string, password: string): Promise<void> {
    const data = await call('login', { body: { email, password } });
    const stored: Stored = {
      token: data.access_token,
      expires_at: Date.now() + (data.expires_in || 900) * 1000,
      user: user_of(data.user),
    };
    try {
      sessionStorage.setItem(key, JSON.stringify(stored));
    } catch {
      // Storage is switched off: the session lasts as long as the page.
    }
    this.adopt(stored);
  }

  /// The server said 401, or the time is over.
  expire(): void {
    if (!this.user) return;
    this.ended_for = this.user;
    this.clear();
  }

  sign_out(): void {
    this.ended_for = null;
    this.clear();
  }

  /// Reads the balance now; a failure leaves the old one on the screen.
  async refresh_balance(): Promise<void> {
    const token = this.token;
    if (!token) return;
    try {
      const data = balance_of(await call('get_balance', { token }));
      if (token === this.token) this.balance = data;
    } catch (error) {
      this.check(error);
    }
  }

  /// Reads it soon, once for many reasons.
  refresh_balance_soon(): void {
    clearTimeout(this.refresh_timer);
    this.refresh_timer = setTimeout(() => void this.refresh_balance(), 400);
  }

  /// Ends the session if this error says that it is over. Answers whether it did.
  check(error: unknown): boolean {
    if (!(error instanceof ApiError) || (error.http !== 401 && error.code !== 'account_inactive')) return false;
    this.expire();
    return true;
  }

  private adopt(stored: Stored): void {
    this.stored = stored;
    this.user = stored.user;
    this.ended_for = null;
    this.balance = null;
    clearTimeout(this.timer);
    const left = Math.min(timer_ms_max, stored.expires_at - margin_ms - Date.now());
    this.timer = setTimeout(() => this.expire(), Math.max(0, left));
    void this.refresh_balance();
  }

  private clear(): void {
    clearTimeout(this.timer);
    clearTimeout(this.refresh_timer);
    this.stored = null;
    this.user = null;
    this.balance = null;
    forget();
  }
}

function read(): Stored | null {
  try {
    const parsed = JSON.parse(sessionStorage.getItem(key) ?? 'null') as Partial<Stored> | null;
    if (!parsed || typeof parsed.token !== 'string' || typeof parsed.expires_at !== 'number' || !parsed.user) return null;
    return { token: parsed.token, expires_at: parsed.expires_at, user: user_of(parsed.user) };
  } catch {
    return null;
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(key);
  } catch {
    // Nothing was stored then.
  }
}

export const session = new Session();
