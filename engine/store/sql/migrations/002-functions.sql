-- The verbs that need more than one statement. Each is called as one autocommit statement.

-- Creates a run with its first history row, claimed at once if "worker" is given (events = RunStarted, RunClaimed).
-- p: JSON of NewRun. Returns one row: created | mine (this append had landed before) | exists, and which run; full, and
-- which run holds the slot, where p has skipIfFull.
-- Locks: the runs row of the id or key it collides with.
create function create_run(p json) returns table (result text, run_id text) language plpgsql as $$
#variable_conflict use_column
declare
  id text := p ->> 'runId'; w text := p ->> 'workflow'; k text := p ->> 'idempotencyKey';
  owner_id text := p ->> 'worker';
  app uuid := (p ->> 'appendId')::uuid; ready timestamptz := to_timestamp((p ->> 'readyAt')::double precision / 1000);
  n integer; holder text; theirs uuid;
begin
  if (p ->> 'replace')::boolean then
    perform 1 from runs r where r.workflow = w and r.idempotency_key = k for update;
    update runs r set idempotency_key = null where r.workflow = w and r.idempotency_key = k and r.run_id <> id;
  end if;
  if (p ->> 'skipIfFull')::boolean then
    perform pg_advisory_xact_lock(hashtextextended('reprise/' || (p ->> 'slotKey'), 0));
    select count(*), min(r.run_id) into n, holder from runs r where r.slot_key = p ->> 'slotKey'
      and (r.slot_held or r.state in ('pending', 'scheduled')) and r.run_id <> id;
    if n >= (p ->> 'slotMax')::integer then return query select 'full', holder; return; end if;
  end if;
  insert into runs (run_id, workflow, name, idempotency_key, script_key, file, pool, priority, tags, code_version,
    parent_id, slot_key, slot_max,
                    root_id, state, as_of, epoch, owner, ready_at, started_at)
  values (id, w, p ->> 'name', k, p ->> 'scriptKey', p ->> 'file', p ->> 'pool', (p ->> 'priority')::integer,
          p ->> 'tags', p ->> 'codeVersion', p ->> 'parentId', p ->> 'slotKey', (p ->> 'slotMax')::integer,
          p ->> 'rootId',
          case when owner_id is not null then 'running'
            when ready > clock_timestamp() then 'scheduled' else 'pending' end,
          (p ->> 'count')::integer, case when owner_id is null then 0 else 1 end, owner_id,
          case when owner_id is null then coalesce(ready, clock_timestamp()) end,
          case when owner_id is not null then clock_timestamp() end)
  on conflict do nothing;
  get diagnostics n = row_count;
  if n > 0 then
    insert into history (run_id, first_seq, count, append_id, epoch, events)
    values (id, 1, (p ->> 'count')::integer, app, case when owner_id is null then 0 else 1 end, p ->> 'events');
    return query select 'created', id;
    return;
  end if;
  select r.run_id into holder from runs r where r.run_id = id or (r.workflow = w and r.idempotency_key = k) limit 1;
  select h.append_id into theirs from history h where h.run_id = holder and h.first_seq = 1;
  return query select case when theirs = app then 'mine' else 'exists' end, holder;
end $$;

-- Claims up to p_n ready runs for a worker with a live lease. A row comes back only if its RunClaimed is in the log.
-- p_runs: JSON array of run ids, or null; p_even: named runs are taken though nothing of them is due.
-- Fewer rows than p_n: nothing more is ready, or rows were locked, or an old owner's append won the place.
-- Lost answer: never resent; the worker adopts what owned() tells. Locks: runs rows, skip locked.
create function claim_runs(p_worker text, p_pools text, p_version text, p_n integer, p_claim uuid, p_workflows text,
                           p_runs text, p_even boolean)
