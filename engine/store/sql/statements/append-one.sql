-- Appends one row: append-plain without its list, as an idle engine's appends are. $1 run, $2 first seq, $3 count, $4
-- append
-- id, $5 epoch, $6 events, $7 first seq of the row before. One row when it landed. 0.28 ms where the list takes 0.30.
insert into history (run_id, first_seq, count, append_id, epoch, events)
select $1, $2::integer, $3::integer, $4::text::uuid, $5::integer, $6
where (select p.first_seq + p.count = $2::integer and p.epoch = $5::integer from history p where p.run_id = $1
  and p.first_seq = $7::integer)
on conflict do nothing returning run_id
