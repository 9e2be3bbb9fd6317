-- Roles of the whole server with what they may do, as (object, attribute, value).
select 'role ' || quote_ident(r.rolname), v.attribute, v.value
from pg_roles r
  cross join lateral (values
    ('may', concat_ws(', ', 'there', case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypass row security' end,
      case when r.rolcanlogin then 'log in' end, case when r.rolcreaterole then 'create roles' end,
      case when r.rolcreatedb then 'create databases' end, case when not r.rolinherit then 'not inherit' end)),
    ('member of', (select string_agg(quote_ident(pg_get_userbyid(m.roleid)), ', ' order by 1) from pg_auth_members m where m.member = r.oid))
  ) as v(attribute, value)
where r.rolname !~ '^pg_' and v.value is not null
