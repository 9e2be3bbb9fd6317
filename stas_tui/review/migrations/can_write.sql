-- Why the account that asks could change something: one row with a reason, or none.
select reason from (
  select 1 as ord, 'it is a superuser' as reason from pg_roles where rolname = current_user and rolsuper
  union all
  select 2, 'it may create roles or databases' from pg_roles where rolname = current_user and (rolcreaterole or rolcreatedb)
  union all
  select 3, 'it owns the table ' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and pg_has_role(current_user, c.relowner, 'USAGE')
  union all
  select 4, 'it may write into the table ' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
) as reasons order by ord limit 1