returns table (run_id text, workflow text, epoch integer, head integer, mail_head integer, crashes integer)
language plpgsql as $$
#variable_conflict use_column
begin
  perform grant_turns(b.slot_key) from (select distinct r.slot_key from runs r where r.slot_key is not null
    and not r.slot_held and r.owner is null and r.ready_at <= clock_timestamp() limit 100) b;
  return query with named as materialized (select value from json_array_elements_text(coalesce(p_runs, '[]')::json)),
  c as materialized (
    select r.run_id, r.epoch from runs r
    where r.owner is null and r.state not in ('completed', 'failed', 'cancelled', 'crashed')
      and (r.ready_at <= clock_timestamp() or (p_even and r.run_id in (select value from named)))
      and r.pool in (select value from json_array_elements_text(p_pools::json))
      and (p_workflows is null or r.workflow in (select value from json_array_elements_text(p_workflows::json)))
      and (p_runs is null or r.run_id in (select value from named) or r.root_id in (select value from named))
      and (r.slot_key is null or r.slot_held or p_even)
      and (r.parked is null or not p_version = any (r.not_versions))
      and exists (select 1 from workers w where w.worker_id = p_worker and w.lease_until > clock_timestamp())
    order by r.priority desc, r.ready_at limit p_n for update of r skip locked),
  i as (
    insert into history (run_id, first_seq, count, append_id, epoch, events)
    select c.run_id, h.next, 1, p_claim, c.epoch + 1, json_build_array(json_strip_nulls(json_build_object(
             'type', 'RunClaimed', 'at',
               greatest(h.last_at, floor(extract(epoch from clock_timestamp()) * 1000)::bigint),
             'epoch', c.epoch + 1, 'worker', p_worker, 'codeVersion', nullif(p_version, ''))))::text
    from c cross join lateral (
      select t.first_seq + t.count as next, (t.events::json -> (t.count - 1) ->> 'at')::bigint as last_at from history t
      where t.run_id = c.run_id order by t.first_seq desc limit 1) h
    order by c.run_id on conflict do nothing returning run_id, first_seq, epoch)
  update runs r set owner = p_worker, epoch = i.epoch, state = 'running', ready_at = null, as_of = i.first_seq,
    slot_held = r.slot_key is not null,
    started_at = coalesce(r.started_at, clock_timestamp())
  from i where r.run_id = i.run_id
  returning r.run_id, r.workflow, r.epoch, r.as_of, r.mail_head, r.crashes;
end $$;

-- Gives the free turns of a slot key: higher priority first, then the older; a minute of waiting is worth one step.
-- Those
-- that are due and must wait are looked at again when somebody ends. Locks: the key, then the runs that get a turn.
create function grant_turns(p_key text) returns void language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('reprise/' || p_key, 0));
  update runs r set slot_held = true, ready_at = clock_timestamp() where r.run_id in (
    select q.run_id from runs q where q.slot_key = p_key and not q.slot_held and q.owner is null
      and (q.parked is null or q.ready_at <= clock_timestamp())   -- a parked one only when it was woken
      and q.state not in ('completed', 'failed', 'cancelled', 'crashed', 'paused')
      and (q.ready_at is null or q.ready_at <= clock_timestamp())
    order by q.priority + floor(extract(epoch from clock_timestamp() - q.created_at) / 60) desc, q.run_id
    limit greatest(0, (select m.slot_max from runs m where m.slot_key = p_key order by m.run_id desc limit 1)
      - (select count(*) from runs h where h.slot_key = p_key and h.slot_held)));
  update runs r set ready_at = null where r.slot_key = p_key and not r.slot_held and r.owner is null
    and r.ready_at <= clock_timestamp() and r.parked is null;
end $$;

-- Looks at every slot key with runs in line: for turns that were freed where nobody gave them on.
create function grant_all_turns() returns void language sql as $$
  select grant_turns(b.slot_key) from (select distinct r.slot_key from runs r
    where r.slot_key is not null and not r.slot_held and r.owner is null
      and r.state not in ('completed', 'failed', 'cancelled', 'crashed')) b
$$;

-- Posts one mail: ok | duplicate (accepted before, whatever became of the run) | finished | no_run.
-- n = mail_head + 1 under the lock of the run's row: dense, in commit order. Only p_control wakes a run that is parked,
-- paused or due later.
create function post_mail(p_run text, p_dedupe text, p_kind text, p_payload text, p_control boolean)
returns text language plpgsql as $$
declare r runs;
begin
  select * into r from runs where runs.run_id = p_run for update;
  if not found then return 'no_run'; end if;
  if exists (select 1 from mailbox m where m.run_id = p_run and m.dedupe = p_dedupe) then return 'duplicate'; end if;
  if r.state in ('completed', 'failed', 'cancelled', 'crashed') then return 'finished'; end if;
  insert into mailbox (run_id, n, dedupe, kind, payload) values (p_run, r.mail_head + 1, p_dedupe, p_kind, p_payload);
  update runs set mail_head = r.mail_head + 1,
    control_head = case when p_control then r.mail_head + 1 else r.control_head end,
    ready_at = case when (r.state in ('paused', 'scheduled') or r.parked is not null) and not p_control then r.ready_at
                    else least(r.ready_at, clock_timestamp()) end          -- least() ignores null
  where runs.run_id = p_run;
  return 'ok';
