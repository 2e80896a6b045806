-- Limits: slots that attempts hold, and rates. Granting is first come, first served, higher priority first, a minute of
-- waiting worth one step of priority; it happens in the statement that takes or frees, under the lock of the limit's
-- row.
create table limits (
  name    text primary key,
  max     integer not null,
  per_ms  double precision,             -- a rate: max in this time
  next_at timestamptz                   -- a rate: when the bucket is full again
);
create table slots (
  limit_name text not null,
  run_id     text collate "C" not null,
  key        text not null,
  worker     text not null,             -- a slot is its worker's: it goes with the lease
  priority   integer not null,
  ticket     bigint generated always as identity,
  granted    boolean not null default false,
  at         timestamptz not null default clock_timestamp(),
  primary key (limit_name, run_id, key)
);
create index slots_worker on slots (worker);

-- Grants what is free of one limit. Returns the runs that got a slot now. Locks: the limit's row, which the caller has.
create function grant_slots(p_limit text) returns setof text language plpgsql as $$
begin
  delete from slots s where s.limit_name = p_limit
    and not exists (select 1 from workers w where w.worker_id = s.worker and w.lease_until > clock_timestamp());
  return query update slots s set granted = true, at = clock_timestamp()
    where s.limit_name = p_limit and not s.granted and s.ticket in (
      select q.ticket from slots q where q.limit_name = p_limit and not q.granted
      order by q.priority + floor(extract(epoch from clock_timestamp() - q.at) / 60) desc, q.ticket
      limit greatest(0, (select max from limits where name = p_limit)
        - (select count(*) from slots h where h.limit_name = p_limit and h.granted)))
    returning s.run_id;
end $$;

-- Queues an attempt for a slot; asked again (by the run's next owner, too) it keeps what it has. The code's max counts.
-- Returns the runs that got a slot now, and whether this one holds its. Locks: the limit's row, then slots.
create function take_slot(p_limit text, p_max integer, p_run text, p_key text, p_worker text, p_priority integer)
returns table (run_id text, mine boolean) language plpgsql as $$
#variable_conflict use_column
declare got text[];
begin
  insert into limits (name, max) values (p_limit, p_max) on conflict (name) do update set max = excluded.max;
  perform 1 from limits where name = p_limit for update;
  insert into slots (limit_name, run_id, key, worker, priority) values (p_limit, p_run, p_key, p_worker, p_priority)
    on conflict (limit_name, run_id, key) do update set worker = excluded.worker;
  select array_agg(g) into got from grant_slots(p_limit) g;
  return query select r, false from unnest(got) r where r <> p_run
    union all select s.run_id, s.granted from slots s
      where s.limit_name = p_limit and s.run_id = p_run and s.key = p_key;
end $$;

-- Gives slots of a run's call back, or leaves their queues. Returns the runs that got a slot now. Locks: as take_slot.
create function free_slots(p_run text, p_key text) returns setof text language plpgsql as $$
declare one text;
begin
  for one in select s.limit_name from slots s where s.run_id = p_run and s.key = p_key order by 1 loop
    perform 1 from limits where name = one for update;
    delete from slots s where s.limit_name = one and s.run_id = p_run and s.key = p_key;
    return query select g from grant_slots(one) g;
  end loop;
end $$;

-- The instant from which one more may begin, of at most p_max in p_per ms (a bucket that refills evenly: GCRA). Each
-- call
-- takes one. Locks: the limit's row.
create function reserve_rate(p_limit text, p_max integer, p_per double precision) returns double precision
language plpgsql as $$
declare gap interval := make_interval(secs => p_per / 1000 / p_max); full_at timestamptz; starts timestamptz;
begin
  insert into limits (name, max, per_ms, next_at) values (p_limit, p_max, p_per, clock_timestamp())
    on conflict (name) do update set max = excluded.max, per_ms = excluded.per_ms;
  select next_at into full_at from limits where name = p_limit for update;
  full_at := greatest(coalesce(full_at, clock_timestamp()), clock_timestamp()) + gap;
  update limits set next_at = full_at where name = p_limit;
  starts := full_at - make_interval(secs => p_per / 1000);
  return extract(epoch from greatest(starts, clock_timestamp())) * 1000;
end $$;
