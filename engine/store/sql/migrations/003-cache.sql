-- Task results shared across runs, opt-in. An entry is what a finished attempt left: looked at before an attempt, never
-- by a replay. A flight is an attempt under way for the same key: it counts only while its run is owned, in the epoch
-- that it was taken in, by a worker with a live lease, so that whatever dies leaves no slot behind.
create table cache (
  task         text collate "C" not null,  -- file#name
  key          text collate "C" not null,
  result       text,                       -- the payload as JSON; null = undefined
  run_id       text collate "C",           -- the run that made the entry, and its call
  call         text,
  created_at   timestamptz,                -- null: no entry, only a flight
  expires_at   timestamptz,                -- null: never
  flight_run   text collate "C",
  flight_call  text,
  flight_epoch integer,
  primary key (task, key)
);

-- Asks for the entry of a key. hit: it is there. mine: nobody makes it; with p_single the caller has the flight from
-- now on. busy: run_id and call say whose attempt is under way. The same call may ask again, after a takeover, too.
-- Locks: a hit none; otherwise the key's row, and what depends on others is read by later statements.
create function cache_take(p_task text, p_key text, p_run text, p_call text, p_epoch integer, p_single boolean)
returns table (state text, result text, run_id text, call text, created_at double precision)
language plpgsql as $$
#variable_conflict use_column
declare c cache;
begin
  select * into c from cache where task = p_task and key = p_key;
  if c.created_at is not null and coalesce(c.expires_at > clock_timestamp(), true) then
    return query select 'hit', c.result, c.run_id, c.call, extract(epoch from c.created_at)::double precision * 1000;
    return;
  end if;
  if not p_single then
    return query select 'mine', null::text, null::text, null::text, null::double precision;
    return;
  end if;
  loop
    insert into cache (task, key) values (p_task, p_key) on conflict do nothing;
    select * into c from cache where task = p_task and key = p_key for update;
    exit when found;                       -- else somebody removed it in between
  end loop;
  if c.created_at is not null and coalesce(c.expires_at > clock_timestamp(), true) then
    return query select 'hit', c.result, c.run_id, c.call, extract(epoch from c.created_at)::double precision * 1000;
  elsif c.flight_run is not null
      and (c.flight_run <> p_run or c.flight_call <> p_call or c.flight_epoch > p_epoch)
      and exists (select 1 from runs r join workers w on w.worker_id = r.owner where r.run_id = c.flight_run
                  and r.epoch = c.flight_epoch and w.lease_until > clock_timestamp()) then
    return query select 'busy', null::text, c.flight_run, c.flight_call, null::double precision;
  else
    update cache set flight_run = p_run, flight_call = p_call, flight_epoch = p_epoch
      where task = p_task and key = p_key;
    return query select 'mine', null::text, null::text, null::text, null::double precision;
  end if;
end $$;
