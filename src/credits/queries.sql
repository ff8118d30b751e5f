-- name: open_account :exec
-- By the operator, with the company: an account without credits.
insert into credit_accounts (company_id) values (@company_id) on conflict do nothing;

-- name: balance :optional
select available, held, version from credit_accounts where company_id = @company_id;

-- name: reserve :optional
-- Moves from available to held and holds it item by item, in one statement: two racing requests cannot both spend the last
-- credit. No row back: not enough, and nothing moved.
with account as (
    update credit_accounts
       set available = available - @total, held = held + @total, version = version + 1
     where company_id = @company_id and available >= @total
    returning available, held, version),
holds as (
    insert into credit_holds (hold_id, company_id, job_id, item_id, amount)
    select h.hold_id, @company_id, @job_id, h.item_id, @each
      from account, unnest(@hold_ids::uuid[], @item_ids::uuid[]) as h (hold_id, item_id)
    returning amount)
select available, held, version, (select count(*) from holds) as "holds!" from account;

-- name: settle :optional
-- The hold becomes an entry of the ledger. No row back: it was closed before, and nothing moved.
with hold as (
    update credit_holds set state = 'settled', settled = amount, closed_at = now()
     where company_id = @company_id and item_id = @item_id and state = 'held'
    returning hold_id, amount),
account as (
    update credit_accounts a
       set held = a.held - hold.amount, consumed = a.consumed + hold.amount, seq = a.seq + 1, version = a.version + 1
      from hold where a.company_id = @company_id
    returning a.available, a.held, a.version, a.seq, hold.hold_id, hold.amount),
company as (
    update companies c set credit_balance = account.available + account.held
      from account where c.id = @company_id),
entry as (
    insert into credit_ledger (company_id, seq, kind, debit, credit, amount, balance_after, hold_id, source, actor, reason)
    select @company_id, seq, 'settle', 'customer', 'consumed', amount, available + held, hold_id,
           'item:' || @item_id::uuid::text, @actor, @reason
      from account)
select amount, available, held, version from account;

-- name: release :optional
-- The hold goes back to available. No row back: it was closed before, and nothing moved.
with hold as (
    update credit_holds set state = 'released', closed_at = now()
     where company_id = @company_id and item_id = @item_id and state = 'held'
    returning amount),
account as (
    update credit_accounts a
       set held = a.held - hold.amount, available = a.available + hold.amount, version = a.version + 1
      from hold where a.company_id = @company_id
    returning a.available, a.held, a.version, hold.amount)
select amount, available, held, version from account;

-- name: grant_credits :optional
-- Credits given by an operator. `source` is unique, so a repeated command books nothing: then no row comes back.
with account as (
    update credit_accounts
       set available = available + @amount, granted = granted + @amount, seq = seq + 1, version = version + 1
     where company_id = @company_id
       and not exists (select from credit_ledger where company_id = @company_id and kind = 'grant' and source = @source)
    returning available, held, version, seq),
company as (
    update companies c set credit_balance = account.available + account.held
      from account where c.id = @company_id),
entry as (
    insert into credit_ledger (company_id, seq, kind, debit, credit, amount, balance_after, source, actor, reason)
    select @company_id, seq, 'grant', 'issued', 'customer', @amount, available + held, @source, @actor, @reason
      from account)
select available, held, version from account;

-- name: totals_of_job :one
-- What a job holds, has cost and got back.
select coalesce(sum(amount) filter (where state = 'held'), 0)::bigint as "held!",
       coalesce(sum(settled), 0)::bigint as "settled!",
       coalesce(sum(amount) filter (where state = 'released'), 0)::bigint as "released!"
  from credit_holds where company_id = @company_id and job_id = @job_id;

-- name: proof :many
-- Every company whose figures disagree: account against holds, ledger and the readable balance. No row is the proof.
select a.company_id,
       a.available + a.held as "balance!", c.credit_balance,
       coalesce(l.total, 0)::bigint as "ledger!", coalesce(h.total, 0)::bigint as "open_holds!", a.held
  from credit_accounts a
  join companies c on c.id = a.company_id
  left join (select company_id, sum(case when credit = 'customer' then amount else -amount end) as total,
                    max(seq) as last, count(*) as entries
               from credit_ledger group by company_id) l on l.company_id = a.company_id
  left join (select company_id, sum(amount) as total from credit_holds where state = 'held' group by company_id) h
         on h.company_id = a.company_id
 where a.available + a.held <> coalesce(l.total, 0)
    or c.credit_balance <> a.available + a.held
    or a.held <> coalesce(h.total, 0)
    or a.seq <> coalesce(l.last, 0) or a.seq <> coalesce(l.entries, 0);