end $$;

-- Posts mail that a run sends: as post_mail, and on to the last link when the run that it is for has continued, or to
-- the next try when it is tried again.
create function send_mail(p_run text, p_dedupe text, p_kind text, p_payload text, p_control boolean)
returns text language plpgsql as $$
declare answer text; target text := p_run; ended json;
begin
  loop
    answer := post_mail(target, p_dedupe, p_kind, p_payload, p_control);
    if answer <> 'finished' then return answer; end if;
    select h.events::json -> -1 into ended from history h where h.run_id = target order by h.first_seq desc limit 1;
    target := case ended ->> 'type' when 'RunContinued' then ended ->> 'nextId' else ended ->> 'retriedAs' end;
    if target is null then return answer; end if;
  end loop;
end $$;

-- Appends with changes of state and mail. p_rows, p_events: as in append-plain.sql. p_changes: JSON array of
-- {r,st,rel,wk,ml,cr,pk,up,nv}, at most one per run of
-- p_rows; p_mail: {f,to,k,kd,v,ct} is mail (to a chain: to its last link), {f,cr} a run to make,
-- {f,mv} moves what f has not read to another run; each only if the row of run f landed. Returns the runs whose row
-- landed.
-- Locks: the runs rows it changes or mails to, sorted; then history keys; then mailbox.
create function append_rows(p_rows text, p_events text, p_changes text,
  p_mail text) returns table (run_id text) language plpgsql as $$
#variable_conflict use_column
declare landed text[]; s record;
begin
  perform 1 from runs r where r.run_id = any (array(
      select x.r from json_to_recordset(p_changes::json) as x(r text)
      union select m."to" from json_to_recordset(p_mail::json) as m("to" text)))
    order by r.run_id for update;
  with i as (   -- the rule of append-plain.sql
    insert into history (run_id, first_seq, count, append_id, epoch, events)
    select x.r, x.s, x.c, x.a, x.e, x.v
    from rows from (
      json_to_recordset(p_rows::json) as (r text, s integer, c integer, a uuid, e integer, pf integer,
        nb double precision),
      string_to_table(p_events, e'\n')) as x(r, s, c, a, e, pf, nb, v)
    where (select p.first_seq + p.count = x.s and p.epoch = x.e from history p where p.run_id = x.r
      and p.first_seq = x.pf)
      and (x.nb is null or to_timestamp(x.nb / 1000) <= clock_timestamp())
    order by x.r on conflict do nothing returning run_id)
  select array_agg(i.run_id) into landed from i;
  update runs r set
    state = coalesce(x.st, r.state), as_of = h.s + h.c - 1, mail_read = coalesce(x.ml, r.mail_read),
    crashes = coalesce(x.cr, r.crashes), owner = case when x.rel then null else r.owner end,
    parked = case when x.up then null else coalesce(x.pk, r.parked) end,
    not_versions = case when x.nv is null then r.not_versions else r.not_versions || x.nv end,
    ended_at = case when x.st in ('completed', 'failed', 'cancelled', 'crashed') then clock_timestamp() end,
    slot_held = r.slot_held and x.pk is null and coalesce(x.st, '') not in ('completed', 'failed', 'cancelled',
      'crashed'),
    ready_at = case
      when x.st in ('completed', 'failed', 'cancelled', 'crashed') then null
      when case when (not coalesce(x.up, false) and coalesce(x.pk, r.parked) is not null) or coalesce(x.st,
        r.state) = 'paused'
                then r.control_head else r.mail_head end > coalesce(x.ml,
                  r.mail_read) then clock_timestamp()   -- no lost wake-up
      when x.rel then to_timestamp(x.wk / 1000)
      else r.ready_at end
  from json_to_recordset(p_changes::json)
         as x(r text, st text, rel boolean, wk double precision, ml integer, cr integer, pk text, up boolean, nv text)
       join json_to_recordset(p_rows::json) as h(r text, s integer, c integer) on h.r = x.r
  where r.run_id = x.r and x.r = any (landed);
  perform grant_turns(k.slot_key) from (select distinct r.slot_key from runs r
    join json_to_recordset(p_changes::json) as x(r text, st text, pk text) on x.r = r.run_id
    where r.slot_key is not null and not r.slot_held and r.run_id = any (landed)) k;
  if landed is not null then   -- after the update: two updates of one row in one statement lose one
    for s in select x.* from json_to_recordset(p_mail::json)
               as x(f text, "to" text, k text, kd text, v text, ct boolean, cr json, mv text)
             where x.f = any (landed) loop
      if s.cr is not null then perform create_run(s.cr);
      elsif s.mv is not null then
        perform post_mail(s.mv, m.dedupe, m.kind, m.payload, m.control) from (
          select b.*, b.kind in ('cancel', 'pause', 'resume') as control from mailbox b
          join runs r on r.run_id = b.run_id where b.run_id = s.f and b.n > r.mail_read order by b.n) m;
      else perform send_mail(s."to", s.k, s.kd, s.v, s.ct);
      end if;
    end loop;
  end if;
  return query select unnest(landed);
