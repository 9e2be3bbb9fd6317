"""Q7 and Q8: keys of what everybody shares, and jobs that are put into a queue."""

from __future__ import annotations

import pytest

from tests.isolation.code.samples import leads, project, tenancy

KEYS = {
    "redis": "def f(tenant_id):\n return redis.get('settings:all')",
    "cache": "def f(tenant):\n return cache.get_or_set('menu/' + page, build)",
    "in a variable": "def f(tenant_id, page):\n key = f'items:{page}'\n return self.redis.setex(key, 60, 1)",
    "object store": "def f(tenant_id, data):\n s3.put_object(Bucket='b', Key='exports/latest.csv', Body=data)",
    "lock": "def f(tenant_id):\n with redis.lock('import-running'):\n  pass",
    "cached function": "@lru_cache\ndef f(name):\n return session.scalar(select(Item).where(Item.name == name))",
    "cached method": "@cached(ttl=60)\nasync def f(self):\n return await self.s.scalars(select(Item))",
}
SOUND_KEYS = {
    "tenant in the key": "def f(tenant_id):\n return redis.get(f'settings:{tenant_id}')",
    "tenant in a variable of the key": "def f(tenant):\n key = f'{tenant.id}:menu'\n return cache.get(key)",
    "tenant by way of a local": "def f(tenant):\n prefix = prefix_of(tenant)\n return cache.get(f'{prefix}:menu')",
    "id that is one anywhere": "def f(tenant_id, item_id):\n return redis.get(f'item:{item_id}')",
    "hash": "def f(tenant_id, token_hash):\n return redis.get('t:' + token_hash)",
    "no tenant near": "def f(page):\n return redis.get('rates:today')",
    "key that cannot be seen": "def f(tenant_id, request):\n return redis.get(key_of(request))",
    "a dictionary": "def f(tenant_id, body):\n return body.get('settings:all')",
    "a field of a cached record": "def f(tenant_id):\n return auth_cache.get('user_id')",
    "a constant, beside a table of tenants": "def f(name):\n redis.get('rates:today')\n"
    " return session.scalar(select(Item).where(Item.name == name))",
    "cached by tenant": "@lru_cache\ndef f(tenant_id):\n return s.scalar(select(Item).filter_by(tenant_id=tenant_id))",
    "cached constant": "@lru_cache\ndef settings(tenant_words=None):\n return Settings()",
}

TASK = """
@{decorator}
def rebuild(item_id{argument}):
    item = session.get(Item, item_id)
    {body}
"""
SEND = "def start(item):\n    {call}"


@pytest.mark.parametrize("name", KEYS)
def test_a_key_without_the_tenant_is_found(name: str) -> None:
    found = [lead for lead in leads(KEYS[name]) if lead.rule == "shared-key"]
    assert len(found) == 1
    assert not found[0].accuses


@pytest.mark.parametrize("name", SOUND_KEYS)
def test_a_key_that_nobody_else_can_have_is_not(name: str) -> None:
    assert [lead for lead in leads(SOUND_KEYS[name]) if lead.rule == "shared-key"] == []


def jobs(decorator: str, call: str, *, argument: str = "", body: str = "pass", **more: object) -> list[str]:
    """Texts of the leads on jobs."""
    files = {
        "app/work.py": TASK.format(decorator=decorator, argument=argument, body=body),
        "app/api.py": SEND.format(call=call),
    }
    return [lead.text for lead in project(files, tenancy(**more)).of("Q8")]


@pytest.mark.parametrize(
    ("decorator", "call"),
    [
        ("shared_task", "rebuild.delay(item.id)"),
        ("app.task(bind=True)", "rebuild.apply_async(args=[item.id])"),
        ("dramatiq.actor", "rebuild.send(item.id)"),
        ("actor(actor_name='rebuild-item')", "enqueue_job('rebuild-item', item_id=item.id)"),
        ("job('default')", "queue.enqueue(rebuild, item.id)"),
        ("plain", "pool.enqueue_job('rebuild', item.id)"),
    ],
)
def test_a_job_that_gets_no_tenant_is_found_with_its_sender(decorator: str, call: str) -> None:
    (text,) = jobs(decorator, call)
    assert "reads Item and gets no tenant" in text
    assert "app/api.py:2" in text


def test_a_job_that_gets_or_sets_the_tenant_is_not() -> None:
    assert jobs("shared_task", "rebuild.delay(item.id, item.tenant_id)", argument=", tenant_id") == []
    assert jobs("shared_task", "rebuild.delay(item.id)", body="set_tenant(item.tenant_id)") == []
    assert jobs("shared_task", "rebuild.delay(item.id)", body="enter(item.x)", jobs={"binder": ("enter",)}) == []
    assert jobs("shared_task", "rebuild.delay(1)", argument=", owner", jobs={"argument": ("owner",)}) == []
    assert jobs("shared_task", "rebuild.delay(item.id)", body="visit(event.tenant_id)") == []
    assert len(jobs("shared_task", "rebuild.delay(item.id)", body="visit(event.name)")) == 1


def test_a_job_that_nobody_sends_or_that_goes_over_all_tenants_is_not() -> None:
    assert jobs("shared_task", "pass") == []
    everyone = "for tenant in tenants:\n        visit(tenant)"
    assert jobs("shared_task", "rebuild.delay(item.id)", body=everyone) == []


def test_functions_of_a_worker_are_jobs() -> None:
    worker = """
        async def rebuild(ctx, item_id):
            await session.get(Item, item_id)

        class WorkerSettings:
            functions = [rebuild]
        """
    files = {"app/worker.py": worker, "app/api.py": SEND.format(call="redis.enqueue_job('rebuild', item.id)")}
    read = project(files)
    assert [lead.path for lead in read.of("Q8")] == ["app/worker.py"]
    assert read.counts["Q8"] == {"jobs": 1, "enqueued": 1}
