-- name: login_of :optional
-- The one look-up that no company binds: by an address that is unique everywhere (a definer function, see migration 0001).
select user_id as "user_id!", company_id as "company_id!", email as "email!", name as "name!", password_hash as "password_hash!",
       role as "role!", user_status as "user_status!", company_name as "company_name!", company_status as "company_status!"
  from identity_login(@email);

-- name: principal :optional
-- Who a token speaks for, as it stands now: a user that is gone, or of another company, is no row.
select u.role, u.status as user_status, c.status as company_status
  from users u join companies c on c.id = u.company_id
 where u.id = @user_id and u.company_id = @company_id;

-- name: note_login :exec
update users set last_login_at = now() where id = @user_id and company_id = @company_id;

-- name: create_company :optional
-- By the operator. No row back: the domain is taken.
insert into companies (id, name, domain) values (@company_id, @name, lower(@domain))
on conflict (domain) do nothing
returning id;

-- name: company_by_domain :optional
select id as company_id, name, status from companies where domain = lower(@domain);

-- name: create_user :optional
-- By the operator. No row back: the address is taken, in this company or another.
insert into users (id, company_id, email, name, password_hash, role)
values (@user_id, @company_id, lower(@email), @name, @password_hash, @role)
on conflict (email) do nothing
returning id;

-- name: set_company_status :affected
update companies set status = @status where id = @company_id;

-- name: set_user_status :optional
update users set status = @status where email = lower(@email) returning id as user_id, company_id;
