-- The files of code version $1: path and text. No rows: it is unknown. Reads only.
select f.key as path, s.content as text from sources v cross join lateral json_each_text(v.files::json) f
  join source_files s on s.hash = f.value
where v.code_version = $1
