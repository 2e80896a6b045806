-- A run that was tried again, by its workflow's retries or by hand, knows as which run: it is tried once, whoever asks.
-- A fork is no try.
alter table runs add column retried_as text collate "C";
update runs r set retried_as = t.run_id from (
  select max(h.run_id) as run_id, h.events::json -> 'fork' ->> 'run' as tried from history h
  where h.first_seq = 1 and starts_with(h.events, '{"fork":') and h.events like '%"why":"retry"%' group by 2) t
where r.run_id = t.tried;

-- Runs by an id of the user's own, whatever their workflow.
create index runs_own_id on runs (idempotency_key) where idempotency_key is not null;

-- Creates a run: as create_new_run; one that tries another again ("retryOf" in p) only if nobody has tried that one
-- yet, which else comes back as "exists", with the try that there is.
-- Locks: the run that is tried again; what create_new_run locks.
alter function create_run(json) rename to create_new_run;
create function create_run(p json) returns table (result text, run_id text) language plpgsql as $$
#variable_conflict use_column
declare tried text := p ->> 'retryOf'; holder text; made record;
begin
  if tried is not null then
    select r.retried_as into holder from runs r where r.run_id = tried for update;
    if holder <> p ->> 'runId' then return query select 'exists', holder; return; end if;
  end if;
  select * into made from create_new_run(p);
  if tried is not null and made.result = 'created' then
    update runs r set retried_as = made.run_id where r.run_id = tried;
  end if;
  return query select made.result, made.run_id;
end $$;

-- Posts mail that a run sends: as send_run_mail. p_run: a run's id, or an own id that one run has.
alter function send_mail(text, text, text, text, boolean) rename to send_run_mail;
create function send_mail(p_run text, p_dedupe text, p_kind text, p_payload text, p_control boolean)
returns text language plpgsql as $$
declare answer text := send_run_mail(p_run, p_dedupe, p_kind, p_payload, p_control); named text[];
begin
  if answer <> 'no_run' then return answer; end if;
  select array_agg(r.run_id) into named from runs r where r.idempotency_key = p_run;
  if cardinality(named) = 1 then return send_run_mail(named[1], p_dedupe, p_kind, p_payload, p_control); end if;
  return answer;
end $$;
