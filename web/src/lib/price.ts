// What a batch costs. The server holds and settles the credits; this only says beforehand what it will hold.

export interface Quote {
  count: number;
  credits_each: number;
  credits: number;
  /// Credits left afterwards; negative by what is missing. Null while the balance is unknown.
  left: number | null;
  missing: number;
}

export function quote(count: number, credits_each: number, available: number | null): Quote {
  const credits = count * credits_each;
  const left = available === null ? null : available - credits;
  return { count, credits_each, credits, left, missing: left === null ? 0 : Math.max(0, -left) };
}

/// How many models of this price the credits pay for.
export function affordable(available: number, credits_each: number): number {
  return credits_each > 0 ? Math.max(0, Math.floor(available / credits_each)) : 0;
}
