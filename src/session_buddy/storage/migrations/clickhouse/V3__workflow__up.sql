-- V3: where in a piece of work an invocation stands.

ALTER TABLE invocation_change
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id LowCardinality(Nullable(String));

ALTER TABLE invocation_log
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id Nullable(String) CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS roll_phase (
    skill_name LowCardinality(String),
    workflow_phase LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64
) ENGINE = SummingMergeTree
ORDER BY (skill_name, workflow_phase)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

ALTER TABLE feed_invocation_log MODIFY QUERY
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version, workflow_phase, workflow_step_id
FROM invocation_change WHERE sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_phase TO roll_phase AS
SELECT c.skill_name AS skill_name, assumeNotNull(c.workflow_phase) AS workflow_phase, sum(c.sign) AS invocation_count,
       sumIf(c.sign, c.outcome = 'completed') AS completed_count, sumIf(c.sign, c.outcome = 'failed') AS failed_count
FROM invocation_change AS c WHERE c.workflow_phase IS NOT NULL GROUP BY skill_name, workflow_phase;

CREATE OR REPLACE VIEW skill_invocation AS
SELECT toInt64(bitShiftRight(cityHash64(i.event_id), 1)) AS id, i.event_id AS event_id, i.session_id AS session_id,
       i.user_id AS user_id, i.skill_name AS skill_name, i.kind AS kind, i.plugin AS plugin,
       concat(replaceOne(toString(i.invoked_at), ' ', 'T'), 'Z') AS invoked_at, i.outcome AS outcome,
       i.error_type AS error_type, i.duration_ms AS duration_ms, i.duration_source AS duration_source,
       i.triggered_by AS triggered_by, i.parent_event_id AS parent_event_id, i.project AS project,
       i.agent_version AS agent_version, i.model AS model, i.source AS source,
       i.alternatives_considered AS alternatives_considered, i.follow_up_actions AS follow_up_actions,
       i.traits AS traits, i.rating AS rating, 1 AS rolled_up, i.outcome = 'completed' AS completed,
       i.duration_ms / 1000.0 AS duration_seconds, i.workflow_phase AS workflow_phase,
       i.workflow_step_id AS workflow_step_id
FROM invocation_log AS i FINAL;

CREATE VIEW IF NOT EXISTS skill_phase_counts AS
SELECT r.skill_name AS skill_name, r.workflow_phase AS workflow_phase, sum(r.invocation_count) AS invocation_count,
       sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count
FROM roll_phase AS r GROUP BY r.skill_name, r.workflow_phase HAVING invocation_count > 0;
