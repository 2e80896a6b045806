-- A run that was tried again, by its workflow's retries or by hand, knows as which run: it is tried once, whoever asks.
-- A fork is no try.
alter table runs add column retried_as text collate "C";
update runs r set retried_as = t.run_id from (
  select max(h.run_id) as run_id, h.events::json -> 'fork' ->> 'run' as tried from history h
  where h.first_seq = 1 and starts_with(h.events, '{"fork":') and h.events like '%"why":"retry"%' group by 2) t
where r.run_id = t.tried;

-- Runs by an id of the user's own, whatever their workflow.
create index runs_own_id on runs (idempotency_key) where idempotency_key is not null;

-- Creates a run with its first history row, claimed at once if "worker" is given (events = RunStarted, RunClaimed).
-- p: JSON of NewRun. Returns one row: created | mine (this append had landed before) | exists, and which run (of
-- "retryOf": as which that is tried already); full, and which run holds the slot, where p has skipIfFull.
-- Locks: the run that is tried again; the runs row of the id or key it collides with.
create or replace function create_run(p json) returns table (result text, run_id text) language plpgsql as $$
#variable_conflict use_column
declare
  id text := p ->> 'runId'; w text := p ->> 'workflow'; k text := p ->> 'idempotencyKey';
  owner_id text := p ->> 'worker'; tried text := p ->> 'retryOf';
  app uuid := (p ->> 'appendId')::uuid; ready timestamptz := to_timestamp((p ->> 'readyAt')::double precision / 1000);
  n integer; holder text; theirs uuid;
begin
  if tried is not null then
    select r.retried_as into holder from runs r where r.run_id = tried for update;
    if holder <> id then return query select 'exists', holder; return; end if;
  end if;
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
    update runs r set retried_as = id where r.run_id = tried;
    return query select 'created', id;
    return;
  end if;
  select r.run_id into holder from runs r where r.run_id = id or (r.workflow = w and r.idempotency_key = k) limit 1;
  select h.append_id into theirs from history h where h.run_id = holder and h.first_seq = 1;
  return query select case when theirs = app then 'mine' else 'exists' end, holder;
end $$;

-- Posts mail that a run sends: as post_mail, and on to the last link when the run that it is for has continued, or to
-- the next try when it is tried again. p_run: a run's id, or an own id that one run has.
create or replace function send_mail(p_run text, p_dedupe text, p_kind text, p_payload text, p_control boolean)
returns text language plpgsql as $$
declare answer text; target text := p_run; named text[]; ended json;
begin
  loop
    answer := post_mail(target, p_dedupe, p_kind, p_payload, p_control);
    if answer = 'no_run' and named is null then
      select array_agg(r.run_id) into named from runs r where r.idempotency_key = p_run;
      if cardinality(named) = 1 then target := named[1]; continue; end if;
    end if;
    if answer <> 'finished' then return answer; end if;
    select h.events::json -> -1 into ended from history h where h.run_id = target order by h.first_seq desc limit 1;
    target := case ended ->> 'type' when 'RunContinued' then ended ->> 'nextId' else ended ->> 'retriedAs' end;
    if target is null then return answer; end if;
  end loop;
end $$;
