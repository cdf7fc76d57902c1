"""Articles from before they had an end get one, and are asked about in time."""

from datetime import timedelta

from alembic import command
from sqlalchemy import make_url, text

from brain.adapters.postgres.migrate import configuration, migrate
from brain.adapters.postgres.store import connect
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls

# One article as the second revision kept it; its tables are under forced row-level security.
_BEFORE = """
DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', t);
    END LOOP;
END $$;
CREATE TEMP TABLE i AS SELECT gen_random_uuid() AS id;
INSERT INTO tenant (id, slug, name) SELECT id, 'acme', 'Acme' FROM i;
INSERT INTO department (tenant_id, id, slug, name, description, icon, visibility, publish, abstain,
    instructions, review_hours) SELECT id, id, 'hr', 'HR', '', '', 'tenant', 0.5, 0.1, '', 24 FROM i;
INSERT INTO member (tenant_id, id, handle, name) SELECT id, id, 'mia', 'Mia' FROM i;
INSERT INTO conversation (tenant_id, id, platform, workspace, channel, thread)
    SELECT id, id, 'api', '', '', '' FROM i;
INSERT INTO question (tenant_id, id, conversation_id, asker_id, text, idempotency_key)
    SELECT id, id, id, id, 'Who?', '1' FROM i;
INSERT INTO answer (tenant_id, id, question_id, department_id, version, status, text, confidence, model,
    prompt_hash) SELECT id, id, id, id, 1, 'published', 'Mia.', 1, '', '' FROM i;
INSERT INTO scope (tenant_id, departments) SELECT id, ARRAY[id] FROM i;
INSERT INTO article (tenant_id, id, department_id, scope_id, status, version)
    SELECT i.id, i.id, i.id, s.id, 'live', 1 FROM i, scope s;
INSERT INTO article_version (tenant_id, article_id, version, answer_id, question, text, approved_by)
    SELECT id, id, 1, id, 'Who?', 'Mia.', id FROM i;
INSERT INTO review (tenant_id, id, number, question_id, answer_id, department_id, status, shown_hash)
    SELECT id, id, 1, id, id, id, 'open', '' FROM i;
"""


def _elsewhere(url: str) -> str:
    return make_url(url).set(database="before").render_as_string(hide_password=False)


async def test_what_was_approved_before_articles_had_an_end_gets_one(
    postgres: EmbeddedPostgres, urls: DatabaseUrls
) -> None:
    postgres.execute("CREATE DATABASE before OWNER expert_owner;")
    postgres.execute("\\connect before\nCREATE EXTENSION vector;")
    owner = _elsewhere(urls.owner)
    try:
        engine = connect(owner, pool_size=1)
        async with engine.begin() as connection:
            await connection.run_sync(lambda plain: command.upgrade(configuration(plain), "0002"))
        await engine.dispose()
        postgres.execute(f"\\connect before\n{_BEFORE}")

        await migrate(owner, app_role="expert_app", system_role="expert_system")

        engine = connect(_elsewhere(postgres.superuser_url), pool_size=1)
        async with engine.connect() as connection:
            articles = await connection.execute(
                text("SELECT tenant_id, expires_at - now() AS left FROM article")
            )
            [article] = articles.all()
            events = await connection.execute(
                text("SELECT payload, due_at - now() AS wait FROM outbox WHERE name = 'ArticleFellDue'")
            )
            [event] = events.all()
            occasion = await connection.scalar(text("SELECT occasion FROM review"))
        await engine.dispose()
    finally:
        postgres.execute("DROP DATABASE before WITH (FORCE);")
    assert timedelta(days=179) < article.left <= timedelta(days=180)
    assert timedelta(days=165) < event.wait <= timedelta(days=166)
    assert event.payload == {"article": str(article.tenant_id)}
    assert occasion == "answer"
