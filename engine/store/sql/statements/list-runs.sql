-- Runs, newest first, that meet every filter that is not null. $1 states (JSON array), $2 workflow, $3 tag, $4 name,
-- $5 idempotency key, $6 script key, $7 id prefix, $8 parked, $9 before this id, $10 limit, $11 exactly this id. Reads
-- only. Three ways to the same rows, of which two are told by the parameters to do nothing: a state that few of a
-- million runs have is found by its index (0.7 ms, not 310 of a walk over all), parked ones by theirs (0.5, not 125).
-- Rows of one state are asked for as a range, `state >= s and (state, run_id) < (s, before)`: for `state = s` the order
-- by run_id alone would do, and the planner takes the walk over all when it thinks the state is common. No id is
-- greater than '~'.
with found as (
  (select r.run_id from runs r
   where $1::text is null and $8::boolean is distinct from true
     and ($8::boolean is null or r.parked is null)
     and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
     and ($4::text is null or r.name = $4) and ($5::text is null or r.idempotency_key = $5)
     and ($6::text is null or r.script_key = $6) and ($7::text is null or starts_with(r.run_id, $7))
     and ($9::text is null or r.run_id < $9) and ($11::text is null or r.run_id = $11)
   order by r.run_id desc limit $10::integer)
  union all
  (select r.run_id from runs r
   where $1::text is null and $8::boolean and r.parked is not null
     and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
     and ($4::text is null or r.name = $4) and ($5::text is null or r.idempotency_key = $5)
     and ($6::text is null or r.script_key = $6) and ($7::text is null or starts_with(r.run_id, $7))
     and ($9::text is null or r.run_id < $9) and ($11::text is null or r.run_id = $11)
   order by r.run_id desc limit $10::integer)
  union all
  (select of_state.run_id
   from (select distinct value from json_array_elements_text(coalesce($1::json, '[]'))) as wanted (state)
   cross join lateral (
     select r.run_id from runs r
     where r.state >= wanted.state and (r.state, r.run_id) < (wanted.state, coalesce($9, '~'))
       and ($8::boolean is null or (r.parked is not null) = $8)
       and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
       and ($4::text is null or r.name = $4) and ($5::text is null or r.idempotency_key = $5)
       and ($6::text is null or r.script_key = $6) and ($7::text is null or starts_with(r.run_id, $7))
       and ($11::text is null or r.run_id = $11)
     order by r.state desc, r.run_id desc limit $10::integer) as of_state)
)
select r.run_id, r.workflow, r.name, r.state, r.as_of, r.epoch, r.owner,
  exists (select 1 from workers w where w.worker_id = r.owner and w.lease_until > clock_timestamp()) as owner_alive,
  r.crashes, extract(epoch from r.ready_at) * 1000 as ready_at, r.parked, r.mail_head, r.mail_read, r.pool, r.priority,
  r.tags, r.code_version, r.file, r.idempotency_key, r.script_key, r.parent_id, r.root_id, r.retried_as, r.slot_key,
  r.slot_max,
  r.slot_held, extract(epoch from r.created_at) * 1000 as created_at, extract(epoch
    from r.started_at) * 1000 as started_at,
  extract(epoch from r.ended_at) * 1000 as ended_at
from runs r
where r.run_id in (select run_id from found order by run_id desc limit $10::integer)
order by r.run_id desc
