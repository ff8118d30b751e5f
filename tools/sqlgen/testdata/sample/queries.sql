-- What sqlgen understands, each thing once. The test generates this file anew and runs what it made.

-- name: add_thing :one
-- Adds a thing; the database chooses the rest.
--
-- Errors: Code::Conflict when the id is taken.
insert into sample.things (id, company_id, name, note, tags)
values (@id, @company_id, @name, @note?, @tags)
returning id, made_at, note, small, weight;

-- name: find_thing :optional
select id, company_id, name, note, count, facts, picture, tags, made_at
  from sample.things
 where company_id = @company_id and name = @name  -- not @commented

-- name: list_things :many
-- One page, the newest first.
select name, count(*) over () as "total!", length(note) as note_length, made_at as "last_made_at?"
  from sample.things
 where company_id = @company_id and (@after?::timestamptz is null or made_at > @after?)
   and facts @> '{"a@b": 1}' and note is distinct from '@name'
 order by made_at desc
 limit @limit::int8;

-- name: rename_things :affected
update sample.things set name = @new_name where company_id = @company_id and name = @name;

-- name: remove_all :exec
delete from sample.things;