end $$;

-- Every run whose owner has no live lease (level-triggered: a claim in flight at the last sweep is found by the next):
-- RunLost with epoch + 1 fences the old owner from here on; at p_max crashes the run is parked instead.
-- p_count: false at the opening of an embedded database, where nobody else can live: no crash counted, no delay.
-- Returns the runs swept and their state. Locks: runs rows, skip locked.
create function sweep_runs(p_max integer, p_limit integer, p_sweep uuid, p_count boolean)
returns table (run_id text, state text) language sql as $$
  with c as materialized (
    select r.run_id, r.epoch, r.owner, r.crashes + case when p_count then 1 else 0 end as crashes from runs r
    where r.owner is not null
      and not exists (select 1 from workers w where w.worker_id = r.owner and w.lease_until > clock_timestamp())
    order by r.run_id limit p_limit for update of r skip locked),
  i as (
    insert into history (run_id, first_seq, count, append_id, epoch, events)
    select c.run_id, h.next, 1, p_sweep, c.epoch + 1, json_build_array(json_strip_nulls(json_build_object(
             'type', case when p_count and c.crashes >= p_max then 'RunParked' else 'RunLost' end,
             'at', greatest(h.last_at, floor(extract(epoch from clock_timestamp()) * 1000)::bigint),
             'epoch', c.epoch + 1, 'worker', case when p_count and c.crashes >= p_max then null else c.owner end,
             'code', case when p_count and c.crashes >= p_max then 'QUARANTINED' end,
             'message', case when p_count and c.crashes >= p_max
                             then 'its worker died ' || c.crashes || ' times without progress' end)))::text
    from c cross join lateral (
      select t.first_seq + t.count as next, (t.events::json -> (t.count - 1) ->> 'at')::bigint as last_at from history t
      where t.run_id = c.run_id order by t.first_seq desc limit 1) h
    order by c.run_id on conflict do nothing returning run_id, first_seq, epoch)
  update runs r set owner = null, epoch = i.epoch, crashes = c.crashes, as_of = i.first_seq,
    state = case when p_count and c.crashes >= p_max then 'parked' else 'pending' end,
    parked = case when p_count and c.crashes >= p_max then 'QUARANTINED' else r.parked end,
    slot_held = r.slot_held and not (p_count and c.crashes >= p_max),
    ready_at = case when not p_count then clock_timestamp() when c.crashes < p_max
      -- the first death may be anybody's; from the second on the run itself is suspected
      then clock_timestamp() + case when c.crashes > 1
        then least(interval '5 min', interval '1 s' * power(2, c.crashes - 2)) else interval '0' end end
  from i join c on c.run_id = i.run_id where r.run_id = i.run_id returning r.run_id, r.state
$$;

-- Deletes everything but the workers' leases and the list of migrations.
create function reset_all() returns void language plpgsql as $$
begin
  perform set_config('reprise.retention', 'on', true);
  truncate history, runs, mailbox, logs, payloads, sources, source_files;
  perform set_config('reprise.retention', 'off', true);
end $$;
