"""The statements that read PostgreSQL's catalogue; none of them reads a row of a table of the application."""

from __future__ import annotations

FACTS = """
select current_setting('server_version'), current_setting('server_version_num')::int, current_database()::text,
       session_user::text
"""

ROLES = """
select r.rolname::text, r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb, r.rolreplication
  from pg_roles r order by 1
"""

MEMBER = """
select g.rolname::text from pg_roles g
 where g.rolname <> %(role)s
   and (pg_has_role(%(role)s::name, g.oid, 'USAGE') or pg_has_role(%(role)s::name, g.oid, {set}))
 order by 1
"""
"""`{set}` is 'SET' from version 16 on, where being a member and being able to become are two things, else 'MEMBER'."""

SCHEMAS = """
select n.nspname::text, pg_get_userbyid(n.nspowner)::text,
       coalesce(has_schema_privilege(%(role)s::name, n.oid, 'CREATE'), false),
       coalesce(has_schema_privilege(%(role)s::name, n.oid, 'USAGE'), false),
       exists(select from aclexplode(n.nspacl) a where a.grantee = 0 and a.privilege_type = 'CREATE'),
       exists(select from aclexplode(n.nspacl) a where a.grantee = 0 and a.privilege_type = 'USAGE')
  from pg_namespace n where n.nspname = any(%(schemas)s) order by 1
"""

RELATIONS = """
with recursive step as (
  select i.inhrelid as oid, i.inhparent as source from pg_inherits i
  union all
  select r.ev_class, d.refobjid from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
    join pg_namespace vn on vn.oid = v.relnamespace and vn.nspname !~ '^(pg_|information_schema$)'
   where d.refobjid <> r.ev_class
), wanted as (
  select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname = any(%(schemas)s)
     and not exists(select from pg_depend e
                     where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')
  union
  select step.oid from step join wanted on wanted.oid = step.source
)
select c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text, pg_get_userbyid(c.relowner)::text,
       c.relrowsecurity, c.relforcerowsecurity, c.relispopulated,
       coalesce((select o.option_value::bool from pg_options_to_table(c.reloptions) o
                  where o.option_name = 'security_invoker'), false),
       c.reltuples::int8,
       array(select i.inhparent::int8 from pg_inherits i where i.inhrelid = c.oid order by 1),
       array(select a.attname::text from pg_partitioned_table p, unnest(p.partattrs::int2[]) k
               join pg_attribute a on a.attrelid = c.oid and a.attnum = k where p.partrelid = c.oid),
       (select count(*) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgenabled <> 'D')
         + (select count(*) from pg_rewrite w where w.ev_class = c.oid and w.ev_type <> '1'),
       array(select distinct a.privilege_type::text from aclexplode(c.relacl) a where a.grantee = 0 order by 1),
       array(select p from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p
              where has_schema_privilege(%(role)s::name, n.oid, 'USAGE')
                and case when p in ('SELECT', 'INSERT', 'UPDATE')
                         then has_any_column_privilege(%(role)s::name, c.oid, p)
                         else has_table_privilege(%(role)s::name, c.oid, p) end)
  from wanted join pg_class c on c.oid = wanted.oid join pg_namespace n on n.oid = c.relnamespace
 order by 2, 3
"""

COLUMNS = """
select a.attrelid::int8, a.attname::text, format_type(a.atttypid, a.atttypmod)::text,
       a.attnotnull or exists(select from pg_constraint k
                               where k.conrelid = a.attrelid and k.contype = 'c' and k.convalidated
                                 and k.conkey = array[a.attnum]
                                 and pg_get_constraintdef(k.oid) ~* '^check \\(+"?[^ ]+"? is not null\\)+$'),
       a.attgenerated <> '', a.attidentity <> '', coalesce(pg_get_expr(d.adbin, d.adrelid), '')
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = any(%(oids)s::int8[]::oid[]) and a.attnum > 0 and not a.attisdropped
 order by a.attrelid, a.attnum
"""

INDEXES = """
select i.indrelid::int8, c.relname::text,
       array(select coalesce((select a.attname::text from pg_attribute a
                               where a.attrelid = i.indrelid and a.attnum = i.indkey[k]), '')
               from generate_series(0, i.indnkeyatts - 1) k order by k),
       coalesce(pg_get_expr(i.indexprs, i.indrelid), ''), i.indisunique, i.indisprimary, i.indpred is not null
  from pg_index i join pg_class c on c.oid = i.indexrelid
 where i.indrelid = any(%(oids)s::int8[]::oid[]) and i.indisvalid and i.indisready
 order by 1, 2
"""

REFERENCES = """
select k.conrelid::int8, k.conname::text,
       array(select a.attname::text from unnest(k.conkey) with ordinality x(n, i)
               join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.n order by x.i),
       k.confrelid::int8, n.nspname::text, t.relname::text,
       array(select a.attname::text from unnest(k.confkey) with ordinality x(n, i)
               join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.n order by x.i),
       k.confdeltype::text
  from pg_constraint k join pg_class t on t.oid = k.confrelid join pg_namespace n on n.oid = t.relnamespace
 where k.contype = 'f' and k.conparentid = 0 and k.conrelid = any(%(oids)s::int8[]::oid[])
 order by 1, 2
"""

