-- The tables of chapter "log and store". Runs unchanged on PostgreSQL 14+ and PGlite. Instants are timestamptz.
-- Rules that every statement keeps:
--  1 Lock order: runs rows sorted by run_id (or skip locked), then history keys sorted by run_id, then mailbox.
--  2 At most one history row per run and statement; a resend is byte-identical.
--  3 runs changes owner, epoch and state only together with a history row that says so, and only if that row landed.
--  4 What depends on other transactions is a column of the locked runs row, or is read by a later statement.
--  5 Nobody but create, claim and sweep reads the head from the table.

create table workers (
  worker_id   text primary key,
  lease_until timestamptz not null,
  pools       text not null,            -- JSON array
  info        text not null             -- JSON object
);

create table runs (
  run_id          text collate "C" primary key,
  workflow        text not null,
  name            text not null,
  idempotency_key text,
  script_key      text,
  file            text,
  pool            text not null,
  priority        integer not null,
  tags            text not null,        -- JSON array
  code_version    text not null,
  parent_id       text,
  root_id         text,
  state           text not null,        -- fold(history up to as_of)
  as_of           integer not null,
  epoch           integer not null,
  owner           text,
  crashes         integer not null default 0,
  parked          text,                 -- error code
  not_versions    text[] not null default '{}',
  mail_head       integer not null default 0,
  mail_read       integer not null default 0,
  slot_key        text,                 -- runs that share it take turns: at most slot_max hold at once
  slot_max        integer,
  slot_held       boolean not null default false,   -- from when its turn comes until it ends or is parked
  control_head    integer not null default 0,   -- n of the last mail that wakes a paused or parked run
  ready_at        timestamptz,          -- when a worker (the owner, if there is one) must look; null = never by itself
  created_at      timestamptz not null default clock_timestamp(),
  started_at      timestamptz,
  ended_at        timestamptz,
  unique (workflow, idempotency_key)
) with (fillfactor = 80);
create index runs_ready on runs (pool, priority desc, ready_at) where owner is null and ready_at is not null;
create index runs_owner on runs (owner, ready_at) where owner is not null;
create index runs_slot on runs (slot_key, slot_held) where slot_key is not null;
create index runs_blocked on runs (slot_key) where slot_key is not null and not slot_held and owner is null;
create index runs_script on runs (script_key, run_id) where script_key is not null;
create index runs_name on runs (name);
create index runs_state on runs (state, run_id);

-- One append of one run. Rows of a run tile 1..head without gap or overlap. text, not jsonb: jsonb reorders keys.
create table history (
  run_id    text collate "C" not null,
  first_seq integer not null,
  count     integer not null check (count >= 1),   -- above 1000 only where a fork refers to another run's
  append_id uuid not null,
  epoch     integer not null,
  at        timestamptz not null default clock_timestamp(),
  events    text not null,
  primary key (run_id, first_seq)
);

-- n is dense per run and equals commit order: it is taken under the lock of the run's row.
create table mailbox (
  run_id  text collate "C" not null,
  n       integer not null,
  dedupe  text not null,
  kind    text not null,
  payload text,
  at      timestamptz not null default clock_timestamp(),
  primary key (run_id, n),
  unique (run_id, dedupe)
);

create table logs (
  run_id  text collate "C" not null,
  id      bigint generated always as identity,
  seq     integer not null,
  at      timestamptz not null,
  level   text not null,
  message text not null,
  key     text,
  attempt integer,
  data    text,
  primary key (run_id, id)
);

create table payloads (
  hash       text collate "C" primary key,
  content    text not null,
  touched_at timestamptz not null default clock_timestamp()
);
create table source_files (
  hash    text collate "C" primary key,
  content text not null
);
create table sources (
  code_version text collate "C" primary key,
  files        text not null,           -- JSON object: path -> hash
  at           timestamptz not null default clock_timestamp()
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  if current_setting('reprise.retention',
    true) = 'on' then return case when tg_op = 'DELETE' then old else null end; end if;
  raise exception 'history is append-only: % refused', tg_op using errcode = '0A000';
end $$;
create trigger history_append_only before update or delete on history for each row execute function refuse_change();
create trigger history_not_truncated before truncate on history for each statement execute function refuse_change();

-- One row per event, for SQL over history.
create view events as
  select h.run_id, h.first_seq + (e.n - 1)::integer as seq,
         to_timestamp((e.event ->> 'at')::double precision / 1000) as at,
         e.event ->> 'type' as type, e.event ->> 'key' as key, (e.event ->> 'by')::integer as by, e.event
  from history h cross join lateral json_array_elements(h.events::json) with ordinality as e(event, n);
