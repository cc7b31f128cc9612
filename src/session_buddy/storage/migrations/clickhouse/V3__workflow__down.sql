DROP VIEW IF EXISTS skill_phase_counts SYNC;
DROP VIEW IF EXISTS feed_roll_phase SYNC;
DROP TABLE IF EXISTS roll_phase SYNC;

ALTER TABLE feed_invocation_log MODIFY QUERY
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version
FROM invocation_change WHERE sign > 0;

CREATE OR REPLACE VIEW skill_invocation AS
SELECT toInt64(bitShiftRight(cityHash64(i.event_id), 1)) AS id, i.event_id AS event_id, i.session_id AS session_id,
       i.user_id AS user_id, i.skill_name AS skill_name, i.kind AS kind, i.plugin AS plugin,
       concat(replaceOne(toString(i.invoked_at), ' ', 'T'), 'Z') AS invoked_at, i.outcome AS outcome,
       i.error_type AS error_type, i.duration_ms AS duration_ms, i.duration_source AS duration_source,
       i.triggered_by AS triggered_by, i.parent_event_id AS parent_event_id, i.project AS project,
       i.agent_version AS agent_version, i.model AS model, i.source AS source,
       i.alternatives_considered AS alternatives_considered, i.follow_up_actions AS follow_up_actions,
       i.traits AS traits, i.rating AS rating, 1 AS rolled_up, i.outcome = 'completed' AS completed,
       i.duration_ms / 1000.0 AS duration_seconds
FROM invocation_log AS i FINAL;

ALTER TABLE invocation_log DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;
ALTER TABLE invocation_change DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;
