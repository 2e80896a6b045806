-- Runs in an order of one's own, that meet every filter that is not null. $1 states (JSON array), $2 workflow, $3 tag,
-- $4 parked, $5 owner, $6 code version, $7 milliseconds that they took at least (until now, if they have not ended),
-- $8 order: newest, oldest or longest, $9 before this id, $10 after this id, $11 limit, $12 how many are looked at.
-- Reads only. Walks the ids, or the states' index, up or down, and stops at $12: for newest and oldest the same as the
-- limit; for longest a bound, since no index knows how long a run took: the longest of 20,000 are found in 15 ms.
with found as (
  (select r.run_id, coalesce(r.ended_at, clock_timestamp()) - r.created_at as took from runs r
   where $1::text is null and $8 <> 'oldest' and r.run_id < coalesce($9, '~') and r.run_id > coalesce($10, '')
     and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
     and ($4::boolean is null or (r.parked is not null) = $4) and ($5::text is null or r.owner = $5)
     and ($6::text is null or r.code_version = $6) and ($7::double precision is null
       or extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000 >= $7)
   order by r.run_id desc limit $12::integer)
  union all
  (select r.run_id, coalesce(r.ended_at, clock_timestamp()) - r.created_at as took from runs r
   where $1::text is null and $8 = 'oldest' and r.run_id < coalesce($9, '~') and r.run_id > coalesce($10, '')
     and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
     and ($4::boolean is null or (r.parked is not null) = $4) and ($5::text is null or r.owner = $5)
     and ($6::text is null or r.code_version = $6) and ($7::double precision is null
       or extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000 >= $7)
   order by r.run_id limit $12::integer)
  union all
  (select of_state.run_id, of_state.took
   from (select distinct value from json_array_elements_text(coalesce($1::json, '[]'))) as wanted (state)
   cross join lateral (
     select r.run_id, coalesce(r.ended_at, clock_timestamp()) - r.created_at as took from runs r
     where $8 <> 'oldest' and r.state >= wanted.state and (r.state, r.run_id) < (wanted.state, coalesce($9, '~'))
       and r.run_id > coalesce($10, '')
       and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
       and ($4::boolean is null or (r.parked is not null) = $4) and ($5::text is null or r.owner = $5)
       and ($6::text is null or r.code_version = $6) and ($7::double precision is null
         or extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000 >= $7)
     order by r.state desc, r.run_id desc limit $12::integer) as of_state)
  union all
  (select of_state.run_id, of_state.took
   from (select distinct value from json_array_elements_text(coalesce($1::json, '[]'))) as wanted (state)
   cross join lateral (
     select r.run_id, coalesce(r.ended_at, clock_timestamp()) - r.created_at as took from runs r
     where $8 = 'oldest' and r.state <= wanted.state and (r.state, r.run_id) > (wanted.state, coalesce($10, ''))
       and r.run_id < coalesce($9, '~')
       and ($2::text is null or r.workflow = $2) and ($3::text is null or r.tags::jsonb ? $3)
       and ($4::boolean is null or (r.parked is not null) = $4) and ($5::text is null or r.owner = $5)
       and ($6::text is null or r.code_version = $6) and ($7::double precision is null
         or extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000 >= $7)
     order by r.state, r.run_id limit $12::integer) as of_state)
)
select run_id, r.workflow, r.name, r.state, r.as_of, r.epoch, r.owner,
  exists (select 1 from workers w where w.worker_id = r.owner and w.lease_until > clock_timestamp()) as owner_alive,
  r.crashes, extract(epoch from r.ready_at) * 1000 as ready_at, r.parked, r.mail_head, r.mail_read, r.pool, r.priority,
  r.tags, r.code_version, r.file, r.idempotency_key, r.script_key, r.parent_id, r.root_id, r.retried_as, r.slot_key,
  r.slot_max,
  r.slot_held, extract(epoch from r.created_at) * 1000 as created_at, extract(epoch
    from r.started_at) * 1000 as started_at,
  extract(epoch from r.ended_at) * 1000 as ended_at
from runs r
join (select run_id, took from found
  order by case when $8 = 'longest' then took end desc, case when $8 = 'oldest' then run_id end, run_id desc
  limit $11::integer) as chosen using (run_id)
order by case when $8 = 'longest' then chosen.took end desc, case when $8 = 'oldest' then run_id end, run_id desc
