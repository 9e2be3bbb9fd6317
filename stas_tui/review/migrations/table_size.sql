-- About how many rows a table has, partitions included; -1 if it was never analysed; no value if it is not there.
select case when c.relkind = 'p' then (
    select coalesce(sum(greatest(leaf.reltuples, 0)), 0) from pg_partition_tree(c.oid) t join pg_class leaf on leaf.oid = t.relid
    where t.isleaf
  ) else c.reltuples end::bigint
from (select to_regclass(%(table)s)::oid as oid) as asked left join pg_class c on c.oid = asked.oid
