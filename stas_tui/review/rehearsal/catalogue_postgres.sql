-- Every object of a database that a migration may make, as (object, attribute, value); nothing of the system's own, and
-- nothing that belongs to an extension. Row security, grants and rules are attributes of their own.
with
space as (
  select n.oid, n.nspname, n.nspowner, n.nspacl from pg_namespace n
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (select 1 from pg_depend d where d.classid = 'pg_namespace'::regclass and d.objid = n.oid and d.deptype = 'e')
),
rel as (
  select c.*, s.nspname, quote_ident(s.nspname) || '.' || quote_ident(c.relname) as full_name
  from pg_class c join space s on s.oid = c.relnamespace
  where not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
),
kinds(relkind, word) as (
  values ('r', 'table'), ('p', 'table'), ('v', 'view'), ('m', 'materialized view'), ('f', 'foreign table'), ('S', 'sequence')
),
grants as (
  select k.word || ' ' || r.full_name as object,
    case when a.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end as who,
    a.privilege_type || case when a.is_grantable then ' with grant option' else '' end as what
  from rel r join kinds k on k.relkind = r.relkind::text cross join lateral aclexplode(r.relacl) a
  where a.grantee <> r.relowner
  union all
  select 'schema ' || quote_ident(s.nspname),
    case when a.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end,
    a.privilege_type || case when a.is_grantable then ' with grant option' else '' end
  from space s cross join lateral aclexplode(s.nspacl) a where a.grantee <> s.nspowner
  union all
  select 'column ' || r.full_name || '.' || quote_ident(t.attname),
    case when a.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end, a.privilege_type
  from rel r join pg_attribute t on t.attrelid = r.oid and t.attnum > 0 and not t.attisdropped
    cross join lateral aclexplode(t.attacl) a
),
routine as (
  select p.*, quote_ident(s.nspname) || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' as full_name
  from pg_proc p join space s on s.oid = p.pronamespace
  where not exists (select 1 from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype in ('e', 'i'))
),
kind_of as (
  select t.*, quote_ident(s.nspname) || '.' || quote_ident(t.typname) as full_name
  from pg_type t join space s on s.oid = t.typnamespace
  where not exists (select 1 from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e')
)
select object, attribute, value from (
  select 'schema ' || quote_ident(nspname) as object, 'there' as attribute, 'yes' as value from space
  union all select 'schema ' || quote_ident(nspname), 'owner', pg_get_userbyid(nspowner)::text from space
  union all
  select k.word || ' ' || r.full_name, v.attribute, v.value
  from rel r join kinds k on k.relkind = r.relkind::text and k.word <> 'sequence'
    cross join lateral (values
      ('there', 'yes'),
      ('owner', pg_get_userbyid(r.relowner)::text),
      ('row security', case when r.relkind in ('r', 'p') then case when r.relrowsecurity then 'on' else 'off' end end),
      ('forced row security', case when r.relkind in ('r', 'p') then case when r.relforcerowsecurity then 'on' else 'off' end end),
      ('persistence', case r.relpersistence when 'u' then 'unlogged' when 't' then 'temporary' else 'permanent' end),
      ('options', (select string_agg(o, ', ' order by o) from unnest(r.reloptions) o)),
      ('partitioned by', case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end),
      ('partition', case when r.relispartition then pg_get_expr(r.relpartbound, r.oid) end),
      ('parents', (select string_agg(i.inhparent::regclass::text, ', ' order by i.inhseqno) from pg_inherits i where i.inhrelid = r.oid)),
      ('replica identity', case when r.relkind in ('r', 'p') then r.relreplident::text end),
      ('definition', case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end)
    ) as v(attribute, value)
  union all
  select 'column ' || r.full_name || '.' || quote_ident(a.attname), v.attribute, v.value
  from rel r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    cross join lateral (values
      ('type', format_type(a.atttypid, a.atttypmod)),
      ('nullable', case when a.attnotnull then 'no' else 'yes' end),
      ('default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end),
      ('generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end),
      ('identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end),
      ('collation', (select quote_ident(c.collname) from pg_collation c join pg_type t on t.oid = a.atttypid
        where c.oid = a.attcollation and a.attcollation <> t.typcollation)),
      ('statistics', nullif(coalesce(to_jsonb(a) ->> 'attstattarget', '-1'), '-1'))
    ) as v(attribute, value)
  where r.relkind in ('r', 'p', 'f', 'v', 'm')
  union all
  select 'constraint ' || r.full_name || '.' || quote_ident(c.conname), v.attribute, v.value
  from pg_constraint c join rel r on r.oid = c.conrelid
    cross join lateral (values
      ('rule', pg_get_constraintdef(c.oid)),
      ('validated', case when c.convalidated then 'yes' else 'no' end)
    ) as v(attribute, value)
  where c.contype <> 'n'
  union all
  select 'index ' || r.full_name, v.attribute, v.value
  from pg_index i join rel r on r.oid = i.indexrelid
    cross join lateral (values
      ('definition', pg_get_indexdef(i.indexrelid)),
      ('valid', case when i.indisvalid then 'yes' else 'no' end),
      ('clustered', case when i.indisclustered then 'yes' end)
    ) as v(attribute, value)
  union all
  select 'sequence ' || r.full_name, v.attribute, v.value
  from rel r join pg_sequence q on q.seqrelid = r.oid
    cross join lateral (values
      ('there', 'yes'), ('owner', pg_get_userbyid(r.relowner)::text),
      ('type', format_type(q.seqtypid, null)),
      ('rule', format('start %s increment %s min %s max %s cache %s%s', q.seqstart, q.seqincrement, q.seqmin, q.seqmax,
        q.seqcache, case when q.seqcycle then ' cycle' else '' end)),
      ('owned by', (select d.refobjid::regclass::text || '.' || quote_ident(a.attname) from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype in ('a', 'i') and d.refclassid = 'pg_class'::regclass limit 1))
    ) as v(attribute, value)
  union all
  select 'type ' || full_name, 'labels',
    (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = kind_of.oid)
  from kind_of where typtype = 'e'
  union all
  select 'type ' || full_name, v.attribute, v.value from kind_of
    cross join lateral (values
      ('base', format_type(typbasetype, typtypmod)), ('nullable', case when typnotnull then 'no' else 'yes' end), ('default', typdefault),
      ('rules', (select string_agg(quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid), ', ' order by c.conname)
        from pg_constraint c where c.contypid = kind_of.oid and c.contype <> 'n'))
    ) as v(attribute, value)
  where typtype = 'd'
  union all
  select 'type ' || k.full_name, 'attributes',
    (select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
     from pg_attribute a where a.attrelid = k.typrelid and a.attnum > 0 and not a.attisdropped)
  from kind_of k join pg_class c on c.oid = k.typrelid and c.relkind = 'c' where k.typtype = 'c'
  union all
  select 'type ' || full_name, 'range of', (select format_type(r.rngsubtype, null) from pg_range r where r.rngtypid = kind_of.oid)
  from kind_of where typtype = 'r'
  union all
  select case r.prokind when 'p' then 'procedure ' when 'a' then 'aggregate ' else 'function ' end || r.full_name, v.attribute, v.value
  from routine r
    cross join lateral (values
      ('definition', case when r.prokind in ('f', 'p', 'w') then pg_get_functiondef(r.oid) else pg_get_function_result(r.oid) end),
      ('owner', pg_get_userbyid(r.proowner)::text),
      ('grants', (select string_agg(case when a.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end || ' ' || a.privilege_type, ', '
        order by a.grantee, a.privilege_type) from aclexplode(coalesce(r.proacl, acldefault('f', r.proowner))) a where a.grantee <> r.proowner))
    ) as v(attribute, value)
  union all
  select 'trigger ' || r.full_name || '.' || quote_ident(t.tgname), v.attribute, v.value
  from pg_trigger t join rel r on r.oid = t.tgrelid
    cross join lateral (values
      ('definition', pg_get_triggerdef(t.oid)),
      ('enabled', case t.tgenabled when 'O' then 'yes' when 'D' then 'no' when 'R' then 'on replicas' else 'always' end)
    ) as v(attribute, value)
  where not t.tgisinternal
  union all
  select 'policy ' || r.full_name || '.' || quote_ident(p.polname), v.attribute, v.value
  from pg_policy p join rel r on r.oid = p.polrelid
    cross join lateral (values
      ('command', case p.polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE' when 'd' then 'DELETE' else 'ALL' end),
      ('kind', case when p.polpermissive then 'permissive' else 'restrictive' end),
      ('roles', (select string_agg(case when o = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(o)) end, ', ' order by o) from unnest(p.polroles) o)),
      ('using', pg_get_expr(p.polqual, p.polrelid)),
      ('with check', pg_get_expr(p.polwithcheck, p.polrelid))
    ) as v(attribute, value)
  union all
  select 'rule ' || r.full_name || '.' || quote_ident(w.rulename), 'definition', pg_get_ruledef(w.oid)
  from pg_rewrite w join rel r on r.oid = w.ev_class where w.rulename <> '_RETURN'
  union all
  select 'statistics ' || quote_ident(s.nspname) || '.' || quote_ident(e.stxname), 'definition', pg_get_statisticsobjdef(e.oid)
  from pg_statistic_ext e join space s on s.oid = e.stxnamespace
  union all
  select 'extension ' || quote_ident(e.extname), 'version', e.extversion from pg_extension e where e.extname <> 'plpgsql'
  union all
  select 'event trigger ' || quote_ident(e.evtname), 'rule', e.evtevent || ' ' || e.evtfoid::regproc::text from pg_event_trigger e
  union all
  select 'publication ' || quote_ident(p.pubname), 'tables',
    coalesce((select string_agg(t.schemaname || '.' || t.tablename, ', ' order by 1) from pg_publication_tables t where t.pubname = p.pubname), 'none')
  from pg_publication p
  union all
  select 'default privileges of ' || quote_ident(pg_get_userbyid(d.defaclrole)) || coalesce(' in ' || quote_ident(n.nspname), ''),
    case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' else 'schemas' end,
    (select string_agg(case when a.grantee = 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(a.grantee)) end || ' ' || a.privilege_type, ', '
      order by a.grantee, a.privilege_type) from aclexplode(d.defaclacl) a)
  from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
  union all
  select object, 'grants to ' || who, string_agg(what, ', ' order by what) from grants group by object, who
) as every
where value is not null and value <> ''
