"""Alembic's environment: it is given the connection, and runs the migrations on it."""

from alembic import context

from gpurun_server.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