POLICIES = """
select p.polrelid::int8, p.polname::text, p.polpermissive, p.polcmd::text,
       array(select case when r = 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) r),
       %(role)s::name is null or 0 = any(p.polroles)
         or exists(select from unnest(p.polroles) r where r <> 0 and pg_has_role(%(role)s::name, r, 'USAGE')),
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
  from pg_policy p where p.polrelid = any(%(oids)s::int8[]::oid[]) order by 1, 2
"""

VIEWS = """
select distinct r.ev_class::int8, d.refobjid::int8 from pg_rewrite r
  join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
  join pg_class v on v.oid = r.ev_class and v.relkind in ('v', 'm')
 where d.refobjid <> r.ev_class and r.ev_class = any(%(oids)s::int8[]::oid[])
 order by 1, 2
"""

FUNCTIONS = """
select n.nspname::text, p.proname::text, pg_get_function_identity_arguments(p.oid), pg_get_userbyid(p.proowner)::text,
       l.lanname::text, p.provolatile = 'v', p.pronargs::int,
       (select substr(o, 13) from unnest(p.proconfig) o where o like 'search\\_path=%%' limit 1),
       coalesce(has_function_privilege(%(role)s::name, p.oid, 'EXECUTE')
                and has_schema_privilege(%(role)s::name, n.oid, 'USAGE'), true),
       exists(select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0),
       coalesce(p.prosrc, '')
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
 where p.prosecdef and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
   and n.nspname !~ '^(pg_|information_schema$)'
   and not exists(select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
 order by 1, 2, 3
"""

POWERS = """
with recursive reach as (
  select r.oid, r.rolname from pg_roles r where r.rolname = session_user
  union
  select g.oid, g.rolname from pg_auth_members m join reach on reach.oid = m.member join pg_roles g on g.oid = m.roleid
   where g.rolname <> all(%(taken)s) {option}
)
select 'it, or a role that it may become, has the right ' || p.word
  from reach join pg_roles r on r.oid = reach.oid,
       lateral (values (r.rolsuper, 'SUPERUSER'), (r.rolcreaterole, 'CREATEROLE'), (r.rolcreatedb, 'CREATEDB'),
                       (r.rolreplication, 'REPLICATION')) p(has, word)
 where p.has
union all
select 'it is a member of ' || reach.rolname from reach
 where reach.rolname in ('pg_write_all_data', 'pg_write_server_files', 'pg_execute_server_program', 'pg_maintain',
                         'pg_create_subscription', 'pg_database_owner')
union all
select 'it inherits the rights of ' || r.rolname || '; make it NOINHERIT, or grant the role WITH INHERIT FALSE'
  from pg_roles r where r.rolname = any(%(taken)s) and r.rolname <> session_user
   and pg_has_role(session_user, r.oid, 'USAGE')
union all
select 'it is ' || r.rolname || ', as which the application writes' from pg_roles r
 where r.rolname = any(%(taken)s) and r.rolname = session_user
union all
select 'it owns ' || n.nspname || '.' || c.relname || {who}
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join reach on reach.oid = c.relowner
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname !~ '^(pg_|information_schema$)'
union all
select 'it may ' || a.privilege_type || ' on ' || n.nspname || '.' || c.relname || {who}
  from pg_class c join pg_namespace n on n.oid = c.relnamespace,
       aclexplode(c.relacl) a join reach on reach.oid = a.grantee
 where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^(pg_|information_schema$)'
   and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
union all
select 'it may ' || a.privilege_type || ' columns of ' || n.nspname || '.' || c.relname || {who}
  from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace,
       aclexplode(t.attacl) a join reach on reach.oid = a.grantee
 where n.nspname !~ '^(pg_|information_schema$)' and a.privilege_type in ('INSERT', 'UPDATE')
union all
select 'it may CREATE in the schema ' || n.nspname || {who}
  from pg_namespace n left join lateral aclexplode(n.nspacl) a on a.privilege_type = 'CREATE'
  join reach on reach.oid in (a.grantee, n.nspowner)
 where n.nspname !~ '^(pg_|information_schema$)'
union all
select 'it may CREATE in the database' || {who}
  from pg_database d left join lateral aclexplode(d.datacl) a on a.privilege_type = 'CREATE'
  join reach on reach.oid in (a.grantee, d.datdba)
 where d.datname = current_database()
limit 20
""".replace("{who}", "case when reach.rolname <> session_user then ' as ' || reach.rolname else '' end")
"""Why the account could write. What everybody may is left out: no account could do without it, and D6 tells it.

`{option}` leaves out memberships that give nothing, from version 16 on.
"""

MEMBERSHIP_16 = "and (m.set_option or m.inherit_option)"

MAY_BECOME = """
select g.rolname::text from pg_roles g
 where g.rolname <> session_user and g.rolcanlogin
   and not (g.rolsuper or g.rolcreaterole or g.rolcreatedb or g.rolreplication)
   and pg_has_role(session_user, g.oid, 'MEMBER') and not pg_has_role(session_user, g.oid, 'USAGE')
 order by 1
"""
"""Roles that the account may become without having their rights: one of them is likely the application's."""
